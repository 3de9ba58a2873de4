"""The machines of a company: the demo, an application, and the web servers before it. All are on loopback."""

import json
import os
import pathlib
import random
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request

from browser import ask

ROOT = pathlib.Path(__file__).resolve().parents[2]
BINARY = os.environ.get("DINGTALK_SSO_BINARY", str(ROOT / "target/debug/dingtalk-sso"))
DOMAIN = "company.localhost"


# Ports that were given to somebody, who may bind them only later.
given = set()


def free_port():
    """A port below the range from which the kernel takes the ports of outgoing connections."""
    while True:
        port = random.randrange(20000, 32000)
        with socket.socket() as probe:
            if port not in given and probe.connect_ex(("127.0.0.1", port)) != 0:
                given.add(port)
                return port


class Company:
    """Starts all of it, and ends it with `close`."""

    def __init__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="dingtalk-sso-proxies."))
        # Web servers started as root answer as a user of their own.
        self.folder.chmod(0o755)
        self.running = []
        self.origins = {}
        self.port = free_port()
        self.url = f"http://sso.{DOMAIN}:{self.port}"
        self.app_port = free_port()
        self.start("echo", [sys.executable, str(ROOT / "tests/proxies/echo.py"), str(self.app_port)])
        self.wait_for("echo", self.app_port)

    def address(self, name):
        """The address of a web server that is yet to start: its pages are among those that browsers may be sent to."""
        self.origins[name] = f"http://{name}.{DOMAIN}:{free_port()}"
        return self.origins[name]

    def start_demo(self):
        """The demo, shared by all hosts of one parent domain."""
        self.settings = {
            "SSO_HTTP__LISTEN": f"127.0.0.1:{self.port}",
            "SSO_HTTP__PUBLIC_URL": self.url,
            "SSO_TOKENS__COOKIE_DOMAIN": DOMAIN,
            "SSO_FORWARD_AUTH__ALLOWED_ORIGINS": ",".join(self.origins.values()),
        }
        self.start("demo", [BINARY, "demo", "--data", str(self.folder / "data")], self.settings)
        self.wait_for("demo", self.port)

    def administer(self, *arguments):
        """A command of the administrator, beside the demo that is running; answers its output."""
        environment = {
            **os.environ,
            **self.settings,
            "SSO_DATABASE__URL": f"sqlite://{self.folder}/data/sso.db",
            "SSO_DINGTALK__CORP_ID": "dingdemo0001",
        }
        done = subprocess.run([BINARY, *arguments], env=environment, capture_output=True, text=True, timeout=60)
        if done.returncode != 0:
            raise AssertionError(f"{arguments}: {done.stderr}")
        return done.stdout

    def token(self, userid):
        """An access token of the micro-app, as its page gets it."""
        code = self.post("/demo/auth-codes", {"userid": userid})["code"]
        return self.post("/v1/login", {"authCode": code, "url": self.url + "/"})["token"]

    def post(self, path, body):
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}{path}", json.dumps(body).encode(), {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=20) as answer:
            return json.load(answer)

    def configuration(self, file, changes):
        """A configuration from deploy/forward-auth as somebody would fit it to their machines."""
        text = (ROOT / "deploy/forward-auth" / file).read_text()
        for old, new in {"127.0.0.1:3000": f"127.0.0.1:{self.app_port}", **changes}.items():
            if old not in text:
                raise AssertionError(f"{file} has no {old}")
            text = text.replace(old, new)
        return text

    def file(self, name, text):
        path = self.folder / name
        path.write_text(text)
        return str(path)

    def start(self, name, command, environment=None):
        log = open(self.folder / f"{name}.log", "ab")
        process = subprocess.Popen(
            command,
            env={**os.environ, **(environment or {})},
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
        self.running.append((name, process))
        log.close()

    def wait_for(self, name, port):
        """Until something listens there."""
        process = next(process for started, process in self.running if started == name)
        end = time.monotonic() + 60
        while time.monotonic() < end and process.poll() is None:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    return
            time.sleep(0.05)
        raise AssertionError(f"{name} did not start: {(self.folder / f'{name}.log').read_text()[-4000:]}")

    def close(self):
        for _, process in reversed(self.running):
            process.terminate()
        for _, process in self.running:
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


def seconds_until_shut(url, headers, ask=ask):
    """How long a request still passes from now on; at most five seconds."""
    begin = time.monotonic()
    while time.monotonic() - begin < 5:
        if ask(url, headers).status != 200:
            break
        time.sleep(0.05)
    return time.monotonic() - begin
