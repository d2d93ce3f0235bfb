"""An agency's invitations: made, counted, withdrawn. They name the agency to an owner and grant nothing."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from idp import clock, credentials
from idp.accounts.models import Member
from idp.accounts.rules import MemberRole, RoleMayNot
from idp.audit.events import Event
from idp.audit.service import record_event
from idp.db import lock_named
from idp.delegation.invitations.models import AgencyInvitation
from idp.delegation.invitations.rules import (
    ALPHABET,
    CODE_LENGTH,
    LABEL_LENGTH,
    MOST_OPEN,
    InvitationOver,
    InvitationUnknown,
    Standing,
    TooManyInvitations,
    read,
    standing_of,
)
from idp.delegation.models import Grant

WITHDRAWN_SHOWN = 20


@dataclass(frozen=True)
class Counted:
    """An invitation, and how many owners consented who came by it."""

    invitation: AgencyInvitation
    consented: int


def make_invitation(session: Session, member: Member, *, label: str) -> AgencyInvitation:
    """Make a link and leaflet of the member's agency.

    :raises RoleMayNot: the member's role does not answer owners.
    :raises TooManyInvitations: some have to be withdrawn first.
    """
    _check_may_invite(member)
    lock_named(session, f"invitations:{member.agency_id}")
    if _count_open(session, member.agency_id) >= MOST_OPEN:
        raise TooManyInvitations
    code = "".join(ALPHABET[credentials.random_below(len(ALPHABET))] for _ in range(CODE_LENGTH))
    invitation = AgencyInvitation(
        id=credentials.new_id(), agency_id=member.agency_id, code=code, label=label[:LABEL_LENGTH],
        created_by=member.id, created_at=clock.now(), opened=0,
    )  # fmt: skip
    session.add(invitation)
    session.flush()
    record_event(
        session, Event.AGENCY_INVITATION_MADE, actor_id=member.account_id, agency_id=member.agency_id,
        invitation=str(invitation.id),
    )  # fmt: skip
    return invitation


def withdraw_invitation(session: Session, member: Member, invitation_id: uuid.UUID) -> AgencyInvitation:
    """Withdraw an invitation: the paper leads nowhere from now on; grants that came of it stay.

    :raises InvitationUnknown: it is not this agency's.
    :raises RoleMayNot: the member's role does not answer owners.
    :raises InvitationOver: it is withdrawn already.
    """
    invitation = get_invitation(session, member, invitation_id)
    withdrawn = session.execute(
        update(AgencyInvitation)
        .where(AgencyInvitation.id == invitation.id, AgencyInvitation.withdrawn_at.is_(None))
        .values(withdrawn_at=clock.now())
        .returning(AgencyInvitation.id),
        execution_options={"synchronize_session": False},
    ).first()
    if withdrawn is None:
        raise InvitationOver(Standing.WITHDRAWN)
    record_event(
        session, Event.AGENCY_INVITATION_WITHDRAWN, actor_id=member.account_id, agency_id=member.agency_id,
        invitation=str(invitation.id),
    )  # fmt: skip
    return invitation


def get_invitation(session: Session, member: Member, invitation_id: uuid.UUID) -> AgencyInvitation:
    """Return an invitation of the member's agency.

    :raises InvitationUnknown: there is none, or it is another agency's.
    :raises RoleMayNot: the member's role does not answer owners.
    """
    _check_may_invite(member)
    invitation = session.get(AgencyInvitation, invitation_id)
    if invitation is None or invitation.agency_id != member.agency_id:
        raise InvitationUnknown
    return invitation


def invitations_of(session: Session, member: Member) -> list[Counted]:
    """Return the agency's invitations, those that are open first, then the newest.

    :raises RoleMayNot: the member's role does not answer owners.
    """
    _check_may_invite(member)
    own = select(AgencyInvitation).where(AgencyInvitation.agency_id == member.agency_id)
    newest = AgencyInvitation.created_at.desc()
    still_open = session.scalars(own.where(AgencyInvitation.withdrawn_at.is_(None)).order_by(newest)).all()
    withdrawn = session.scalars(
        own.where(AgencyInvitation.withdrawn_at.is_not(None)).order_by(newest).limit(WITHDRAWN_SHOWN)
    ).all()
    found = [*still_open, *withdrawn]
    consented = _consented(session, found)
    return [Counted(invitation, consented.get(invitation.id, 0)) for invitation in found]


def find_open_invitation(session: Session, code: str) -> AgencyInvitation:
    """Return the invitation that somebody holds in their hand.

    :raises InvitationUnknown: nobody made such a one.
    :raises InvitationOver: it leads nowhere any more; says why.
    """
    invitation = session.scalar(select(AgencyInvitation).where(AgencyInvitation.code == read(code)))
    if invitation is None:
        raise InvitationUnknown
    standing = standing_of(withdrawn_at=invitation.withdrawn_at, agency_status=invitation.agency.status)
    if standing is not Standing.OPEN:
        raise InvitationOver(standing)
    return invitation


def count_opened(session: Session, invitation_id: uuid.UUID) -> None:
    """Note that somebody went on from the first page; two at once are two."""
    session.execute(
        update(AgencyInvitation)
        .where(AgencyInvitation.id == invitation_id)
        .values(opened=AgencyInvitation.opened + 1),
        execution_options={"synchronize_session": False},
    )


def _check_may_invite(member: Member) -> None:
    if not MemberRole(member.role).can_decide:
        raise RoleMayNot


def _count_open(session: Session, agency_id: uuid.UUID) -> int:
    chosen = select(func.count()).where(
        AgencyInvitation.agency_id == agency_id, AgencyInvitation.withdrawn_at.is_(None)
    )
    return session.scalar(chosen) or 0


def _consented(session: Session, invitations: Sequence[AgencyInvitation]) -> dict[uuid.UUID, int]:
    """Count owners, not grants: who asks again after a refusal is still one."""
    counted = session.execute(
        select(Grant.invitation_id, func.count(Grant.owner_id.distinct()))
        .where(Grant.invitation_id.in_([invitation.id for invitation in invitations]))
        .group_by(Grant.invitation_id)
    ).all()
    return {invitation_id: count for invitation_id, count in counted if invitation_id is not None}
