"""Keys of clients (RFC 7517): reading what they registered, and verifying what they signed.

Only registered keys count; a ``jwk``, ``jku`` or ``x5u`` in a header is never looked at (RFC 8725 §3.10).
"""

import base64
import json
from collections.abc import Sequence
from typing import Any

from joserfc import jwt
from joserfc.jwk import JWKRegistry, Key

from idp.oauth import remote_keys
from idp.oauth.algorithms import FAPI2, UNREADABLE, signatures
from idp.oauth.models import Client, ClientProfile

LONGEST_TOKEN = 64 * 1024
MOST_KEYS = 20
HEADER, PAYLOAD = 0, 1
"""Parts of a JWT (RFC 7519 §3)."""
SMALLEST_RSA_BITS = 2048
"""RFC 7518 §3.3."""
_PRIVATE = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})
_FITTING = {"RSA": ("RS256", "PS256"), "EC": ("ES256",), "OKP": ("EdDSA",)}
_CURVES = {"EC": "P-256", "OKP": "Ed25519"}


class ClientSignatureInvalid(Exception):
    """A text is not signed by this client with an algorithm that it may use."""


class KeyUnusable(Exception):
    """A JWK cannot be used to verify signatures; the message says why, in fixed words."""


def decode_by_client(client: Client, token: str, *, algorithms: Sequence[str]) -> jwt.Token:
    """Return a JWT that the client signed with a registered key and one of these algorithms.

    Without ``kid`` each fitting key is tried, because OIDC Core §10.1 asks for one only where it is needed.

    :raises ClientSignatureInvalid: it did not.
    :raises remote_keys.KeysNotFetched: its keys have to be asked for first; the application does that.
    """
    header = peek(token, HEADER) if len(token) <= LONGEST_TOKEN and token.count(".") == 2 else None
    if header is None:
        raise ClientSignatureInvalid
    alg, kid = header.get("alg"), header.get("kid")
    if client.profile == ClientProfile.FAPI2:
        algorithms = [one for one in algorithms if one in FAPI2]
    if not isinstance(alg, str) or alg not in algorithms or not (kid is None or isinstance(kid, str)):
        raise ClientSignatureInvalid
    for jwk in _registered_keys(client, kid):
        if fits(jwk, alg=alg, kid=kid):
            try:
                return jwt.decode(token, import_public(jwk), registry=signatures([alg]))
            except (*UNREADABLE, KeyUnusable):
                continue
    raise ClientSignatureInvalid


def peek(token: str, part: int) -> dict[str, Any] | None:
    """Read a part of a JWT before its signature is verified, to know whose key to try; believe nothing of it.

    None means that this part is no JSON object.
    """
    text = [*token.split("."), ""][part]
    try:
        read = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    except (ValueError, RecursionError):
        return None
    return read if isinstance(read, dict) else None


def _registered_keys(client: Client, kid: str | None) -> tuple[dict[str, Any], ...]:
    """Return the client's keys; those that it publishes are trusted no further than those it registers."""
    if client.jwks_uri:
        return remote_keys.keys_at(client.jwks_uri, kid=kid)[:MOST_KEYS]
    keys = (client.jwks or {}).get("keys") or ()
    return tuple(key for key in keys if isinstance(key, dict))


def fits(jwk: dict[str, Any], *, alg: str, kid: str | None) -> bool:
    """Tell whether a key is meant for this algorithm and goes by this name (RFC 7517 §4)."""
    kty = jwk.get("kty")
    return (
        isinstance(kty, str)
        and alg in _FITTING.get(kty, ())
        and jwk.get("alg", alg) == alg
        and jwk.get("use", "sig") == "sig"
        and (kid is None or jwk.get("kid", kid) == kid)
    )


def import_public(jwk: dict[str, Any]) -> Key:
    """Return a public key for verifying signatures.

    :raises KeyUnusable: it is private, weak, of a kind that is not used here, or not a key at all.
    """
    kty = jwk.get("kty")
    if _PRIVATE & set(jwk):
        raise KeyUnusable("holds a private or secret key; register its public half alone")
    if not isinstance(kty, str) or kty not in _FITTING:
        raise KeyUnusable("kty must be RSA, EC or OKP")
    if kty in _CURVES and jwk.get("crv") != _CURVES[kty]:
        raise KeyUnusable(f"crv must be {_CURVES[kty]}")
    if not isinstance(jwk.get("kid", ""), str):
        raise KeyUnusable("kid must be a text")
    if kty == "RSA" and not SMALLEST_RSA_BITS <= _bits(jwk.get("n")) <= 4 * SMALLEST_RSA_BITS:
        raise KeyUnusable(f"an RSA key must have {SMALLEST_RSA_BITS} to {4 * SMALLEST_RSA_BITS} bits")
    # Only the key itself is read: parameters about it, such as use or x5c, say nothing that is needed here.
    core: dict[str, Any] = {
        name: jwk[name] for name in ("kty", "crv", "x", "y", "n", "e", "kid") if name in jwk
    }
    try:
        key = JWKRegistry.import_key(core)
        key.as_dict(private=False)
    except Exception as error:  # cryptography and joserfc raise many kinds for a malformed key
        raise KeyUnusable("is not a valid public key") from error
    return key


def _bits(modulus: object) -> int:
    """Return the length of a base64url number."""
    if not isinstance(modulus, str):
        return 0
    try:
        raw = base64.urlsafe_b64decode(modulus + "=" * (-len(modulus) % 4))
    except ValueError:
        return 0
    return int.from_bytes(raw).bit_length()
