"""The outbox holds what a stored transaction wrote, and shows nothing of it to a reader of the database."""

import uuid

import pytest

from idp import clock
from idp.credentials import Sealer, Undecryptable
from idp.db import Database
from idp.mail.delivery import claim, find_due, unseal_delivery
from idp.mail.messages import Message
from idp.mail.models import Topic
from idp.mail.outbox import enqueue_delivery
from idp.unit_of_work import unit_of_work
from tests.databases import contents
from tests.mail.letters import AGENCY, EVERY_MAIL, OWNER, TOKEN, a_link, only_row, post, rows, take_one


class Broken(Exception):
    """Something went wrong after the mail was enqueued."""


def test_a_transaction_that_is_rolled_back_leaves_no_mail(database: Database) -> None:
    def break_down() -> None:
        with unit_of_work(database) as session:
            EVERY_MAIL[Message.DELEGATION_DENIED](session)
            session.flush()
            raise Broken

    with pytest.raises(Broken):
        break_down()
    assert rows(database) == []


def test_a_transaction_that_is_stored_leaves_its_mail(database: Database) -> None:
    post(database, EVERY_MAIL[Message.DELEGATION_DENIED])
    assert only_row(database).name == Message.DELEGATION_DENIED


def test_enqueueing_does_not_store_by_itself(database: Database) -> None:
    with database.open_session(writes=True) as session:
        EVERY_MAIL[Message.DELEGATION_DENIED](session)
    assert rows(database) == []


def test_the_table_shows_no_token_no_address_and_no_name(database: Database, database_url: str) -> None:
    post(database, *EVERY_MAIL.values())
    seen = contents(database_url)
    for secret in (TOKEN, OWNER.email, AGENCY.email, OWNER.name, AGENCY.name, "佐藤 一郎"):
        assert secret.encode() not in seen
    assert Message.PASSWORD_LINK.encode() in seen  # the positive control: this is the table


def test_what_was_sealed_is_read_with_its_own_key_only(database: Database) -> None:
    post(database, a_link("a@b.jp"))
    with unit_of_work(database) as session:
        claimed = claim(session, only_row(database).id, now=clock.now(), attempts=12)
    assert claimed is not None
    assert unseal_delivery(claimed, database.sealer).payload["to"]["email"] == "a@b.jp"
    with pytest.raises(Undecryptable):
        unseal_delivery(claimed, Sealer("another key"))


def test_a_mail_cannot_be_enqueued_past_its_function(database: Database) -> None:
    with unit_of_work(database) as session, pytest.raises(ValueError, match=r"messages\.py"):
        enqueue_delivery(session, Topic.MAIL, name="password_link", recipient="x", payload={})


def test_something_else_than_a_mail_is_stored_with_its_reference(database: Database) -> None:
    sid = uuid.UUID(int=9)
    with unit_of_work(database) as session:
        enqueue_delivery(
            session, Topic.BACKCHANNEL_LOGOUT, name="mypage", recipient="mypage", payload={"sid": sid},
            reference=sid,
        )  # fmt: skip
        now = clock.now()
        ((item_id, lane),) = find_due(
            session, now=now, most=9, topics=[Topic.BACKCHANNEL_LOGOUT], attempts=12
        )
        claimed = claim(session, item_id, now=now, attempts=12)
    assert lane.recipient == "mypage"
    assert claimed is not None
    assert unseal_delivery(claimed, database.sealer).payload == {"sid": str(sid)}
    assert only_row(database).reference == sid


def test_values_that_json_does_not_know_are_refused_when_they_are_enqueued(database: Database) -> None:
    with unit_of_work(database) as session, pytest.raises(TypeError, match="set"):
        enqueue_delivery(session, Topic.SESSION_ENDED, name="x", recipient="x", payload={"x": {1}})


def test_a_registration_mail_and_the_mail_to_a_member_cost_the_page_the_same(database: Database) -> None:
    post(database, a_link(OWNER.email), EVERY_MAIL[Message.ALREADY_REGISTERED])
    fresh, known = rows(database)
    assert fresh.recipient == known.recipient
    assert (fresh.topic, fresh.attempts, fresh.done_at) == (known.topic, known.attempts, known.done_at)


def test_the_mail_about_a_proxy_login_refers_to_its_grant(database: Database) -> None:
    assert take_one(database, EVERY_MAIL[Message.PROXY_LOGIN_STARTED]).reference == uuid.UUID(int=7)
