"""RFC 8693 with conditions: what is told to a client that may act for the owner, but not so, or not now."""

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
import time_machine

from idp import clock
from idp.accounts.models import BrowserSession
from idp.delegation.conditions.rules import Conditions, read_hours, read_networks
from idp.delegation.conditions.service import SetBy, set_conditions
from idp.delegation.models import ActAsSession
from idp.demo import SAKURA, SETSUKO, AgencyPart
from tests.oauth.desk import Desk
from tests.oauth.relying_party import TICKET, RelyingParty, TokenAnswer
from tests.oauth.systems import own_token, system_of
from tests.world import APPROVER, MANAGER, RIVAL, World

Parties = dict[str, RelyingParty]
ELSEWHERE = read_networks(["203.0.113.0/24"])


@pytest.fixture
def desk(world: World, parties: Parties) -> Desk:
    return Desk(world, parties)


def demand(
    world: World, *, by: SetBy = SetBy.OPERATOR, agency: AgencyPart | None = None, **what: object
) -> None:
    agency_id = (world.agency(agency) if agency else world.agency()).id
    conditions = Conditions(**what)  # the test names its fields
    world.write(lambda session: set_conditions(session, agency_id, by, conditions, actor_id=None))


def exchange(desk: Desk, **deviation: object) -> TokenAnswer:
    return desk.portal.exchange(desk.staff.access_token, desk.world.grant().id, **deviation)


def reasons(world: World) -> list[str]:
    refusals = {"delegation.exchange.refused", "delegation.exchange.limited", "proxy_login.refused"}
    return [event.data["reason"] for event in world.events() if event.event in refusals]


@pytest.mark.parametrize("by", SetBy)
def test_an_agency_or_the_operator_can_require_a_reason(desk: Desk, by: SetBy) -> None:
    demand(desk.world, by=by, reason_required=True)
    refused = exchange(desk).expect_error("invalid_request")
    assert b"reason is missing" in refused.response.data
    exchange(desk, reason=" ").expect_error("invalid_request")
    exchange(desk, reason="定期点検").tokens()
    assert reasons(desk.world) == ["reason_missing"] * 2


def test_a_sign_in_that_is_too_old_has_to_be_repeated_as_rfc_9470_says(desk: Desk) -> None:
    demand(desk.world, by=SetBy.AGENCY, max_age=timedelta(minutes=2))
    exchange(desk).tokens()
    with time_machine.travel(clock.now() + timedelta(seconds=121), tick=False):
        answer = exchange(desk).response
        assert answer.status_code == 400
        assert answer.get_json() == {
            "error": "insufficient_user_authentication", "max_age": 120,
            "error_description": "More recent authentication is required",
        }  # fmt: skip
    assert reasons(desk.world) == ["sign_in_too_old"]


def test_hours_and_networks_are_the_operators_to_set_and_the_answer_names_which(desk: Desk) -> None:
    demand(desk.world, networks=(ELSEWHERE,))
    assert b"from this network" in exchange(desk).expect_error("access_denied").response.data
    demand(desk.world, networks=(read_networks(["127.0.0.0/8"]),))
    exchange(desk).tokens()
    hour = clock.now().astimezone(clock.JST).hour
    demand(desk.world, hours=(read_hours(f"{(hour + 2) % 24}:00-{(hour + 3) % 24}:00"),))
    assert b"at this hour" in exchange(desk).expect_error("access_denied").response.data
    assert reasons(desk.world) == ["other_network", "outside_hours"]


def test_the_network_is_that_of_the_sign_in_because_the_portal_asks_from_its_own_machine(desk: Desk) -> None:
    sid = UUID(desk.staff.claims["sid"])
    desk.world.write(lambda session: setattr(session.get_one(BrowserSession, sid), "address", "203.0.113.9"))
    demand(desk.world, networks=(ELSEWHERE,))
    ticket = desk.ticket()
    # The browser that brings it here now is somewhere else.
    answer = desk.mypage.authorize(desk.browser, login_hint=ticket)
    answer.expect_error("login_required")
    assert reasons(desk.world) == ["other_network"]
    assert desk.world.count(ActAsSession) == 0


def test_a_ticket_is_no_way_around_conditions_that_were_set_since(desk: Desk) -> None:
    ticket, other = desk.ticket(), desk.ticket()
    demand(desk.world, networks=(ELSEWHERE,), reason_required=True, per_hour=1)
    desk.mypage.authorize(desk.browser, login_hint=ticket).expect_error("login_required")
    demand(desk.world, reason_required=True, per_hour=1)
    assert desk.act(other).access_claims["act"]


def test_what_runs_already_is_not_measured_again(desk: Desk) -> None:
    acting = desk.act()
    demand(desk.world, networks=(ELSEWHERE,), max_age=timedelta(minutes=1))
    assert desk.world.api("GET", "/api/me/products", acting.access_token).status_code == 200
    assert desk.renew(acting).expect_code()


def test_so_many_an_hour_for_each_member_and_when_the_next_is_told(desk: Desk, parties: Parties) -> None:
    demand(desk.world, per_hour=2)
    exchange(desk).tokens()
    exchange(desk, requested_token_type=TICKET).tokens()
    exchange(desk, scope="openid").expect_error("invalid_scope")
    refused = exchange(desk).expect_error("slow_down", status=429).response
    assert 3500 < int(refused.headers["Retry-After"]) <= 3600
    colleague = parties["agency-portal"].sign_in(APPROVER).access_token
    desk.portal.exchange(colleague, desk.world.grant().id).tokens()


def test_conditions_hold_for_systems_as_far_as_they_can_have_them(world: World) -> None:
    system = system_of(world)
    demand(world, reason_required=True, max_age=timedelta(minutes=1), per_hour=1)
    token = own_token(system)
    system.exchange(token, world.grant().id).expect_error("invalid_request")
    system.exchange(token, world.grant().id, reason="夜間の取得").tokens()
    system.exchange(token, world.grant().id, reason="夜間の取得").expect_error("slow_down", status=429)
    demand(world, networks=(ELSEWHERE,))
    system.exchange(token, world.grant().id).expect_error("access_denied")


def test_conditions_are_told_to_nobody_who_may_not_act_here(desk: Desk, parties: Parties) -> None:
    reference = exchange(desk, scope="openid").face
    demand(desk.world, reason_required=True, networks=(ELSEWHERE,), per_hour=1)
    unknown = desk.portal.exchange(desk.staff.access_token, uuid4()).expect_error("invalid_request").face
    rival = desk.portal.sign_in(RIVAL).access_token
    assert desk.portal.exchange(rival, desk.world.grant().id).face == unknown
    assert exchange(desk, scope="openid").face == reference
    exchange(desk, audience="shop").expect_error("invalid_target")


def test_conditions_of_one_agency_are_not_anothers(world: World, parties: Parties, desk: Desk) -> None:
    demand(world, agency=SAKURA, networks=(ELSEWHERE,))
    exchange(desk).tokens()
    rival = parties["rival-portal"].sign_in(RIVAL).access_token
    refused = parties["rival-portal"].exchange(rival, world.grant(SETSUKO, SAKURA).id)
    refused.expect_error("access_denied")


def test_thirty_exchanges_a_minute_for_each_member_refused_ones_too(desk: Desk, parties: Parties) -> None:
    begun = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)
    with time_machine.travel(begun, tick=False) as now:
        staff = parties["agency-portal"].sign_in(MANAGER).access_token
        unknown = [desk.portal.exchange(staff, uuid4()) for _ in range(29)]
        assert {one.response.status_code for one in unknown} == {400}
        desk.portal.exchange(staff, desk.world.grant().id).tokens()
        now.shift(20)
        for grant_id in (desk.world.grant().id, uuid4(), "", "nonsense"):
            refused = desk.portal.exchange(staff, grant_id).expect_error("slow_down", status=429).response
            assert refused.headers["Retry-After"] == "40"
        colleague = parties["agency-portal"].sign_in(APPROVER).access_token
        desk.portal.exchange(colleague, desk.world.grant().id).tokens()
        now.shift(41)
        staff = parties["agency-portal"].sign_in(MANAGER).access_token
        desk.portal.exchange(staff, desk.world.grant().id).tokens()
    assert reasons(desk.world)[-4:] == ["too_many_of_actor"] * 4


def test_an_agency_has_its_limit_for_all_together_and_others_do_not_feel_it(
    world: World, parties: Parties, desk: Desk
) -> None:
    world.settings = world.settings.model_copy(update={"agency_exchanges_per_minute": 3})
    world.restart()
    for person in (MANAGER, APPROVER, MANAGER):
        desk.portal.exchange(desk.portal.sign_in(person).access_token, world.grant().id).tokens()
    system = system_of(world)
    for answer in (exchange(desk), system.exchange(own_token(system), world.grant().id)):
        answer.expect_error("slow_down", status=429)
    rival = parties["rival-portal"]
    rival.exchange(rival.sign_in(RIVAL).access_token, world.grant(SETSUKO, SAKURA).id).tokens()


def test_each_exchange_leaves_one_row_however_it_was_refused(desk: Desk, parties: Parties) -> None:
    begun = len(desk.world.events())
    exchange(desk, requested_token_type="nonsense").expect_error("invalid_request")
    exchange(desk, audience=None).expect_error("invalid_target")
    exchange(desk, resource="https://meter.example/api").expect_error("invalid_target")
    parties["shop"].exchange(desk.staff.access_token, desk.world.grant().id).expect_error(
        "unauthorized_client"
    )
    rows = [event for event in desk.world.events()[begun:] if event.event == "delegation.exchange.refused"]
    assert [(row.client_id, row.data["reason"]) for row in rows] == [
        *[("agency-portal", "malformed")] * 3, ("shop", "unauthorized_client"),
    ]  # fmt: skip
    assert [str(row.actor_id) for row in rows[:3]] == [desk.staff.claims["sub"]] * 3
