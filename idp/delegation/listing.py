"""登録ユーザー一覧: an agency's grants, page by page, quick with 50,000 owners.

Pages are found by the last row of the page before (a cursor), not by counting rows, so the last page
costs what the first does and nothing is shown twice while new requests come in.
"""

import uuid
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, Select, TextClause, and_, func, or_, select
from sqlalchemy.orm import Session, contains_eager

from idp.accounts.models import Account, OwnerProfile
from idp.delegation import models
from idp.delegation.cursors import read_cursor, read_moment, write_cursor
from idp.delegation.models import Grant
from idp.delegation.rules import GrantState

LARGEST_PAGE = 200


class Sort(StrEnum):
    """Orders of the list."""

    NEWEST = "-requested_at"
    OLDEST = "requested_at"
    EMAIL = "email"


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


@dataclass(frozen=True)
class Query:
    """What the list shows."""

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


def page_of_grants(session: Session, agency_id: uuid.UUID, query: Query) -> Page:
    """Return one page of the agency's grants.

    :raises CursorUnreadable: the cursor cannot be continued from.
    """
    if query.state is StateFilter.ENDED and query.sort is Sort.EMAIL:
        # The agency no longer sees these owners' addresses: neither order nor cursor may tell them.
        query = replace(query, sort=Sort.NEWEST)
    key, descending = _sort_key(query.sort)
    statement = (
        select(Grant)
        .join(Account, Account.id == Grant.owner_id)
        .join(OwnerProfile, OwnerProfile.account_id == Account.id)
        .options(contains_eager(Grant.owner).contains_eager(Account.owner))
        .where(Grant.agency_id == agency_id, query.state.condition)
    )
    statement = _narrow(statement, query)
    if query.cursor:
        statement = statement.where(_after(query, key, descending=descending))
    order = (key.desc(), Grant.id.desc()) if descending else (key.asc(), Grant.id.asc())
    limit = max(1, min(query.limit, LARGEST_PAGE))
    rows = list(session.scalars(statement.order_by(*order).limit(limit + 1)).unique())
    more = len(rows) > limit
    return Page(rows[:limit], _cursor(query.sort, rows[limit - 1]) if more else None)


def counts_by_state(session: Session, agency_id: uuid.UUID) -> dict[str, int]:
    """Return how many grants of the agency are requested, active, suspended and ended."""
    rows = session.execute(
        select(Grant.state, func.count()).where(Grant.agency_id == agency_id).group_by(Grant.state)
    ).all()
    counts = {"requested": 0, "active": 0, "suspended": 0, "ended": 0}
    for state, number in rows:
        counts[state if GrantState(state).is_open else "ended"] += number
    return counts


def _narrow(statement: Select[Grant], query: Query) -> Select[Grant]:
    if query.user_id is not None:
        statement = statement.where(OwnerProfile.user_id == query.user_id)
    if not query.text:
        return statement
    # Once a grant has ended the agency no longer sees the owner's address, nor may it find out by searching.
    still_visible = Grant.state.in_([state for state in GrantState if state.is_open])
    matches: list[ColumnElement[bool]] = [
        and_(Account.email.contains(query.text.lower(), autoescape=True), still_visible)
    ]
    if query.text.isascii() and query.text.isdigit() and len(query.text) <= 9:
        matches.append(OwnerProfile.user_id == int(query.text))
    return statement.where(or_(*matches))


def _sort_key(sort: Sort) -> tuple[ColumnElement[Any], bool]:
    if sort is Sort.EMAIL:
        return func.coalesce(Account.email, ""), False
    return Grant.requested_at.expression, sort is Sort.NEWEST


def _cursor(sort: Sort, grant: Grant) -> str:
    value = (grant.owner.email or "") if sort is Sort.EMAIL else grant.requested_at.isoformat()
    return write_cursor(sort, value, grant.id)


def _after(query: Query, key: ColumnElement[Any], *, descending: bool) -> ColumnElement[bool]:
    value, last_id = read_cursor(query.cursor, order=query.sort)
    last = value if query.sort is Sort.EMAIL else read_moment(value)
    if descending:
        return or_(key < last, and_(key == last, Grant.id < last_id))
    return or_(key > last, and_(key == last, Grant.id > last_id))
