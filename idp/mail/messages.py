"""Every mail that the club sends, one function each, here or in ``lifecycle``; there are no others.

Each function enqueues and returns: no mail is sent, rendered or even looked at before the transaction of
the caller is stored. Wording lives in templates/mail/<message>/. Slices above hand over plain values,
because this one knows none of theirs.
"""

import uuid
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy.orm import Session

from idp import clock
from idp.mail.outbox import Recipient, enqueue_mail


class Message(StrEnum):
    """The mails, named as their folders under templates/mail."""

    AGENCY_REGISTRATION_LINK = "agency_registration_link"
    AGENCY_REGISTERED = "agency_registered"
    OWNER_REGISTRATION_LINK = "owner_registration_link"
    OWNER_REGISTERED = "owner_registered"
    ALREADY_REGISTERED = "already_registered"
    PASSWORD_LINK = "password_link"  # noqa: S105 - a mail, not a password
    PASSWORD_CHANGED = "password_changed"  # noqa: S105 - the same
    SIGNED_OUT_OF_APP = "signed_out_of_app"
    DEVICE_CONNECTED = "device_connected"
    DELEGATION_REQUESTED = "delegation_requested"
    DELEGATION_APPROVED = "delegation_approved"
    DELEGATION_DENIED = "delegation_denied"
    DELEGATION_ENDED_FOR_OWNER = "delegation_ended_for_owner"
    DELEGATION_ENDED_FOR_AGENCY = "delegation_ended_for_agency"
    DELEGATION_SUSPENDED = "delegation_suspended"
    DELEGATION_REINSTATED = "delegation_reinstated"
    AGENCY_SUSPENDED = "agency_suspended"
    AGENCY_REINSTATED = "agency_reinstated"
    AGENCY_CLOSED = "agency_closed"
    OWNER_SUSPENDED = "owner_suspended"
    OWNER_REINSTATED = "owner_reinstated"
    ACCOUNT_SUSPENDED = "account_suspended"
    ACCOUNT_REINSTATED = "account_reinstated"
    ACCOUNT_DELETED = "account_deleted"
    PRODUCT_HANDED_OVER = "product_handed_over"
    DELEGATION_REQUEST_WAITS = "delegation_request_waits"
    DELEGATION_ENDS_SOON = "delegation_ends_soon"
    DELEGATION_ENDS_SOON_FOR_AGENCY = "delegation_ends_soon_for_agency"
    PROXY_LOGIN_STARTED = "proxy_login_started"
    STAFF_INVITATION = "staff_invitation"
    STAFF_LEFT = "staff_left"
    PROXY_LOGINS_OF_DAYS = "proxy_logins_of_days"


class Ending(StrEnum):
    """How a delegation, or the request for one, came to its end."""

    REVOKED = "revoked"
    """The owner took back the permission."""
    WITHDRAWN = "withdrawn"
    """The owner took back the request before it was answered."""
    CANCELLED = "cancelled"
    """The operator took back the request, at the owner's word."""
    LAPSED = "lapsed"
    """The agency did not answer in time."""
    EXPIRED = "expired"
    """The term is over."""
    RELEASED = "released"
    """The agency gave it back."""
    STOPPED = "stopped"
    """The operator ended the permission, at the owner's word."""
    OWNER_LEFT = "owner_left"
    """The owner's account is gone."""
    PRODUCTS_GONE = "products_gone"
    """What it was about belongs to somebody else now."""
    AGENCY_CLOSED = "agency_closed"
    """The agency's account is closed."""


@dataclass(frozen=True)
class OwnerCard:
    """What an agency is told of the owner who asks."""

    user_id: int
    name: str
    furigana: str
    prefecture: str
    city: str
    street: str
    email: str


@dataclass(frozen=True)
class ProductCard:
    """What an agency is told of a product of that owner."""

    model: str
    serial_number: str


@dataclass(frozen=True)
class AgencyCard:
    """What an owner is told of the agency; ``email`` is its 販売店ID."""

    name: str
    email: str


def agency_registration_link(session: Session, *, email: str, token: str, expires_at: datetime) -> None:
    """Send the link with which an agency goes on to register (仮登録)."""
    enqueue_mail(
        session,
        Message.AGENCY_REGISTRATION_LINK,
        to=Recipient(email),
        data={"token": token, "lifetime": _seconds_until(expires_at)},
        expires_at=expires_at,
    )


def agency_registered(session: Session, *, email: str, name: str) -> None:
    """Thank an agency for registering and tell it its 販売店ID; ``name`` is the company."""
    enqueue_mail(session, Message.AGENCY_REGISTERED, to=Recipient(email, name), data={"email": email})


def owner_registration_link(session: Session, *, email: str, token: str, expires_at: datetime) -> None:
    """Send the link with which an owner goes on to register."""
    enqueue_mail(
        session,
        Message.OWNER_REGISTRATION_LINK,
        to=Recipient(email),
        data={"token": token, "lifetime": _seconds_until(expires_at)},
        expires_at=expires_at,
    )


def owner_registered(session: Session, *, email: str, name: str) -> None:
    """Thank an owner for registering."""
    enqueue_mail(session, Message.OWNER_REGISTERED, to=Recipient(email, name), data={"email": email})


def already_registered(session: Session, *, email: str, name: str) -> None:
    """Tell a member who asked to register that they are one already.

    Sent instead of a registration link, so that the page that asked cannot show whether an address is known.
    """
    enqueue_mail(session, Message.ALREADY_REGISTERED, to=Recipient(email, name), data={"email": email})


def password_link(session: Session, *, email: str, name: str, token: str, expires_at: datetime) -> None:
    """Send the link with which a member sets a new password."""
    enqueue_mail(
        session,
        Message.PASSWORD_LINK,
        to=Recipient(email, name),
        data={"token": token, "expires_at": expires_at},
        expires_at=expires_at,
    )


def password_changed(session: Session, *, email: str, name: str, at: datetime) -> None:
    """Tell a member that their password was changed, and what to do if it was not them."""
    enqueue_mail(session, Message.PASSWORD_CHANGED, to=Recipient(email, name), data={"at": at})


def signed_out_of_app(session: Session, *, email: str, name: str, app_name: str, at: datetime) -> None:
    """Tell a person that what an app had to stay signed in was used twice, so that it is signed out."""
    enqueue_mail(
        session,
        Message.SIGNED_OUT_OF_APP,
        to=Recipient(email, name),
        data={"app_name": app_name, "at": at},
    )


def device_connected(session: Session, *, email: str, name: str, device: str, at: datetime) -> None:
    """Tell an owner that a device was let in, and what to do if somebody talked them into it."""
    enqueue_mail(
        session, Message.DEVICE_CONNECTED, to=Recipient(email, name), data={"device": device, "at": at}
    )


def delegation_requested(
    session: Session,
    *,
    agency_email: str,
    agency_name: str,
    owner: OwnerCard,
    products: Sequence[ProductCard],
) -> None:
    """Tell an agency that an owner asks for a delegation, with a link to the page where it answers."""
    enqueue_mail(
        session,
        Message.DELEGATION_REQUESTED,
        to=Recipient(agency_email, agency_name),
        data={"owner": owner, "products": list(products)},
    )


def delegation_approved(
    session: Session,
    *,
    owner_email: str,
    owner_name: str,
    agency: AgencyCard,
    allowed: Collection[str],
    products: Collection[str] | None,
    expires_at: datetime,
    grant_id: uuid.UUID,
) -> None:
    """Tell an owner that the agency approved, what it may do (``allowed``: titles), and until when.

    ``products`` are those that it is limited to; None for all.
    """
    enqueue_mail(
        session,
        Message.DELEGATION_APPROVED,
        to=Recipient(owner_email, owner_name),
        data={
            "agency": agency,
            "allowed": list(allowed),
            "products": None if products is None else list(products),
            "expires_at": expires_at,
            "grant_id": grant_id,
        },
    )


def delegation_denied(session: Session, *, owner_email: str, owner_name: str, agency: AgencyCard) -> None:
    """Tell an owner that the agency refused."""
    enqueue_mail(
        session,
        Message.DELEGATION_DENIED,
        to=Recipient(owner_email, owner_name),
        data={"agency": agency},
    )


def delegation_ended_for_owner(
    session: Session, *, owner_email: str, owner_name: str, agency: AgencyCard, how: Ending, at: datetime
) -> None:
    """Tell an owner that a delegation, or the request for one, is over."""
    enqueue_mail(
        session,
        Message.DELEGATION_ENDED_FOR_OWNER,
        to=Recipient(owner_email, owner_name),
        data={"agency": agency, "how": how, "at": at},
    )


def delegation_ended_for_agency(
    session: Session,
    *,
    agency_email: str,
    agency_name: str,
    owner_name: str,
    owner_user_id: int,
    how: Ending,
    at: datetime,
) -> None:
    """Tell an agency that a delegation, or the request for one, is over.

    Name and ユーザーID are enough to find the customer; nothing else of an owner is told from now on.
    """
    enqueue_mail(
        session,
        Message.DELEGATION_ENDED_FOR_AGENCY,
        to=Recipient(agency_email, agency_name),
        data={"owner_name": owner_name, "owner_user_id": owner_user_id, "how": how, "at": at},
    )


def delegation_suspended(
    session: Session,
    *,
    owner_email: str,
    owner_name: str,
    agency: AgencyCard,
    expires_at: datetime,
    grant_id: uuid.UUID,
) -> None:
    """Tell an owner that the agency is suspended and can do nothing for now; the term goes on running."""
    enqueue_mail(
        session,
        Message.DELEGATION_SUSPENDED,
        to=Recipient(owner_email, owner_name),
        data={"agency": agency, "expires_at": expires_at, "grant_id": grant_id},
    )


def delegation_reinstated(
    session: Session,
    *,
    owner_email: str,
    owner_name: str,
    agency: AgencyCard,
    expires_at: datetime,
    grant_id: uuid.UUID,
) -> None:
    """Tell an owner that the agency can act for them again, and until when."""
    enqueue_mail(
        session,
        Message.DELEGATION_REINSTATED,
        to=Recipient(owner_email, owner_name),
        data={"agency": agency, "expires_at": expires_at, "grant_id": grant_id},
    )


def agency_suspended(session: Session, *, email: str, name: str, grants: int) -> None:
    """Tell an agency, once, that it is suspended, and how many grants rest with it."""
    enqueue_mail(session, Message.AGENCY_SUSPENDED, to=Recipient(email, name), data={"grants": grants})


def agency_reinstated(session: Session, *, email: str, name: str, grants: int) -> None:
    """Tell an agency, once, that the suspension is lifted, and how many grants are active again."""
    enqueue_mail(session, Message.AGENCY_REINSTATED, to=Recipient(email, name), data={"grants": grants})


def _seconds_until(moment: datetime) -> int:
    """Return the life of a link in seconds, to the minute, so that the mail says what the settings say."""
    return 60 * round((moment - clock.now()).total_seconds() / 60)
