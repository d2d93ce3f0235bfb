"""How many exchanges one member, one system and one agency may ask for in a minute, refused ones too.

Counted in the audit log, which has a row for each: nothing else is written, and nobody waits for another
agency. Exchanges of one actor are decided one after the other, so that its limit is exact; an agency's may be
passed by as many as are decided at the very same moment.
"""

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from idp.accounts.models import Member
from idp.audit.events import Event
from idp.audit.models import AuditEvent
from idp.db import lock_named
from idp.delegation.authority import ActorClaim, Claim, NoAuthority
from idp.delegation.exchange_rules import ClientFacts

MINUTE = timedelta(minutes=1)
_COUNTED = (Event.EXCHANGE_ISSUED, Event.EXCHANGE_REFUSED)
"""Not EXCHANGE_LIMITED: whoever comes too early only waits, and is not put back to the end of the queue."""


class LimitRefusal(StrEnum):
    """Whose limit is reached."""

    TOO_MANY_OF_ACTOR = "too_many_of_actor"
    TOO_MANY_OF_AGENCY = "too_many_of_agency"


@dataclass(frozen=True)
class Limits:
    """Exchanges in a minute, from the settings."""

    member: int
    system: int
    agency: int


def check_limits(
    session: Session, claim: Claim, *, client: ClientFacts, limits: Limits, now: datetime
) -> NoAuthority | None:
    """Return that an actor asks too often and has to wait, or None; from here on nobody else acts as it.

    Asked first of all, before the answer could tell anything about a grant.
    """
    if isinstance(claim, ActorClaim):
        lock_named(session, f"exchange:{claim.account_id}")
        agency_id = session.scalar(
            select(Member.agency_id).where(Member.account_id == claim.account_id, Member.left_at.is_(None))
        )
        own, most = AuditEvent.actor_id == claim.account_id, limits.member
    else:
        lock_named(session, f"exchange:{claim.token_client_id}")
        agency_id, most = client.agency_id, limits.system
        own = AuditEvent.client_id == claim.token_client_id
    wait = _wait(session, own, most, now=now)
    if wait is not None:
        return _limited(LimitRefusal.TOO_MANY_OF_ACTOR, agency_id, wait)
    wait = _wait(session, AuditEvent.agency_id == agency_id, limits.agency, now=now) if agency_id else None
    return None if wait is None else _limited(LimitRefusal.TOO_MANY_OF_AGENCY, agency_id, wait)


def _limited(reason: LimitRefusal, agency_id: uuid.UUID | None, wait: timedelta) -> NoAuthority:
    return NoAuthority(reason, owner_id=None, agency_id=agency_id, grant_id=None, retry_after=wait)


def _wait(session: Session, whose: ColumnElement[bool], most: int, *, now: datetime) -> timedelta | None:
    """Return how long it takes until less than ``most`` lie in the last minute, or None if that is so now."""
    oldest = session.scalar(
        select(AuditEvent.at)
        .where(whose, AuditEvent.event.in_(_COUNTED), AuditEvent.at > now - MINUTE)
        .order_by(AuditEvent.at.desc())
        .offset(max(most, 1) - 1)
        .limit(1)
    )
    return None if oldest is None else oldest + MINUTE - now
