"""``make measure``: what the list of an agency with 50,000 owners costs, call by call.

The whole call is measured in this process: the access token and its live records, the page, its JSON. A
page is to take 50 ms of the server's time and 12 queries at most; the command fails when even the quickest
round takes more. "own" is the time that this process worked: the machine may have been busy otherwise.
"""

import logging
import os
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import click
import structlog
from sqlalchemy import event, func, select, text, update

from idp import clock
from idp.delegation.models import Grant
from idp.demo import PPA
from idp.demo.large import LARGE_SIZE, load_large
from tests.databases import POSTGRES, SQLITE, Databases
from tests.oauth.relying_party import parties_of
from tests.world import World, make_template

MOST_MILLISECONDS = 50
MOST_QUERIES = 12
ROUNDS = 9
SORTS = ("-requested_at", "requested_at", "email", "furigana", "-last_used_at")
SEARCHES = {
    "a name": "阿部", "reading and place": "やまぐち 千代田", "an address": "owner49990@",
    "a serial number": "HC-L49990",
    "a member number": "20049990", "nothing": "ぬるぽ", "one character": "木", "everybody": "large",
}  # fmt: skip


@dataclass(frozen=True)
class Measured:
    """One call: milliseconds (best, median, and median of this process's own work), queries and rows."""

    name: str
    best: float
    median: float
    own: float
    queries: int
    rows: int


@contextmanager
def queries_of(world: World) -> Iterator[list[tuple[str, Any]]]:
    """Collect the statements, with their parameters, that are sent meanwhile."""
    sent: list[tuple[str, Any]] = []

    def collect(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_rest: Any) -> None:
        sent.append((statement, parameters))

    event.listen(world.database.engine, "before_cursor_execute", collect)
    try:
        yield sent
    finally:
        event.remove(world.database.engine, "before_cursor_execute", collect)


def measure(
    world: World, token: str, name: str, *, rounds: int = ROUNDS, **query: Any
) -> tuple[Measured, dict[str, Any]]:
    """Call the list some times, after one that warms it up."""
    with queries_of(world) as sent:
        page = world.api("GET", "/api/delegations", token, query_string=query).get_json()
    took, own = [0.0] * (rounds == 0), [0.0] * (rounds == 0)
    for _ in range(rounds):
        begun, worked = time.perf_counter(), time.process_time()
        answer = world.api("GET", "/api/delegations", token, query_string=query)
        took.append((time.perf_counter() - begun) * 1000)
        own.append((time.process_time() - worked) * 1000)
        assert answer.status_code == 200, answer.text
    rows = len(page["items"])
    return Measured(name, min(took), statistics.median(took), statistics.median(own), len(sent), rows), dict(
        page
    )


def measure_all(world: World, token: str) -> Iterator[Measured]:
    """Measure each tab, sort and search; of each sort the first page, the second and the last."""
    for tab in ("", "requested", "active", "suspended", "ended"):
        yield measure(world, token, f"tab {tab or 'open'}", state=tab)[0]
    for sort in SORTS:
        first, page = measure(world, token, f"sort {sort}, first page", sort=sort)
        yield first
        yield measure(world, token, f"sort {sort}, second page", sort=sort, cursor=page["next_cursor"])[0]
        last = last_cursor(world, token, sort)
        yield measure(world, token, f"sort {sort}, last page", sort=sort, cursor=last)[0]
        yield measure(world, token, f"sort {sort}, tab requested", sort=sort, state="requested")[0]
    for name, words in SEARCHES.items():
        for sort in ("-requested_at", "furigana"):
            yield measure(world, token, f"search {name}, sort {sort}", q=words, sort=sort)[0]
    yield measure(world, token, "search among the ended", q="20049991", state="ended")[0]


def measure_export(world: World) -> int:
    """Take the whole list along, piece by piece, while others write; return 1 if they waited too long."""
    browser, waited = world.browser(PPA.members[0]), [0.0]
    form = {"csrf_token": browser.token(), "state": "", "q": ""}
    nothing = update(Grant).where(Grant.state == "none").values(state="")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    begun, worked = time.perf_counter(), time.process_time()
    answer = browser.post("/agency/owners-export", form)
    recorded, rows = time.perf_counter(), 0
    for piece in answer.iter_encoded():
        rows += piece.count(b"\r\n")
        asked = time.perf_counter()
        world.write(lambda session: session.execute(nothing).close())
        waited.append((time.perf_counter() - asked) * 1000)
    took, own = time.perf_counter() - begun, time.process_time() - worked
    memory = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    click.echo(
        f"\nexport: {rows - 1} rows in {took:.1f} s ({recorded - begun:.1f} s to record; own {own:.1f} s), "
        f"{memory:.0f} MB more memory; a writer beside it waited {max(waited):.0f} ms at most"
    )
    return int(max(waited) > 1000)


def last_cursor(world: World, token: str, sort: str) -> str:
    """Walk to the last page in large steps and return its cursor."""
    cursor, page = "", {"next_cursor": ""}
    while page["next_cursor"] is not None:
        cursor = page["next_cursor"]
        page = world.api("GET", "/api/delegations", token,
                         query_string={"sort": sort, "limit": 200, "cursor": cursor}).get_json()  # fmt: skip
    return cursor


def load(world: World, size: int) -> None:
    """Add the large agency; for every tenth of its owners somebody has signed in."""
    world.write(lambda session: load_large(session, lambda batches: batches, size=size))
    agency_id, now = world.agency(PPA).id, clock.now()

    def use(session: Any) -> None:
        ids = session.scalars(select(Grant.id).where(Grant.agency_id == agency_id, Grant.state == "active"))
        for index, grant_id in enumerate(list(ids)[::10]):
            session.execute(
                update(Grant).where(Grant.id == grant_id)
                .values(last_used_at=now - timedelta(minutes=index % 3_000))
            )  # fmt: skip

    world.write(use)
    with world.database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        if world.database.engine.dialect.name == "postgresql":
            connection.execute(text("VACUUM ANALYZE"))


@click.command()
@click.option("--database", type=click.Choice([SQLITE, POSTGRES]), default=SQLITE, show_default=True)
@click.option("--owners", default=LARGE_SIZE, show_default=True)
def main(database: str, owners: int) -> None:
    """Measure the list of an agency with many owners."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    with tempfile.TemporaryDirectory() as name:
        folder, databases = Path(name), Databases(Path(name) / "postgres")
        try:
            template = make_template(databases, database, folder)
            world = World.copied(template, folder)
            world.restart(watched=False)  # what the tests watch takes longer than the page
            load(world, owners)
            token = (
                parties_of(world)["agency-portal"].sign_in(browser=world.browser(PPA.members[0])).access_token
            )
            grants = world.read(lambda session: session.scalar(select(func.count()).select_from(Grant)))
            load_now = f"load {os.getloadavg()[0]:.1f}"
            click.echo(
                f"{database}, {grants} grants, {load_now}; milliseconds of one call, {ROUNDS} rounds\n"
            )
            click.echo(f"{'call':44}{'best':>8}{'median':>8}{'own':>8}{'queries':>9}{'rows':>6}")
            too_much = 0
            for one in measure_all(world, token):
                click.echo(
                    f"{one.name:44}{one.best:8.1f}{one.median:8.1f}{one.own:8.1f}{one.queries:9}{one.rows:6}"
                )
                too_much += one.best > MOST_MILLISECONDS or one.queries > MOST_QUERIES
            too_much += measure_export(world)
            world.close()
        finally:
            databases.close()
    if too_much:
        click.echo(f"\n{too_much} calls took more than {MOST_MILLISECONDS} ms or {MOST_QUERIES} queries.")
        sys.exit(1)


if __name__ == "__main__":
    main()
