"""What a page of the list costs the database, with however many owners; ``make measure`` takes the time."""

import re
from typing import Any

import pytest
from sqlalchemy import text

from tests.delegation.measure_listing import MOST_QUERIES, SORTS, load, measure, queries_of
from tests.oauth.relying_party import RelyingParty
from tests.world import World

SORTING = re.compile(r"USE TEMP B-TREE|\bSort\b|Seq Scan on delegation_grants|SCAN delegation_grants")


@pytest.fixture
def staff(portal: RelyingParty) -> str:
    return portal.sign_in().access_token


def plans_of(world: World, token: str, **query: Any) -> str:
    """Return how the database goes about the questions to the grants."""
    with queries_of(world) as sent:
        world.api("GET", "/api/delegations", token, query_string=query)
    postgres = world.database.engine.dialect.name == "postgresql"
    lines = []
    with world.database.engine.connect() as connection:
        if postgres:  # a few rows would be scanned and sorted, which says nothing about many
            for kind in ("seqscan", "bitmapscan", "incremental_sort", "sort"):
                connection.execute(text(f"SET enable_{kind} = off"))
        for statement, parameters in sent:
            if (
                "FROM delegation_grants" in statement
                and "count(" not in statement
                and "accounts_1" not in statement
            ):
                explain = "EXPLAIN " if postgres else "EXPLAIN QUERY PLAN "
                rows = connection.exec_driver_sql(explain + statement, parameters).all()
                lines += [str(row[-1]) for row in rows]
    return "\n".join(lines)


def test_no_page_sorts_or_scans_all_rows(world: World, staff: str) -> None:
    for sort in SORTS:
        first = measure(world, staff, "", sort=sort, limit=1, rounds=0)[1]
        for state, cursor in (("", ""), ("requested", ""), ("", first["next_cursor"])):
            plan = plans_of(world, staff, sort=sort, state=state, cursor=cursor)
            assert "ix_delegation_grants_agency" in plan
            assert not SORTING.search(plan), plan


def test_no_page_takes_more_than_12_queries(world: World, staff: str) -> None:
    load(world, 120)
    for sort in SORTS:
        for state in ("", "active", "ended"):
            for q in ("", "large", "20000001"):
                measured, _page = measure(world, staff, "", sort=sort, state=state, q=q, limit=200, rounds=0)
                assert measured.queries <= MOST_QUERIES
