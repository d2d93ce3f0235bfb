"""An owner's permissions as the owner reads them: what each allows and what not, and for which products."""

import uuid
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from idp.accounts.models import Product
from idp.delegation.forms import product_words
from idp.delegation.models import Grant, GrantProduct
from idp.delegation.permissions.consent_text import never_lines, step_text
from idp.delegation.permissions.models import ConsentWording
from idp.delegation.permissions.service import PermissionWords, granted_words, words_by_name
from idp.delegation.rules import GrantState


@dataclass(frozen=True)
class GrantCard:
    """One permission, in words of the page's language."""

    grant: Grant
    titles: tuple[str, ...]
    can: tuple[str, ...]
    cannot: tuple[str, ...]
    products: tuple[str, ...] | None
    """Those that it is limited to; None for all."""
    has_wording: bool
    """Whether the text that the owner agreed to can be shown."""

    @property
    def state(self) -> GrantState:
        """Where it stands."""
        return GrantState(self.grant.state)

    @property
    def is_open(self) -> bool:
        """Whether it still stands."""
        return self.state.is_open


def grant_cards(session: Session, grants: Sequence[Grant]) -> list[GrantCard]:
    """Return the cards of an owner's grants, in their order; three queries, however many there are."""
    known, chosen = words_by_name(session), _chosen_products(session, grants)
    versions = select(ConsentWording.version).where(
        ConsentWording.version.in_({grant.wording for grant in grants})
    )
    kept = set(session.scalars(versions))
    return [_card(grant, known, chosen=chosen[grant.id], kept=kept) for grant in grants]


def _card(
    grant: Grant, known: Mapping[str, PermissionWords], *, chosen: Sequence[Product], kept: set[str]
) -> GrantCard:
    steps = [step_text(words) for words in granted_words(known, grant.permission_set)]
    cannot = [line for step in steps for line in step.cannot]
    return GrantCard(
        grant,
        tuple(step.title for step in steps) or tuple(sorted(grant.permission_set)),
        tuple(dict.fromkeys(line for step in steps for line in step.can)),
        (*dict.fromkeys(cannot), *never_lines()),
        None if grant.all_products else tuple(product_words(product) for product in chosen),
        has_wording=grant.wording in kept,
    )  # fmt: skip


def _chosen_products(session: Session, grants: Sequence[Grant]) -> Mapping[uuid.UUID, list[Product]]:
    """Return the products of limited grants; what was sold since is in none that stands."""
    limited = {grant.id: grant for grant in grants if not grant.all_products}
    chosen: dict[uuid.UUID, list[Product]] = defaultdict(list)
    rows = session.execute(
        select(GrantProduct, Product)
        .join(Product, Product.id == GrantProduct.product_id)
        .where(GrantProduct.grant_id.in_(limited))
        .order_by(Product.product_id)
    )
    for link, product in rows:
        grant = limited[link.grant_id]
        is_there = link.ended_at is None and product.owner_id == grant.owner_id
        if is_there or not GrantState(grant.state).is_open:
            chosen[link.grant_id].append(product)
    return chosen
