"""Authlib in a Flask application, as its documentation shows it, signs employees of the demo in."""

import json
import os
import re
import subprocess
import sys
import threading
import urllib.parse
from http.server import BaseHTTPRequestHandler, HTTPServer
from queue import Queue

import requests
from authlib.integrations.flask_client import OAuth, OAuthError
from authlib.integrations.requests_client import OAuth2Session
from flask import Flask, jsonify, url_for
from joserfc import jwt
from joserfc.jwk import KeySet

SSO_URL = os.environ["SSO_URL"].rstrip("/")
METADATA_URL = SSO_URL + "/.well-known/openid-configuration"
APPLICATION = "http://localhost"
LOGOUT_EVENT = "http://schemas.openid.net/event/backchannel-logout"


def check(sentence, truth, detail=""):
    """Prints what was seen to hold; ends the run where it does not."""
    if not truth:
        sys.exit(f"not so: {sentence} {detail}")
    print(f"ok: {sentence}")


def register(client_id, *options):
    """Registers an application with the command that an administrator has; answers its secret."""
    command = [os.environ["SSO_BINARY"], "--config", os.environ["SSO_CONFIG"], "client", "add", client_id]
    # With no environment: what begins with SSO_ there is a setting to the command.
    done = subprocess.run([*command, *options, "--json"], env={}, capture_output=True, text=True, check=True)
    return json.loads(done.stdout).get("clientSecret")


def visit(browser, address, end, userid="manager01"):
    """Follows redirects up to an address of the application; at DingTalk's page it presses the button of `userid`."""
    answer = browser.get(address, allow_redirects=False, timeout=15)
    for _ in range(12):
        if "location" in answer.headers:
            address = urllib.parse.urljoin(answer.url, answer.headers["location"])
            if address.startswith(end):
                return address
            answer = browser.get(address, allow_redirects=False, timeout=15)
            continue
        picture = re.search(r'name="id" value="([^"]+)"', answer.text)
        if not picture:
            break
        confirm = urllib.parse.urljoin(answer.url, "/oauth2/confirm")
        form = {"id": picture[1], "userid": userid}
        answer = browser.post(confirm, data=form, allow_redirects=False, timeout=15)
    return sys.exit(f"the way ends at {answer.url}: {answer.status_code} {answer.text[:300]}")


def application(client_id, secret):
    """A Flask application with a sign-in, a callback and a sign-out."""
    app = Flask(client_id)
    app.secret_key = "for the cookie of this test alone"
    client = OAuth(app).register(
        "sso",
        client_id=client_id,
        client_secret=secret,
        server_metadata_url=METADATA_URL,
        client_kwargs={"scope": "openid profile roles", "code_challenge_method": "S256"},
    )
    app.add_url_rule("/login", "login", lambda: client.authorize_redirect(url_for("callback", _external=True)))

    @app.route("/callback")
    def callback():
        try:
            return jsonify(client.authorize_access_token())
        except OAuthError as refused:
            return jsonify(error=refused.error, description=refused.description), 403

    return app, client


def sign_in(app, browser, userid="manager01"):
    """One sign-in; answers the token response that the application got, with the claims under `userinfo`."""
    visitor = app.test_client()
    address = visitor.get("/login").headers["location"]
    check("the request is protected by PKCE", "code_challenge_method=S256" in address, address)
    back = visit(browser, address, APPLICATION, userid)
    return visitor.get(back.removeprefix(APPLICATION))


class Receiver(BaseHTTPRequestHandler):
    """Takes logout tokens (OpenID Connect Back-Channel Logout section 2.5)."""

    tokens = Queue()

    def do_POST(self):
        form = urllib.parse.parse_qs(self.rfile.read(int(self.headers["content-length"])).decode())
        self.tokens.put(form["logout_token"][0])
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_):
        pass


def main():
    receiver = HTTPServer(("127.0.0.1", 0), Receiver)
    threading.Thread(target=receiver.serve_forever, daemon=True).start()
    metadata = requests.get(METADATA_URL, timeout=15).json()
    keys = KeySet.import_key_set(requests.get(metadata["jwks_uri"], timeout=15).json())

    uris = ["--redirect-uri", APPLICATION + "/callback", "--post-logout-redirect-uri", APPLICATION + "/goodbye"]
    secret = register("wiki", *uris)
    app, client = application("wiki", secret)
    browser = requests.Session()
    answer = sign_in(app, browser)
    check("Authlib takes state, code and ID token", answer.status_code == 200, answer.text)
    token = answer.json
    claims = token["userinfo"]
    check("the ID token is of this issuer, for this application", (claims["iss"], claims["aud"]) == (SSO_URL, "wiki"))
    check("it says who it is", (claims["name"], claims["preferred_username"]) == ("张三", "manager01"), claims)
    check("it binds the access token that came along", "at_hash" in claims and "nonce" in claims, claims)

    with app.test_request_context():
        person = client.userinfo(token=token)
    check("userinfo tells of the same person", (person.sub, person["userid"]) == (claims["sub"], "manager01"), person)

    session = OAuth2Session("wiki", secret, token_endpoint_auth_method="client_secret_basic")
    fresh = session.refresh_token(metadata["token_endpoint"], refresh_token=token["refresh_token"])
    check("a refresh brings another refresh token", fresh["refresh_token"] != token["refresh_token"])
    good = session.introspect_token(metadata["introspection_endpoint"], token=fresh["access_token"]).json()
    check("the new access token is good", (good["active"], good["username"]) == (True, "manager01"), good)

    hearing_secret = register(
        "mail", *uris, "--id-token-alg", "EdDSA",
        "--backchannel-logout-uri", f"http://127.0.0.1:{receiver.server_port}/logged-out",
    )  # fmt: skip
    mail, _ = application("mail", hearing_secret)
    other = sign_in(mail, browser, userid="nobody is asked").json
    check("a second application need not ask, and reads EdDSA", other["userinfo"]["sub"] == claims["sub"], other)

    with app.test_request_context():
        leave = client.create_logout_url(
            APPLICATION + "/goodbye", id_token_hint=fresh["id_token"], state="until-then"
        )
    back = visit(browser, leave["url"], APPLICATION)
    check("the logout comes back", back == APPLICATION + "/goodbye?state=until-then", back)
    after = session.introspect_token(metadata["introspection_endpoint"], token=fresh["access_token"]).json()
    check("the access token has ended with it", after == {"active": False}, after)

    # EdDSA was not in use when the keys were read first.
    keys = KeySet.import_key_set(requests.get(metadata["jwks_uri"], timeout=15).json())
    logout = jwt.decode(Receiver.tokens.get(timeout=20), keys, algorithms=["Ed25519", "EdDSA"])
    told = logout.claims
    check("the other application hears of it", logout.header["typ"] == "logout+jwt" and LOGOUT_EVENT in told["events"])
    wanted = (SSO_URL, "mail", claims["sub"], other["userinfo"]["sid"])
    check("by a token for its own session", (told["iss"], told["aud"], told["sub"], told["sid"]) == wanted, told)
    registry = jwt.JWTClaimsRegistry(iss={"essential": True, "value": SSO_URL}, exp={"essential": True})
    registry.validate(told)
    check("that is of this hour, and no ID token", "nonce" not in told, told)

    again = sign_in(app, browser, userid="user00001").json
    check("whoever signed out is asked again", again["userinfo"]["userid"] == "user00001", again)
    session.revoke_token(metadata["revocation_endpoint"], token=again["refresh_token"])
    after = session.introspect_token(metadata["introspection_endpoint"], token=again["access_token"]).json()
    check("a revoked session is over", after == {"active": False}, after)

    outsider = sign_in(app, requests.Session(), userid="outsider01")
    refusal = (outsider.status_code, outsider.json["error"])
    check("somebody of another company is refused", refusal == (403, "access_denied"), outsider.text)

    own_secret = register("backup", "--grant", "client_credentials", "--scope", "directory:read")
    backup = OAuth2Session("backup", own_secret, scope="directory:read")
    own = backup.fetch_token(metadata["token_endpoint"], grant_type="client_credentials")
    access = jwt.decode(own["access_token"], keys, algorithms=metadata["id_token_signing_alg_values_supported"])
    check("a service has a token of its own", access.claims["sub"] == access.claims["client_id"] == "backup", access.claims)
    receiver.shutdown()


if __name__ == "__main__":
    main()
