"""Inviting somebody to an agency's staff, and accepting that.

Role and agency are those of the stored invitation; the link says nothing but which one it is. Whether the
invitation holds is asked anew each time: of the link, of whoever invited, and of the agency.
"""

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from idp import credentials
from idp.accounts import links
from idp.accounts.link_policy import LinkPolicy, may_mail_link
from idp.accounts.models import Account, Agency, MailLink, Member
from idp.accounts.people import find_account_by_email, get_member_in_good_standing
from idp.accounts.rules import AccountStatus, AddressTaken, AgencyStatus, LinkPurpose, MemberRole
from idp.accounts.staff.models import StaffInvitation
from idp.accounts.staff.places import hold_agency, hold_manager
from idp.accounts.staff.rules import (
    MOST_IN_A_DAY,
    MOST_WAITING,
    AnotherPerson,
    InvitationFacts,
    InvitationOver,
    InvitationState,
    MemberAlready,
    MemberElsewhere,
    NoSuchInvitation,
    TooManyInvitations,
    invitation_state,
)
from idp.audit.events import Event
from idp.audit.service import record_event
from idp.credentials import SecretKind
from idp.mail import staff_messages

PURPOSE = LinkPurpose.STAFF_INVITATION


@dataclass(frozen=True)
class NewPerson:
    """What somebody without an account typed about themselves, folded and checked by the form."""

    name: str
    furigana: str
    password_hash: str


def invite(
    session: Session,
    account_id: uuid.UUID,
    email: str,
    *,
    role: MemberRole,
    policy: LinkPolicy,
    now: datetime,
) -> None:
    """Mail an invitation; the caller answers alike whoever's the address is, and however often it was asked.

    An invitation of this agency that waits for the address already is replaced. Beyond the limits nothing
    happens at all: an older link stays good.

    :raises RoleMayNot: the person is no manager.
    :raises TooManyInvitations: so many of the agency wait already, or were mailed within a day.
    """
    if not may_mail_link(session, email, policy, now=now):
        return
    _hold_links(session, email)
    manager = hold_manager(session, account_id)
    _store(session, manager.agency, email, role=role, by=manager, policy=policy, now=now)


def invite_by_operator(
    session: Session, agency: Agency, email: str, *, policy: LinkPolicy, now: datetime
) -> None:
    """Mail an invitation to become a manager, at the word of an agency that has none left to do it."""
    _hold_links(session, email)
    hold_agency(session, agency.id)
    _store(session, agency, email, role=MemberRole.MANAGER, by=None, policy=policy, now=now)


def invite_again(
    session: Session, account_id: uuid.UUID, invitation_id: uuid.UUID, *, policy: LinkPolicy, now: datetime
) -> None:
    """Mail an invitation that waits once more, with a new link and a new end.

    :raises NoSuchInvitation: it does not wait.
    :raises TooManyInvitations: so many of the agency were mailed within a day.
    """
    agency_id = get_member_in_good_standing(session, account_id).agency_id
    email = _get_waiting(session, agency_id, invitation_id).email
    may_mail = may_mail_link(session, email, policy, now=now)
    _hold_links(session, email)
    manager = hold_manager(session, account_id)
    role = MemberRole(_get_waiting(session, agency_id, invitation_id).role)
    if may_mail:
        _store(session, manager.agency, email, role=role, by=manager, policy=policy, now=now)


def withdraw(session: Session, account_id: uuid.UUID, invitation_id: uuid.UUID, *, now: datetime) -> None:
    """Take an invitation back; its link opens nothing from here on.

    :raises NoSuchInvitation: it does not wait (any more).
    """
    manager = hold_manager(session, account_id)
    _get_waiting(session, manager.agency_id, invitation_id).withdrawn_at = now
    record_event(
        session, Event.MEMBER_INVITATION_WITHDRAWN, actor_id=account_id, agency_id=manager.agency_id,
        invitation=str(invitation_id),
    )  # fmt: skip


def waiting_invitations(session: Session, agency_id: uuid.UUID) -> list[StaffInvitation]:
    """Return what an agency has sent and nobody accepted yet, the newest first; some may be over."""
    return list(
        session.scalars(
            select(StaffInvitation)
            .where(StaffInvitation.agency_id == agency_id, *_IS_WAITING)
            .order_by(StaffInvitation.created_at.desc())
        )
    )


def get_open_invitation(session: Session, token: str, *, now: datetime) -> tuple[StaffInvitation, Agency]:
    """Return the invitation that a link is for; looking changes nothing.

    :raises InvitationOver: it is expired, used, replaced, unknown or void.
    """
    if not credentials.is_kind(token, SecretKind.MAIL_LINK):
        raise InvitationOver(InvitationState.UNKNOWN)
    found = session.execute(
        select(StaffInvitation, Agency, MailLink, Member)
        .join(Agency, Agency.id == StaffInvitation.agency_id)
        .join(MailLink, MailLink.digest == StaffInvitation.link_digest)
        .outerjoin(Member, Member.id == StaffInvitation.invited_by)
        .where(StaffInvitation.link_digest == credentials.digest(token))
        .execution_options(populate_existing=True)
    ).one_or_none()
    if found is None:
        raise InvitationOver(InvitationState.UNKNOWN)
    invitation, agency, link, inviter = found
    manages = inviter is None or (
        inviter.left_at is None
        and MemberRole(inviter.role).can_manage
        and inviter.account.status == AccountStatus.ACTIVE
    )
    facts = InvitationFacts(
        expires_at=min(link.expires_at, invitation.expires_at), accepted_at=invitation.accepted_at,
        withdrawn_at=invitation.withdrawn_at, link_replaced_at=link.replaced_at, inviter_manages=manages,
        agency_in_business=agency.status == AgencyStatus.ACTIVE,
    )  # fmt: skip
    state = invitation_state(facts, now=now)
    if state is not InvitationState.FRESH:
        raise InvitationOver(state)
    return invitation, agency


def find_invited(
    session: Session, invitation: StaffInvitation, signed_in: uuid.UUID | None
) -> Account | None:
    """Return the invited person's account, if they have one and are signed in with it; None for a new one.

    :raises AnotherPerson: the address is somebody's who is not signed in here.
    :raises MemberAlready: they have a place in this agency.
    :raises MemberElsewhere: they have a place in another one.
    """
    account = find_account_by_email(session, invitation.email)
    if account is None:
        return None
    if account.id != signed_in:
        raise AnotherPerson(signed_in=signed_in is not None)
    place = session.execute(
        select(Member.agency_id, Agency.status).join(Agency, Agency.id == Member.agency_id)
        .where(Member.account_id == account.id, Member.left_at.is_(None))
    ).one_or_none()  # fmt: skip
    if place is not None and place.agency_id == invitation.agency_id:
        raise MemberAlready
    if place is not None and place.status != AgencyStatus.CLOSED:
        raise MemberElsewhere
    return account


def accept(
    session: Session, token: str, *, signed_in: uuid.UUID | None, person: NewPerson | None, now: datetime
) -> Member:
    """Give the invited person their place, in the role of the invitation, and make the account of a new one.

    :param person: what a new one typed; ignored for whoever has an account.
    :raises InvitationOver: the link cannot be used (any more); of two at once, one gets the place.
    :raises AnotherPerson: see `find_invited`, as for MemberAlready and MemberElsewhere.
    :raises AddressTaken: the address became somebody's while the form was open.
    """
    digest = credentials.digest(token)
    session.execute(select(MailLink.digest).where(MailLink.digest == digest).with_for_update(key_share=True))
    agency_of = select(StaffInvitation.agency_id).where(StaffInvitation.link_digest == digest)
    hold = select(Agency.id).where(Agency.id == agency_of.scalar_subquery())
    session.execute(
        hold.with_for_update(read=True)
    )  # whoever removes or demotes the inviter waits, or is seen
    invitation, agency = get_open_invitation(session, token, now=now)
    account = find_invited(session, invitation, signed_in)
    if account is None and person is None:
        raise AddressTaken
    links.use_link(session, token, purpose=PURPOSE, now=now)
    if account is None and person is not None:
        account = _make_account(session, invitation.email, person, now)
    assert account is not None  # noqa: S101 - one of the two is there
    _leave_closed(session, account.id, now)
    invitation.accepted_at = now
    member = Member(
        id=credentials.new_id(), account_id=account.id, agency_id=agency.id, role=invitation.role,
        joined_at=now,
    )  # fmt: skip
    try:
        with session.begin_nested():
            session.add(member)
    except IntegrityError as error:  # they took a place elsewhere at the same moment
        raise MemberElsewhere from error
    record_event(
        session, Event.MEMBER_ADDED, actor_id=account.id, agency_id=agency.id, role=member.role,
        member=str(member.id), invitation=str(invitation.id),
    )  # fmt: skip
    return member


_IS_WAITING = (StaffInvitation.accepted_at.is_(None), StaffInvitation.withdrawn_at.is_(None))


def _store(
    session: Session, agency: Agency, email: str, *, role: MemberRole, by: Member | None, policy: LinkPolicy,
    now: datetime,
) -> None:  # fmt: skip
    earlier = session.execute(
        select(StaffInvitation.id, StaffInvitation.link_digest)
        .where(StaffInvitation.agency_id == agency.id, StaffInvitation.email == email, *_IS_WAITING)
    ).all()  # fmt: skip
    waiting = select(func.count()).where(StaffInvitation.agency_id == agency.id, *_IS_WAITING)
    if (session.scalar(waiting) or 0) - len(earlier) >= MOST_WAITING:
        raise TooManyInvitations
    mailed = select(func.count()).where(
        StaffInvitation.agency_id == agency.id, StaffInvitation.created_at > now - timedelta(days=1)
    )
    if by is not None and (session.scalar(mailed) or 0) >= MOST_IN_A_DAY:
        raise TooManyInvitations
    token, ends = links.issue_link(
        session, PURPOSE, email=email, lifetime=policy.lifetime, now=now,
        in_place_of=[row.link_digest for row in earlier],
    )  # fmt: skip
    # The older link has been replaced, which is not the same as withdrawn for whoever opens it.
    session.execute(
        update(StaffInvitation).where(StaffInvitation.id.in_([row.id for row in earlier]))
        .values(withdrawn_at=now)
    )  # fmt: skip
    invitation = StaffInvitation(
        id=credentials.new_id(), agency_id=agency.id, email=email, role=role,
        invited_by=by.id if by else None, link_digest=credentials.digest(token), created_at=now,
        expires_at=ends,
    )  # fmt: skip
    session.add(invitation)
    session.flush()
    record_event(
        session, Event.MEMBER_INVITED, actor_id=by.account_id if by else None, agency_id=agency.id, role=role,
        invitation=str(invitation.id),
    )  # fmt: skip
    staff_messages.staff_invitation(
        session, email=email, token=token, agency_name=agency.name, role=role,
        inviter_name=by.account.name if by else "", expires_at=ends,
    )  # fmt: skip


def _hold_links(session: Session, email: str) -> None:
    """Lock the links that may be replaced, before the agency: so does whoever is accepting one."""
    mine = select(MailLink.digest).where(MailLink.email == email, MailLink.purpose == PURPOSE)
    session.execute(mine.order_by(MailLink.digest).with_for_update(key_share=True))


def _get_waiting(session: Session, agency_id: uuid.UUID, invitation_id: uuid.UUID) -> StaffInvitation:
    waiting = session.scalar(
        select(StaffInvitation)
        .where(StaffInvitation.id == invitation_id, StaffInvitation.agency_id == agency_id, *_IS_WAITING)
        .execution_options(populate_existing=True)
    )
    if waiting is None:
        raise NoSuchInvitation
    return waiting


def _make_account(session: Session, email: str, person: NewPerson, now: datetime) -> Account:
    account = Account(
        id=credentials.new_id(), email=email, name=person.name, furigana=person.furigana,
        password_hash=person.password_hash, created_at=now, password_changed_at=now,
    )  # fmt: skip
    try:
        with session.begin_nested():
            session.add(account)
    except IntegrityError as error:
        raise AddressTaken from error
    return account


def _leave_closed(session: Session, account_id: uuid.UUID, now: datetime) -> None:
    """End a place in an agency that is closed: nobody is there to end it."""
    closed = select(Agency.id).where(Agency.status == AgencyStatus.CLOSED)
    session.execute(
        update(Member)
        .where(Member.account_id == account_id, Member.left_at.is_(None), Member.agency_id.in_(closed))
        .values(left_at=now),
        execution_options={"synchronize_session": False},
    )
