"""Verifies an ID token as a stranger would (OIDC Core §3.1.3.7), and reads who signed in and who acts."""

import base64
import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from clients.relying_party import clock
from clients.relying_party.claims import (
    check_audience,
    check_issuer,
    check_times,
    find_text,
    read_number,
    read_text,
)
from clients.relying_party.errors import TokenNotGenuine
from clients.relying_party.provider import Provider
from clients.relying_party.signature import verify_signature
from clients.relying_party.values import Actor

HASHES = {"256": hashlib.sha256, "384": hashlib.sha384, "512": hashlib.sha512}
"""Hash of ``at_hash`` by the end of the algorithm's name (OIDC Core §3.1.3.6)."""


@dataclass(frozen=True, kw_only=True)
class Expectation:
    """What an ID token must agree with."""

    issuer: str
    client_id: str
    algorithm: str
    nonce: str | None
    """The nonce of the request; None after a refresh, which need not repeat it (OIDC Core §12.2)."""
    access_token: str
    act_as_supported: bool


@dataclass(frozen=True, kw_only=True)
class Identity:
    """What a verified ID token says."""

    sub: str
    sid: str
    name: str
    email: str
    issued_at: datetime
    act: Actor | None
    delegation: str
    session_expires_at: datetime | None
    """Absolute end of a proxy login; None for a person's own session."""


def verify_id_token(token: str, provider: Provider, *, expected: Expectation, now: datetime) -> Identity:
    """Verify everything and return the identity.

    :raises TokenNotGenuine: ``reason`` names the first check that failed.
    :raises ProviderUnavailable: the server's keys cannot be fetched.
    """
    signed = verify_signature(token, provider, algorithms=(expected.algorithm,))
    if signed.typ not in {"", "jwt"}:
        # A logout token or an access token is signed by the same server (RFC 8725 §3.11).
        raise TokenNotGenuine("typ")
    claims = signed.claims
    check_issuer(claims, expected.issuer)
    check_audience(claims, expected.client_id)
    if claims.get("azp", expected.client_id) != expected.client_id:
        raise TokenNotGenuine("azp")
    issued_at = check_times(claims, now)
    _check_nonce(claims, expected.nonce)
    _check_at_hash(claims, expected)
    actor = _read_actor(claims, act_as_supported=expected.act_as_supported)
    return Identity(
        sub=read_text(claims, "sub"),
        sid=find_text(claims, "sid"),
        name=find_text(claims, "name"),
        email=find_text(claims, "email"),
        issued_at=issued_at,
        act=actor,
        delegation=read_text(claims, "delegation") if actor else "",
        session_expires_at=_read_end(claims, now) if actor else None,
    )


def _check_nonce(claims: Mapping[str, Any], nonce: str | None) -> None:
    given = claims.get("nonce")
    if nonce is None:
        return
    if not isinstance(given, str) or not hmac.compare_digest(given.encode(), nonce.encode()):
        raise TokenNotGenuine("nonce")


def _check_at_hash(claims: Mapping[str, Any], expected: Expectation) -> None:
    """Check that the access token beside it is the one that it was issued with (OIDC Core §3.1.3.8)."""
    given = claims.get("at_hash")
    if given is None:
        return
    hashed = HASHES.get(expected.algorithm[-3:], hashlib.sha512)(
        expected.access_token.encode("ascii")
    ).digest()
    half = base64.urlsafe_b64encode(hashed[: len(hashed) // 2]).rstrip(b"=")
    if not isinstance(given, str) or not hmac.compare_digest(given.encode(), half):
        raise TokenNotGenuine("at_hash")


def _read_actor(claims: Mapping[str, Any], *, act_as_supported: bool) -> Actor | None:
    """Read who acts; whatever only a proxy login carries must come with it, and with all of the rest.

    A half-told proxy login must never pass for the owner's own: every page would then offer what only the
    owner may.
    """
    act = claims.get("act")
    if act is None:
        if "act" in claims or "delegation" in claims or "session_expiry" in claims or "may_act" in claims:
            raise TokenNotGenuine("act")
        return None
    if not act_as_supported or not isinstance(act, dict) or "act" in act:
        raise TokenNotGenuine("act")
    organisation = act.get("org")
    if not isinstance(organisation, dict):
        raise TokenNotGenuine("org")
    read_text(claims, "sid")
    sub = read_text(act, "sub")
    if sub == claims.get("sub"):
        raise TokenNotGenuine("act")
    return Actor(
        sub=sub,
        name=read_text(act, "name"),
        organisation_id=read_text(organisation, "id"),
        organisation_name=read_text(organisation, "name"),
    )


def _read_end(claims: Mapping[str, Any], now: datetime) -> datetime:
    end = clock.from_epoch(read_number(claims, "session_expiry"))
    if end <= now:
        raise TokenNotGenuine("session_expiry")
    return end
