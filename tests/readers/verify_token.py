"""Reads our access tokens as a stranger would: PyJWT, with nothing but the service's address and RFC 8414."""

import base64
import json
import os
import sys
import time
import urllib.error
import urllib.request

import jwt

SSO_URL = os.environ["SSO_URL"].rstrip("/")
ALGORITHMS = ["ES256", "EdDSA", "RS256"]


def ask(path_or_url, body=None, bearer=None):
    """One request; answers the status and the parsed JSON body, whatever the status was."""
    url = path_or_url if path_or_url.startswith("http") else SSO_URL + path_or_url
    request = urllib.request.Request(url, data=None if body is None else json.dumps(body).encode())
    if body is not None:
        request.add_header("Content-Type", "application/json")
    if bearer is not None:
        request.add_header("Authorization", f"Bearer {bearer}")
    try:
        with urllib.request.urlopen(request, timeout=15) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as refusal:
        return refusal.code, json.load(refusal)


def check(sentence, truth, detail=""):
    """Prints what was seen to hold; ends the run where it does not."""
    if not truth:
        sys.exit(f"not so: {sentence} {detail}")
    print(f"ok: {sentence}")


def flip_a_bit(token, part):
    """The same token with one bit of one of its three parts turned over."""
    parts = token.split(".")
    raw = bytearray(base64.urlsafe_b64decode(parts[part] + "=" * (-len(parts[part]) % 4)))
    raw[len(raw) // 2] ^= 1
    parts[part] = base64.urlsafe_b64encode(bytes(raw)).rstrip(b"=").decode()
    return ".".join(parts)


def read(token, keys, issuer, audience="default"):
    """The claims of a token that is good in every respect; an exception otherwise."""
    key = keys.get_signing_key_from_jwt(token)
    return jwt.decode(
        token,
        key.key,
        algorithms=ALGORITHMS,
        audience=audience,
        issuer=issuer,
        options={"require": ["iss", "sub", "aud", "exp", "iat", "jti"]},
    )


def refused(token, keys, issuer, audience="default"):
    """Whether the library turns the token away."""
    try:
        read(token, keys, issuer, audience)
    except jwt.exceptions.PyJWTError:
        return True
    return False


def log_in(userid):
    """The answer of a login of one of the simulated company's employees."""
    status, code = ask("/demo/auth-codes", {"userid": userid})
    check(f"the simulated company gives {userid} a code", status == 200, (status, code))
    status, answer = ask("/v1/login", {"authCode": code["code"], "url": SSO_URL + "/"})
    check("the code is worth a login", status == 200, (status, answer))
    return answer


def main():
    login = log_in("manager01")
    token = login["token"]

    status, discovery = ask("/.well-known/openid-configuration")
    check("discovery answers", status == 200, (status, discovery))
    check("the issuer is the address it was found at", discovery["issuer"] == SSO_URL, discovery["issuer"])
    check("the keys are published under that address", discovery["jwks_uri"].startswith(SSO_URL + "/"), discovery)
    issuer = discovery["issuer"]

    status, published = ask(discovery["jwks_uri"])
    secret_parts = {"d", "p", "q", "dp", "dq", "qi", "k"}
    check("no private part is published", not any(secret_parts & set(key) for key in published["keys"]), (status,))

    keys = jwt.PyJWKClient(discovery["jwks_uri"])
    claims = read(token, keys, issuer)
    check("PyJWT verifies signature, issuer, audience and life", True)
    check("typ is at+jwt (RFC 9068)", jwt.get_unverified_header(token)["typ"] == "at+jwt")
    check("sub is the employee's id as text", claims["sub"] == str(login["id"]), claims)
    check("userid is whose code it was", claims["userid"] == "manager01" == login["userId"], claims)
    check("exp is what the login said", claims["exp"] == login["tokenOverAt"], claims)
    check("exp lies ahead, by a day at most", 0 < claims["exp"] - time.time() < 86400, claims)
    check("no mobile and no e-mail in it", not {"mobile", "email", "phone_number"} & set(claims), sorted(claims))

    for part, name in enumerate(["header", "claims", "signature"]):
        bad = flip_a_bit(token, part)
        check(f"one bit turned over in the {name}: PyJWT refuses it", refused(bad, keys, issuer))
        status, answer = ask("/v1/me", bearer=bad)
        check(f"one bit turned over in the {name}: /v1/me refuses it", (status, answer["code"]) == (401, 1114), answer)
    check("meant for another audience: refused", refused(token, keys, issuer, audience="another"))
    check("of another issuer: refused", refused(token, keys, "https://another.example"))

    kid = jwt.get_unverified_header(token)["kid"]
    unsigned = jwt.encode(claims, None, algorithm="none", headers={"kid": kid, "typ": "at+jwt"})
    status, answer = ask("/v1/me", bearer=unsigned)
    check("unsigned (alg none): /v1/me refuses it", (status, answer["code"]) == (401, 1114), answer)

    status, me = ask("/v1/me", bearer=token)
    check("/v1/me knows the token itself", (status, me.get("userId")) == (200, "manager01"), (status, me))


if __name__ == "__main__":
    main()
