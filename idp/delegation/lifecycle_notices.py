"""Who is told by mail when many grants move at once, or when a term or a request nears its end."""

import uuid
from collections.abc import Iterable, Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from idp.accounts.models import Account, Agency, Product
from idp.delegation.models import Grant
from idp.delegation.rules import GrantState
from idp.delegation.transitions import Moved
from idp.mail import lifecycle, messages
from idp.mail.messages import AgencyCard, Ending, ProductCard


def tell_of_suspension(
    session: Session, agency: Agency, owners: Iterable[tuple[Moved, str, str]], *, suspended: bool
) -> None:
    """Mail each owner (grant, address, name) and, once, the agency that grants rest or are lifted."""
    card, count = AgencyCard(agency.name, agency.email), 0
    tell_owner = messages.delegation_suspended if suspended else messages.delegation_reinstated
    for moved, email, name in owners:
        assert moved.expires_at is not None  # noqa: S101 - the database keeps it with these states
        tell_owner(
            session, owner_email=email, owner_name=name, agency=card, expires_at=moved.expires_at,
            grant_id=moved.grant_id,
        )  # fmt: skip
        count += 1
    tell_agency = messages.agency_suspended if suspended else messages.agency_reinstated
    tell_agency(session, email=agency.email, name=agency.name, grants=count)


def tell_of_owner_suspension(
    session: Session, owner_id: uuid.UUID, moved: Sequence[Moved], *, suspended: bool
) -> None:
    """Mail each agency whose grant moved and, once, the owner; nobody who is none."""
    owner = session.get_one(Account, owner_id)
    if owner.owner is None:
        return
    agencies = [(one, session.get_one(Agency, one.agency_id)) for one in moved]
    for one, agency in agencies:
        if suspended:
            lifecycle.owner_suspended(
                session, agency_email=agency.email, agency_name=agency.name, owner_name=owner.name,
                owner_user_id=owner.owner.user_id,
            )  # fmt: skip
        else:
            assert one.expires_at is not None  # noqa: S101 - the database keeps it with this state
            lifecycle.owner_reinstated(
                session, agency_email=agency.email, agency_name=agency.name, owner_name=owner.name,
                owner_user_id=owner.owner.user_id, expires_at=one.expires_at,
            )  # fmt: skip
    if owner.email is None:
        return
    if suspended:
        lifecycle.account_suspended(session, email=owner.email, name=owner.name)
    else:
        lifecycle.account_reinstated(
            session, email=owner.email, name=owner.name, agencies=[_card(agency) for _, agency in agencies]
        )


def tell_agencies_of_end(session: Session, moved: Sequence[Moved], *, how: Ending) -> list[AgencyCard]:
    """Mail each agency that a grant or request ended; return who they are, for one mail to the owner."""
    grants = session.scalars(select(Grant).where(Grant.id.in_([one.grant_id for one in moved]))).all()
    for grant in grants:
        assert grant.ended_at is not None  # noqa: S101 - it has just ended
        messages.delegation_ended_for_agency(
            session, agency_email=grant.agency.email, agency_name=grant.agency.name,
            owner_name=grant.owner.name, owner_user_id=grant.owner.owner.user_id if grant.owner.owner else 0,
            how=how, at=grant.ended_at,
        )  # fmt: skip
    return [_card(grant.agency) for grant in grants]


def tell_of_closing(
    session: Session, agency: Agency, owners: Sequence[tuple[Moved, str, str]], *, grants: int
) -> None:
    """Mail each owner whose grant or request ended with the agency and, once, the agency."""
    for moved, email, name in owners:
        messages.delegation_ended_for_owner(
            session, owner_email=email, owner_name=name, agency=_card(agency), how=Ending.AGENCY_CLOSED,
            at=moved.at,
        )  # fmt: skip
    lifecycle.agency_closed(session, email=agency.email, name=agency.name, grants=grants)


def tell_of_hand_over(
    session: Session, owner: Account, product: Product, *, ended: Sequence[AgencyCard]
) -> None:
    """Mail the former owner of a product what is no longer theirs, and what ended with it."""
    if owner.email is not None:
        lifecycle.product_handed_over(
            session, email=owner.email, name=owner.name,
            product=ProductCard(product.model, product.serial_number), ended=ended,
        )  # fmt: skip


def remind(session: Session, grant: Grant) -> None:
    """Mail the agency that a request waits, or owner and agency that a term is nearly over."""
    user_id = grant.owner.owner.user_id if grant.owner.owner else 0
    if grant.state == GrantState.REQUESTED:
        lifecycle.delegation_request_waits(
            session, agency_email=grant.agency.email, agency_name=grant.agency.name,
            owner_name=grant.owner.name, owner_user_id=user_id, lapses_at=grant.lapses_at,
        )  # fmt: skip
        return
    assert grant.expires_at is not None  # noqa: S101 - the database keeps it with these states
    lifecycle.delegation_ends_soon_for_agency(
        session, agency_email=grant.agency.email, agency_name=grant.agency.name, owner_name=grant.owner.name,
        owner_user_id=user_id, expires_at=grant.expires_at,
    )  # fmt: skip
    if grant.owner.email is not None:
        lifecycle.delegation_ends_soon(
            session, owner_email=grant.owner.email, owner_name=grant.owner.name, agency=_card(grant.agency),
            expires_at=grant.expires_at, grant_id=grant.id,
        )  # fmt: skip


def _card(agency: Agency) -> AgencyCard:
    return AgencyCard(agency.name, agency.email)
