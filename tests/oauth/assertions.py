"""Signed texts of clients and of forgers: what a test wants to deviate is given, all else is in order."""

import base64
import json
from collections.abc import Sequence
from typing import Any

from joserfc import jws, jwt
from joserfc.jwk import ECKey, JWKRegistry

from idp import clock, credentials
from idp.settings import Settings

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


class _AnyHeader(jws.JWSRegistry):
    """Signs whatever header a test wants."""

    def __init__(self) -> None:
        super().__init__(strict_check_header=False)

    def check_header(self, header: object) -> None:
        """Let every header pass."""

    def get_alg(self, name: str) -> Any:
        """Return any algorithm that exists."""
        return self.algorithms[name]


def client_assertion(
    key: dict[str, Any], *, client_id: str, settings: Settings, header: dict[str, Any] | None = None,
    **deviation: Any,
) -> str:  # fmt: skip
    """Return a client assertion (RFC 7523 §3); a claim that is None is left out."""
    now = clock.epoch(clock.now())
    claims = {
        "iss": client_id, "sub": client_id, "aud": settings.issuer, "iat": now, "exp": now + 60,
        "jti": credentials.mint_jti(), **deviation,
    }  # fmt: skip
    return signed(key, {name: value for name, value in claims.items() if value is not None}, header=header)


def signed(key: dict[str, Any], claims: dict[str, Any], *, header: dict[str, Any] | None = None) -> str:
    """Return a JWT signed with a private JWK; ``header`` adds to alg and kid, or replaces them."""
    alg = key.get("alg", "ES256")
    full = {"alg": alg, **({"kid": key["kid"]} if "kid" in key else {}), **(header or {})}
    return jwt.encode(full, claims, JWKRegistry.import_key(key), registry=_AnyHeader())


def signed_freely(
    key: dict[str, Any], claims: dict[str, Any], /, *, without: Sequence[str] = (), **header: Any
) -> str:
    """Return a JWT with any header at all, signed by the algorithm of the key."""
    full = {"alg": key["alg"], **({"kid": key["kid"]} if "kid" in key else {}), **header}
    sent = {name: value for name, value in full.items() if name not in without}
    return jws.serialize_compact(sent, json.dumps(claims), JWKRegistry.import_key(key), registry=_AnyHeader())


def unsigned(claims: dict[str, Any], *, header: dict[str, Any], signature: bytes = b"") -> str:
    """Return three parts that look like a JWT, with whatever header and signature a forger likes."""
    return ".".join(_part(part) for part in (json.dumps(header), json.dumps(claims), signature))


def hmac_signed(claims: dict[str, Any], *, header: dict[str, Any], secret: bytes) -> str:
    """Return a JWT signed with HMAC under any bytes, as a forger does with a public key."""
    import hashlib
    import hmac

    text = ".".join(_part(part) for part in (json.dumps(header), json.dumps(claims)))
    return f"{text}.{_part(hmac.digest(secret, text.encode(), hashlib.sha256))}"


def public_pem(key: dict[str, Any]) -> bytes:
    """Return the public half of a key as PEM, which a forger finds in our JWKS or guesses from it."""
    return ECKey.import_key(key).as_pem(private=False)


def claims_of(token: str) -> dict[str, Any]:
    """Return what a JWT says, unverified."""
    return dict(_read(token, 1))


def header_of(token: str) -> dict[str, Any]:
    """Return a JWT's header, unverified."""
    return dict(_read(token, 0))


def _read(token: str, index: int) -> Any:
    part = token.split(".")[index]
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))


def _part(content: str | bytes) -> str:
    raw = content.encode() if isinstance(content, str) else content
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
