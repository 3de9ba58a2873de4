"""A machine on which somebody follows the README's section on Docker Compose: a copy of the tree, its .env, its secrets."""

import http.client
import json
import os
import pathlib
import random
import shutil
import socket
import ssl
import subprocess
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
SECRET = "demo-app-secret"
PAGE = "https://h5.example.com/"


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Answer:
    def __init__(self, response):
        self.status, self.headers, self.text = response.status, response.headers, response.read().decode()

    @property
    def body(self):
        return json.loads(self.text)


class Machine:
    """Brings everything up with `up`, and takes it down with `close`, its volumes and its image with it. The image is built,
    unless DINGTALK_SSO_IMAGE names one."""

    def __init__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="dingtalk-sso-deployment."))
        # Named by whoever clears up if this is ended in the middle.
        self.project = os.environ.get("DEPLOYMENT_PROJECT", f"dingtalk-sso-test-{os.getpid()}")
        self.built = os.environ.get("DINGTALK_SSO_IMAGE")
        self.image = self.built or f"dingtalk-sso-test:{os.getpid()}"
        self.port, self.tls_port = free_port(), free_port()
        self.certificates = self.folder / "certificates"
        self.tree = self.folder / "tree"
        self.files = ["docker-compose.yml", "tests/deployment/simulated.yml"]
        self.copy_tree()
        self.write_environment()
        made = self.run(["deploy/make-secrets"], input=SECRET + "\n")
        assert "deploy/secrets/dingtalk_app_secret" in made, made

    def copy_tree(self):
        listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout.decode()
        for name in filter(None, listed.split("\0")):
            (self.tree / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, self.tree / name)

    def write_environment(self):
        """.env.example, filled in. A value that it does not have is a fault of it."""
        text = (self.tree / ".env.example").read_text()
        for name, value in {
            "SSO_DINGTALK__CORP_ID": "dingdemo0001",
            "SSO_DINGTALK__APP_KEY": "dingdemoappkey",
            "SSO_DINGTALK__AGENT_ID": "77001",
            "SSO_HTTP__PUBLIC_URL": "https://sso.example.com",
            "SSO_JSAPI__ALLOWED_ORIGINS": PAGE.rstrip("/"),
            "PUBLISH_HTTP": f"127.0.0.1:{self.port}",
            "PUBLISH_HTTPS": f"127.0.0.1:{self.tls_port}",
            "TLS_DIR": str(self.certificates),
            "FRONT_NETWORK": "172.31.249",
            "SSO_ADMIN__USERIDS": "manager01",
            "IMAGE": self.image,
        }.items():
            lines = text.splitlines()
            places = [at for at, line in enumerate(lines) if line.startswith(f"{name}=")]
            assert len(places) == 1, f".env.example has {name} {len(places)} times"
            lines[places[0]] = f"{name}={value}"
            text = "\n".join(lines) + "\n"
        (self.tree / ".env").write_text(text)

    def run(self, command, **how):
        """The output of a command in the tree; an error with all of it where the command fails."""
        # What the shell says would go before the tree's own .env.
        own = ("SSO_", "COMPOSE_", "PUBLISH_", "IMAGE", "TLS_DIR", "FRONT_NETWORK")
        environment = {name: value for name, value in os.environ.items() if not name.startswith(own)}
        done = subprocess.run(command, cwd=self.tree, env=environment, capture_output=True, text=True, **how)
        if done.returncode != 0:
            raise AssertionError(f"{command} ended with {done.returncode}\n{done.stdout}\n{done.stderr[-6000:]}")
        return done.stdout

    def compose(self, *arguments, **how):
        files = [part for file in self.files for part in ("-f", file)]
        return self.run(["docker", "compose", "-p", self.project, *files, *arguments], **how)

    def up(self):
        self.compose("up", "-d", "--no-build" if self.built else "--build", "--wait")
        self.simulator = int(self.compose("port", "dingtalk", "8090").rsplit(":", 1)[1])

    def inspect(self, service):
        return json.loads(self.run(["docker", "inspect", self.compose("ps", "-aq", service).strip()]))[0]

    def wait_until_healthy(self, *services):
        end = time.monotonic() + 90
        while any(self.inspect(name)["State"].get("Health", {}).get("Status") != "healthy" for name in services):
            if time.monotonic() > end:
                raise AssertionError(f"{services}: {self.compose('logs', '--tail', '40', *services)}")
            time.sleep(0.5)

    def ask(self, method, path, body=None, token=None, port=None, tls=False):
        """One request of a client that nginx serves."""
        if tls:
            context = ssl.create_default_context(cafile=str(self.certificates / "fullchain.pem"))
            connection = http.client.HTTPSConnection("localhost", self.tls_port, timeout=30, context=context)
        else:
            connection = http.client.HTTPConnection("127.0.0.1", port or self.port, timeout=30)
        # By address and program nginx tells clients apart: of one machine these are many.
        headers = {"Content-Type": "application/json", "User-Agent": f"test/{random.random()}"}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        try:
            connection.request(method, path, None if body is None else json.dumps(body), headers)
            return Answer(connection.getresponse())
        finally:
            connection.close()

    def log_in(self, userid="manager01", **how):
        code = self.ask("POST", "/_/auth-codes", {"userid": userid}, port=self.simulator).body["code"]
        return self.ask("POST", "/v1/login", {"authCode": code, "url": PAGE}, **how)

    def close(self):
        try:
            self.compose("down", "--volumes", "--remove-orphans", "--timeout", "5")
            if not self.built:
                subprocess.run(["docker", "image", "rm", "-f", self.image], capture_output=True, check=False)
        finally:
            shutil.rmtree(self.folder, ignore_errors=True)
