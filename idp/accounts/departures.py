"""Leaving the club: what is erased of a person, what becomes of their products and their place in an agency.

Grants and proxy logins end above (``delegation.departures``), tokens and consents above that (``oauth``).
The address is free afterwards: whoever registers with it gets a new account that sees nothing of this one.
"""

import uuid
from collections.abc import Sequence

from sqlalchemy import delete, or_, select, update
from sqlalchemy.orm import Session

from idp import clock
from idp.accounts.models import Account, Agency, MailLink, Member, OwnerProfile, Product
from idp.accounts.people import note_change
from idp.accounts.products.service import set_joined_at
from idp.accounts.rules import (
    AccountStatus,
    AgencyStatus,
    NotAnOwner,
    SerialTaken,
    SerialUnknown,
    SerialYours,
    Service,
)
from idp.accounts.staff.models import StaffInvitation
from idp.accounts.staff.places import hold_agency, is_last_manager, withdraw_invitations_of
from idp.audit.events import Event
from idp.audit.service import record_event
from idp.errors import NotFound, Refusal


class AccountUnknown(NotFound):
    """There is no such account, or it was deleted before."""


class AgencyGone(NotFound):
    """There is no such agency, or it was closed before."""


class LastManagerLeaves(Refusal):
    """Nobody else could manage the agency: another manager is named first, or the agency is closed."""


def hold_account(session: Session, account_id: uuid.UUID) -> Account:
    """Lock an account that is to be deleted, and return it.

    :raises AccountUnknown: there is none, or it was deleted before.
    """
    account = session.scalars(
        select(Account)
        .where(Account.id == account_id, Account.status != AccountStatus.DELETED)
        .with_for_update(of=Account, key_share=True)
        .execution_options(populate_existing=True)
    ).one_or_none()
    if account is None:
        raise AccountUnknown
    return account


def erase_account(session: Session, account: Account) -> None:
    """Delete an account that is held: nobody signs in with it, and its address is anybody's again.

    The row stays, because records name its id, and with it the member number of an owner and, for what
    they did for owners as staff, a member's name. Everything else of the person goes.
    """
    now, email = clock.now(), account.email
    session.execute(
        delete(MailLink).where(or_(MailLink.account_id == account.id, MailLink.email == (email or ""))),
        execution_options={"synchronize_session": False},
    )
    was_member = session.scalar(select(Member.id).where(Member.account_id == account.id).limit(1)) is not None
    account.status, account.email, account.password_hash = AccountStatus.DELETED, None, None
    account.furigana, account.password_changed_at = "", now
    if not was_member:
        account.name = ""
    session.execute(
        update(OwnerProfile)
        .where(OwnerProfile.account_id == account.id)
        .values(postal_code="", prefecture="", city="", street="", phone="", info_sharing=False)
    )
    record_event(session, Event.ACCOUNT_DELETED, owner_id=account.id)
    session.flush()


def release_products(session: Session, owner_id: uuid.UUID) -> None:
    """Let go of everything that an owner has; whoever holds a unit's number can register it then."""
    owned = select(Product).where(Product.owner_id == owner_id).order_by(Product.id)
    for product in session.scalars(owned.with_for_update()).all():
        _give(session, product, to=None)


def hold_product(session: Session, serial_number: str, *, to: uuid.UUID | None) -> Product:
    """Lock former and next owner of a unit, and return it; nobody asks for a grant about it meanwhile.

    :raises SerialUnknown: no such unit left the factory.
    :raises SerialYours: it is the next owner's already, or nobody's and to be nobody's.
    :raises SerialTaken: it went to somebody else at this very moment.
    :raises NotAnOwner: the next owner is no owner in good standing.
    """
    product = session.scalar(select(Product).where(Product.serial_number == serial_number))
    if product is None:
        raise SerialUnknown
    former = product.owner_id
    if former == to:
        raise SerialYours
    people = [one for one in (former, to) if one is not None]
    held = session.scalars(
        select(Account).where(Account.id.in_(people)).order_by(Account.id)
        .with_for_update(of=Account, key_share=True).execution_options(populate_existing=True)
    ).all()  # fmt: skip
    for account in held:
        if account.id == to and (account.owner is None or account.status != AccountStatus.ACTIVE):
            raise NotAnOwner
    session.refresh(product)
    if product.owner_id != former:
        raise SerialTaken
    return product


def give_product(session: Session, product: Product, *, to: uuid.UUID | None) -> None:
    """Make a held unit another owner's, or nobody's, without the services that the former owner joined."""
    session.scalars(
        select(Product).where(Product.id == product.id).with_for_update()
        .execution_options(populate_existing=True)
    ).one()  # fmt: skip
    _give(session, product, to=to)


def _give(session: Session, product: Product, *, to: uuid.UUID | None) -> None:
    former = product.owner_id
    product.owner_id, product.claimed_at = to, clock.now() if to else None
    product.installation_postal_code = None
    for service in Service:
        set_joined_at(product, service, None)
    session.flush()
    record_event(
        session, Event.PRODUCT_TRANSFERRED, owner_id=former, product_id=product.product_id,
        to=str(to) if to else None,
    )  # fmt: skip
    for owner_id in (former, to):
        if owner_id is not None:
            note_change(session, owner_id)


def leave_agency(session: Session, account_id: uuid.UUID) -> None:
    """End a person's place in an agency, if they have one, because their account is being deleted.

    :raises LastManagerLeaves: nobody else manages the agency.
    """
    place = session.scalar(select(Member).where(Member.account_id == account_id, Member.left_at.is_(None)))
    if place is None:
        return
    hold_agency(session, place.agency_id)
    if place.agency.status != AgencyStatus.CLOSED and is_last_manager(session, place):
        raise LastManagerLeaves
    _leave(session, place)


def close_agency(session: Session, agency_id: uuid.UUID) -> tuple[Agency, Sequence[Member]]:
    """Close an agency for good and let its members leave; return it and who they were.

    :raises AgencyGone: there is none, or it was closed before.
    """
    places = select(Member).where(Member.agency_id == agency_id, Member.left_at.is_(None))
    people = [place.account_id for place in session.scalars(places)]
    session.execute(
        select(Account.id).where(Account.id.in_(people)).order_by(Account.id).with_for_update(key_share=True)
    ).close()
    agency = session.scalars(
        update(Agency).where(Agency.id == agency_id, Agency.status != AgencyStatus.CLOSED)
        .values(status=AgencyStatus.CLOSED).returning(Agency)
    ).one_or_none()  # fmt: skip
    if agency is None:
        raise AgencyGone
    record_event(session, Event.AGENCY_CLOSED, agency_id=agency_id)
    _withdraw_staff_invitations(session, agency_id)
    members = session.scalars(places.execution_options(populate_existing=True)).all()
    for place in members:
        _leave(session, place)
    return agency, members


def _leave(session: Session, place: Member) -> None:
    now = clock.now()
    place.left_at = now
    session.flush()
    withdraw_invitations_of(session, place, now=now)
    record_event(session, Event.MEMBER_REMOVED, owner_id=place.account_id, agency_id=place.agency_id)


def _withdraw_staff_invitations(session: Session, agency_id: uuid.UUID) -> None:
    links = session.scalars(
        update(StaffInvitation)
        .where(
            StaffInvitation.agency_id == agency_id, StaffInvitation.accepted_at.is_(None),
            StaffInvitation.withdrawn_at.is_(None),
        )
        .values(withdrawn_at=clock.now())
        .returning(StaffInvitation.link_digest)
    ).all()  # fmt: skip
    session.execute(delete(MailLink).where(MailLink.digest.in_(links)))
