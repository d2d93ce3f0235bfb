"""Who looks after which owner, asked of the records as they are now.

With ``Agency.assigned_only`` the roles that only sign in or look (those without ``sees_every_owner``) see and
serve what is assigned to them or to a group of theirs; without it assignments are notes and hide nothing.
"""

import uuid

from sqlalchemy import ColumnElement, Select, or_, select, true
from sqlalchemy.orm import Session

from idp.accounts.models import Member
from idp.accounts.rules import MemberRole
from idp.accounts.staff.models import GroupMember
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
