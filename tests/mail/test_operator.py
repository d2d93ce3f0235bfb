"""What an operator sees of dead letters, and how they are sent after all."""

from datetime import timedelta

import pytest
import time_machine

from idp import clock, credentials
from idp.db import Database
from idp.mail.delivery import Delivered, DeliveryFailed, bury_overdue, claim, settle_delivered, settle_failed
from idp.mail.messages import Message
from idp.mail.operator import list_dead_letters, outbox_state, retry_dead_letter, retry_dead_letters
from idp.mail.rules import DeadLetterExpired, DeadLetterUnknown
from idp.unit_of_work import unit_of_work
from tests.mail.letters import ATTEMPTS, EVERY_MAIL, OWNER, a_link, only_row, post, rows, take

REFUSED = DeliveryFailed("SMTP 550 5.1.1 at RCPT", for_good=True)


def give_up(database: Database) -> None:
    """Make dead letters of everything that waits."""
    with unit_of_work(database) as session:
        for row in rows(database):
            claimed = claim(session, row.id, now=clock.now(), attempts=ATTEMPTS)
            if claimed is not None:
                settle_failed(session, claimed, REFUSED, now=clock.now(), attempts=ATTEMPTS)


def test_dead_letters_are_listed_with_their_cause_and_without_names(database: Database) -> None:
    post(database, EVERY_MAIL[Message.DELEGATION_DENIED])
    give_up(database)
    post(database, EVERY_MAIL[Message.PASSWORD_CHANGED])
    with unit_of_work(database, writes=False) as session:
        (letter,) = list_dead_letters(session)
    assert (letter.name, letter.attempts, letter.last_error) == (
        Message.DELEGATION_DENIED, 1, "SMTP 550 5.1.1 at RCPT",
    )  # fmt: skip
    assert OWNER.email not in repr(letter)


def test_one_dead_letter_is_put_back_and_the_others_stay(database: Database) -> None:
    post(database, a_link("a@b.jp"), a_link("c@d.jp"))
    give_up(database)
    assert take(database) == []
    with unit_of_work(database) as session:
        retry_dead_letter(session, rows(database)[1].id)
    (delivery,) = take(database)
    assert delivery.payload["to"]["email"] == "c@d.jp"
    assert delivery.attempt == 1


def test_all_dead_letters_are_put_back_except_those_that_are_over(database: Database) -> None:
    post(
        database,
        a_link("a@b.jp"),
        EVERY_MAIL[Message.DELEGATION_DENIED],
        EVERY_MAIL[Message.PASSWORD_CHANGED],
    )
    give_up(database)
    with time_machine.travel(clock.now() + timedelta(hours=2), tick=False):
        with unit_of_work(database) as session:
            assert retry_dead_letters(session) == 2
            assert [letter.can_be_retried(clock.now()) for letter in list_dead_letters(session)] == [False]
        assert {delivery.name for delivery in take(database)} == {
            Message.DELEGATION_DENIED, Message.PASSWORD_CHANGED,
        }  # fmt: skip


def test_a_dead_letter_that_is_over_is_refused(database: Database) -> None:
    post(database, a_link("a@b.jp"))
    with time_machine.travel(clock.now() + timedelta(hours=2), tick=False), unit_of_work(database) as session:
        assert bury_overdue(session, now=clock.now(), attempts=ATTEMPTS) == 1
        with pytest.raises(DeadLetterExpired):
            retry_dead_letter(session, only_row(database).id)


def test_what_is_no_dead_letter_is_unknown(database: Database) -> None:
    post(database, a_link("waits@b.jp"), a_link("done@b.jp"))
    waits, done = rows(database)
    with unit_of_work(database) as session:
        claimed = claim(session, done.id, now=clock.now(), attempts=ATTEMPTS)
        assert claimed is not None
        settle_delivered(session, claimed, Delivered(), now=clock.now())
        for item_id in (waits.id, done.id, credentials.new_id()):
            with pytest.raises(DeadLetterUnknown):
                retry_dead_letter(session, item_id)


def test_the_state_of_the_outbox_counts_what_waits_and_what_was_given_up(database: Database) -> None:
    with unit_of_work(database, writes=False) as session:
        assert outbox_state(session).oldest_due_at is None
    post(database, a_link("a@b.jp"))
    give_up(database)
    post(database, a_link("c@d.jp"), a_link("e@f.jp"))
    with unit_of_work(database, writes=False) as session:
        state = outbox_state(session)
    assert (state.waiting, state.dead) == (2, 1)
    assert state.oldest_due_at == rows(database)[1].next_attempt_at
