"""Mails about standing and time: suspended and lifted, ending soon, left, sold, closed.

As in ``messages``: one function each, which enqueues and returns.
"""

import uuid
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy.orm import Session

from idp.mail.messages import AgencyCard, Message, ProductCard
from idp.mail.outbox import Recipient, enqueue_mail


def account_suspended(session: Session, *, email: str, name: str) -> None:
    """Tell a person that their account is suspended: nobody can sign in with it, nobody acts for them."""
    enqueue_mail(session, Message.ACCOUNT_SUSPENDED, to=Recipient(email, name), data={})


def account_reinstated(session: Session, *, email: str, name: str, agencies: Sequence[AgencyCard]) -> None:
    """Tell a person that the suspension is lifted, and which agencies can act for them again."""
    enqueue_mail(
        session, Message.ACCOUNT_REINSTATED, to=Recipient(email, name), data={"agencies": list(agencies)}
    )


def account_deleted(session: Session, *, email: str, name: str, agencies: Sequence[AgencyCard]) -> None:
    """Tell a person, at the address that is being forgotten, that their account is gone, and what ended."""
    enqueue_mail(
        session, Message.ACCOUNT_DELETED, to=Recipient(email, name), data={"agencies": list(agencies)}
    )


def owner_suspended(
    session: Session, *, agency_email: str, agency_name: str, owner_name: str, owner_user_id: int
) -> None:
    """Tell an agency that it cannot act for an owner for now; the reason is not its business."""
    enqueue_mail(
        session, Message.OWNER_SUSPENDED, to=Recipient(agency_email, agency_name),
        data={"owner_name": owner_name, "owner_user_id": owner_user_id},
    )  # fmt: skip


def owner_reinstated(
    session: Session,
    *,
    agency_email: str,
    agency_name: str,
    owner_name: str,
    owner_user_id: int,
    expires_at: datetime,
) -> None:
    """Tell an agency that it can act for an owner again, and until when."""
    enqueue_mail(
        session, Message.OWNER_REINSTATED, to=Recipient(agency_email, agency_name),
        data={"owner_name": owner_name, "owner_user_id": owner_user_id, "expires_at": expires_at},
    )  # fmt: skip


def delegation_request_waits(
    session: Session,
    *,
    agency_email: str,
    agency_name: str,
    owner_name: str,
    owner_user_id: int,
    lapses_at: datetime,
) -> None:
    """Remind an agency of a request that it has not answered, and say when it lapses."""
    enqueue_mail(
        session, Message.DELEGATION_REQUEST_WAITS, to=Recipient(agency_email, agency_name),
        data={"owner_name": owner_name, "owner_user_id": owner_user_id, "lapses_at": lapses_at},
    )  # fmt: skip


def delegation_ends_soon(
    session: Session,
    *,
    owner_email: str,
    owner_name: str,
    agency: AgencyCard,
    expires_at: datetime,
    grant_id: uuid.UUID,
) -> None:
    """Remind an owner that a term is nearly over: nothing to do to let it end, ask again to go on."""
    enqueue_mail(
        session, Message.DELEGATION_ENDS_SOON, to=Recipient(owner_email, owner_name),
        data={"agency": agency, "expires_at": expires_at, "grant_id": grant_id},
    )  # fmt: skip


def delegation_ends_soon_for_agency(
    session: Session,
    *,
    agency_email: str,
    agency_name: str,
    owner_name: str,
    owner_user_id: int,
    expires_at: datetime,
) -> None:
    """Remind an agency that a term is nearly over: only the owner can ask for another."""
    enqueue_mail(
        session, Message.DELEGATION_ENDS_SOON_FOR_AGENCY, to=Recipient(agency_email, agency_name),
        data={"owner_name": owner_name, "owner_user_id": owner_user_id, "expires_at": expires_at},
    )  # fmt: skip


def product_handed_over(
    session: Session,
    *,
    email: str,
    name: str,
    product: ProductCard,
    ended: Sequence[AgencyCard],
) -> None:
    """Tell the former owner that a product is no longer theirs, and which agencies' grants ended with it."""
    enqueue_mail(
        session, Message.PRODUCT_HANDED_OVER, to=Recipient(email, name),
        data={"product": product, "ended": list(ended)},
    )  # fmt: skip


def agency_closed(session: Session, *, email: str, name: str, grants: int) -> None:
    """Tell an agency that its account is closed for good, and how many grants ended with it."""
    enqueue_mail(session, Message.AGENCY_CLOSED, to=Recipient(email, name), data={"grants": grants})
