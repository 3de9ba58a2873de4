"""docker-compose.yml with a simulated DingTalk, as an operator lives with it: first start, a new version, things that break.

Each test leaves everything running as it found it.
"""

import collections
import http.client
import itertools
import json
import subprocess
import threading
import time
import unittest

from machine import SECRET, Machine


# Each request has a connection of its own, and a closed one keeps its port for a minute: there are 28,000.
BETWEEN_REQUESTS_S = 0.01


class Clients:
    """Clients that sign in and show their tokens until the block ends, and what they were answered."""

    def __init__(self, machine):
        self.machine, self.ended = machine, threading.Event()
        self.answers, self.first_bad = collections.Counter(), None
        self.people = [one["userid"] for one in machine.ask("GET", "/_/employees", port=machine.simulator).body]
        self.token = machine.log_in().body["token"]
        self.threads = [threading.Thread(target=work) for work in (self.sign_in, self.show, self.show)]

    def sign_in(self):
        for userid in itertools.cycle(self.people):
            self.count("login", lambda userid=userid: self.machine.log_in(userid))
            if self.ended.wait(BETWEEN_REQUESTS_S):
                return

    def show(self):
        while not self.ended.wait(BETWEEN_REQUESTS_S):
            self.count("me", lambda: self.machine.ask("GET", "/v1/me", token=self.token))

    def count(self, kind, work):
        try:
            answer = work()
            status, text = answer.status, answer.text
        except (OSError, http.client.HTTPException) as error:
            status, text = "none", repr(error)
        self.answers[kind, status] += 1
        if status != 200 and self.first_bad is None:
            self.first_bad = (kind, status, text)

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.ended.set()
        for thread in self.threads:
            thread.join()


class Deployment(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.machine = Machine()
        cls.addClassCleanup(cls.machine.close)
        cls.machine.up()

    def assert_serves(self, **how):
        entry = self.machine.log_in(**how)
        self.assertEqual(entry.status, 200, entry.text)
        me = self.machine.ask("GET", "/v1/me", token=entry.body["token"], **how)
        self.assertEqual((me.status, me.body["userId"]), (200, "manager01"))
        return entry.body

    def test_an_employee_signs_in_and_the_signed_config_verifies(self):
        entry = self.assert_serves()
        verdict = self.machine.ask("POST", "/_/jsapi/verify", entry["config"], port=self.machine.simulator)
        self.assertEqual(verdict.body, {"ok": True, "digest": "sha1"})
        discovery = self.machine.ask("GET", "/.well-known/openid-configuration").body
        self.assertEqual(discovery["issuer"], "https://sso.example.com")
        self.assertEqual(self.machine.ask("GET", "/metrics").status, 404)

    def test_both_instances_serve_one_token_and_a_session_ended_at_one_is_over_at_the_other(self):
        token = self.assert_serves()["token"]
        addresses = [self.address(name) for name in ("sso-1", "sso-2")]
        self.assertEqual([self.me_at(address, token) for address in addresses], [200, 200])
        self.machine.compose("exec", "-T", "sso-1", "dingtalk-sso", "employee", "disable", "manager01")
        try:
            self.wait_for(lambda: [self.me_at(address, token) for address in addresses] == [401, 401])
        finally:
            self.machine.compose("exec", "-T", "sso-2", "dingtalk-sso", "employee", "enable", "manager01")
        self.assert_serves()

    def test_the_image_holds_one_program_for_a_user_without_rights(self):
        image = json.loads(self.machine.run(["docker", "image", "inspect", self.machine.image]))[0]["Config"]
        self.assertEqual(image["User"], "10001:10001")
        self.assertEqual(image["Entrypoint"], ["/usr/local/bin/dingtalk-sso"])
        self.assertTrue(image["Healthcheck"])
        shell = ["exec", "-T", "sso-1", "bash", "-c"]
        self.assertEqual(self.machine.compose(*shell, "id -u; id -g").split(), ["10001", "10001"])
        for forbidden in ("touch /usr/local/bin/x", "touch /var/lib/dingtalk-sso/data/x"):
            with self.assertRaisesRegex(AssertionError, "Read-only file system|Permission denied"):
                self.machine.compose(*shell, forbidden)
        status = self.machine.compose(*shell, "grep -E '^(CapEff|CapBnd|NoNewPrivs)' /proc/1/status").split()
        self.assertEqual(status, ["CapEff:", "0" * 16, "CapBnd:", "0" * 16, "NoNewPrivs:", "1"])
        tools = "for tool in cargo rustc cc; do command -v $tool; done; for path in /build/*; do [ ! -e $path ] || echo $path; done"
        self.assertEqual(self.machine.compose(*shell, f"{tools}; true"), "")

    def test_no_secret_is_in_the_image_the_environment_or_the_log(self):
        secrets = {"AppSecret": SECRET}
        for name in ("master_key", "postgres_password", "database_url"):
            secrets[name] = (self.machine.tree / "deploy/secrets" / name).read_text()
        seen = {
            "history of the image": self.machine.run(["docker", "history", "--no-trunc", self.machine.image]),
            "log": self.machine.compose("logs", "--no-color", "sso-1", "sso-2", "nginx", "postgres", "redis"),
            **{name: json.dumps(self.machine.inspect(name)) for name in ("sso-1", "sso-2", "postgres")},
        }
        for (what, secret), (where, text) in itertools.product(secrets.items(), seen.items()):
            self.assertNotIn(secret, text, f"{what} in {where}")
        # What it finds counts, not how it ends: that is 2 where anything could not be read, found or not.
        search = f"grep -rlF -e {secrets['master_key']} -e {secrets['postgres_password']} /usr/local /var /etc /opt /home /root; true"
        run = ["docker", "run", "--rm", "--user=0", "--entrypoint=bash", self.machine.image, "-c"]
        self.assertEqual(self.machine.run([*run, search]), "", "files of the image")

    def test_the_commands_of_an_administrator_run_in_a_container_of_their_own(self):
        run = ["run", "--rm", "-T"]
        self.machine.compose(*run, "cli", "check-config")
        self.machine.log_in("manager01")
        shown = json.loads(self.machine.compose(*run, "cli", "employee", "show", "manager01", "--json"))
        self.assertEqual(shown["userId"], "manager01")
        with self.assertRaisesRegex(AssertionError, "dingtalk.timeout_ms"):
            self.machine.compose(*run, "-e", "SSO_DINGTALK__TIMEOUT_MS=1", "cli", "check-config")

    def test_a_new_version_arrives_without_an_interruption(self):
        if not self.machine.built:
            self.machine.compose("build")
        with Clients(self.machine) as clients:
            for name in ("sso-1", "sso-2"):
                before = self.machine.inspect(name)["Id"]
                self.machine.compose("up", "-d", "--no-deps", "--force-recreate", name)
                self.assertNotEqual(self.machine.inspect(name)["Id"], before)
                self.machine.wait_until_healthy(name)
        self.assertEqual({status for _, status in clients.answers}, {200}, clients.first_bad)
        self.assertGreater(clients.answers["login", 200], 20)

    def test_an_instance_that_is_killed_is_missed_by_nobody_who_asks_anew(self):
        with Clients(self.machine) as clients:
            self.machine.compose("kill", "sso-2")
            for _ in range(20):
                self.assert_serves()
            self.machine.compose("start", "sso-2")
            self.machine.wait_until_healthy("sso-2")
        # A login that the killed instance had begun is not repeated: its code may be spent.
        lost = sum(count for (_, status), count in clients.answers.items() if status != 200)
        self.assertLessEqual(lost, 2, clients.first_bad)
        self.assertEqual(clients.answers["me", 200], sum(n for (kind, _), n in clients.answers.items() if kind == "me"))

    def test_an_instance_that_dies_by_itself_is_started_again(self):
        # As the kernel does it where memory is short: not by an order to Docker.
        before = self.machine.inspect("sso-1")
        kill = f"kill -9 {before['State']['Pid']}"
        run = ["docker", "run", "--rm", "--pid=host", "--user=0", "--entrypoint=bash"]
        self.machine.run([*run, self.machine.image, "-c", kill])
        self.wait_for(lambda: self.machine.inspect("sso-1")["RestartCount"] > before["RestartCount"])
        self.machine.wait_until_healthy("sso-1")
        self.assertEqual(self.me_at(self.address("sso-1"), self.assert_serves()["token"]), 200)

    def test_whatever_is_not_ours_may_restart_and_what_was_stored_is_still_there(self):
        token = self.assert_serves()["token"]
        for store in ("redis", "postgres", "nginx"):
            self.machine.compose("restart", store)
            self.machine.wait_until_healthy(store, "sso-1", "sso-2")
            self.wait_for(lambda: self.machine.log_in().status == 200)
            self.assertEqual(self.machine.ask("GET", "/v1/me", token=token).status, 200, store)

    def test_what_was_taken_down_comes_back_with_its_people_and_tokens(self):
        token = self.assert_serves()["token"]
        self.machine.compose("down", "--timeout", "40")
        self.machine.up()
        self.assertEqual(self.machine.ask("GET", "/v1/me", token=token).status, 200)

    def test_nginx_itself_may_hold_the_certificate(self):
        self.machine.certificates.mkdir()
        key, chain = (str(self.machine.certificates / name) for name in ("privkey.pem", "fullchain.pem"))
        self.machine.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]
            + ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-keyout", key, "-out", chain]
        )
        for file in (key, chain):
            subprocess.run(["chmod", "644", file], check=True)
        plain = self.machine.files
        self.machine.files = [plain[0], "deploy/compose.tls.yml", *plain[1:]]
        try:
            self.machine.up()
            self.assert_serves(tls=True)
            answer = self.machine.ask("GET", "/health/live", tls=True)
            self.assertEqual(answer.headers["Strict-Transport-Security"], "max-age=31536000")
            moved = self.machine.ask("GET", "/docs/?a=b")
            self.assertEqual((moved.status, moved.headers["Location"]), (308, "https://127.0.0.1/docs/?a=b"))
            self.machine.compose("exec", "-T", "nginx", "nginx", "-s", "reload")
            self.assert_serves(tls=True)
        finally:
            self.machine.files = plain
            self.machine.up()
        self.assert_serves()

    def address(self, service):
        networks = self.machine.inspect(service)["NetworkSettings"]["Networks"]
        return next(network["IPAddress"] for name, network in networks.items() if name.endswith("_front"))

    def me_at(self, address, token):
        """The status of /v1/me at one instance, asked from beside it."""
        request = f"GET /v1/me HTTP/1.1\\r\\nHost: localhost\\r\\nAuthorization: Bearer {token}\\r\\nConnection: close\\r\\n\\r\\n"
        script = f"exec 3<>/dev/tcp/{address}/8080; printf '{request}' >&3; read -r _ status _ <&3; echo $status"
        return int(self.machine.compose("exec", "-T", "sso-1", "bash", "-c", script))

    def wait_for(self, truth):
        """Until it is so, for half a minute at the most."""
        end = time.monotonic() + 30
        while not truth():
            self.assertLess(time.monotonic(), end, "it did not come about")
            time.sleep(0.2)


if __name__ == "__main__":
    unittest.main()
