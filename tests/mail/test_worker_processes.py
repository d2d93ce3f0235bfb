"""Workers as real processes: killed between claiming and settling, and two of them side by side."""

import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import update

from idp import clock
from idp.db import Database
from idp.mail.models import OutboxItem
from idp.settings import Settings
from idp.unit_of_work import unit_of_work
from tests.mail.letters import a_link, only_row, post, rows
from tests.mail.post_office import PostOffice, misbehaving_server, say_nothing
from tests.mail.test_worker import PATIENCE, until, working

ROOT = Path(__file__).parents[2]
Build = Callable[..., Settings]


@contextmanager
def worker_process(database_url: str, port: int) -> Iterator[subprocess.Popen[bytes]]:
    """Run a worker as a process; it is asked to stop at the end, and must do so. Its log is its output."""
    with subprocess.Popen(
        [sys.executable, "-m", "tests.mail.worker_process", database_url, "localhost", str(port)], cwd=ROOT,
        stdout=subprocess.PIPE, bufsize=0,
    ) as process:  # fmt: skip
        try:
            yield process
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
                assert process.wait(PATIENCE) == 0
        finally:
            process.kill()


def let_claims_run_out(database: Database) -> None:
    """Make every claim as old as it is a minute later."""
    with unit_of_work(database) as session:
        session.execute(
            update(OutboxItem).where(OutboxItem.done_at.is_(None)).values(claimed_until=clock.now())
        )


def delivered_by(worker: subprocess.Popen[bytes]) -> int:
    """Ask a worker to stop and return how many mails its log says it delivered."""
    worker.send_signal(signal.SIGTERM)
    log, _errors = worker.communicate(timeout=PATIENCE)
    return log.count(b"item_delivered")


def test_a_worker_killed_before_it_sent_loses_no_mail(
    database: Database, database_url: str, post_office: PostOffice, smtp_settings: Build
) -> None:
    post(database, a_link("a@b.jp"))
    with misbehaving_server(say_nothing) as deaf, worker_process(database_url, deaf) as worker:
        until(lambda: only_row(database).claimed_until)
        worker.kill()
        worker.wait(PATIENCE)
    let_claims_run_out(database)
    with working(database, smtp_settings(post_office.port)):
        until(lambda: only_row(database).done_at)
    assert len(post_office.letters) == 1
    assert only_row(database).attempts == 2


def test_a_worker_killed_after_it_sent_sends_once_more_under_the_same_message_id(
    database: Database, database_url: str, post_office: PostOffice, smtp_settings: Build
) -> None:
    post(database, a_link("a@b.jp"))
    post_office.hang_seconds = PATIENCE
    with worker_process(database_url, post_office.port) as worker:
        until(lambda: post_office.letters)
        worker.kill()
        worker.wait(PATIENCE)
    post_office.hang_seconds = 0
    assert only_row(database).done_at is None
    with working(database, smtp_settings(post_office.port)):
        post(database, a_link("other@b.jp"))
        until(lambda: rows(database)[1].done_at)
        assert rows(database)[0].done_at is None  # still held by the one that was killed
        let_claims_run_out(database)
        until(lambda: rows(database)[0].done_at)
    ids = [letter.mail["Message-ID"] for letter in post_office.letters if letter.recipients == ("a@b.jp",)]
    assert ids == [f"<{rows(database)[0].id}@club.example>"] * 2


def test_two_workers_deliver_200_mails_once_each(
    database: Database, database_url: str, post_office: PostOffice
) -> None:
    addresses = [f"owner{number}@example.jp" for number in range(200)]
    port = post_office.port
    with worker_process(database_url, port) as one, worker_process(database_url, port) as other:
        for worker in (one, other):
            assert worker.stdout is not None
            assert b"worker_started" in worker.stdout.readline()
        post(database, *(a_link(address) for address in addresses))
        until(lambda: all(row.done_at for row in rows(database)), seconds=60)
        shares = [delivered_by(worker) for worker in (one, other)]
    assert sum(shares) == 200
    assert min(shares) > 0
    assert sorted(letter.recipients[0] for letter in post_office.letters) == sorted(addresses)
    assert len({letter.mail["Message-ID"] for letter in post_office.letters}) == 200
    assert {row.attempts for row in rows(database)} == {1}


def test_a_worker_that_is_interrupted_stops_by_itself(database_url: str, database: Database) -> None:
    with misbehaving_server(say_nothing) as port, worker_process(database_url, port) as worker:
        post(database, a_link("a@b.jp"))
        until(lambda: only_row(database).claimed_until)
        worker.send_signal(signal.SIGINT)
        assert worker.wait(PATIENCE) == 0
    assert only_row(database).claimed_until is None
