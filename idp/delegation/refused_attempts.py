"""断られた代理ログイン: what an agency's manager reads of attempts that came to nothing.

The audit log names people by ids. A member is shown by name, an owner by the ユーザーID that the agency knows
them by, and by name only while the agency may see it; of an owner who never turned to this agency nothing is
shown.
"""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from idp import clock
from idp.accounts.models import Member
from idp.audit.models import REFUSED_ATTEMPTS, AuditEvent
from idp.delegation.models import Grant
from idp.delegation.service import owner_is_visible

PAGE_SIZE = 30


@dataclass(frozen=True)
class RefusedAttempt:
    """One attempt that was refused."""

    number: int
    at: datetime
    member: str
    """Name of the member; empty for a system, and where nobody of the agency's was recognised."""
    system: str
    """client_id of the agency's own system."""
    user_id: int | None
    owner: str
    reason: str
    address: str


@dataclass(frozen=True)
class Page:
    """One page, and where the next begins if there is one."""

    attempts: list[RefusedAttempt]
    next_before: int | None


def page_of_refused_attempts(session: Session, agency_id: uuid.UUID, *, before: int | None = None) -> Page:
    """Return one page of an agency's refused attempts, the newest first; ``before`` a number of the log."""
    query = select(AuditEvent).where(AuditEvent.agency_id == agency_id, REFUSED_ATTEMPTS)
    if before is not None:
        query = query.where(AuditEvent.number < before)
    events = list(session.scalars(query.order_by(AuditEvent.number.desc()).limit(PAGE_SIZE + 1)))
    shown, more = events[:PAGE_SIZE], len(events) > PAGE_SIZE
    members, grants = _members(session, agency_id, shown), _grants(session, agency_id, shown)
    now = clock.now()
    return Page(
        [_attempt(event, members=members, grants=grants, now=now) for event in shown],
        shown[-1].number if more else None,
    )


def _attempt(
    event: AuditEvent, *, members: dict[uuid.UUID, str], grants: dict[uuid.UUID, Grant], now: datetime
) -> RefusedAttempt:
    grant = grants.get(event.grant_id) if event.grant_id else None
    profile = grant.owner.owner if grant else None
    return RefusedAttempt(
        event.number,
        event.at,
        member=members.get(event.actor_id, "") if event.actor_id else "",
        system=(event.client_id or "") if event.data.get("system") else "",
        user_id=profile.user_id if profile else None,
        owner=grant.owner.name if grant and owner_is_visible(grant, now) else "",
        reason=str(event.data.get("reason", "")),
        address=event.address or "",
    )


def _members(session: Session, agency_id: uuid.UUID, events: Sequence[AuditEvent]) -> dict[uuid.UUID, str]:
    """Return names of those who are, or were, members of the agency."""
    ids = {event.actor_id for event in events if event.actor_id}
    found = session.scalars(select(Member).where(Member.agency_id == agency_id, Member.account_id.in_(ids)))
    return {member.account_id: member.account.name for member in found}


def _grants(session: Session, agency_id: uuid.UUID, events: Sequence[AuditEvent]) -> dict[uuid.UUID, Grant]:
    ids = {event.grant_id for event in events if event.grant_id}
    found = session.scalars(select(Grant).where(Grant.agency_id == agency_id, Grant.id.in_(ids)))
    return {grant.id: grant for grant in found}
