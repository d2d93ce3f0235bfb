"""引き継ぎ一覧: the owners whom somebody looks after who left, or will leave, and giving them to others."""

import uuid
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Select, func, select
from sqlalchemy.orm import InstrumentedAttribute, Session, lazyload

from idp.accounts.models import Account, Member, OwnerProfile
from idp.accounts.staff.models import StaffGroup
from idp.audit.events import Event
from idp.audit.service import record_event
from idp.delegation.assignments.assigning import assign
from idp.delegation.assignments.models import Assignment
from idp.delegation.assignments.rules import Assignee, Outcome
from idp.delegation.disclosures import rules as disclosed
from idp.delegation.disclosures.rules import Occasion
from idp.delegation.disclosures.service import record_disclosures
from idp.delegation.models import ENDED, Grant
from idp.delegation.rules import GrantState
from idp.delegation.service import owner_is_visible

OPEN = [state for state in GrantState if state.is_open]


@dataclass(frozen=True)
class Line:
    """One owner of the list; the name only while the agency may see it."""

    grant_id: uuid.UUID
    user_id: int
    name: str
    state: GrantState
    last_used_at: datetime | None


def lines(
    session: Session, member_id: uuid.UUID, *, now: datetime, after: int = 0, most: int | None = None
) -> list[Line]:
    """Return the owners assigned to a member (not to a group of theirs), by ユーザーID.

    :param after: the ユーザーID that the page before ended with.
    """
    rows = session.execute(
        select(Grant, OwnerProfile.user_id, Account.name)
        .options(lazyload(Grant.owner), lazyload(Grant.agency))
        .join(Assignment, Assignment.grant_id == Grant.id)
        .join(Account, Account.id == Grant.owner_id)
        .join(OwnerProfile, OwnerProfile.account_id == Grant.owner_id)
        .where(Assignment.member_id == member_id, Grant.state.in_(OPEN), OwnerProfile.user_id > after)
        .order_by(OwnerProfile.user_id)
        .limit(most)
    ).all()
    return [
        Line(grant.id, user_id, name if owner_is_visible(grant, now) else "", GrantState(grant.state),
             grant.last_used_at)
        for grant, user_id, name in rows
    ]  # fmt: skip


def export_lines(session: Session, manager: Member, member: Member, *, now: datetime) -> list[Line]:
    """Return the whole list for a file, and record who took it along and whose name was in it."""
    found = lines(session, member.id, now=now)
    told = [line.grant_id for line in found if line.name]
    record_disclosures(session, told, occasion=Occasion.EXPORT, items=(disclosed.USER_ID, disclosed.NAME))
    record_event(
        session, Event.LIST_EXPORTED, actor_id=manager.account_id, agency_id=manager.agency_id,
        rows=len(found), with_data=len(told), member=str(member.id),
    )  # fmt: skip
    return found


def count_of_member(session: Session, member_id: uuid.UUID) -> int:
    """Return how many owners are assigned to a member."""
    counted = (
        select(func.count())
        .select_from(Assignment)
        .join(Grant, Grant.id == Assignment.grant_id)
        .where(Assignment.member_id == member_id, Grant.state.in_(OPEN))
    )
    return session.scalar(counted) or 0


def counts_by_member(session: Session, agency_id: uuid.UUID) -> dict[uuid.UUID, int]:
    """Return how many owners are assigned to each member of an agency, also to those who left."""
    members = select(Member.id).where(Member.agency_id == agency_id)
    return _counts(session, agency_id, Assignment.member_id, among=members)


def counts_by_group(session: Session, agency_id: uuid.UUID) -> dict[uuid.UUID, int]:
    """Return how many owners are assigned to each group of an agency."""
    groups = select(StaffGroup.id).where(StaffGroup.agency_id == agency_id)
    return _counts(session, agency_id, Assignment.group_id, among=groups)


def _counts(
    session: Session,
    agency_id: uuid.UUID,
    column: InstrumentedAttribute[uuid.UUID | None],
    *,
    among: Select[uuid.UUID],
) -> dict[uuid.UUID, int]:
    """Count all assignments in their index and take off those of grants that are over, which are fewer.

    Looking at each of 50,000 grants that stand would take most of the time of a page.
    """
    counted = session.execute(select(column, func.count()).where(column.in_(among)).group_by(column)).all()
    over = session.execute(
        select(column, func.count())
        .join(Grant, Grant.id == Assignment.grant_id)
        .where(Grant.agency_id == agency_id, ENDED, column.is_not(None))
        .group_by(column)
    ).all()
    gone = {row[0]: row[1] for row in over}
    left = {row[0]: row[1] - gone.get(row[0], 0) for row in counted}
    return {identifier: number for identifier, number in left.items() if identifier is not None and number}


def members_who_left(session: Session, agency_id: uuid.UUID, counts: Mapping[uuid.UUID, int]) -> list[Member]:
    """Return those who left and still have owners assigned to them, the latest first."""
    gone = select(Member).where(Member.agency_id == agency_id, Member.left_at.is_not(None))
    left = session.scalars(gone.order_by(Member.left_at.desc())).unique()
    return [member for member in left if member.id in counts]


def grants_of_member(
    session: Session, member_id: uuid.UUID, chosen: Collection[uuid.UUID] | None = None
) -> list[uuid.UUID]:
    """Return the grants to hand over: all that stand, or those chosen of them."""
    theirs = (
        select(Grant.id)
        .join(Assignment, Assignment.grant_id == Grant.id)
        .where(Assignment.member_id == member_id, Grant.state.in_(OPEN))
    )
    found = session.scalars(theirs).all()
    return [grant_id for grant_id in found if chosen is None or grant_id in chosen]


def hand_over(session: Session, manager: Member, grant_ids: Collection[uuid.UUID], *, to: Assignee) -> int:
    """Assign many grants, however many there are, and return how many of them still stood.

    :raises AssigneeUnknown: no such member or group is there now.
    """
    outcomes = assign(session, manager, grant_ids, to=to)
    return sum(outcome is Outcome.ASSIGNED for _grant_id, outcome in outcomes)
