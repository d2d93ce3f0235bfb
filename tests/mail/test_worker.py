"""The worker's loop in one process: lanes, jobs, faults, and a stop that finishes what was begun."""

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta

import pytest
import structlog

from idp.db import Database
from idp.mail.delivery import Delivered, Deliverer, Delivery, DeliveryFailed
from idp.mail.messages import Message
from idp.mail.models import Topic
from idp.mail.outbox import enqueue_delivery
from idp.mail.worker import CALLS_AT_ONCE, Job, run_worker
from idp.settings import Environment, Settings
from idp.unit_of_work import unit_of_work
from tests.mail.letters import EVERY_MAIL, OWNER, a_link, only_row, post, rows
from tests.mail.post_office import PostOffice

PATIENCE = 15
Build = Callable[..., Settings]


@contextmanager
def working(
    database: Database,
    settings: Settings,
    *,
    deliverers: Mapping[Topic, Deliverer] | None = None,
    jobs: tuple[Job, ...] = (),
) -> Iterator[threading.Event]:
    """Run a worker beside the test; yields the event that stops it."""
    stop = threading.Event()
    thread = threading.Thread(
        target=run_worker,
        args=(database, settings),
        kwargs={"deliverers": deliverers or {}, "jobs": jobs, "stop": stop},
    )
    thread.start()
    try:
        yield stop
    finally:
        stop.set()
        thread.join(PATIENCE)
        assert not thread.is_alive()


def until(condition: Callable[[], object], *, seconds: float = PATIENCE) -> None:
    """Wait until something holds."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come about in time"
        time.sleep(0.02)


def call(database: Database, client: str, *, times: int = 1) -> None:
    """Enqueue logout calls to a relying party."""
    for _ in range(times):
        with unit_of_work(database) as session:
            enqueue_delivery(session, Topic.BACKCHANNEL_LOGOUT, name=client, recipient=client, payload={})


def settled(database: Database, recipient: str) -> bool:
    return all(row.done_at for row in rows(database) if row.recipient == recipient)


def test_the_worker_delivers_what_waits_and_what_comes_later(
    database: Database, post_office: PostOffice, smtp_settings: Build
) -> None:
    post(database, EVERY_MAIL[Message.DELEGATION_DENIED])
    with working(database, smtp_settings(post_office.port)):
        until(lambda: len(post_office.letters) == 1)
        post(database, EVERY_MAIL[Message.PASSWORD_CHANGED])
        until(lambda: all(row.done_at for row in rows(database)))
    assert [letter.recipients for letter in post_office.letters] == [(OWNER.email,)] * 2
    assert {row.payload for row in rows(database)} == {None}


def test_an_expired_mail_is_never_sent_and_a_fresh_one_is(
    database: Database, post_office: PostOffice, smtp_settings: Build
) -> None:
    post(database, a_link("late@example.jp"), a_link("fresh@example.jp"))
    with unit_of_work(database) as session:
        late = session.merge(rows(database)[0])
        late.expires_at = late.created_at
    with working(database, smtp_settings(post_office.port)):
        until(lambda: all(row.done_at or row.dead_at for row in rows(database)))
    assert [letter.recipients for letter in post_office.letters] == [("fresh@example.jp",)]
    assert rows(database)[0].payload is None


def test_a_refused_mail_becomes_a_dead_letter_at_once_and_a_postponed_one_is_tried_again(
    database: Database, post_office: PostOffice, smtp_settings: Build
) -> None:
    post_office.answers["RCPT"] = "450 4.2.0 greylisted"
    post(database, EVERY_MAIL[Message.DELEGATION_DENIED])
    with working(database, smtp_settings(post_office.port)):
        until(lambda: only_row(database).last_error is not None)
        assert only_row(database).dead_at is None
        post_office.answers.clear()
        until(lambda: only_row(database).done_at)
        post_office.answers["RCPT"] = "550 5.1.1 unknown"
        post(database, EVERY_MAIL[Message.PASSWORD_CHANGED])
        until(lambda: rows(database)[1].dead_at)
    first, second = rows(database)
    assert (first.attempts, first.last_error) == (2, None)
    assert (second.attempts, second.last_error) == (1, "SMTP 550 5.1.1 at RCPT")


def test_in_development_without_a_server_mails_count_as_delivered_and_stay_readable(
    database: Database, settings: Settings
) -> None:
    post(database, a_link("a@b.jp"))
    with working(database, settings):
        until(lambda: only_row(database).done_at)
    assert only_row(database).payload is not None


def test_in_production_without_a_server_mails_wait_and_other_deliveries_go_on(
    database: Database, settings: Settings
) -> None:
    post(database, a_link("a@b.jp"))
    call(database, "mypage")
    production = settings.model_copy(update={"environment": Environment.PRODUCTION})
    with working(database, production, deliverers={Topic.BACKCHANNEL_LOGOUT: lambda _: Delivered()}):
        until(lambda: settled(database, "mypage"))
    mail = next(row for row in rows(database) if row.topic == Topic.MAIL)
    assert (mail.attempts, mail.done_at, mail.dead_at) == (0, None, None)


def test_a_slow_relying_party_holds_up_nobody_else(database: Database, settings: Settings) -> None:
    released, places = threading.Event(), threading.Semaphore(CALLS_AT_ONCE)
    overcrowded: list[Delivery] = []

    def deliver(delivery: Delivery) -> Delivered:
        if delivery.recipient == "slow":
            if not places.acquire(blocking=False):
                overcrowded.append(delivery)
            released.wait(PATIENCE)
            places.release()
        return Delivered()

    call(database, "slow", times=70)
    call(database, "quick", times=3)
    post(database, a_link("a@b.jp"))
    with working(database, settings, deliverers={Topic.BACKCHANNEL_LOGOUT: deliver}):
        until(lambda: settled(database, "quick"))
        until(lambda: all(row.done_at for row in rows(database) if row.topic == Topic.MAIL))
        assert not settled(database, "slow")
        released.set()
        until(lambda: settled(database, "slow"))
    assert overcrowded == []


def test_a_first_retry_of_a_logout_call_comes_within_the_time_for_revocation(
    database: Database, settings: Settings
) -> None:
    tries: list[float] = []

    def deliver(_delivery: Delivery) -> Delivered:
        tries.append(time.monotonic())
        if len(tries) == 1:
            raise DeliveryFailed("answered 503")
        return Delivered()

    call(database, "mypage")
    with working(database, settings, deliverers={Topic.BACKCHANNEL_LOGOUT: deliver}):
        until(lambda: settled(database, "mypage"))
    assert 1 <= tries[1] - tries[0] < 3


def test_a_deliverer_that_breaks_is_tried_again_and_its_words_are_kept_out_of_database_and_log(
    database: Database, settings: Settings
) -> None:
    broken = threading.Event()

    def deliver(_delivery: Delivery) -> Delivered:
        if not broken.is_set():
            broken.set()
            raise KeyError(OWNER.email)
        return Delivered()

    call(database, "mypage")
    with (
        structlog.testing.capture_logs() as log,
        working(database, settings, deliverers={Topic.BACKCHANNEL_LOGOUT: deliver}),
    ):
        until(broken.is_set)
        until(lambda: only_row(database).last_error)
        assert only_row(database).last_error == "unexpected KeyError"
        until(lambda: settled(database, "mypage"))
    assert OWNER.email not in str(log)
    assert {entry["event"] for entry in log} >= {"delivery_broke", "delivery_failed", "item_delivered"}


def test_an_item_under_another_key_is_given_up_and_can_wait_for_the_operator(
    database: Database, settings: Settings
) -> None:
    post(database, a_link("a@b.jp"))
    with unit_of_work(database) as session:
        session.merge(only_row(database)).payload = "sealed by somebody else"
    with working(database, settings):
        until(lambda: only_row(database).dead_at)
    assert only_row(database).last_error == "sealed under another key"


def test_what_a_deliverer_wants_stored_is_stored_and_delivered_in_turn(
    database: Database, settings: Settings
) -> None:
    with unit_of_work(database) as session:
        enqueue_delivery(session, Topic.SESSION_ENDED, name="session", recipient="session", payload={})
    called: list[str] = []

    def fan_out(_delivery: Delivery) -> Delivered:
        return Delivered(
            store=lambda session: enqueue_delivery(
                session, Topic.BACKCHANNEL_LOGOUT, name="mypage", recipient="mypage", payload={}
            )
        )

    def deliver(delivery: Delivery) -> Delivered:
        called.append(delivery.recipient)
        return Delivered()

    with working(
        database, settings, deliverers={Topic.SESSION_ENDED: fan_out, Topic.BACKCHANNEL_LOGOUT: deliver}
    ):
        until(lambda: len(rows(database)) == 2 and all(row.done_at for row in rows(database)))
    assert called == ["mypage"]


def test_a_delivery_whose_outcome_cannot_be_stored_counts_as_failed(
    database: Database, settings: Settings
) -> None:
    def break_down(session) -> None:
        a_link("never@b.jp")(session)
        raise LookupError

    def deliver(delivery: Delivery) -> Delivered:
        return Delivered(store=break_down if delivery.attempt == 1 else None)

    call(database, "mypage")
    with working(database, settings, deliverers={Topic.BACKCHANNEL_LOGOUT: deliver}):
        until(lambda: only_row(database).last_error == "unexpected LookupError")
        until(lambda: settled(database, "mypage"))
    assert only_row(database).attempts == 2


def test_jobs_run_in_a_unit_of_work_of_their_own_and_a_broken_one_stops_nothing(
    database: Database, settings: Settings
) -> None:
    runs: list[str] = []

    def mail_once(session) -> None:
        if not runs:
            a_link("a@b.jp")(session)
        runs.append("mail")

    def break_down(session) -> None:
        a_link("never@b.jp")(session)
        runs.append("broken")
        raise RuntimeError

    every = timedelta(milliseconds=100)
    jobs = (Job("mail once", every, mail_once), Job("break down", every, break_down))
    with working(database, settings, jobs=jobs):
        until(lambda: runs.count("mail") >= 3 and runs.count("broken") >= 3)
        until(lambda: only_row(database).done_at)
    only_row(database)


def test_a_slow_job_is_not_started_again_before_it_is_done(database: Database, settings: Settings) -> None:
    started, finish = [], threading.Event()

    def slow(_session) -> None:
        started.append(1)
        finish.wait(PATIENCE)

    other: list[int] = []
    jobs = (
        Job("slow", timedelta(0), slow),
        Job("other", timedelta(milliseconds=50), lambda _session: other.append(1)),
    )
    with working(database, settings, jobs=jobs):
        until(lambda: len(other) >= 3)
        assert len(started) == 1
        finish.set()
        until(lambda: len(started) >= 2)


def test_a_stop_lets_a_delivery_finish_and_starts_no_other(database: Database, settings: Settings) -> None:
    begun, finish = threading.Event(), threading.Event()

    def deliver(_delivery: Delivery) -> Delivered:
        begun.set()
        finish.wait(PATIENCE)
        return Delivered()

    call(database, "mypage")
    with working(database, settings, deliverers={Topic.BACKCHANNEL_LOGOUT: deliver}) as stop:
        until(begun.is_set)
        stop.set()
        call(database, "portal")
        finish.set()
    assert settled(database, "mypage")
    assert not settled(database, "portal")


def test_the_worker_outlives_a_database_that_is_away_for_a_moment(
    database: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    with database.engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE outbox RENAME TO away")
    with structlog.testing.capture_logs() as log, working(database, settings):
        until(lambda: any(entry["event"] == "outbox_not_readable" for entry in log))
        with database.engine.begin() as connection:
            connection.exec_driver_sql("ALTER TABLE away RENAME TO outbox")
        post(database, a_link("a@b.jp"))
        until(lambda: only_row(database).done_at)
