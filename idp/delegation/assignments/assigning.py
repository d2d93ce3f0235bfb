"""Giving owners to those who look after them, and ending what somebody may no longer do.

Locks are taken in the order of docs/decisions/0013-postgresql.md: place in the agency, group, grants,
sign-ins, proxy logins. Whoever begins a proxy login holds its grant and its sign-in: what they began is seen.
"""

import uuid
from collections.abc import Collection, Iterator, Sequence
from datetime import datetime

from sqlalchemy import and_, delete, insert, not_, or_, select, update
from sqlalchemy.orm import Session

from idp import clock
from idp.accounts.models import Agency, BrowserSession, Member
from idp.accounts.rules import MemberRole, RoleMayNot
from idp.accounts.staff.models import GroupMember, StaffGroup
from idp.audit.events import Event
from idp.audit.service import About, record_event_for_each
from idp.delegation import proxy_logins
from idp.delegation.assignments.models import Assignment
from idp.delegation.assignments.rules import NOBODY, Assignee, AssigneeUnknown, Outcome
from idp.delegation.models import ActAsSession, Grant
from idp.delegation.rules import GrantState, SessionEnd

_AT_ONCE = 1000
_LIMITED = [role for role in MemberRole if not role.sees_every_owner]


def assign(
    session: Session, member: Member, grant_ids: Collection[uuid.UUID], *, to: Assignee
) -> list[tuple[uuid.UUID, Outcome]]:
    """Assign grants of the member's agency; what became of each is told in the order they were given.

    :raises RoleMayNot: only those who see every owner give them to others.
    :raises AssigneeUnknown: no such member or group is there now.
    """
    if not MemberRole(member.role).sees_every_owner:
        raise RoleMayNot
    _hold_assignee(session, member.agency_id, to)
    states: dict[uuid.UUID, str] = {}
    for some in _portions(sorted(set(grant_ids))):
        mine = select(Grant.id, Grant.state).where(Grant.agency_id == member.agency_id, Grant.id.in_(some))
        locked = session.execute(mine.order_by(Grant.id).with_for_update(key_share=True))
        states |= {row.id: row.state for row in locked}
    for some in _portions(sorted(one for one, state in states.items() if GrantState(state).is_open)):
        _store_and_record(session, member, some, to=to)
    end_unassigned(session, member.agency_id)
    return [(grant_id, _outcome(states.get(grant_id))) for grant_id in grant_ids]


def end_unassigned(session: Session, agency_id: uuid.UUID) -> None:
    """End the running proxy logins for owners whom, as things are now, their staff no longer serve.

    Called after whatever narrows that: an assignment, a group, a role, the agency's wish to assign owners.
    """
    limited = select(Member.account_id).where(Member.agency_id == agency_id, Member.role.in_(_LIMITED))
    sign_ins = select(BrowserSession.id).where(
        BrowserSession.account_id.in_(limited), BrowserSession.ended_at.is_(None)
    )
    session.execute(sign_ins.order_by(BrowserSession.id).with_for_update(key_share=True))
    unserved = running_unserved(session, agency_id, clock.now())
    proxy_logins.end_all_of(session, unserved, reason=SessionEnd.LEFT)


def running_unserved(session: Session, agency_id: uuid.UUID, now: datetime) -> Sequence[uuid.UUID]:
    """Return the running proxy logins, of a history of any length, whose owners their staff do not serve."""
    groups = select(GroupMember.group_id).where(GroupMember.member_id == ActAsSession.member_id)
    theirs = or_(Assignment.member_id == ActAsSession.member_id, Assignment.group_id.in_(groups))
    is_theirs = select(Assignment.grant_id).where(Assignment.grant_id == ActAsSession.grant_id, theirs)
    not_served = (
        select(ActAsSession.id)
        .join(Member, Member.id == ActAsSession.member_id)
        .join(Agency, Agency.id == Member.agency_id)
        .where(Agency.id == agency_id, ActAsSession.ended_at.is_(None), ActAsSession.expires_at > now)
        .where(or_(Member.role == MemberRole.VIEWER,
                   and_(Agency.assigned_only, Member.role.in_(_LIMITED), not_(is_theirs.exists()))))
    )  # fmt: skip
    return session.scalars(not_served).all()


def _portions(ordered: list[uuid.UUID]) -> Iterator[list[uuid.UUID]]:
    """Cut a list into what databases take as the values of one statement."""
    for start in range(0, len(ordered), _AT_ONCE):
        yield ordered[start : start + _AT_ONCE]


def _store_and_record(session: Session, member: Member, grant_ids: list[uuid.UUID], *, to: Assignee) -> None:
    changed = _store(session, member, grant_ids, to=to)
    record_event_for_each(
        session, Event.OWNER_ASSIGNED,
        [About(actor_id=member.account_id, agency_id=member.agency_id, grant_id=grant_id)
         for grant_id in changed],
        member=_text(to.member_id), group=_text(to.group_id),
    )  # fmt: skip


def _hold_assignee(session: Session, agency_id: uuid.UUID, to: Assignee) -> None:
    """Keep the member in the agency, or the group in being, until this is stored."""
    if to == NOBODY:
        return
    found = select(Member.id).where(
        Member.id == to.member_id, Member.agency_id == agency_id, Member.left_at.is_(None)
    )
    if to.group_id is not None:
        found = select(StaffGroup.id).where(StaffGroup.id == to.group_id, StaffGroup.agency_id == agency_id)
    if None not in {to.member_id, to.group_id} or session.scalar(found.with_for_update(read=True)) is None:
        raise AssigneeUnknown


def _outcome(state: str | None) -> Outcome:
    if state is None:
        return Outcome.UNKNOWN
    return Outcome.ASSIGNED if GrantState(state).is_open else Outcome.ENDED


def _store(session: Session, member: Member, grant_ids: list[uuid.UUID], *, to: Assignee) -> list[uuid.UUID]:
    """Store who looks after these grants, which are locked; return those of which that is somebody else."""
    now = {
        row.grant_id: Assignee(row.member_id, row.group_id)
        for row in session.execute(
            select(Assignment.grant_id, Assignment.member_id, Assignment.group_id)
            .where(Assignment.grant_id.in_(grant_ids))
        )
    }  # fmt: skip
    changed = sorted(grant_id for grant_id in grant_ids if now.get(grant_id, NOBODY) != to)
    known = [grant_id for grant_id in changed if grant_id in now]
    these, unsynchronised = Assignment.grant_id.in_(known), {"synchronize_session": False}
    if to == NOBODY:
        session.execute(delete(Assignment).where(these), execution_options=unsynchronised)
        return changed
    values = {"member_id": to.member_id, "group_id": to.group_id, "assigned_by": member.id,
              "assigned_at": clock.now()}  # fmt: skip
    session.execute(update(Assignment).where(these).values(**values), execution_options=unsynchronised)
    fresh = [{"grant_id": grant_id, **values} for grant_id in changed if grant_id not in now]
    if fresh:
        session.execute(insert(Assignment), fresh)
    return changed


def _text(identifier: uuid.UUID | None) -> str | None:
    return str(identifier) if identifier else None
