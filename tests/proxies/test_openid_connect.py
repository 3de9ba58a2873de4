"""Apache's mod_auth_openidc, a client that others wrote, signs people in and tells an application who they are."""

import json
import unittest
import urllib.parse

from browser import Browser, ask, signed_in
from company import Company, seconds_until_shut
from web_servers import port_of, start_apache

company = None
site = None


def setUpModule():
    global company, site
    company = Company()
    unittest.addModuleCleanup(company.close)
    site = company.address("apache")
    company.start_demo()
    client = company.administer(
        *["client", "add", "wiki", "--json", "--redirect-uri", f"{site}/oidc"],
        *["--grant", "authorization_code", "--scope", "openid", "--scope", "profile", "--scope", "roles"],
        # The name that browsers resolve by themselves is none to a server.
        *["--backchannel-logout-uri", f"http://127.0.0.1:{port_of(site)}/oidc?logout=backchannel"],
    )
    company.administer("role", "set", "reporter", "report:read")
    company.token("manager01")
    company.administer("role", "grant", "manager01", "reporter")
    start_apache(company, site, json.loads(client)["clientSecret"])


class Apache(unittest.TestCase):
    def test_without_a_token_a_program_gets_401(self):
        answer = ask(site, [("Accept", "application/json")])
        self.assertEqual(answer.status, 401)

    def test_a_browser_is_led_to_the_authorization_endpoint_with_pkce(self):
        answer = ask(f"{site}/orders", [("Accept", "text/html")])
        self.assertEqual(answer.status, 302)
        address = urllib.parse.urlsplit(answer.headers["Location"])
        self.assertEqual(f"{address.scheme}://{address.netloc}{address.path}", f"{company.url}/oauth2/authorize")
        query = dict(urllib.parse.parse_qsl(address.query))
        self.assertEqual((query["client_id"], query["code_challenge_method"]), ("wiki", "S256"))

    def test_after_the_sign_in_the_page_arrives_with_user_name_and_groups(self):
        page = Browser().sign_in(f"{site}/orders?page=2&of=3", "manager01")
        self.assertEqual((page.status, page.url), (200, f"{site}/orders?page=2&of=3"))
        self.assertEqual(page.sent("Remote-User"), ["manager01"])
        self.assertEqual([urllib.parse.unquote(name) for name in page.sent("Remote-Name")], ["张三"])
        self.assertEqual(page.sent("Remote-Groups"), ["reporter"])

    def test_headers_that_the_caller_made_up_never_get_through(self):
        browser = signed_in(site, "user00001")
        for spelling in ["Remote-{}", "REMOTE_{}", "remote_{}", "rEmOtE-{}"]:
            page = browser.get(site, {spelling.format(part): "admin" for part in ["User", "Name", "Groups"]})
            self.assertEqual(page.sent("Remote-User", "Remote_User"), ["user00001"], spelling)
            self.assertNotIn("admin", page.text, spelling)

    def test_a_bearer_token_passes_and_a_foreign_one_does_not(self):
        answer = ask(site, [("Authorization", f"Bearer {company.token('manager01')}")])
        self.assertEqual((answer.status, answer.sent("Remote-User")), (200, ["manager01"]))
        self.assertEqual(ask(site, [("Authorization", "Bearer e30.e30.e30")]).status, 401)

    def test_a_disabled_employees_token_is_shut_out_within_two_seconds(self):
        headers = [("Authorization", f"Bearer {company.token('user00040')}")]
        self.assertEqual(ask(site, headers).status, 200)
        company.administer("employee", "disable", "user00040")
        self.assertLess(seconds_until_shut(site, headers), 2)

    def test_a_disabled_employees_browser_is_shut_out_within_two_seconds(self):
        browser = signed_in(site, "user00041")
        company.administer("employee", "disable", "user00041")
        self.assertLess(seconds_until_shut(site, {"Accept": "application/json"}, browser.get), 2)

    def test_a_sign_out_elsewhere_shuts_the_browser_out_within_two_seconds(self):
        browser = signed_in(site, "user00003")
        browser.post(f"{company.url}/oauth2/logout", {"confirmed": "yes"})
        self.assertLess(seconds_until_shut(site, {"Accept": "application/json"}, browser.get), 2)


if __name__ == "__main__":
    unittest.main()
