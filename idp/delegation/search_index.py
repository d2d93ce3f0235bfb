"""What an agency's list is searched and sorted by: a copy of the owner's words beside each open grant.

The words of an owner and of their products stand in three tables; to look through those of 50,000 owners
for each search would take seconds. The copy follows the owner: at once where this slice changes something,
else within seconds (``take_note``). It is emptied with the end of the grant: an agency that may no longer
see an owner finds them by their member number alone. So does one whose grant rests because the owner is
suspended.
"""

import time
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import chain

from sqlalchemy import and_, bindparam, delete, select, update
from sqlalchemy.orm import Session

from idp.accounts.folding import fold_search
from idp.accounts.models import Account, ChangedOwner, OwnerProfile
from idp.accounts.people import note_change
from idp.accounts.rules import AccountStatus
from idp.db import Database
from idp.delegation.models import OPEN, Grant
from idp.delegation.permissions.products import select_visible_products
from idp.delegation.rules import GrantState
from idp.unit_of_work import unit_of_work

NOTHING: dict[str, object] = {"owner_email": "", "owner_furigana": "", "search_text": ""}
"""What is left of the copy when a grant ends."""
BATCH = 200
LONGEST_RUN = 20.0
"""Seconds; what is left waits for the next time."""


@dataclass(frozen=True)
class OwnerWords:
    """What an owner is found by."""

    email: str
    user_id: int
    name: str
    furigana: str
    place: str
    """Prefecture and city."""


def index_new(session: Session, grant: Grant) -> None:
    """Fill the copy of a grant that begins, and leave word, in case the owner changes at this very moment."""
    _fill(session, [grant.id])
    note_change(session, grant.owner_id)


def refresh_owner(session: Session, owner_id: uuid.UUID) -> None:
    """Bring the copies of all open grants of an owner up to date."""
    _fill(session, session.scalars(select(Grant.id).where(Grant.owner_id == owner_id, OPEN)).all())


def take_note(session: Session, *, limit: int = BATCH) -> int:
    """Take along what changed of owners since the last time; return how many were looked at.

    Several workers share the work. None waits for a grant that somebody is changing: that owner's turn
    comes again, for the note stays.
    """
    owners = session.scalars(
        select(ChangedOwner.account_id).order_by(ChangedOwner.changed_at).limit(limit)
        .with_for_update(skip_locked=True)
    ).all()  # fmt: skip
    standing = session.execute(select(Grant.id, Grant.owner_id).where(Grant.owner_id.in_(owners), OPEN)).all()
    free = session.scalars(
        select(Grant.id)
        .where(Grant.id.in_([grant_id for grant_id, _owner in standing]), OPEN)
        .with_for_update(of=Grant, key_share=True, skip_locked=True)
    ).all()
    _fill(session, free)
    busy = {owner_id for grant_id, owner_id in standing if grant_id not in set(free)}
    session.execute(
        delete(ChangedOwner).where(ChangedOwner.account_id.in_([one for one in owners if one not in busy])),
        execution_options={"synchronize_session": False},
    )
    return len(owners) - len(busy)


def keep_up(database: Database) -> int:
    """Take notes until none is left, each batch in a unit of work of its own; return how many owners."""
    begun, taken, batch = time.monotonic(), 0, BATCH
    while batch == BATCH and time.monotonic() - begun < LONGEST_RUN:
        with unit_of_work(database) as session:
            batch = take_note(session)
        taken += batch
    return taken


def words_of(words: OwnerWords, products: Iterable[tuple[str, str]]) -> dict[str, object]:
    """Return the copy for an owner with these products (model and serial number)."""
    all_words = [words.email, str(words.user_id), words.name, words.furigana, words.place]
    folded = dict.fromkeys(filter(None, map(fold_search, [*all_words, *chain.from_iterable(products)])))
    return {
        "owner_email": words.email, "owner_furigana": fold_search(words.furigana),
        "search_text": "".join(f"\n{word}" for word in folded) + "\n",
    }  # fmt: skip


def _fill(session: Session, grant_ids: Iterable[uuid.UUID]) -> None:
    session.flush()
    ids = list(grant_ids)
    owners = session.execute(
        select(Grant.id, and_(Grant.state == GrantState.SUSPENDED, Account.status != AccountStatus.ACTIVE),
               Account.email, Account.name, Account.furigana, OwnerProfile.user_id, OwnerProfile.prefecture,
               OwnerProfile.city)
        .join(Account, Account.id == Grant.owner_id)
        .join(OwnerProfile, OwnerProfile.account_id == Grant.owner_id)
        .where(Grant.id.in_(ids))
    ).all()  # fmt: skip
    products: dict[uuid.UUID, list[tuple[str, str]]] = {}
    for grant_id, model, serial_number in session.execute(select_visible_products(ids)):
        products.setdefault(grant_id, []).append((model, serial_number))
    rows = [
        {"of_grant": grant_id,
         **(words_of(OwnerWords("", user_id, "", "", ""), []) if rests else
            words_of(OwnerWords(email or "", user_id, name, furigana, prefecture + city),
                     products.get(grant_id, [])))}
        for grant_id, rests, email, name, furigana, user_id, prefecture, city in owners
    ]  # fmt: skip
    if rows:
        session.connection().execute(
            update(Grant).where(Grant.id == bindparam("of_grant"), OPEN)
            .values({name: bindparam(name) for name in NOTHING}), rows,
        )  # fmt: skip
