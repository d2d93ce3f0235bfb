"""Verifies a Security Event Token of the server (RFC 8417) about a delegation grant."""

from dataclasses import dataclass

from clients.relying_party.claims import check_audience, check_issuer, find_text, read_number, read_text
from clients.relying_party.errors import TokenNotGenuine
from clients.relying_party.provider import Provider
from clients.relying_party.signature import verify_signature

KINDS = "urn:ownersclub:params:event:delegation-"
"""Begins the identifier of each kind of event."""
ALGORITHMS = ("ES256",)


@dataclass(frozen=True, kw_only=True)
class SecurityEvent:
    """What an event says. It may come late, twice, or after a later one: what is true the API says."""

    jti: str
    """The same whenever the same event is sent again."""
    kind: str
    """``requested``, ``granted``, ``suspended``, ``restored``, ``ended``, ``many-changed`` or ``test``."""
    subject: str
    """Id of the grant; of the agency for ``many-changed``, of the system for ``test``."""
    state: str
    """State of the grant after it."""


def verify_security_event(token: str, provider: Provider, *, issuer: str, client_id: str) -> SecurityEvent:
    """Verify an event that was pushed to this system.

    :raises TokenNotGenuine: ``reason`` names the first check that failed.
    :raises ProviderUnavailable: the server's keys cannot be fetched.
    """
    signed = verify_signature(token, provider, algorithms=ALGORITHMS)
    if signed.typ != "secevent+jwt":
        raise TokenNotGenuine("typ")  # an access token of the same server is no event (RFC 8417 §4.5)
    claims = signed.claims
    check_issuer(claims, issuer)
    check_audience(claims, client_id)
    read_number(claims, "iat")
    events, subject = claims.get("events"), claims.get("sub_id")
    if not isinstance(events, dict) or len(events) != 1 or not isinstance(subject, dict):
        raise TokenNotGenuine("events")
    kind, details = next(iter(events.items()))
    if not kind.startswith(KINDS) or not isinstance(details, dict) or subject.get("format") != "opaque":
        raise TokenNotGenuine("events")
    return SecurityEvent(
        jti=read_text(claims, "jti"), kind=kind.removeprefix(KINDS), subject=read_text(subject, "id"),
        state=find_text(details, "state"),
    )  # fmt: skip
