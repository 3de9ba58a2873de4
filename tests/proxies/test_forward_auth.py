"""nginx (`auth_request`) and Caddy (`forward_auth`) let employees pass to an application, and nobody else."""

import unittest
import urllib.parse

from browser import Browser, ask, signed_in
from company import DOMAIN, Company, seconds_until_shut
from web_servers import start_caddy, start_nginx

DEMANDS = {
    "anybody": "",
    "role": "role=reporter,auditor",
    "power": "power=report:read",
    "department": "department=100",
}

# Ways to write a name that an application may read as the same: behind CGI and WSGI a hyphen becomes an underscore.
SPELLINGS = ["Remote-{}", "REMOTE_{}", "remote_{}", "Remote_{}", "rEmOtE-{}"]

company = None
sites = {}


def setUpModule():
    global company
    company = Company()
    unittest.addModuleCleanup(company.close)
    for server in ["nginx", "caddy"]:
        for demand in DEMANDS:
            sites[server, demand] = company.address(f"{server}-{demand}")
    company.start_demo()
    for server, start in [("nginx", start_nginx), ("caddy", start_caddy)]:
        start(company, {sites[server, demand]: query for demand, query in DEMANDS.items()})
    company.administer("role", "set", "reporter", "report:read")
    # Known from their first sign-in.
    company.token("manager01")
    company.administer("role", "grant", "manager01", "reporter")


def bearer(userid):
    return [("Authorization", f"Bearer {company.token(userid)}")]


class Protected:
    """What holds behind either web server."""

    server = None

    def site(self, demand="anybody"):
        return sites[self.server, demand]

    def test_without_a_token_a_program_gets_401(self):
        answer = ask(f"{self.site()}/orders", [("Accept", "application/json")])
        self.assertEqual(answer.status, 401)
        self.assertIn("Bearer", answer.headers["WWW-Authenticate"])
        self.assertNotIn("headers", answer.text, "the application was not asked")

    def test_a_token_that_is_not_ours_gets_401(self):
        answer = ask(self.site(), [("Authorization", "Bearer e30.e30.e30")])
        self.assertEqual(answer.status, 401)

    def test_a_browser_is_led_to_the_sign_in(self):
        answer = ask(f"{self.site()}/orders?of=%E5%BC%A0%E4%B8%89&page=2", [("Accept", "text/html")])
        self.assertEqual(answer.status, 302)
        address = urllib.parse.urlsplit(answer.headers["Location"])
        self.assertEqual(f"{address.scheme}://{address.netloc}{address.path}", f"{company.url}/login")
        self.assertEqual(
            urllib.parse.parse_qs(address.query),
            {"rd": [f"{self.site()}/orders?of=%E5%BC%A0%E4%B8%89&page=2"]},
        )

    def test_after_the_sign_in_the_page_arrives_with_user_name_and_groups(self):
        page = Browser().sign_in(f"{self.site()}/orders?of=%E5%BC%A0%E4%B8%89&page=2", "manager01")
        self.assertEqual((page.status, page.url), (200, f"{self.site()}/orders?of=%E5%BC%A0%E4%B8%89&page=2"))
        self.assertIn('"path": "/orders?of=%E5%BC%A0%E4%B8%89&page=2"', page.text)
        self.assertEqual(page.sent("Remote-User"), ["manager01"])
        self.assertEqual([urllib.parse.unquote(name) for name in page.sent("Remote-Name")], ["张三"])
        self.assertEqual(page.sent("Remote-Groups"), ["reporter"])

    def test_whoever_signed_in_at_one_application_is_not_asked_at_the_next(self):
        browser = signed_in(self.site(), "manager01")
        page = browser.get(self.site("role"))
        self.assertEqual((page.status, page.url.rstrip("/")), (200, self.site("role")))

    def test_a_cookie_of_another_making_is_no_sign_in(self):
        for cookie in ["dingtalk_sso=x", "dingtalk_sso=" + "A" * 43, "dingtalk_sso=" + "A" * 4000]:
            answer = ask(self.site(), [("Cookie", cookie)])
            self.assertEqual(answer.status, 401, cookie)

    def test_a_bearer_token_passes(self):
        answer = ask(self.site(), bearer("manager01"))
        self.assertEqual(answer.status, 200)
        self.assertEqual(answer.sent("Remote-User"), ["manager01"])

    def test_headers_that_the_caller_made_up_never_get_through(self):
        # user00001 has no groups: an empty answer too has to replace what was made up.
        real = bearer("user00001")
        for spelling in SPELLINGS:
            made_up = [(spelling.format(part), "admin") for part in ["User", "Name", "Groups", "Email"]]
            for headers in [made_up, made_up + made_up]:
                answer = ask(self.site(), real + headers)
                self.assertEqual(answer.status, 200)
                self.assertEqual(answer.sent("Remote-User", "Remote_User"), ["user00001"], spelling)
                self.assertNotIn("admin", answer.sent("Remote-Name", "Remote_Name")[0], spelling)
                self.assertEqual("".join(answer.sent("Remote-Groups", "Remote_Groups")), "", spelling)

    def test_what_the_caller_asks_for_is_no_demand(self):
        # Neither one that is met in place of the configured one, nor one that nobody can read.
        other = bearer("user00030")
        for query in ["role=", "department=1", "rd=https://evil.example/", "?&&=%00"]:
            self.assertEqual(ask(f"{self.site()}/orders?{query}", other).status, 200, query)
            self.assertEqual(ask(f"{self.site('role')}/orders?{query}", other).status, 403, query)

    def test_made_up_headers_open_nothing(self):
        made_up = [("Remote-User", "manager01"), ("Remote_User", "manager01"), ("X-Forwarded-User", "manager01")]
        self.assertEqual(ask(self.site(), made_up).status, 401)

    def test_a_made_up_address_leads_a_browser_nowhere_else(self):
        answer = ask(
            self.site(),
            [
                ("Accept", "text/html"),
                ("X-Original-URL", "https://evil.example/"),
                ("X-Forwarded-Host", "evil.example"),
                ("X-Forwarded-Proto", "https"),
                ("X-Forwarded-Uri", "/"),
            ],
        )
        self.assertNotIn("evil.example", answer.headers.get("Location", ""))
        self.assertIn(answer.status, [302, 401])

    def test_a_role_a_power_or_a_department_can_be_required(self):
        manager, other = bearer("manager01"), bearer("user00030")
        for demand in ["role", "power", "department"]:
            self.assertEqual(ask(self.site(demand), manager).status, 200, demand)
            self.assertEqual(ask(self.site(demand), other).status, 403, demand)
        # A member of 100000, far below 100, without the role.
        colleague = bearer("user00001")
        self.assertEqual(ask(self.site("department"), colleague).status, 200)
        self.assertEqual(ask(self.site("role"), colleague).status, 403)

    def test_a_browser_without_the_role_is_told_so_and_not_sent_round(self):
        page = Browser().sign_in(self.site("role"), "user00002")
        self.assertEqual((page.status, page.url.rstrip("/")), (403, self.site("role")))

    def test_a_disabled_employees_token_is_shut_out_within_two_seconds(self):
        userid = f"user{self.disabled:05}"
        headers = bearer(userid)
        self.assertEqual(ask(self.site(), headers).status, 200)
        company.administer("employee", "disable", userid)
        self.assertLess(seconds_until_shut(self.site(), headers), 2)

    def test_a_disabled_employees_browser_is_shut_out_within_two_seconds(self):
        userid = f"user{self.disabled + 1:05}"
        browser = signed_in(self.site(), userid)
        company.administer("employee", "disable", userid)
        program = {"Accept": "application/json"}
        self.assertLess(seconds_until_shut(self.site(), program, browser.get), 2)

    def test_a_sign_out_shuts_the_browser_out_within_two_seconds(self):
        browser = signed_in(self.site(), "user00003")
        kept = next(f"{cookie.name}={cookie.value}" for cookie in browser.cookies if cookie.domain == f".{DOMAIN}")
        self.assertEqual(ask(self.site(), [("Cookie", kept)]).status, 200)
        browser.post(f"{company.url}/oauth2/logout", {"confirmed": "yes"})
        # Also for whoever kept the cookie.
        self.assertLess(seconds_until_shut(self.site(), [("Cookie", kept)]), 2)


class Nginx(Protected, unittest.TestCase):
    server = "nginx"
    disabled = 40


class Caddy(Protected, unittest.TestCase):
    server = "caddy"
    disabled = 50


if __name__ == "__main__":
    unittest.main()
