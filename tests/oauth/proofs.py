"""DPoP proofs of clients and of forgers (RFC 9449 §4.2): what deviates is given, all else is in order."""

import base64
import hashlib
import json
from typing import Any

from joserfc.jwk import ECKey, OKPKey, RSAKey

from idp import clock, credentials
from idp.oauth.dpop import current_nonce
from idp.settings import Settings
from tests.oauth.assertions import signed_freely

PRIVATE = ("d", "p", "q", "dp", "dq", "qi")


def new_proof_key(alg: str = "ES256") -> dict[str, Any]:
    """Return a new private key for proofs."""
    made = {
        "ES256": lambda: ECKey.generate_key("P-256"),
        "ES384": lambda: ECKey.generate_key("P-384"),
        "EdDSA": lambda: OKPKey.generate_key("Ed25519"),
    }.get(alg, lambda: RSAKey.generate_key(2048))
    return {**dict(made().as_dict(private=True)), "alg": alg}  # type: ignore[no-untyped-call]


def public_of(key: dict[str, Any]) -> dict[str, Any]:
    """Return the public half of a key."""
    return {name: value for name, value in key.items() if name not in PRIVATE}


def thumbprint_of(key: dict[str, Any]) -> str:
    """Return the thumbprint of a key (RFC 7638), worked out by hand."""
    names = {"EC": ("crv", "kty", "x", "y"), "OKP": ("crv", "kty", "x"), "RSA": ("e", "kty", "n")}[key["kty"]]
    text = json.dumps({name: key[name] for name in names}, separators=(",", ":"), sort_keys=True)
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()


def proof(
    key: dict[str, Any], *, settings: Settings, path: str, method: str = "POST", token: str | None = None,
    header: dict[str, Any] | None = None, **deviation: Any,
) -> str:  # fmt: skip
    """Return a proof for one request; a claim or header member that is None is left out."""
    claims = {
        "jti": credentials.mint_jti(), "htm": method, "htu": f"{settings.issuer}{path}",
        "iat": clock.epoch(clock.now()), "nonce": current_nonce(settings),
        "ath": None if token is None else ath(token), **deviation,
    }  # fmt: skip
    full = {"typ": "dpop+jwt", "jwk": public_of(key), "kid": None, **(header or {})}
    said = {name: value for name, value in claims.items() if value is not None}
    unsaid = [name for name, value in full.items() if value is None]
    return signed_freely(key, said, without=unsaid, **full)


def ath(token: str) -> str:
    """Return the hash of an access token as a proof carries it."""
    return base64.urlsafe_b64encode(hashlib.sha256(token.encode()).digest()).rstrip(b"=").decode()
