"""One mail a day about proxy logins: exactly one, none where there was none, and no change loses any."""

from datetime import datetime, timedelta
from typing import Any

import pytest
import time_machine

from idp import clock
from idp.accounts.models import OwnerProfile
from idp.accounts.rules import ProxyLoginMail
from idp.delegation.daily_mails import _tell, choose_mail, send_daily_mails
from idp.delegation.models import ActAsSession
from idp.delegation.standing import reinstate_account, suspend_account
from idp.demo import HANAKO, MIRAI
from idp.oauth.clients import find_apps
from tests.delegation.test_activities import activity, own_token, report
from tests.delegation.test_history import change, use_api
from tests.oauth.desk import Desk, Parties
from tests.world import MANAGER, Letter, World

EVENING = datetime(2027, 1, 15, 20, tzinfo=clock.JST)
MORNING = EVENING + timedelta(hours=11)
"""Seven o'clock of the next day."""
EACH, DAILY, NEVER = ProxyLoginMail.EACH, ProxyLoginMail.DAILY, ProxyLoginMail.NEVER


def choose(world: World, choice: ProxyLoginMail) -> None:
    """Let the owner choose how to be told."""
    owner_id = world.account(HANAKO).id
    world.write(lambda session: choose_mail(session, owner_id, choice, find_apps=find_apps))


def run(world: World) -> int:
    """Let a worker run the job once."""
    return world.write(lambda session: send_daily_mails(session, find_apps=find_apps, hour=7))


def told(world: World) -> list[Letter]:
    """Return the mails about proxy logins."""
    return [letter for letter in world.letters() if letter.name.startswith("proxy_login")]


def act(world: World, parties: Parties, at: datetime, *, reason: str = "") -> Any:
    """Let a member of the agency sign in for the owner."""
    with time_machine.travel(at, tick=False):
        desk = Desk(world, parties)
        return desk.act(desk.ticket(reason=reason))


@pytest.fixture
def daily(world: World) -> World:
    with time_machine.travel(EVENING - timedelta(hours=1), tick=False):
        choose(world, DAILY)
    return world


def test_the_mail_of_the_morning_names_all_proxy_logins_of_the_day_before(
    daily: World, parties: Parties
) -> None:
    with time_machine.travel(EVENING, tick=False):
        acting = Desk(daily, parties).act()
        change(daily, acting.access_token, early_advisory=True)
        report(daily, acting.claims["sid"], own_token(parties["mypage"]), activity())
    act(daily, parties, EVENING + timedelta(hours=1), reason="点検")
    assert told(daily) == []
    with time_machine.travel(MORNING - timedelta(seconds=1), tick=False):
        assert run(daily) == 0
    with time_machine.travel(MORNING, tick=False):
        assert [run(daily), run(daily)] == [1, 0]
    [letter] = told(daily)
    assert (letter.name, letter.to) == ("proxy_logins_of_days", HANAKO.email)
    first, second = letter.data["logins"]
    assert (first["agency_name"], first["app_name"]) == (MIRAI.name, "マイページ")
    assert MANAGER.name in first["who"]
    assert first["done"][0] == "見た: 11月24日の電力データ"
    assert first["done"][1].endswith("早期注意情報自動制御 に加入")
    assert (second["reason"], second["done"]) == ("点検", [])


def test_a_day_without_proxy_logins_has_no_mail(daily: World, parties: Parties) -> None:
    for day in range(3):
        with time_machine.travel(MORNING + timedelta(days=day), tick=False):
            assert run(daily) == 0
    assert told(daily) == []


def test_what_began_after_midnight_is_in_the_next_mail_and_only_there(daily: World, parties: Parties) -> None:
    act(daily, parties, MORNING - timedelta(hours=7))
    with time_machine.travel(MORNING, tick=False):
        assert run(daily) == 0
    with time_machine.travel(MORNING + timedelta(days=1), tick=False):
        assert [run(daily), run(daily)] == [1, 0]


def test_days_that_no_worker_ran_are_told_later(daily: World, parties: Parties) -> None:
    act(daily, parties, EVENING)
    act(daily, parties, EVENING + timedelta(days=1))
    with time_machine.travel(MORNING + timedelta(days=3), tick=False):
        assert run(daily) == 1
    [letter] = told(daily)
    assert len(letter.data["logins"]) == 2


def test_an_owner_whose_account_is_suspended_is_told_when_that_is_lifted(
    daily: World, parties: Parties
) -> None:
    act(daily, parties, EVENING)
    owner_id = daily.account(HANAKO).id
    with time_machine.travel(MORNING, tick=False):
        daily.write(lambda session: suspend_account(session, owner_id))
        assert run(daily) == 0
        daily.write(lambda session: reinstate_account(session, owner_id))
        assert run(daily) == 1


def test_of_two_workers_that_found_the_same_owner_one_tells(daily: World, parties: Parties) -> None:
    """The second has found the owner before the first stored the mail, and comes to its UPDATE after it."""
    act(daily, parties, EVENING)
    found = daily.read(lambda session: session.get_one(OwnerProfile, daily.account(HANAKO).id))
    with time_machine.travel(MORNING, tick=False):
        midnight = MORNING - timedelta(hours=7)
        tries = [
            daily.write(lambda session: _tell(session, found, until=midnight, find_apps=find_apps))
            for _worker in range(2)
        ]
    assert tries == [1, 0]
    assert len(told(daily)) == 1


def test_an_owner_whose_mail_cannot_be_written_is_passed_over_and_told_later(
    daily: World, parties: Parties
) -> None:
    act(daily, parties, EVENING)

    def fail(*_asked: Any) -> Any:
        raise ValueError

    with time_machine.travel(MORNING, tick=False):
        assert daily.write(lambda session: send_daily_mails(session, find_apps=fail, hour=7)) == 0
        assert run(daily) == 1


def test_no_change_of_the_choice_loses_or_doubles_any(world: World, parties: Parties) -> None:
    """Eight proxy logins; the two under 知らせない are told never, the others once each."""
    steps = [(None, 1), (DAILY, 1), (EACH, 3), (None, 4), (NEVER, 4), (DAILY, 4), (NEVER, 5), (DAILY, 5)]
    for number, (choice, expected) in enumerate(steps):
        moment = EVENING + timedelta(minutes=10 * number)
        with time_machine.travel(moment, tick=False):
            if choice is not None:
                choose(world, choice)
        act(world, parties, moment + timedelta(minutes=5))
        assert logins_told(world) == expected
    with time_machine.travel(MORNING, tick=False):
        assert run(world) == 1
    assert logins_told(world) == 6


def logins_told(world: World) -> int:
    """Return how many proxy logins all mails together name."""
    return sum(len(letter.data.get("logins", [0])) for letter in told(world))


def test_what_a_system_does_all_day_is_one_entry(daily: World, parties: Parties) -> None:
    for minute in range(3):
        with time_machine.travel(EVENING + timedelta(minutes=minute), tick=False):
            use_api(daily, parties)
    with time_machine.travel(MORNING, tick=False):
        run(daily)
    [letter] = told(daily)
    assert [entry["times"] for entry in letter.data["logins"]] == [3]
    assert daily.count(ActAsSession) == 3


def test_the_form_offers_the_daily_mail(world: World) -> None:
    hanako = world.browser(HANAKO)
    page = hanako.get("/account/delegations")
    assert "1日1回まとめて知らせる" in page.text
    token = hanako.token()
    hanako.post("/account/delegations/mail", {"csrf_token": token, "proxy_login_mail": "daily"})
    owner = world.read(lambda session: session.get_one(OwnerProfile, world.account(HANAKO).id))
    assert (owner.proxy_login_mail, owner.told_until is not None) == (DAILY, True)
