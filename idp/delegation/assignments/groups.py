"""Groups of an agency's staff, and whether the agency wants owners assigned at all.

Every change is a manager's, made while the agency is locked, and ends what somebody may no longer do.
"""

import uuid
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from idp import credentials
from idp.accounts.models import Member
from idp.accounts.staff.models import GroupMember, StaffGroup
from idp.accounts.staff.places import hold_manager
from idp.audit.events import Event
from idp.audit.service import record_event
from idp.delegation.assignments.assigning import end_unassigned
from idp.delegation.assignments.handover import counts_by_group, hand_over
from idp.delegation.assignments.models import Assignment
from idp.delegation.assignments.rules import Assignee, GroupNameTaken, NoSuchGroup


@dataclass(frozen=True)
class Group:
    """A group with those who are in it now, and how many owners are assigned to it."""

    id: uuid.UUID
    name: str
    members: tuple[Member, ...]
    owners: int


def list_groups(session: Session, agency_id: uuid.UUID) -> list[Group]:
    """Return an agency's groups by name."""
    groups = session.scalars(
        select(StaffGroup).where(StaffGroup.agency_id == agency_id).order_by(StaffGroup.name)
    ).all()
    present = session.execute(
        select(GroupMember.group_id, Member)
        .join(Member, Member.id == GroupMember.member_id)
        .where(Member.agency_id == agency_id, Member.left_at.is_(None))
    ).all()
    owners = counts_by_group(session, agency_id)
    members = sorted(present, key=lambda row: row.Member.account.furigana)
    return [
        Group(group.id, group.name, tuple(row.Member for row in members if row.group_id == group.id),
              owners.get(group.id, 0))
        for group in groups
    ]  # fmt: skip


def get_group(session: Session, agency_id: uuid.UUID, group_id: uuid.UUID) -> Group:
    """Return one group of an agency.

    :raises NoSuchGroup: there is none, or it is another agency's: the two look the same.
    """
    for group in list_groups(session, agency_id):
        if group.id == group_id:
            return group
    raise NoSuchGroup


def make_group(session: Session, account_id: uuid.UUID, name: str, *, now: datetime) -> StaffGroup:
    """Make a group with nobody in it.

    :raises GroupNameTaken: the agency has one of this name.
    """
    manager = hold_manager(session, account_id)
    group = StaffGroup(id=credentials.new_id(), agency_id=manager.agency_id, name=name, created_at=now)
    try:
        with session.begin_nested():
            session.add(group)
    except IntegrityError as error:
        raise GroupNameTaken from error
    _record(session, manager, group.id, "made")
    return group


def change_group(
    session: Session, account_id: uuid.UUID, group_id: uuid.UUID, *, name: str, members: Collection[uuid.UUID]
) -> None:
    """Give a group another name and other members; ids that are nobody's of the agency are left out.

    :raises NoSuchGroup: there is none.
    :raises GroupNameTaken: the agency has another one of this name.
    """
    manager = hold_manager(session, account_id)
    group = _lock(session, manager.agency_id, group_id)
    try:
        with session.begin_nested():
            group.name = name
    except IntegrityError as error:
        raise GroupNameTaken from error
    present = session.scalars(
        select(Member.id).where(Member.agency_id == manager.agency_id, Member.left_at.is_(None))
    ).all()
    session.execute(delete(GroupMember).where(GroupMember.group_id == group_id))
    session.add_all(
        GroupMember(group_id=group_id, member_id=member_id) for member_id in present if member_id in members
    )
    session.flush()
    _record(session, manager, group_id, "changed")
    end_unassigned(session, manager.agency_id)


def delete_group(session: Session, account_id: uuid.UUID, group_id: uuid.UUID, *, to: Assignee) -> int:
    """Delete a group and give the owners assigned to it to others, or to nobody; return how many.

    :raises NoSuchGroup: there is none (any more).
    :raises AssigneeUnknown: the others are not there.
    """
    manager = hold_manager(session, account_id)
    if to.group_id == group_id:
        raise NoSuchGroup
    _lock(session, manager.agency_id, group_id)
    assigned = session.scalars(select(Assignment.grant_id).where(Assignment.group_id == group_id)).all()
    handed = hand_over(session, manager, assigned, to=to)
    session.execute(delete(Assignment).where(Assignment.group_id == group_id))  # of grants that are over
    session.execute(delete(GroupMember).where(GroupMember.group_id == group_id))
    session.execute(delete(StaffGroup).where(StaffGroup.id == group_id))
    _record(session, manager, group_id, "deleted")
    return handed


def set_assigned_only(session: Session, account_id: uuid.UUID, *, wanted: bool) -> None:
    """Store whether those who only sign in or look see and serve only the owners assigned to them."""
    manager = hold_manager(session, account_id)
    if manager.agency.assigned_only == wanted:
        return
    manager.agency.assigned_only = wanted
    session.flush()
    record_event(
        session, Event.AGENCY_RULES_CHANGED, actor_id=account_id, agency_id=manager.agency_id,
        assigned_only=wanted,
    )  # fmt: skip
    end_unassigned(session, manager.agency_id)


def _lock(session: Session, agency_id: uuid.UUID, group_id: uuid.UUID) -> StaffGroup:
    """Lock a group: whoever is assigning owners to it has done so, or finds what became of it."""
    group = session.get(StaffGroup, group_id, populate_existing=True, with_for_update=True)
    if group is None or group.agency_id != agency_id:
        raise NoSuchGroup
    return group


def _record(session: Session, manager: Member, group_id: uuid.UUID, change: str) -> None:
    record_event(
        session, Event.GROUP_CHANGED, actor_id=manager.account_id, agency_id=manager.agency_id,
        group=str(group_id), change=change,
    )  # fmt: skip
