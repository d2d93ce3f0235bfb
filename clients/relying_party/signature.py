"""Verifies the signature of a token of the authorization server and returns its claims."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from joserfc import jwt
from joserfc.jws import extract_compact

from clients.relying_party.algorithms import UNREADABLE, signatures
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


def verify_signature(token: str, provider: Provider, *, algorithms: Sequence[str]) -> SignedToken:
    """Verify with the server's keys, and with no algorithm but those agreed on beforehand (RFC 8725 §3.1).

    :param algorithms: for an ID token the one of the registration.

    :raises TokenNotGenuine: no such signature. ``none`` and the HMAC family fail here, whatever the header
        says.
    :raises ProviderUnavailable: the keys cannot be fetched.
    """
    if len(token) > LONGEST:
        raise TokenNotGenuine("size")
    try:
        header = extract_compact(token.encode(), registry=signatures(algorithms)).headers()
    except UNREADABLE as error:
        raise TokenNotGenuine("form") from error
    algorithm = header.get("alg")
    if not isinstance(algorithm, str) or algorithm not in algorithms:
        raise TokenNotGenuine("alg")
    kid = header.get("kid")
    if kid is not None and not isinstance(kid, str):
        raise TokenNotGenuine("kid")
    keys = provider.find_keys(kid)
    if len(keys) != 1:
        # Without a kid the key must be the only one (OIDC Core §10.1); with one it must name exactly one.
        raise TokenNotGenuine("kid")
    try:
        decoded = jwt.decode(token, keys[0], registry=signatures([algorithm]))
    except UNREADABLE as error:
        raise TokenNotGenuine("signature") from error
    typ = header.get("typ", "")
    if not isinstance(typ, str):
        raise TokenNotGenuine("typ")
    return SignedToken(typ=typ.lower().removeprefix("application/"), claims=decoded.claims)
