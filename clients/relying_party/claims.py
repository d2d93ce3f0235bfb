"""What ID tokens and logout tokens must both fulfil (OIDC Core §3.1.3.7, Back-Channel Logout 1.0 §2.6)."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from clients.relying_party import clock
from clients.relying_party.errors import TokenNotGenuine

LEEWAY = 30
"""Seconds by which the clocks of two machines may differ."""
OLDEST = 600
"""Seconds since ``iat`` after which a token cannot belong to the present exchange."""


def check_issuer(claims: Mapping[str, Any], issuer: str) -> None:
    """Check that the configured server, and no other, made the token."""
    if claims.get("iss") != issuer:
        raise TokenNotGenuine("iss")


def check_audience(claims: Mapping[str, Any], client_id: str) -> None:
    """Check that the token is for this client alone.

    A token for several audiences would be known to others too. OIDC Core §3.1.3.7 (3) lets a client refuse
    it.
    """
    audience = claims.get("aud")
    if audience != client_id and audience != [client_id]:
        raise TokenNotGenuine("aud")


def check_times(claims: Mapping[str, Any], now: datetime) -> datetime:
    """Check ``exp`` and ``iat``, and return the moment of issue."""
    present = clock.epoch(now)
    expires, issued = read_number(claims, "exp"), read_number(claims, "iat")
    if expires <= present - LEEWAY:
        raise TokenNotGenuine("exp")
    if not present - OLDEST - LEEWAY <= issued <= present + LEEWAY:
        raise TokenNotGenuine("iat")
    return clock.from_epoch(issued)


def read_number(claims: Mapping[str, Any], name: str) -> int:
    """Return a NumericDate that must be there."""
    value = claims.get(name)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value < 1 << 40:
        raise TokenNotGenuine(name)
    return int(value)


def read_text(claims: Mapping[str, Any], name: str) -> str:
    """Return a text that must be there and not be empty."""
    value = claims.get(name)
    if not isinstance(value, str) or not value or len(value) > 255:
        raise TokenNotGenuine(name)
    return value


def find_text(claims: Mapping[str, Any], name: str) -> str:
    """Return a text that may be missing; empty then."""
    return "" if claims.get(name) is None else read_text(claims, name)
