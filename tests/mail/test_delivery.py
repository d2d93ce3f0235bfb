"""Claiming, settling, waiting longer and longer, giving up: the rules of the outbox, without a network."""

from datetime import UTC, datetime, timedelta

import pytest

from idp import clock
from idp.db import Database
from idp.mail.delivery import (
    CLAIM,
    KEPT,
    LONGEST_DELIVERY,
    Claimed,
    Delivered,
    DeliveryFailed,
    Lane,
    bury_overdue,
    claim,
    find_due,
    forget_settled,
    settle_delivered,
    settle_failed,
)
from idp.mail.models import Topic
from idp.mail.outbox import enqueue_delivery
from idp.mail.rules import next_attempt, wait_after
from idp.unit_of_work import unit_of_work
from tests.mail.letters import a_link, only_row, post, rows

ATTEMPTS = 12
NOISE = DeliveryFailed("SMTP 450 at RCPT")


def take(database: Database, *, at: datetime) -> Claimed | None:
    """Claim the one item of the outbox at some moment."""
    with unit_of_work(database) as session:
        return claim(session, only_row(database).id, now=at, attempts=ATTEMPTS)


def fail(database: Database, claimed: Claimed, *, at: datetime, failure: DeliveryFailed = NOISE) -> bool:
    with unit_of_work(database) as session:
        return settle_failed(session, claimed, failure, now=at, attempts=ATTEMPTS)


def deliver(
    database: Database, claimed: Claimed, *, at: datetime, delivered: Delivered | None = None
) -> bool:
    with unit_of_work(database) as session:
        return settle_delivered(session, claimed, delivered or Delivered(), now=at)


def seconds(count: float) -> timedelta:
    return timedelta(seconds=count)


def test_an_item_that_is_held_cannot_be_claimed_by_another_worker(database: Database) -> None:
    post(database, a_link("a@b.jp"))
    now = clock.now()
    assert take(database, at=now) is not None
    assert take(database, at=now) is None
    assert take(database, at=now + CLAIM - seconds(1)) is None


def test_an_item_of_a_worker_that_died_is_taken_over(database: Database) -> None:
    post(database, a_link("a@b.jp"))
    now = clock.now()
    first = take(database, at=now)
    second = take(database, at=now + CLAIM)
    assert first is not None
    assert second is not None
    assert (first.id, first.attempt, second.attempt) == (second.id, 1, 2)


def test_a_worker_that_was_overtaken_cannot_settle(database: Database) -> None:
    post(database, a_link("a@b.jp"))
    now = clock.now()
    late, holder = take(database, at=now), take(database, at=now + CLAIM)
    assert late is not None
    assert holder is not None
    assert not fail(database, late, at=now + CLAIM)
    assert not deliver(database, late, at=now + CLAIM)
    assert only_row(database).done_at is None
    assert deliver(database, holder, at=now + CLAIM)
    assert only_row(database).done_at == now + CLAIM


def test_a_claim_outlives_the_longest_delivery() -> None:
    assert CLAIM > LONGEST_DELIVERY


def test_a_delivered_item_is_emptied_and_never_due_again(database: Database) -> None:
    post(database, a_link("a@b.jp"))
    now = clock.now()
    claimed = take(database, at=now)
    assert claimed is not None
    assert deliver(database, claimed, at=now)
    row = only_row(database)
    assert (row.payload, row.done_at, row.last_error) == (None, now, None)
    assert take(database, at=now + timedelta(days=1)) is None


def test_a_mail_left_for_the_mail_page_keeps_its_content(database: Database) -> None:
    post(database, a_link("a@b.jp"))
    claimed = take(database, at=clock.now())
    assert claimed is not None
    deliver(database, claimed, at=clock.now(), delivered=Delivered(keep_payload=True))
    assert only_row(database).payload is not None


def test_what_a_delivery_brought_about_is_stored_with_it_or_not_at_all(database: Database) -> None:
    with unit_of_work(database) as session:
        enqueue_delivery(session, Topic.SESSION_ENDED, name="x", recipient="x", payload={})
    claimed = take(database, at=clock.now())
    assert claimed is not None

    def follow(session) -> None:
        enqueue_delivery(session, Topic.BACKCHANNEL_LOGOUT, name="mypage", recipient="mypage", payload={})

    def break_down(session) -> None:
        follow(session)
        raise RuntimeError

    with pytest.raises(RuntimeError):
        deliver(database, claimed, at=clock.now(), delivered=Delivered(store=break_down))
    assert only_row(database).done_at is None
    assert deliver(database, claimed, at=clock.now(), delivered=Delivered(store=follow))
    assert {row.topic for row in rows(database)} == {Topic.SESSION_ENDED, Topic.BACKCHANNEL_LOGOUT}


def test_a_worker_that_was_overtaken_brings_nothing_about(database: Database) -> None:
    post(database, a_link("a@b.jp"))
    late = take(database, at=clock.now())
    take(database, at=clock.now() + CLAIM)
    assert late is not None
    assert not deliver(database, late, at=clock.now(), delivered=Delivered(store=a_link("c@d.jp")))
    only_row(database)


@pytest.mark.parametrize(
    ("topic", "waits"),
    [
        (Topic.MAIL, [5, 10, 20, 40, 80, 160, 320, 640, 1280, 2560, 3600]),
        (Topic.BACKCHANNEL_LOGOUT, [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024]),
        (Topic.SESSION_ENDED, [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024]),
    ],
)
def test_each_failure_doubles_the_wait_until_the_item_is_given_up(
    topic: Topic, waits: list[int], database: Database
) -> None:
    with unit_of_work(database) as session:
        if topic is Topic.MAIL:
            a_link_without_end(session)
        else:
            enqueue_delivery(session, topic, name="mypage", recipient="mypage", payload={})
    now = clock.now()
    for wait in waits:
        claimed = take(database, at=now)
        assert claimed is not None
        assert fail(database, claimed, at=now)
        row = only_row(database)
        assert (row.next_attempt_at - now, row.dead_at, row.last_error) == (seconds(wait), None, NOISE.reason)
        assert take(database, at=row.next_attempt_at - seconds(0.001)) is None
        now = row.next_attempt_at
    last = take(database, at=now)
    assert last is not None
    assert last.attempt == ATTEMPTS
    fail(database, last, at=now)
    row = only_row(database)
    assert row.dead_at == now
    assert row.payload is not None  # an operator can still send it
    assert take(database, at=now + timedelta(days=1)) is None


def test_what_cannot_succeed_is_given_up_at_once(database: Database) -> None:
    post(database, a_link("a@b.jp"))
    now = clock.now()
    claimed = take(database, at=now)
    assert claimed is not None
    fail(database, claimed, at=now, failure=DeliveryFailed("SMTP 550 at RCPT", for_good=True))
    assert (only_row(database).dead_at, only_row(database).last_error) == (now, "SMTP 550 at RCPT")


def test_an_item_is_not_delivered_from_the_moment_at_which_it_is_over(database: Database) -> None:
    post(database, a_link("a@b.jp"))
    over = only_row(database).expires_at
    assert over is not None
    assert take(database, at=over) is None
    assert take(database, at=over - seconds(0.001)) is not None


def test_an_item_whose_next_attempt_would_be_too_late_is_given_up(database: Database) -> None:
    post(database, a_link("a@b.jp"))
    over = only_row(database).expires_at
    assert over is not None
    claimed = take(database, at=over - seconds(5))
    assert claimed is not None
    fail(database, claimed, at=over - seconds(5))
    assert only_row(database).dead_at is not None


def test_items_that_are_over_are_buried_and_emptied(database: Database) -> None:
    post(database, a_link("a@b.jp"))
    over = only_row(database).expires_at
    assert over is not None
    for moment, buried in ((over - seconds(1), 0), (over, 1), (over, 0)):
        with unit_of_work(database) as session:
            assert bury_overdue(session, now=moment, attempts=ATTEMPTS) == buried
    row = only_row(database)
    assert (row.dead_at, row.payload, row.last_error) == (over, None, "over before it could be delivered")


def test_an_item_that_kills_its_workers_comes_to_an_end(database: Database) -> None:
    with unit_of_work(database) as session:
        a_link_without_end(session)
    now = clock.now()
    for _ in range(ATTEMPTS):
        assert take(database, at=now) is not None
        now += CLAIM
    assert take(database, at=now) is None
    with unit_of_work(database) as session:
        assert bury_overdue(session, now=now - seconds(1), attempts=ATTEMPTS) == 0
        assert bury_overdue(session, now=now, attempts=ATTEMPTS) == 1
    assert only_row(database).last_error == "the worker stopped during the last attempt"


def test_settled_items_are_forgotten_after_their_time_and_waiting_ones_never(database: Database) -> None:
    post(database, a_link("done@b.jp"), a_link("dead@b.jp"), a_link("waits@b.jp"))
    now = clock.now()
    done, dead, waits = rows(database)
    with unit_of_work(database) as session:
        for row, failure in ((done, None), (dead, DeliveryFailed("no", for_good=True))):
            claimed = claim(session, row.id, now=now, attempts=ATTEMPTS)
            assert claimed is not None
            if failure is None:
                settle_delivered(session, claimed, Delivered(), now=now)
            else:
                settle_failed(session, claimed, failure, now=now, attempts=ATTEMPTS)
    with unit_of_work(database) as session:
        forget_settled(session, now=now + KEPT - seconds(1))
    assert len(rows(database)) == 3
    with unit_of_work(database) as session:
        forget_settled(session, now=now + KEPT)
    assert only_row(database).id == waits.id


def test_full_lanes_and_foreign_topics_are_left_out(database: Database) -> None:
    with unit_of_work(database) as session:
        a_link("a@b.jp")(session)
        for client in ("slow", "quick"):
            enqueue_delivery(session, Topic.BACKCHANNEL_LOGOUT, name=client, recipient=client, payload={})

    def due(*topics: Topic, full: tuple[Lane, ...] = ()) -> set[str]:
        with unit_of_work(database, writes=False) as session:
            found = find_due(session, now=clock.now(), most=9, topics=topics, full=full, attempts=ATTEMPTS)
        return {lane.recipient or "mail" for _id, lane in found}

    slow, mail = Lane(Topic.BACKCHANNEL_LOGOUT, "slow"), Lane(Topic.MAIL, "")
    assert due(*Topic) == {"mail", "slow", "quick"}
    assert due(*Topic, full=(slow,)) == {"mail", "quick"}
    assert due(*Topic, full=(slow, mail)) == {"quick"}
    assert due(Topic.MAIL) == {"mail"}


def test_the_wait_never_exceeds_an_hour_however_often_it_failed() -> None:
    assert wait_after(1, first=seconds(5)) == seconds(5)
    assert wait_after(1_000_000, first=seconds(5)) == timedelta(hours=1)


def test_there_is_no_next_attempt_after_the_last() -> None:
    now = datetime(2026, 11, 24, tzinfo=UTC)
    assert next_attempt(2, first=seconds(5), most=2, now=now, expires_at=None) is None
    assert next_attempt(1, first=seconds(5), most=2, now=now, expires_at=None) == now + seconds(5)
    assert next_attempt(1, first=seconds(5), most=2, now=now, expires_at=now + seconds(5)) is None


def a_link_without_end(session) -> None:
    """Enqueue a mail that is never over."""
    from idp.mail import messages

    messages.owner_registered(session, email="a@b.jp", name="鈴木 花子")
