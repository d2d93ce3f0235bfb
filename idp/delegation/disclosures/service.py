"""Recording disclosures, in the same transaction as the disclosure itself.

Nothing is recorded when somebody only looks: reading the list and the page is covered by the record of the
request and of the approval, for as long as the grant stands.
"""

import uuid
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from sqlalchemy import delete, or_, select
from sqlalchemy.orm import Session

from idp import clock, credentials
from idp.accounts.models import Account, Agency, OwnerProfile
from idp.audit.events import Event
from idp.audit.service import record_event
from idp.db import insert_or_repeat
from idp.delegation.disclosures.models import KEY, Disclosure
from idp.delegation.disclosures.rules import Occasion, kept_since
from idp.delegation.models import Grant

BATCH = 500
LARGEST_SWEEP = 5000


def record_disclosure(session: Session, grant: Grant, *, occasion: Occasion, items: Iterable[str]) -> None:
    """Record that such data of the owner went to the agency; the same again that day is counted."""
    record_disclosures(session, [grant.id], occasion=occasion, items=items)


def record_disclosures(
    session: Session, grant_ids: Iterable[uuid.UUID], *, occasion: Occasion, items: Iterable[str]
) -> None:
    """Record the same for many grants, such as the rows of an exported list: two statements for 500 each."""
    named, now = list(dict.fromkeys(items)), clock.now()
    shared = {
        "on_day": now.astimezone(clock.JST).date(), "at": now, "last_at": now, "times": 1,
        "occasion": occasion, "items": named,
        "items_digest": credentials.digest("\n".join(sorted(named))),
    }  # fmt: skip
    if not named:
        return
    ordered = sorted(set(grant_ids))
    for start in range(0, len(ordered), BATCH):
        parties = _parties(session, ordered[start : start + BATCH])
        rows = [{"id": credentials.new_id(), **row, **shared} for row in parties]
        insert_or_repeat(
            session, Disclosure, rows, key=KEY,
            repeat=lambda new: {"times": Disclosure.times + 1, "last_at": new.last_at},
        )  # fmt: skip


def _parties(session: Session, grant_ids: Sequence[uuid.UUID]) -> Iterator[dict[str, Any]]:
    """Say who owner and recipient are at this moment, as the record keeps it."""
    found = session.execute(
        select(
            Grant.id, Grant.owner_id, Grant.agency_id, Grant.wording, Account.name,
            OwnerProfile.prefecture, OwnerProfile.city, OwnerProfile.street,
            Agency.name, Agency.prefecture, Agency.city, Agency.street, Agency.representative_name,
        )
        .join(Account, Account.id == Grant.owner_id)
        .outerjoin(OwnerProfile, OwnerProfile.account_id == Grant.owner_id)
        .join(Agency, Agency.id == Grant.agency_id)
        .where(Grant.id.in_(grant_ids))
        .order_by(Grant.id)
    ).all()  # fmt: skip
    for grant_id, owner_id, agency_id, wording, owner, *address, agency, town, city, street, head in found:
        yield {
            "grant_id": grant_id, "owner_id": owner_id, "owner_name": owner,
            "owner_address": "".join(part or "" for part in address), "agency_id": agency_id,
            "recipient_name": agency, "recipient_address": f"{town}{city}{street}",
            "recipient_representative": head, "wording": wording,
        }  # fmt: skip


def erase_old(session: Session, *, years: int, limit: int = LARGEST_SWEEP) -> int:
    """Erase what has been kept long enough, and return how many records that were.

    What one record says of all the time that a grant stood is kept as long after its end (施行規則 21条2号).
    """
    before = kept_since(clock.now(), years)
    lasting = [occasion for occasion in Occasion if occasion.lasts]
    ended = select(Grant.id).where(Grant.id == Disclosure.grant_id, Grant.ended_at < before).exists()
    due = (
        select(Disclosure.id)
        .where(Disclosure.at < before, or_(Disclosure.occasion.not_in(lasting), ended))
        .limit(limit)
        .with_for_update(skip_locked=True, of=Disclosure)
    )
    erased = session.execute(
        delete(Disclosure).where(Disclosure.id.in_(due)).returning(Disclosure.id),
        execution_options={"synchronize_session": False},
    ).all()
    if erased:
        record_event(session, Event.DISCLOSURES_ERASED, count=len(erased))
    return len(erased)
