"""Who looks after which owner, asked of the records as they are now.

With ``Agency.assigned_only`` the roles that only sign in or look (those without ``sees_every_owner``) see and
serve what is assigned to them or to a group of theirs; without it assignments are notes and hide nothing.
"""

import uuid
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Select, or_, select, true
from sqlalchemy.orm import Session

from idp.accounts.models import Account, Member
from idp.accounts.rules import MemberRole
from idp.accounts.staff.models import GroupMember, StaffGroup
from idp.delegation.assignments.models import Assignment
from idp.delegation.models import Grant


def is_limited(member: Member) -> bool:
    """Tell whether this member sees and serves only what is assigned to them."""
    return member.agency.assigned_only and not MemberRole(member.role).sees_every_owner


def may_serve(session: Session, grant_id: uuid.UUID, member: Member) -> bool:
    """Tell whether assignments let this member see and serve a grant of their own agency."""
    return not is_limited(member) or is_assigned(session, grant_id, member)


def is_assigned(session: Session, grant_id: uuid.UUID, member: Member) -> bool:
    """Tell whether a grant's owner is assigned to a member, or to one of their groups, who has not left."""
    found = _assigned(member).where(Assignment.grant_id == grant_id)
    return session.scalar(found) is not None


@dataclass(frozen=True)
class Named:
    """Who looks after an owner, in words."""

    kind: str
    """member or group."""
    id: uuid.UUID
    name: str
    has_left: bool


def find_assignee(session: Session, grant_id: uuid.UUID) -> Named | None:
    """Return who looks after a grant's owner, also somebody who has left: it waits to be handed over."""
    row = session.execute(
        select(Assignment.member_id, Account.name, Member.left_at, StaffGroup.id, StaffGroup.name)
        .outerjoin(Member, Member.id == Assignment.member_id)
        .outerjoin(Account, Account.id == Member.account_id)
        .outerjoin(StaffGroup, StaffGroup.id == Assignment.group_id)
        .where(Assignment.grant_id == grant_id)
    ).one_or_none()
    if row is None:
        return None
    member_id, name, left_at, group_id, group_name = row
    if group_id is not None:
        return Named("group", group_id, group_name, has_left=False)
    return Named("member", member_id, name, has_left=left_at is not None)


def assigned_to(member: Member) -> ColumnElement[bool]:
    """Return the condition on ``Grant`` that it is assigned to this member or to a group of theirs."""
    return Grant.id.in_(_assigned(member))


def visible_to(member: Member) -> ColumnElement[bool]:
    """Return the condition on ``Grant`` that assignments do not hide it from this member."""
    return assigned_to(member) if is_limited(member) else true()


def _assigned(member: Member) -> Select[uuid.UUID]:
    groups = select(GroupMember.group_id).where(GroupMember.member_id == member.id)
    is_present = select(Member.id).where(Member.id == member.id, Member.left_at.is_(None)).exists()
    mine = or_(Assignment.member_id == member.id, Assignment.group_id.in_(groups))
    return select(Assignment.grant_id).where(mine, is_present)
