"""nginx of docker-compose.yml before two instances: a doubled login meets one of them, and one alone serves everybody.

The instances here share neither database nor cache, so that each knows nothing of what the other one does.
"""

import concurrent.futures
import http.client
import json
import os
import pathlib
import shutil
import socket
import subprocess
import tempfile
import time
import unittest
import urllib.request

from company import BINARY, ROOT, free_port

SETTINGS = {
    "SSO_DINGTALK__CORP_ID": "dingdemo0001",
    "SSO_DINGTALK__APP_KEY": "dingdemoappkey",
    "SSO_DINGTALK__APP_SECRET": "demo-app-secret",
    "SSO_DINGTALK__AGENT_ID": "77001",
    "SSO_DIRECTORY__SYNC_EVERY_S": "0",
    "SSO_HTTP__TRUSTED_PROXIES": "127.0.0.1",
    "SSO_JSAPI__ALLOWED_ORIGINS": "https://h5.example.com",
}
PAGE = "https://h5.example.com/"
CLIENTS = [f"Mozilla/5.0 (iPhone {number}) AliApp(DingTalk/7.6.{number})" for number in range(12)]


def post(port, path, body, user_agent="-"):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request("POST", path, json.dumps(body), {"Content-Type": "application/json", "User-Agent": user_agent})
    response = connection.getresponse()
    answer = response.read()
    connection.close()
    return response.status, json.loads(answer) if answer else {}


class TwoInstances(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = pathlib.Path(tempfile.mkdtemp(prefix="dingtalk-sso-instances."))
        cls.addClassCleanup(shutil.rmtree, cls.folder, ignore_errors=True)
        # nginx started as root answers as a user of its own.
        cls.folder.chmod(0o755)
        cls.simulator = free_port()
        cls.start("simulator", [BINARY, "simulate", "--listen", f"127.0.0.1:{cls.simulator}"], cls.simulator)
        cls.instances = {}
        for name in ["sso-1", "sso-2"]:
            cls.start_instance(name, free_port())
        cls.port = free_port()
        command = ["nginx", "-p", str(cls.folder), "-c", cls.configuration(), "-g", "daemon off;"]
        cls.start("nginx", command, cls.port)

    @classmethod
    def start_instance(cls, name, port):
        url = f"http://127.0.0.1:{cls.simulator}"
        hosts = {f"SSO_DINGTALK__{host}_URL": url for host in ["OAPI", "API", "LOGIN"]}
        own = {"SSO_HTTP__LISTEN": f"127.0.0.1:{port}", "SSO_DATABASE__URL": f"sqlite://{cls.folder}/{name}/sso.db"}
        cls.instances[name] = (port, cls.start(name, [BINARY, "serve"], port, {**SETTINGS, **hosts, **own}))

    @classmethod
    def start(cls, name, command, port, environment=None):
        """Starts a server and waits until it listens."""
        log = open(cls.folder / f"{name}.log", "ab")
        process = subprocess.Popen(command, env={**os.environ, **(environment or {})}, stdout=log, stderr=log)
        log.close()
        cls.addClassCleanup(cls.end, process)
        end = time.monotonic() + 60
        while time.monotonic() < end and process.poll() is None:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    return process
            time.sleep(0.05)
        raise AssertionError(f"{name} did not start: {(cls.folder / f'{name}.log').read_text()[-4000:]}")

    @staticmethod
    def end(process):
        process.terminate()
        process.wait(20)

    @classmethod
    def configuration(cls):
        """The files of docker-compose.yml, with the addresses and folders of this test."""
        servers = cls.folder / "servers"
        servers.mkdir()
        changes = {
            "/etc/nginx": str(cls.folder),
            "/run/nginx": str(cls.folder),
            "listen 8080 ": f"listen 127.0.0.1:{cls.port} ",
            "127.0.0.1:8081": f"127.0.0.1:{free_port()}",
            **{f"{name}:8080": f"127.0.0.1:{port}" for name, (port, _) in cls.instances.items()},
        }
        for file, place in [
            ("nginx.conf", "nginx.conf"),
            ("nginx/service.conf", "service.conf"),
            ("nginx/plain.conf", "servers/plain.conf"),
        ]:
            text = (ROOT / "deploy" / file).read_text()
            for old, new in changes.items():
                text = text.replace(old, new)
            (cls.folder / place).write_text(text)
        return str(cls.folder / "nginx.conf")

    def code(self, userid="manager01"):
        return post(self.simulator, "/_/auth-codes", {"userid": userid})[1]["code"]

    def log_in(self, code, user_agent, port=None):
        return post(port or self.port, "/v1/login", {"authCode": code, "url": PAGE}, user_agent)

    def logins(self):
        """How many logins each instance has answered."""
        counts = []
        for port, _ in self.instances.values():
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=20) as metrics:
                lines = [line for line in metrics.read().decode().splitlines() if 'route="/v1/login"' in line]
            counts.append(sum(float(line.split()[-1]) for line in lines if line.startswith("http_requests_total")))
        return counts

    def test_1_a_doubled_call_gets_one_answer_whoever_the_client_is(self):
        # So long that the second call arrives while the first one runs.
        fault = {"path": "/topapi/v2/user/get", "kind": "delay", "delay_ms": 400}
        post(self.simulator, "/_/faults", fault)
        with concurrent.futures.ThreadPoolExecutor(2) as calls:
            for client in CLIENTS:
                code = self.code()
                one, other = calls.map(lambda _, code=code, client=client: self.log_in(code, client), range(2))
                self.assertEqual((one[0], other[0]), (200, 200), (one, other))
                self.assertEqual(one[1]["token"], other[1]["token"])
        self.assertTrue(all(self.logins()), "both instances have clients")

    def test_2_while_an_instance_is_away_the_other_serves_its_clients(self):
        urllib.request.urlopen(urllib.request.Request(f"http://127.0.0.1:{self.simulator}/_/faults", method="DELETE"))
        port, process = self.instances["sso-1"]
        self.end(process)
        for client in CLIENTS:
            self.assertEqual(self.log_in(self.code(), client)[0], 200, client)
        self.start_instance("sso-1", port)
        before = self.logins()
        # nginx tries an instance again after five seconds, which it counts whole.
        end = time.monotonic() + 15
        while not all(now > then for now, then in zip(self.logins(), before)):
            self.assertLess(time.monotonic(), end, "it does not get its clients back")
            for client in CLIENTS:
                self.assertEqual(self.log_in(self.code(), client)[0], 200, client)
            time.sleep(0.5)

    def test_3_what_nginx_itself_refuses_has_the_shape_of_all_errors(self):
        for _, process in self.instances.values():
            self.end(process)
        for method, path, body, headers, expected in [
            ("POST", "/v1/login", "x" * 1_100_000, {}, (400, 1101)),
            ("GET", "/v1/me", None, {"X-Long": "x" * 20_000}, (400, 1101)),
            ("GET", "/metrics", None, {}, (404, 1116)),
            ("GET", "/v1/me", None, {}, (503, 1117)),
        ]:
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
            connection.request(method, path, body, headers)
            response = connection.getresponse()
            answer = json.loads(response.read())
            connection.close()
            self.assertEqual((response.status, answer["code"]), expected, path)
            self.assertEqual(set(answer), {"code", "error", "error_description", "request_id"})
            self.assertEqual(response.headers["Content-Type"], "application/json")
            self.assertEqual(response.headers["Cache-Control"], "no-store")
            self.assertEqual(response.headers["Retry-After"] is not None, response.status == 503)


if __name__ == "__main__":
    unittest.main()
