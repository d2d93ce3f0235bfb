"""登録ユーザー一覧: an agency's grants, page by page, quick with 50,000 owners.

Pages are found by the last row of the page before (a cursor), not by counting rows, so the last page
costs what the first does and nothing is shown twice while new requests come in. A page is found first, as
ids in their order, from indexes alone where nothing is searched; then its rows are read.
"""

import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Select,
    TextClause,
    and_,
    func,
    literal,
    or_,
    select,
    true,
    union_all,
)
from sqlalchemy.orm import Session, defer, joinedload, lazyload

from idp.accounts.folding import search_words
from idp.accounts.models import Account, Member, OwnerProfile
from idp.delegation import models
from idp.delegation.assignments.service import is_limited, visible_to
from idp.delegation.cursors import read_cursor, read_moment, write_cursor
from idp.delegation.models import Grant
from idp.delegation.rules import GrantState

LARGEST_PAGE = 200
_MOST_WORDS = 8
_NO_LIMIT = 2**31 - 1
_LARGEST_USER_ID = 2**31 - 1


class Sort(StrEnum):
    """Orders of the list."""

    NEWEST = "-requested_at"
    OLDEST = "requested_at"
    EMAIL = "email"
    FURIGANA = "furigana"
    LAST_USED = "-last_used_at"
    """The last proxy login first, then those for whom there was none."""

    @property
    def is_of_requests(self) -> bool:
        """Whether it is the order in which the rows were stored, more or less."""
        return self in {Sort.NEWEST, Sort.OLDEST}

    @property
    def descends(self) -> bool:
        """Whether the largest comes first."""
        return self in {Sort.NEWEST, Sort.LAST_USED}

    @property
    def key(self) -> ColumnElement[Any]:
        """What is ordered by; the id decides between equals."""
        columns: dict[Sort, ColumnElement[Any]] = {
            Sort.EMAIL: Grant.owner_email.expression, Sort.FURIGANA: Grant.owner_furigana.expression,
            Sort.LAST_USED: Grant.last_used_at.expression,
        }  # fmt: skip
        return columns.get(self, Grant.requested_at.expression)


class StateFilter(StrEnum):
    """Tabs of the list."""

    OPEN = ""
    REQUESTED = "requested"
    ACTIVE = "active"
    SUSPENDED = "suspended"
    ENDED = "ended"

    @property
    def condition(self) -> ColumnElement[bool] | TextClause:
        """What the tab shows; in the words of the partial index where there is one, so that it is used."""
        if self is StateFilter.OPEN:
            return models.OPEN
        if self is StateFilter.ENDED:
            return models.ENDED
        return Grant.state == GrantState(self.value)

    @property
    def states(self) -> list[GrantState]:
        """The states that the tab shows, of those that stand."""
        standing = [state for state in GrantState if state.is_open]
        return standing if self is StateFilter.OPEN else [state for state in standing if state == self.value]


@dataclass(frozen=True)
class Query:
    """What the list shows.

    :ivar text: words, each of which must be found.
    :ivar user_id: one owner's member number.
    """

    state: StateFilter = StateFilter.OPEN
    text: str = ""
    user_id: int | None = None
    sort: Sort = Sort.NEWEST
    cursor: str = ""
    limit: int = 50


@dataclass(frozen=True)
class Page:
    """One page, and the cursor of the next if there is one."""

    grants: list[Grant]
    next_cursor: str | None


@dataclass(frozen=True)
class _Place:
    """Where a row stands in its order."""

    key: Any
    id: uuid.UUID


def page_of_grants(
    session: Session, agency_id: uuid.UUID, query: Query, *, member: Member | None = None
) -> Page:
    """Return one page of the agency's grants, as far as this member of it may see them.

    :raises CursorUnreadable: the cursor cannot be continued from.
    """
    limit = max(1, min(query.limit, LARGEST_PAGE))
    query = _without_hidden_order(query)
    places = _places_of(session, agency_id, query, member=member, limit=limit + 1)
    more = len(places) > limit
    grants = read_grants(session, [place.id for place in places[:limit]])
    return Page(grants, _write_place(query.sort, places[limit - 1]) if more else None)


def _without_hidden_order(query: Query) -> Query:
    """Leave out what the agency no longer sees of ended grants: neither order nor cursor may tell it."""
    if query.state is StateFilter.ENDED and not query.sort.is_of_requests:
        return replace(query, sort=Sort.NEWEST)
    return query


def _places_of(
    session: Session, agency_id: uuid.UUID, query: Query, *, member: Member | None, limit: int
) -> list[_Place]:
    query = _without_hidden_order(query)
    after = _read_place(query) if query.cursor else None
    narrowed = _narrowed(session, query)
    if narrowed is None:
        return []
    found = [Grant.agency_id == agency_id, *narrowed]
    if member is not None and is_limited(member):
        found.append(visible_to(member))
    if query.sort.is_of_requests:
        return _in_order_of_requests(session, found, query, after=after, limit=limit)
    if len(found) > 1:
        return _sorted_finds(session, found, query, after=after, limit=limit)
    return _merged_states(session, found, query, after=after, limit=limit)


def ids_of_grants(
    session: Session, agency_id: uuid.UUID, query: Query, *, member: Member | None = None
) -> list[uuid.UUID]:
    """Return the ids of all that the list shows, on whichever page, in its order."""
    return [place.id for place in _places_of(session, agency_id, query, member=member, limit=_NO_LIMIT)]


def read_grants(session: Session, ids: Sequence[uuid.UUID]) -> list[Grant]:
    """Return these grants in this order, each with its owner."""
    statement: Select[Grant] = (
        select(Grant).where(Grant.id.in_(ids))
        .options(joinedload(Grant.owner).joinedload(Account.owner), lazyload(Grant.agency))
        .options(defer(Grant.search_text))
    )  # fmt: skip
    rows = {grant.id: grant for grant in session.scalars(statement).unique()} if ids else {}
    return [rows[one] for one in ids if one in rows]


def counts_by_state(
    session: Session, agency_id: uuid.UUID, *, member: Member | None = None
) -> dict[str, int]:
    """Return how many grants of the agency are requested, active, suspended and ended."""
    statement = select(Grant.state, func.count()).where(Grant.agency_id == agency_id).group_by(Grant.state)
    if member is not None and is_limited(member):
        statement = statement.where(visible_to(member))
    counts = {"requested": 0, "active": 0, "suspended": 0, "ended": 0}
    for state, number in session.execute(statement):
        counts[state if GrantState(state).is_open else "ended"] += number
    return counts


def _narrowed(session: Session, query: Query) -> list[ColumnElement[bool]] | None:
    """Return what a row must have because of the search; None where nothing can have it."""
    conditions: list[ColumnElement[bool]] = []
    user_ids = [] if query.user_id is None else [query.user_id]
    if query.text:
        words = search_words(query.text)[:_MOST_WORDS]
        if query.state is StateFilter.ENDED:
            # Once a grant has ended the agency no longer sees the owner's data, nor may it find out by
            # searching: it finds what it sees, the member number.
            if len(words) != 1 or not (words[0].isascii() and words[0].isdigit()):
                return None
            user_ids.append(int(words[0][:10]))
        elif words:
            conditions += [Grant.search_text.contains(word, autoescape=True) for word in words]
        else:
            return None
    for user_id in user_ids:
        owner_id = session.scalar(
            select(OwnerProfile.account_id).where(OwnerProfile.user_id == min(user_id, _LARGEST_USER_ID))
        )
        if owner_id is None:
            return None
        conditions.append(Grant.owner_id == owner_id)
    return conditions


def _in_order_of_requests(
    session: Session, found: Sequence[ColumnElement[bool]], query: Query, *, after: _Place | None, limit: int
) -> list[_Place]:
    """Walk along the order of the requests until the page is full."""
    statement = select(Grant.requested_at, Grant.id).where(*found, query.state.condition)
    if after is not None:
        statement = statement.where(_beyond(Grant.requested_at.expression, Grant.id.expression, query.sort,
                                            after=after))  # fmt: skip
    return _places(session, statement.order_by(*_order(query.sort, Grant.id.expression)).limit(limit))


def _sorted_finds(
    session: Session, found: Sequence[ColumnElement[bool]], query: Query, *, after: _Place | None, limit: int
) -> list[_Place]:
    """Find first, then sort what was found: to walk along another order would jump all over the table."""
    finds = select(query.sort.key.label("key"), Grant.id.label("id")).where(*found, query.state.condition)
    if session.get_bind().dialect.name == "sqlite":
        # In the order of the table, more or less; without a limit it would not keep to any order. PostgreSQL
        # reads in that order of its own accord, and would sort.
        finds = finds.order_by(Grant.requested_at).limit(_NO_LIMIT)
    hits = finds.cte("hits").prefix_with("MATERIALIZED")
    statement = select(hits.c.key, hits.c.id)
    if after is not None:
        statement = statement.where(_beyond(hits.c.key, hits.c.id, query.sort, after=after))
    statement = statement.order_by(hits.c.key.is_(None), *_order(query.sort, hits.c.id, key=hits.c.key))
    return _places(session, statement.limit(limit))


def _merged_states(
    session: Session, found: Sequence[ColumnElement[bool]], query: Query, *, after: _Place | None, limit: int
) -> list[_Place]:
    """Take the next rows of each state from its index, and of these the first: no row is read in vain."""
    parts = []
    for condition in _parts(query, after):
        part = select(query.sort.key.label("key"), Grant.id.label("id")).where(*found, models.OPEN, condition)
        parts.append(part.order_by(*_order(query.sort, Grant.id.expression)).limit(limit).subquery())
    if not parts:
        return []
    places = _places(session, union_all(*(select(part.c.key, part.c.id) for part in parts)))
    known = sorted((one for one in places if one.key is not None), key=lambda one: (one.key, one.id))
    unknown = sorted((one for one in places if one.key is None), key=lambda one: one.id)
    if query.sort.descends:
        known, unknown = known[::-1], unknown[::-1]
    return [*known, *unknown][:limit]


def _parts(query: Query, after: _Place | None) -> Iterator[ColumnElement[bool]]:
    key = query.sort.key
    for state in query.state.states:
        of_state = Grant.state == state
        if query.sort is not Sort.LAST_USED:
            beyond = _beyond(key, Grant.id.expression, query.sort, after=after) if after else true()
            yield and_(of_state, beyond)
            continue
        if after is None or after.key is not None:
            beyond = true() if after is None else _pair_beyond(key, Grant.id.expression, after, descends=True)
            yield and_(of_state, key.is_not(None), beyond)
            yield and_(of_state, key.is_(None))
        else:
            yield and_(of_state, key.is_(None), Grant.id < after.id)


def _beyond(
    key: ColumnElement[Any], row_id: ColumnElement[uuid.UUID], sort: Sort, *, after: _Place
) -> ColumnElement[bool]:
    if sort is Sort.LAST_USED:
        if after.key is None:
            return and_(key.is_(None), row_id < after.id)
        return or_(key.is_(None), _pair_beyond(key, row_id, after, descends=True))
    return _pair_beyond(key, row_id, after, descends=sort.descends)


def _pair_beyond(
    key: ColumnElement[Any], row_id: ColumnElement[uuid.UUID], after: _Place, *, descends: bool
) -> ColumnElement[bool]:
    """Say it so that the index of the key can begin at the place."""
    value = literal(after.key, key.type)
    if descends:
        return and_(key <= value, or_(key < value, row_id < after.id))
    return and_(key >= value, or_(key > value, row_id > after.id))


def _order(
    sort: Sort, row_id: ColumnElement[uuid.UUID], *, key: ColumnElement[Any] | None = None
) -> tuple[ColumnElement[Any], ...]:
    key = sort.key if key is None else key
    return (key.desc(), row_id.desc()) if sort.descends else (key.asc(), row_id.asc())


def _places(session: Session, statement: Any) -> list[_Place]:
    return [_Place(key, row_id) for key, row_id in session.execute(statement)]


def _read_place(query: Query) -> _Place:
    value, last_id = read_cursor(query.cursor, order=query.sort)
    if query.sort is Sort.LAST_USED:
        return _Place(read_moment(value) if value else None, last_id)
    return _Place(read_moment(value) if query.sort.is_of_requests else value, last_id)


def _write_place(sort: Sort, place: _Place) -> str:
    key = place.key.isoformat() if isinstance(place.key, datetime) else place.key or ""
    return write_cursor(sort, key, place.id)
