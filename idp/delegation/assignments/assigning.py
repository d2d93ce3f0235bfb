"""Giving owners to those who look after them, and ending what somebody may no longer do.

Locks are taken in the order of docs/decisions/0013-postgresql.md: place in the agency, group, grants,
sign-ins, proxy logins. Whoever begins a proxy login holds its grant and its sign-in: what they began is seen.
"""

import uuid
from collections.abc import Collection

from sqlalchemy import and_, delete, not_, or_, select, update
from sqlalchemy.orm import Session

from idp import clock
from idp.accounts.models import Agency, BrowserSession, Member
from idp.accounts.rules import MemberRole, RoleMayNot
from idp.accounts.staff.models import GroupMember, StaffGroup
from idp.audit.events import Event
from idp.audit.service import record_event
from idp.db import insert_once
from idp.delegation import proxy_logins
from idp.delegation.assignments.models import Assignment
from idp.delegation.assignments.rules import Assignee, AssigneeUnknown, Outcome
from idp.delegation.models import ActAsSession, Grant
from idp.delegation.rules import GrantState, SessionEnd

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
    lock = select(Grant.id, Grant.state).where(Grant.agency_id == member.agency_id, Grant.id.in_(grant_ids))
    states = {
        row.id: row.state for row in session.execute(lock.order_by(Grant.id).with_for_update(key_share=True))
    }
    outcomes = [(grant_id, _outcome(states.get(grant_id))) for grant_id in grant_ids]
    for grant_id in sorted({one for one, outcome in outcomes if outcome is Outcome.ASSIGNED}):
        if _store(session, member, grant_id, to=to):
            record_event(
                session, Event.OWNER_ASSIGNED, actor_id=member.account_id, agency_id=member.agency_id,
                grant_id=grant_id, member=_text(to.member_id), group=_text(to.group_id),
            )  # fmt: skip
    end_unassigned(session, member.agency_id)
    return outcomes


def end_unassigned(session: Session, agency_id: uuid.UUID) -> None:
    """End the running proxy logins for owners whom, as things are now, their staff no longer serve.

    Called after whatever narrows that: an assignment, a group, a role, the agency's wish to assign owners.
    """
    limited = select(Member.account_id).where(Member.agency_id == agency_id, Member.role.in_(_LIMITED))
    sign_ins = select(BrowserSession.id).where(
        BrowserSession.account_id.in_(limited), BrowserSession.ended_at.is_(None)
    )
    session.execute(sign_ins.order_by(BrowserSession.id).with_for_update(key_share=True))
    groups = select(GroupMember.group_id).where(GroupMember.member_id == ActAsSession.member_id)
    theirs = or_(Assignment.member_id == ActAsSession.member_id, Assignment.group_id.in_(groups))
    is_theirs = select(Assignment.grant_id).where(Assignment.grant_id == ActAsSession.grant_id, theirs)
    not_served = (
        select(ActAsSession.id)
        .join(Member, Member.id == ActAsSession.member_id)
        .join(Agency, Agency.id == Member.agency_id)
        .where(Agency.id == agency_id, ActAsSession.ended_at.is_(None))
        .where(or_(Member.role == MemberRole.VIEWER,
                   and_(Agency.assigned_only, Member.role.in_(_LIMITED), not_(is_theirs.exists()))))
    )  # fmt: skip
    proxy_logins.end_all_of(session, session.scalars(not_served).all(), reason=SessionEnd.LEFT)


def _hold_assignee(session: Session, agency_id: uuid.UUID, to: Assignee) -> None:
    """Keep the member in the agency, or the group in being, until this is stored."""
    if to == Assignee():
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


def _store(session: Session, member: Member, grant_id: uuid.UUID, *, to: Assignee) -> bool:
    """Store who looks after a grant, and tell whether that is somebody else than before."""
    this = Assignment.grant_id == grant_id
    if to == Assignee():
        return session.scalar(delete(Assignment).where(this).returning(Assignment.grant_id)) is not None
    values = {"member_id": to.member_id, "group_id": to.group_id, "assigned_by": member.id,
              "assigned_at": clock.now()}  # fmt: skip
    if insert_once(session, Assignment, {"grant_id": grant_id, **values}):
        return True
    is_new = or_(Assignment.member_id.is_distinct_from(to.member_id),
                 Assignment.group_id.is_distinct_from(to.group_id))  # fmt: skip
    changed = update(Assignment).where(this, is_new).values(**values).returning(Assignment.grant_id)
    return session.scalar(changed, execution_options={"synchronize_session": False}) is not None


def _text(identifier: uuid.UUID | None) -> str | None:
    return str(identifier) if identifier else None
