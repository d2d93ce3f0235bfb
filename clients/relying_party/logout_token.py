"""Verifies a logout token, step by step as OIDC Back-Channel Logout 1.0 §2.6 lists them."""

from dataclasses import dataclass
from datetime import datetime

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
from clients.relying_party.settings import RelyingPartySettings
from clients.relying_party.signature import verify_signature

EVENT = "http://schemas.openid.net/event/backchannel-logout"


@dataclass(frozen=True, kw_only=True)
class LogoutNotice:
    """Whose sessions are over: those with this ``sid``, or all of this ``sub``, or those with both."""

    jti: str
    sid: str
    sub: str
    issued_at: datetime
    expires_at: datetime


def verify_logout_token(
    token: str, provider: Provider, *, settings: RelyingPartySettings, now: datetime
) -> LogoutNotice:
    """Verify everything but the replay of ``jti``, which the session store decides as it acts on the notice.

    :raises TokenNotGenuine: ``reason`` names the first check that failed.
    :raises ProviderUnavailable: the server's keys cannot be fetched.
    """
    signed = verify_signature(token, provider, algorithms=(settings.id_token_alg,))
    if signed.typ != "logout+jwt":
        # §2.4 only recommends the type. The club's server always sets it, and without it an ID token is one
        # claim away.
        raise TokenNotGenuine("typ")
    claims = signed.claims
    check_issuer(claims, settings.issuer)
    check_audience(claims, settings.client_id)
    issued_at = check_times(claims, now)
    notice = LogoutNotice(
        jti=read_text(claims, "jti"),
        sid=find_text(claims, "sid"),
        sub=find_text(claims, "sub"),
        issued_at=issued_at,
        expires_at=clock.from_epoch(read_number(claims, "exp")),
    )
    if not notice.sid and not notice.sub:
        raise TokenNotGenuine("sub")
    events = claims.get("events")
    if not isinstance(events, dict) or not isinstance(events.get(EVENT), dict):
        raise TokenNotGenuine("events")
    if "nonce" in claims:
        raise TokenNotGenuine("nonce")
    return notice
