"""Stored sign-ins: when they stand, and what ends them."""

import json
import uuid
from datetime import datetime, timedelta

import pytest
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from idp import clock, credentials
from idp.accounts.models import Account, BrowserSession
from idp.accounts.rules import AccountStatus
from idp.accounts.sessions import service
from idp.mail.models import OutboxItem, Topic
from tests.accounts.conftest import Club

NOW = clock.now()
LIFETIME, IDLE = timedelta(hours=12), timedelta(minutes=30)


def begin(club: Club, account_id: uuid.UUID) -> tuple[uuid.UUID, str]:
    """Begin a session of this account and return its id and secret."""

    def start(session: Session) -> tuple[uuid.UUID, str]:
        account = session.get_one(Account, account_id)
        started, secret = service.start_session(
            session, account, address="192.0.2.1", lifetime=LIFETIME, now=NOW
        )
        return started.id, secret

    begun: tuple[uuid.UUID, str] = club.write(start)
    return begun


def stands(club: Club, session_id: uuid.UUID, secret: str, *, at: datetime = NOW) -> bool:
    """Tell whether a session stands, which both questions must answer alike."""
    found = club.read(lambda session: service.find_session(session, secret, now=at, idle=IDLE))
    alive = club.read(lambda session: service.is_alive(session, session_id, now=at, idle=IDLE))
    assert (found is not None) == alive
    return bool(alive)


def ended_deliveries(club: Club) -> list[str]:
    """Return the sessions of whose end relying parties are to be told."""
    items = club.read(
        lambda session: session.scalars(
            select(OutboxItem.payload).where(OutboxItem.topic == Topic.SESSION_ENDED)
        ).all()
    )
    return [json.loads(club.database.sealer.unseal(item))["session_id"] for item in items]


def test_a_session_is_found_by_its_secret_of_which_only_the_digest_is_stored(club: Club) -> None:
    session_id, secret = begin(club, club.make_owner())
    assert stands(club, session_id, secret)
    stored = club.read(lambda session: session.get(BrowserSession, session_id).digest)
    assert stored == credentials.digest(secret)
    assert club.events() == ["session.started"]


def test_no_secret_is_guessed_twice(club: Club) -> None:
    owner = club.make_owner()
    secrets = {begin(club, owner)[1] for _ in range(20)}
    assert len(secrets) == 20
    assert all(len(secret.removeprefix("ocs_")) * 6 >= 256 for secret in secrets)


@pytest.mark.parametrize(
    "text", ["", "ocs_", "ocs_" + "x" * 43, "ocb_" + "x" * 43, "ocs_" + "x" * 10_000, "\x00"]
)
def test_another_text_finds_no_session(club: Club, text: str) -> None:
    begin(club, club.make_owner())
    assert club.read(lambda session: service.find_session(session, text, now=NOW, idle=IDLE)) is None


def test_a_session_left_alone_ends_at_the_idle_limit_exclusively(club: Club) -> None:
    session_id, secret = begin(club, club.make_owner())
    assert stands(club, session_id, secret, at=NOW + IDLE - timedelta(seconds=1))
    assert not stands(club, session_id, secret, at=NOW + IDLE)


def test_a_session_in_use_ends_at_its_lifetime_exclusively(club: Club) -> None:
    session_id, secret = begin(club, club.make_owner())
    end = NOW + LIFETIME
    club.write(lambda session: service.touch(session, session_id, now=end - timedelta(seconds=1)))
    assert stands(club, session_id, secret, at=end - timedelta(seconds=1))
    assert not stands(club, session_id, secret, at=end)


def test_the_session_of_a_suspended_account_is_over(club: Club) -> None:
    owner = club.make_owner()
    session_id, secret = begin(club, owner)
    club.write(lambda session: session.execute(update(Account).values(status=AccountStatus.SUSPENDED)))
    assert not stands(club, session_id, secret)


def test_ending_a_session_tells_its_relying_parties_once(club: Club) -> None:
    session_id, secret = begin(club, club.make_owner())
    assert club.write(lambda session: service.end_session(session, session_id)) is True
    assert club.write(lambda session: service.end_session(session, session_id)) is False
    assert not stands(club, session_id, secret)
    assert ended_deliveries(club) == [str(session_id)]
    assert club.events() == ["session.started", "session.ended"]


def test_ending_all_sessions_keeps_the_one_that_is_named_and_those_of_others(club: Club) -> None:
    owner, other = club.make_owner(), club.make_owner("other@owner.example", user_id=2)
    first, second, kept = begin(club, owner), begin(club, owner), begin(club, owner)
    stranger = begin(club, other)
    assert club.write(lambda session: service.end_all_sessions(session, owner, keep=kept[0])) == 2
    assert [stands(club, *pair) for pair in (first, second, kept, stranger)] == [False, False, True, True]
    assert sorted(ended_deliveries(club)) == sorted([str(first[0]), str(second[0])])


def test_a_touch_moves_the_idle_limit_never_backwards_and_revives_nothing(club: Club) -> None:
    session_id, secret = begin(club, club.make_owner())
    later = NOW + timedelta(minutes=20)
    club.write(lambda session: service.touch(session, session_id, now=later))
    club.write(lambda session: service.touch(session, session_id, now=NOW))
    assert stands(club, session_id, secret, at=later + IDLE - timedelta(seconds=1))
    club.write(lambda session: service.end_session(session, session_id))
    club.write(lambda session: service.touch(session, session_id, now=later + timedelta(minutes=1)))
    assert not stands(club, session_id, secret, at=later + timedelta(minutes=1))


def test_renewing_keeps_the_session_and_makes_the_old_secret_worthless(club: Club) -> None:
    session_id, old = begin(club, club.make_owner())
    later = NOW + timedelta(minutes=5)
    new = club.write(lambda session: service.renew_session(session, session_id, lifetime=LIFETIME, now=later))
    assert stands(club, session_id, new, at=later)
    assert club.read(lambda session: service.find_session(session, old, now=later, idle=IDLE)) is None
    renewed = club.read(lambda session: session.get(BrowserSession, session_id))
    assert (renewed.authenticated_at, renewed.expires_at) == (later, later + LIFETIME)


def test_a_session_that_has_ended_is_not_renewed(club: Club) -> None:
    session_id, _secret = begin(club, club.make_owner())
    club.write(lambda session: service.end_session(session, session_id))
    assert club.write(lambda session: service.renew_session(session, session_id, lifetime=LIFETIME)) is None
