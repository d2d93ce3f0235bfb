"""Claiming products and joining services."""

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Self

from sqlalchemy import insert, select, update
from sqlalchemy.orm import Session

from idp import credentials
from idp.accounts.models import Product
from idp.accounts.people import note_change
from idp.accounts.rules import NoSuchProduct, SerialTaken, SerialUnknown, SerialYours, Service
from idp.audit.events import Event
from idp.audit.service import record_event


@dataclass(frozen=True)
class Claim:
    """What an owner says of a unit that is theirs."""

    serial_number: str
    remote_serial_number: str | None
    installation_postal_code: str | None
    services: frozenset[Service]

    @classmethod
    def from_typed(
        cls,
        *,
        serial_number: str,
        remote_serial_number: str,
        installation_postal_code: str,
        services: Iterable[str],
    ) -> Self:
        """Make a claim of what was typed into the form and checked there."""
        return cls(
            serial_number=serial_number,
            remote_serial_number=remote_serial_number or None,
            installation_postal_code=installation_postal_code or None,
            services=frozenset(Service(name) for name in services),
        )


@dataclass(frozen=True)
class ChangedBy:
    """Who changes a product: the owner, or a member or system of an agency under a delegation grant."""

    account_id: uuid.UUID | None
    """None for an agency's system."""
    agency_id: uuid.UUID | None = None
    grant_id: uuid.UUID | None = None
    session_id: uuid.UUID | None = None
    client_id: str | None = None


def check_claimable(session: Session, serial_number: str, owner_id: uuid.UUID | None = None) -> uuid.UUID:
    """Return the id of the unit with this serial number if nobody has claimed it.

    :raises SerialUnknown: no such unit left the factory.
    :raises SerialYours: this owner has it already.
    :raises SerialTaken: another owner has it.
    """
    unit = session.scalar(select(Product).where(Product.serial_number == serial_number))
    if unit is None:
        raise SerialUnknown
    if unit.owner_id is not None:
        raise SerialYours if unit.owner_id == owner_id else SerialTaken
    return unit.id


def claim_product(session: Session, owner_id: uuid.UUID, *, claim: Claim, now: datetime) -> Product:
    """Make a unit its owner's, in one statement: of two claims at once, one succeeds.

    :raises SerialUnknown: no such unit left the factory.
    :raises SerialTaken: it is somebody's already.
    """
    product_id = check_claimable(session, claim.serial_number, owner_id)
    claimed = session.execute(
        update(Product)
        .where(Product.id == product_id, Product.owner_id.is_(None))
        .values(owner_id=owner_id, claimed_at=now)
        .returning(Product.id)
    ).scalar()
    if claimed is None:
        raise SerialTaken
    product = session.get_one(Product, product_id, populate_existing=True)
    if claim.remote_serial_number is not None:
        product.remote_serial_number = claim.remote_serial_number
    product.installation_postal_code = claim.installation_postal_code
    for service in Service:
        set_joined_at(product, service, now if service in claim.services else None)
    note_change(session, owner_id)
    record_event(
        session, Event.PRODUCT_CLAIMED, actor_id=owner_id, owner_id=owner_id, product_id=product.product_id
    )
    return product


def list_products(session: Session, owner_id: uuid.UUID) -> list[Product]:
    """Return an owner's products in the order of their Product ID."""
    return list(
        session.scalars(select(Product).where(Product.owner_id == owner_id).order_by(Product.product_id))
    )


def change_services(
    session: Session,
    owner_id: uuid.UUID,
    *,
    product_id: uuid.UUID,
    join: frozenset[Service],
    leave: frozenset[Service],
    by: ChangedBy,
    now: datetime,
) -> Product:
    """Join and leave services of one product; what is joined already keeps its date.

    :raises NoSuchProduct: this owner has no such product.
    """
    product = session.scalar(
        select(Product)
        .where(Product.id == product_id, Product.owner_id == owner_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    if product is None:
        raise NoSuchProduct
    joining = {service for service in join if joined_at(product, service) is None}
    leaving = {service for service in leave - join if joined_at(product, service) is not None}
    for service in joining | leaving:
        set_joined_at(product, service, now if service in joining else None)
    if joining or leaving:
        record_event(
            session, Event.PRODUCT_CHANGED, actor_id=by.account_id, owner_id=owner_id,
            agency_id=by.agency_id, grant_id=by.grant_id, session_id=by.session_id, client_id=by.client_id,
            product_id=product.product_id, joined=sorted(joining), left=sorted(leaving),
        )  # fmt: skip
    return product


def joined_at(product: Product, service: Service) -> datetime | None:
    """Return since when the product has joined a service, or None for 未加入."""
    moment: datetime | None = getattr(product, f"{service}_joined_at")
    return moment


def set_joined_at(product: Product, service: Service, moment: datetime | None) -> None:
    """Set since when the product has joined a service."""
    setattr(product, f"{service}_joined_at", moment)


@dataclass(frozen=True)
class Unit:
    """A unit that left the factory."""

    product_id: int
    model: str
    serial_number: str


def add_units(session: Session, units: Sequence[Unit]) -> int:
    """Add units that owners can claim, except those whose serial number is known; return how many."""
    known = set(session.scalars(select(Product.serial_number)))
    fresh = {unit.serial_number: unit for unit in units if unit.serial_number not in known}
    rows = [
        {"id": credentials.new_id(), "product_id": unit.product_id, "model": unit.model,
         "serial_number": unit.serial_number}
        for unit in fresh.values()
    ]  # fmt: skip
    if rows:
        session.execute(insert(Product), rows)
    return len(rows)
