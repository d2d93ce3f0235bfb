"""代理ログインの条件 and 断られた代理ログイン: what a manager sets and reads, and nobody else."""

from datetime import timedelta
from uuid import uuid4

import pytest

from idp.delegation.conditions.rules import ConditionRefusal, Conditions, read_hours, read_networks
from idp.delegation.conditions.service import SetBy, conditions_of, set_conditions
from idp.delegation.exchange_limits import LimitRefusal
from idp.delegation.exchange_rules import ExchangeRefusal, TicketRefusal
from idp.delegation.refused_attempt_views import REASONS
from idp.demo import HANAKO, SAKURA, SETSUKO
from tests.delegation.steps import end
from tests.oauth.desk import Desk
from tests.oauth.relying_party import RelyingParty
from tests.oauth.systems import own_token, system_of
from tests.world import APPROVER, MANAGER, RIVAL, VIEWER, World

Parties = dict[str, RelyingParty]
RULES, REFUSALS = "/agency/rules", "/agency/refusals"


def of_agency(world: World) -> Conditions:
    agency_id = world.agency().id
    return world.read(lambda session: conditions_of(session, agency_id, SetBy.AGENCY))


def test_a_manager_sets_what_the_agency_demands_and_takes_it_back(world: World) -> None:
    browser = world.browser(MANAGER)
    assert browser.submit(RULES, reason="required", max_age="300").status_code == 303
    assert of_agency(world) == Conditions(reason_required=True, max_age=timedelta(minutes=5))
    shown = browser.get(RULES).text
    assert 'value="300" selected' in shown or 'selected value="300"' in shown
    assert browser.submit(RULES, reason="optional", max_age="any").status_code == 303
    assert of_agency(world) == Conditions()
    events = [event for event in world.events() if event.event == "agency.rules.changed"]
    assert [(event.actor_id, event.data["by"]) for event in events] == [
        (world.member().account_id, "agency")
    ] * 2


def test_a_manager_reads_what_the_operator_demands_and_cannot_change_it(world: World) -> None:
    demanded = Conditions(
        True, timedelta(minutes=10), (read_hours("8:00-20:00"),), (read_networks(["203.0.113.0/24"]),), 20
    )
    agency_id, browser = world.agency().id, world.browser(MANAGER)
    world.write(lambda session: set_conditions(session, agency_id, SetBy.OPERATOR, demanded, actor_id=None))
    page = browser.get(RULES).text
    for told in ("10分以内", "8:00-20:00", "203.0.113.0/24", "20回まで"):
        assert told in page
    typed = {
        "reason": "optional",
        "max_age": "any",
        "hours": "0:00-24:00",
        "per_hour": "",
        "set_by": "operator",
    }
    browser.submit(RULES, **typed)
    assert world.read(lambda session: conditions_of(session, agency_id, SetBy.OPERATOR)) == demanded


@pytest.mark.parametrize("typed", [{"reason": "nonsense"}, {"max_age": "1"}, {"max_age": "nonsense"}])
def test_what_is_no_choice_is_refused_and_changes_nothing(world: World, typed: dict[str, str]) -> None:
    browser = world.browser(MANAGER)
    sent = {"reason": "required", "max_age": "300", **typed}
    assert browser.submit(RULES, **sent).status_code == 400
    assert of_agency(world) == Conditions()


@pytest.mark.parametrize("path", [RULES, REFUSALS])
def test_only_managers_see_these_pages(world: World, path: str) -> None:
    assert world.browser(MANAGER).get(path).status_code == 200
    for other in (APPROVER, VIEWER):
        assert world.browser(other).get(path).status_code == 403
    assert world.browser(HANAKO).get(path).status_code == 403
    assert world.browser().get(path).status_code == 303


def test_the_portal_and_the_agencys_system_learn_what_is_demanded(world: World, portal: RelyingParty) -> None:
    agency_id = world.agency().id
    held = Conditions(reason_required=True, max_age=timedelta(minutes=5), per_hour=9)
    world.write(lambda session: set_conditions(session, agency_id, SetBy.AGENCY, held, actor_id=None))
    token = portal.sign_in().access_token
    for one in (token, own_token(system_of(world))):
        assert world.api("GET", "/api/agency/rules", one).get_json() == {
            "reason_required": True, "max_age": 300, "hours": [], "networks": [], "per_hour": 9,
        }  # fmt: skip
    rival = portal.sign_in(RIVAL).access_token
    assert world.api("GET", "/api/agency/rules", rival).get_json()["reason_required"] is False
    assert world.api("GET", "/api/agency/rules").status_code == 401


def test_a_manager_reads_who_was_refused_when_for_whom_and_why(world: World, parties: Parties) -> None:
    desk = Desk(world, parties)
    ticket = desk.ticket()
    desk.act(ticket)
    desk.mypage.authorize(desk.browser, login_hint=ticket).expect_error("login_required")
    desk.portal.exchange(desk.staff.access_token, world.grant(SETSUKO, SAKURA).id)
    system = system_of(world)
    end(world, world.grant().id)
    system.exchange(own_token(system), world.grant().id).expect_error("invalid_request")
    rows = world.browser(MANAGER).get(REFUSALS).text.split("<tr")[2:]
    assert len(rows) == 3
    assert "終わったか、停止中でした" in rows[0]
    assert "mirai-system" in rows[0]
    assert "ユーザーID" in rows[0]
    assert HANAKO.name not in rows[0]
    assert "貴社のお客様ではありませんでした" in rows[1]
    assert MANAGER.name in rows[1]
    assert "ユーザーID" not in rows[1]
    assert SETSUKO.name not in rows[1]
    assert "すでに使われていました" in rows[2]
    assert "127.0.0.1" in rows[2]


def test_a_name_is_shown_while_the_agency_may_see_it(world: World, parties: Parties) -> None:
    desk = Desk(world, parties)
    desk.portal.exchange(desk.staff.access_token, world.grant().id, scope="openid")
    assert f"{HANAKO.name} 様" in world.browser(MANAGER).get(REFUSALS).text
    end(world, world.grant().id)
    assert HANAKO.name not in world.browser(MANAGER).get(REFUSALS).text


def test_another_agencys_attempts_are_not_shown(world: World, parties: Parties) -> None:
    rival = parties["rival-portal"]
    rival.exchange(rival.sign_in(RIVAL).access_token, world.grant().id).expect_error("invalid_request")
    assert "断られた代理ログインはありません" in world.browser(MANAGER).get(REFUSALS).text
    assert "貴社のお客様ではありませんでした" in world.browser(RIVAL).get(REFUSALS).text


def test_many_attempts_are_read_page_by_page(world: World, parties: Parties) -> None:
    desk = Desk(world, parties)
    for _ in range(32):
        desk.portal.exchange(desk.staff.access_token, uuid4())
    browser = world.browser(MANAGER)
    first = browser.get(REFUSALS).text
    assert first.count("<tr") == 31
    [address] = [part.split('"')[0] for part in first.split('href="')[1:] if "before=" in part.split('"')[0]]
    assert browser.get(address).text.count("<tr") == 3
    for nonsense in ("-1", "x", "9" * 19, "９", "%00"):
        assert browser.get(f"{REFUSALS}?before={nonsense}").status_code == 200


def test_each_reason_has_words() -> None:
    refusals = (*ExchangeRefusal, *TicketRefusal, *ConditionRefusal, *LimitRefusal)
    assert set(REASONS) == {str(refusal) for refusal in refusals}
