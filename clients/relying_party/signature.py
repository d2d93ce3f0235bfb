"""Verifies the signature of a token of the authorization server and returns its claims."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jws import JWSRegistry, extract_compact

from clients.relying_party.errors import TokenNotGenuine
from clients.relying_party.provider import Provider

LONGEST = 16 * 1024
"""Nothing that the server signs comes near this many characters."""


@dataclass(frozen=True, kw_only=True)
class SignedToken:
    """What a genuine signature covers. The claims are still to be checked."""

    typ: str
    """Header ``typ``, in lower case without ``application/`` (RFC 7515 §4.1.9); empty where it is missing."""
    claims: Mapping[str, Any]


def verify_signature(token: str, provider: Provider, *, algorithm: str) -> SignedToken:
    """Verify with the server's keys and the one algorithm of the registration (RFC 8725 §3.1).

    :raises TokenNotGenuine: no such signature. ``none`` and the HMAC family fail here, whatever the header
        says.
    :raises ProviderUnavailable: the keys cannot be fetched.
    """
    if len(token) > LONGEST:
        raise TokenNotGenuine("size")
    try:
        header = extract_compact(token.encode()).headers()
    except (JoseError, ValueError, TypeError, KeyError) as error:
        raise TokenNotGenuine("form") from error
    if header.get("alg") != algorithm:
        raise TokenNotGenuine("alg")
    kid = header.get("kid")
    if kid is not None and not isinstance(kid, str):
        raise TokenNotGenuine("kid")
    keys = provider.find_keys(kid)
    if len(keys) != 1:
        # Without a kid the key must be the only one (OIDC Core §10.1); with one it must name exactly one.
        raise TokenNotGenuine("kid")
    try:
        decoded = jwt.decode(
            token, keys[0], algorithms=[algorithm], registry=JWSRegistry(algorithms=[algorithm])
        )
    except (JoseError, ValueError, TypeError, KeyError) as error:
        raise TokenNotGenuine("signature") from error
    typ = header.get("typ", "")
    if not isinstance(typ, str):
        raise TokenNotGenuine("typ")
    return SignedToken(typ=typ.lower().removeprefix("application/"), claims=decoded.claims)
