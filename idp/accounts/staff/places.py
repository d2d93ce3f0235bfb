"""The places in an agency: who has which role, and how one ends.

Whatever could leave an agency without a manager is decided while the agency's row is locked, so that two who
remove each other at the same moment come one after the other, and the second finds that they are out.
"""

import uuid
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from idp import clock
from idp.accounts.models import Account, Agency, Member
from idp.accounts.people import get_member_in_good_standing
from idp.accounts.rules import AccountStatus, MemberRole, NotAMember, RoleMayNot
from idp.accounts.sessions.service import end_all_sessions
from idp.accounts.staff.models import GroupMember, StaffGroup, StaffInvitation
from idp.accounts.staff.rules import LastManager, NoSuchMember
from idp.audit.events import Event
from idp.audit.models import AuditEvent
from idp.audit.service import record_event
from idp.mail import staff_messages


@dataclass(frozen=True)
class Place:
    """A line of the list of staff."""

    member: Member
    groups: tuple[str, ...]
    last_sign_in: datetime | None


def list_places(session: Session, agency_id: uuid.UUID) -> list[Place]:
    """Return who is there now, managers first, then by reading of the name."""
    last_sign_in = (
        select(func.max(AuditEvent.at))
        .where(AuditEvent.actor_id == Member.account_id, AuditEvent.event == Event.SIGNED_IN)
        .scalar_subquery()
    )
    rows = session.execute(
        select(Member, last_sign_in).where(Member.agency_id == agency_id, Member.left_at.is_(None))
    ).all()
    names = session.execute(
        select(GroupMember.member_id, StaffGroup.name)
        .join(StaffGroup, StaffGroup.id == GroupMember.group_id)
        .where(StaffGroup.agency_id == agency_id)
        .order_by(StaffGroup.name)
    ).all()
    places = [
        Place(member, tuple(row.name for row in names if row.member_id == member.id), last)
        for member, last in rows
    ]
    return sorted(places, key=lambda place: (_rank(place.member), place.member.account.furigana))


def get_place(
    session: Session, agency_id: uuid.UUID, member_id: uuid.UUID, *, present: bool = True
) -> Member:
    """Return a place in this agency.

    :param present: whoever has left has none.
    :raises NoSuchMember: there is none, or it is another agency's: the two look the same.
    """
    member = session.get(Member, member_id, populate_existing=True)
    if member is None or member.agency_id != agency_id or (present and member.left_at is not None):
        raise NoSuchMember
    return member


def hold_agency(session: Session, agency_id: uuid.UUID) -> None:
    """Let nobody else change who is there until this transaction ends."""
    session.execute(select(Agency.id).where(Agency.id == agency_id).with_for_update(key_share=True))


def hold_manager(session: Session, account_id: uuid.UUID) -> Member:
    """Lock the agency of a person and return their place as it is then, if they manage.

    :raises NotAMember: the person belongs to no agency (any more).
    :raises AgencyNotActive: the agency is suspended.
    :raises RoleMayNot: the person is no manager (any more).
    """
    hold_agency(session, get_member_in_good_standing(session, account_id).agency_id)
    session.expire_all()  # what was read before the lock is over
    manager = get_member_in_good_standing(session, account_id)
    if not MemberRole(manager.role).can_manage:
        raise RoleMayNot
    return manager


def change_role(session: Session, account_id: uuid.UUID, member_id: uuid.UUID, *, role: MemberRole) -> Member:
    """Give somebody of the manager's own agency another role; it is felt at their next request.

    :raises NoSuchMember: they are not there.
    :raises LastManager: nobody else manages.
    """
    manager = hold_manager(session, account_id)
    member = get_place(session, manager.agency_id, member_id)
    _store_role(session, member, role, by=account_id)
    return member


def make_manager(session: Session, agency_id: uuid.UUID, member_id: uuid.UUID) -> None:
    """Let the operator make somebody a manager, at the word of an agency that has none left to do it."""
    hold_agency(session, agency_id)
    _store_role(session, get_place(session, agency_id, member_id), MemberRole.MANAGER, by=None)


def remove(session: Session, account_id: uuid.UUID, member_id: uuid.UUID, *, now: datetime) -> Member:
    """End somebody's place in the manager's own agency, with their sign-ins; the account stays.

    :raises NoSuchMember: they are not there (any more).
    :raises LastManager: nobody else manages.
    """
    manager = hold_manager(session, account_id)
    return _end(session, get_place(session, manager.agency_id, member_id), by=account_id, now=now)


def remove_by_operator(
    session: Session, agency_id: uuid.UUID, member_id: uuid.UUID, *, now: datetime
) -> Member:
    """End somebody's place at the agency's word on the telephone.

    :raises LastManager: nobody else manages.
    """
    hold_agency(session, agency_id)
    return _end(session, get_place(session, agency_id, member_id), by=None, now=now)


def leave(session: Session, account_id: uuid.UUID, *, now: datetime) -> Member:
    """End one's own place.

    :raises NotAMember: there is none (any more).
    :raises LastManager: nobody else manages.
    """
    hold_agency(session, get_member_in_good_standing(session, account_id).agency_id)
    session.expire_all()
    member = get_member_in_good_standing(session, account_id)
    return _end(session, member, by=account_id, now=now)


def is_last_manager(session: Session, member: Member) -> bool:
    """Tell whether nobody else of the agency both manages and can sign in."""
    if not MemberRole(member.role).can_manage:
        return False
    others = (
        select(func.count())
        .select_from(Member)
        .join(Account, Account.id == Member.account_id)
        .where(Member.agency_id == member.agency_id, Member.left_at.is_(None), Member.id != member.id)
        .where(Member.role == MemberRole.MANAGER, Account.status == AccountStatus.ACTIVE)
    )
    return session.scalar(others) == 0


def _store_role(session: Session, member: Member, role: MemberRole, *, by: uuid.UUID | None) -> None:
    """Store another role; what a former manager invited is taken back."""
    before = MemberRole(member.role)
    if role is before:
        return
    if not role.can_manage and is_last_manager(session, member):
        raise LastManager
    member.role = role
    session.flush()
    if not role.can_manage:
        withdraw_invitations_of(session, member, now=clock.now())
    record_event(
        session, Event.MEMBER_UPDATED, actor_id=by, agency_id=member.agency_id, member=str(member.id),
        before=before, role=role,
    )  # fmt: skip


def _end(session: Session, member: Member, *, by: uuid.UUID | None, now: datetime) -> Member:
    if is_last_manager(session, member):
        raise LastManager
    ended = session.execute(
        update(Member).where(Member.id == member.id, Member.left_at.is_(None)).values(left_at=now)
        .returning(Member.id)
    ).first()  # fmt: skip
    if ended is None:
        raise NotAMember if by == member.account_id else NoSuchMember
    withdraw_invitations_of(session, member, now=now)
    record_event(
        session, Event.MEMBER_REMOVED, actor_id=by, agency_id=member.agency_id, member=str(member.id),
        role=member.role, account=str(member.account_id),
    )  # fmt: skip
    end_all_sessions(session, member.account_id)
    _tell_managers(session, member, by=by, now=now)
    return member


def withdraw_invitations_of(session: Session, member: Member, *, now: datetime) -> None:
    """Take back what somebody invited who no longer may, so that the list shows only what holds."""
    session.execute(
        update(StaffInvitation)
        .where(StaffInvitation.invited_by == member.id)
        .where(StaffInvitation.accepted_at.is_(None), StaffInvitation.withdrawn_at.is_(None))
        .values(withdrawn_at=now)
    )


def _tell_managers(session: Session, member: Member, *, by: uuid.UUID | None, now: datetime) -> None:
    """Mail the managers who are left; owners are not told of an agency's staff."""
    managers = session.scalars(
        select(Account)
        .join(Member, Member.account_id == Account.id)
        .where(Member.agency_id == member.agency_id, Member.left_at.is_(None))
        .where(Member.role == MemberRole.MANAGER, Account.status == AccountStatus.ACTIVE)
        .order_by(Account.id)
    ).all()
    for manager in managers:
        if manager.email is not None:
            staff_messages.staff_left(
                session, email=manager.email, name=manager.name, staff_name=member.account.name,
                by_themselves=by == member.account_id, member_id=member.id, at=now,
            )  # fmt: skip


def _rank(member: Member) -> int:
    return list(MemberRole).index(MemberRole(member.role))
