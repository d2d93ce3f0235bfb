"""Which of the owner's products a grant is about."""

import uuid
from collections.abc import Collection

from sqlalchemy import Select, exists, or_, select
from sqlalchemy.orm import Session

from idp.accounts.models import Product
from idp.accounts.products.service import list_products
from idp.accounts.rules import NoSuchProduct
from idp.delegation.models import Grant, GrantProduct


def limit_to(session: Session, grant: Grant, product_ids: Collection[uuid.UUID]) -> list[int]:
    """Limit a grant that is being asked for to these of the owner's products, and return their Product IDs.

    They are never added to.

    :raises NoSuchProduct: the owner has no such product, or none is named: the two would allow nothing.
    """
    owned = {product.id: product.product_id for product in list_products(session, grant.owner_id)}
    if not product_ids or not owned.keys() >= set(product_ids):
        raise NoSuchProduct
    grant.all_products = False
    session.add_all(GrantProduct(grant_id=grant.id, product_id=one) for one in sorted(set(product_ids)))
    session.flush()
    return [owned[one] for one in product_ids]


def limited_products(session: Session, grant: Grant) -> list[Product] | None:
    """Return the products that a limited grant is about at this moment; None for a grant about all."""
    return None if grant.all_products else visible_products(session, grant)


def visible_products(session: Session, grant: Grant) -> list[Product]:
    """Return the owner's present products that the grant is about, in the order of their Product ID."""
    products = list_products(session, grant.owner_id)
    if grant.all_products:
        return products
    limit = select(GrantProduct.product_id)
    chosen = set(
        session.scalars(limit.where(GrantProduct.grant_id == grant.id, GrantProduct.ended_at.is_(None)))
    )
    return [product for product in products if product.id in chosen]


def select_visible_products(grant_ids: Collection[uuid.UUID]) -> Select[uuid.UUID, str, str]:
    """Return the question for grant, model and serial number of what ``visible_products`` says, of many."""
    limited_to = exists().where(
        GrantProduct.grant_id == Grant.id, GrantProduct.product_id == Product.id,
        GrantProduct.ended_at.is_(None),
    )  # fmt: skip
    return (
        select(Grant.id, Product.model, Product.serial_number)
        .join(Product, Product.owner_id == Grant.owner_id)
        .where(Grant.id.in_(grant_ids), or_(Grant.all_products, limited_to))
        .order_by(Product.product_id)
    )
