"""Verifies an access token with PyJWT. pip install 'PyJWT[crypto]'"""

import os
import sys

import jwt

ISSUER = os.environ["SSO_URL"]
AUDIENCE = os.environ.get("SSO_AUDIENCE", "default")

# Keeps the keys, and fetches them again when a token names one that it does not know.
keys = jwt.PyJWKClient(f"{ISSUER}/oauth2/jwks")


def employee(token):
    """The claims of a good token; raises jwt.PyJWTError for any other."""
    decoded = jwt.decode_complete(
        token,
        keys.get_signing_key_from_jwt(token).key,
        algorithms=["ES256"],
        issuer=ISSUER,
        audience=AUDIENCE,
        options={"require": ["exp", "sub"]},
    )
    if decoded["header"].get("typ") != "at+jwt":
        raise jwt.InvalidTokenError("not an access token")
    return decoded["payload"]


if __name__ == "__main__":
    print(employee(sys.argv[1])["userid"])
