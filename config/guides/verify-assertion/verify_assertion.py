"""Verifies `Sekisho-Assertion` with Python 3.9 or later and the package `cryptography` (Debian: python3-cryptography).

    echo "$ASSERTION" | python3 verify_assertion.py --jwks URL|FILE [--ca FILE] --audience NAME [--client-cert VALUE]

Prints the claims and ends with 0, or says why not and ends with 1. In an application, keep one `Keys` and call
`verify_assertion`.
"""

import argparse
import base64
import hashlib
import json
import re
import ssl
import sys
import threading
import time
import urllib.request

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

ASSERTION_BYTES_MAX = 8_192
KEY_SET_BYTES_MAX = 2_097_152  # Keys of all gateways: up to three each, of 200 bytes.
LEEWAY_SECONDS = 5  # How far the clocks of gateway and application may be apart.
LIFE_SECONDS_MAX = 60
# An assertion names a key by its `kid`. Strangers could make up many: so the key set is asked for only so often.
ASK_AGAIN_SECONDS = 1


class Refused(Exception):
    """The text is no assertion of this gateway for this application, now."""


class Keys:
    """The gateways' public keys, asked for when an assertion names one that is not known yet.

    While they cannot be asked for, those that are known still count. May be used by several threads.
    """

    def __init__(self, load):
        self._load = load  # Returns the text of the key set.
        self._known = {}
        self._asked_at = float("-inf")
        self._asking = threading.Lock()

    def find(self, kid):
        if kid not in self._known:
            # One thread asks, others with an unknown key wait for its answer, and who has a known one never waits.
            with self._asking:
                if kid not in self._known and time.monotonic() - self._asked_at >= ASK_AGAIN_SECONDS:
                    self._ask()
        return self._known.get(kid)

    def _ask(self):
        try:
            keys = json.loads(self._load())["keys"]
            self._known = {
                jwk["kid"]: public_key(jwk) for jwk in keys if jwk.get("kty") == "EC" and jwk.get("crv") == "P-256"
            }
        finally:
            self._asked_at = time.monotonic()


def public_key(jwk):
    x, y = (int.from_bytes(decode(jwk[name]), "big") for name in ("x", "y"))
    return ec.EllipticCurvePublicNumbers(x, y, ec.SECP256R1()).public_key()


def fetch_key_set(url, ca_file):
    """Asks the gateway over HTTPS, believing only certificates of the CAs in `ca_file` (PEM), or the system's if it is None."""
    context = ssl.create_default_context(cafile=ca_file)
    with urllib.request.urlopen(url, timeout=5, context=context) as response:
        text = response.read(KEY_SET_BYTES_MAX + 1)
    expect(len(text) <= KEY_SET_BYTES_MAX, "the key set is too large")
    return text


def verify_assertion(assertion, *, keys, audience, client_cert=None, now=None):
    """The claims of an assertion that is the gateway's, for this audience, and within its life. Raises `Refused` for
    anything else, and what `load` raises when the key set cannot be read.

    `client_cert`: value of `Client-Cert` of the same request; if given, the assertion must be about that certificate.
    """
    expect(isinstance(assertion, str), "there is none")
    expect(len(assertion) <= ASSERTION_BYTES_MAX, "it is too long")
    expect(re.fullmatch(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+", assertion), "it is no JWT")
    first, second, third = assertion.split(".")
    header = read_json(first)
    # The one algorithm, whatever the header says: this is what keeps "none" and HMAC with the public key out.
    expect(header.get("alg") == "ES256" and isinstance(header.get("kid"), str), "it is not signed with ES256")
    key = keys.find(header["kid"])
    expect(key is not None, "its key is none of the gateway")
    signature = decode(third)
    expect(len(signature) == 64, "its signature is wrong")
    r, s = (int.from_bytes(half, "big") for half in (signature[:32], signature[32:]))
    try:
        key.verify(encode_dss_signature(r, s), f"{first}.{second}".encode("ascii"), ec.ECDSA(hashes.SHA256()))
    except InvalidSignature:
        raise Refused("its signature is wrong") from None
    claims = read_json(second)
    check_claims(claims, audience, client_cert, time.time() if now is None else now)
    return claims


def check_claims(claims, audience, client_cert, now):
    issuer, target = claims.get("iss"), claims.get("aud")
    expect(issuer == "sekisho" and isinstance(target, str) and target == audience, "it is for another audience")
    issued, expires = claims.get("iat"), claims.get("exp")
    expect(type(issued) is int and type(expires) is int and expires - issued <= LIFE_SECONDS_MAX, "its times are none")
    expect(issued <= now + LEEWAY_SECONDS, "it is from the future")
    expect(expires > now - LEEWAY_SECONDS, "it has expired")
    expect(isinstance(claims.get("jti"), str) and claims["jti"] != "", "it has no jti")
    method, subject = claims.get("login_method"), claims.get("sub")
    expect(method in ("certificate", "password", "none"), "its login method is unknown")
    # Only who came with a certificate has a name here.
    has_subject = isinstance(subject, str) and subject != ""
    expect((method == "certificate") == has_subject, "login method and subject do not agree")
    if client_cert is not None:
        cnf = claims.get("cnf")
        expect(isinstance(cnf, dict) and cnf.get("x5t#S256") == thumbprint(client_cert), "it is about another certificate")


def thumbprint(client_cert):
    """SHA-256 of a certificate as RFC 9440 writes it: base64 of DER between colons."""
    found = re.fullmatch(r":([A-Za-z0-9+/]+)=*:", client_cert)
    expect(found, "Client-Cert holds no certificate")
    der = decode(found[1])
    return base64.urlsafe_b64encode(hashlib.sha256(der).digest()).rstrip(b"=").decode("ascii")


def read_json(part):
    try:
        value = json.loads(decode(part))
    except (ValueError, RecursionError):
        raise Refused("it holds no JSON") from None
    expect(isinstance(value, dict), "it holds no JSON object")
    return value


def decode(part):
    try:
        return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
    except ValueError:
        raise Refused("it is no base64url") from None


def expect(is_true, otherwise):
    if not is_true:
        raise Refused(otherwise)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--jwks", required=True)
    parser.add_argument("--ca")
    parser.add_argument("--audience", required=True)
    parser.add_argument("--client-cert")
    options = parser.parse_args()

    def load():
        if options.jwks.startswith("https:"):
            return fetch_key_set(options.jwks, options.ca)
        with open(options.jwks, "rb") as file:
            return file.read()

    try:
        assertion = sys.stdin.read().strip()
        claims = verify_assertion(
            assertion, keys=Keys(load), audience=options.audience, client_cert=options.client_cert
        )
    except Refused as error:
        sys.exit(f"Cannot accept the assertion: {error}")
    except (ValueError, KeyError, OSError) as error:
        sys.exit(f"Cannot read the key set: {error}")
    print(json.dumps(claims, indent=2))


if __name__ == "__main__":
    main()
