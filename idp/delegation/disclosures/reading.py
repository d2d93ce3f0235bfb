"""Reading the records: page by page for the owner, as a file for owner, agency and operator."""

import uuid
from dataclasses import dataclass
from datetime import date, datetime, time

from sqlalchemy import Select, and_, func, or_, select
from sqlalchemy.orm import Session

from idp.audit.events import Event
from idp.audit.service import record_event
from idp.clock import JST
from idp.csv_files import write_rows
from idp.delegation.cursors import read_cursor, read_moment, write_cursor
from idp.delegation.disclosures.models import Disclosure
from idp.delegation.disclosures.rules import IN_WORDS, Occasion
from idp.delegation.models import Grant
from idp.delegation.permissions.models import ConsentWording, Permission
from idp.errors import NotFound, Refusal

_ORDER = "-at"
_FIRST = date(2000, 1, 1)
PAGE = 20
LARGEST_FILE = 100_000
"""Rows; more is asked for in several periods."""
HEADER = (
    "日付", "時刻", "本人の氏名", "本人の住所", "提供先の名称", "提供先の住所", "提供先の代表者",
    "提供した項目", "提供の機会", "その日の回数", "同意の文面の版", "許可の番号",
)  # fmt: skip


class TooManyRecords(Refusal):
    """The period has more records than one file can hold."""

    status = 400


class WordingUnknown(NotFound):
    """No permission and no record of this owner names such a consent text."""


@dataclass(frozen=True)
class Scope:
    """Whose records, and of which days in Japan, both included."""

    owner_id: uuid.UUID | None = None
    agency_id: uuid.UUID | None = None
    first_day: date | None = None
    last_day: date | None = None

    def chosen(self) -> Select[Disclosure]:
        """Return the records, in no order; of nobody in particular where neither side is named."""
        query = select(Disclosure)
        if self.owner_id is not None:
            query = query.where(Disclosure.owner_id == self.owner_id)
        if self.agency_id is not None:
            query = query.where(Disclosure.agency_id == self.agency_id)
        # By the moment, which the indexes have; no day is so early that it is none in UTC.
        if self.first_day is not None:
            begins = datetime.combine(max(self.first_day, _FIRST), time.min, JST)
            query = query.where(Disclosure.at >= begins)
        if self.last_day is not None:
            ends = datetime.combine(max(self.last_day, _FIRST), time.max, JST)
            query = query.where(Disclosure.at <= ends)
        return query


@dataclass(frozen=True)
class Page:
    """One page, and the cursor of the next if there is one."""

    records: list[Disclosure]
    next_cursor: str | None


def page_of_owner(session: Session, owner_id: uuid.UUID, *, cursor: str = "") -> Page:
    """Return one page of an owner's records, the newest first.

    :raises CursorUnreadable: the cursor cannot be continued from.
    """
    at, query = Disclosure.at, Scope(owner_id=owner_id).chosen()
    if cursor:
        value, last_id = read_cursor(cursor, order=_ORDER)
        last = read_moment(value)
        query = query.where(or_(at < last, and_(at == last, Disclosure.id < last_id)))
    rows = list(session.scalars(query.order_by(at.desc(), Disclosure.id.desc()).limit(PAGE + 1)))
    found = rows[:PAGE]
    more = len(rows) > PAGE
    return Page(found, write_cursor(_ORDER, found[-1].at.isoformat(), found[-1].id) if more else None)


def count_records(session: Session, scope: Scope) -> int:
    """Return how many records there are."""
    return session.scalar(select(func.count()).select_from(scope.chosen().subquery())) or 0


def export_records(session: Session, scope: Scope, *, actor_id: uuid.UUID | None) -> bytes:
    """Return the records as a CSV file, the oldest first, and note in the audit log that they went out.

    :raises TooManyRecords: more than one file can hold.
    """
    if count_records(session, scope) > LARGEST_FILE:
        raise TooManyRecords
    columns = (
        Disclosure.at, Disclosure.owner_name, Disclosure.owner_address, Disclosure.recipient_name,
        Disclosure.recipient_address, Disclosure.recipient_representative, Disclosure.items,
        Disclosure.occasion, Disclosure.times, Disclosure.wording, Disclosure.grant_id,
    )  # fmt: skip
    found = session.execute(
        scope.chosen().with_only_columns(*columns).order_by(Disclosure.at, Disclosure.id)
    ).all()
    rows = []
    for at, *parties, items, occasion, times, wording, grant_id in found:
        moment, named = at.astimezone(JST), "、".join(items)
        when, words = (f"{moment:%Y-%m-%d}", f"{moment:%H:%M:%S}"), IN_WORDS[Occasion(occasion)]
        rows.append((*when, *parties, named, words, times, wording, str(grant_id)))
    record_event(
        session, Event.DISCLOSURES_EXPORTED, actor_id=actor_id, owner_id=scope.owner_id,
        agency_id=scope.agency_id, count=len(rows),
    )  # fmt: skip
    return write_rows(HEADER, rows)


def items_in_english(session: Session) -> dict[str, str]:
    """Return the English of each kind of data that relying parties have named."""
    named = session.execute(select(Permission.items, Permission.items_en)).all()
    return {item: words for items, english in named for item, words in zip(items, english, strict=False)}


def get_wording_of(session: Session, owner_id: uuid.UUID, version: str) -> ConsentWording | None:
    """Return the consent text of one of the owner's permissions or records; None if it was never stored.

    :raises WordingUnknown: none of this owner's names it.
    """
    agreed = select(Grant.id).where(Grant.owner_id == owner_id, Grant.wording == version)
    named = select(Disclosure.id).where(Disclosure.owner_id == owner_id, Disclosure.wording == version)
    if not any(session.scalar(query.limit(1)) for query in (agreed, named)):
        raise WordingUnknown
    return session.get(ConsentWording, version)
