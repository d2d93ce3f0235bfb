"""代理ログイン in a browser: from ticket to act-as session, for the very browser that asked, and its end."""

from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

import pytest
import time_machine
from sqlalchemy import select, update

from idp import clock
from idp.accounts.models import BrowserSession, Member, OwnerProfile
from idp.accounts.rules import ProxyLoginMail
from idp.delegation.models import ActAsSession, ActAsTicket, Grant
from idp.demo import HANAKO, MIRAI, PASSWORD
from idp.oauth.models import Client, ClientStatus, TokenFamily
from tests.accounts.visitor import forms_of
from tests.delegation.steps import end, release, suspend
from tests.oauth.desk import Desk, Parties
from tests.world import APPROVER, MANAGER, World


@pytest.fixture
def desk(world: World, parties: Parties) -> Desk:
    return Desk(world, parties)


def test_the_relying_party_learns_who_acts_for_whom_and_until_when(world: World, desk: Desk) -> None:
    begun = clock.now()
    acting = desk.act()
    claims, staff = acting.claims, world.account(MANAGER)
    assert (claims["sub"], claims["name"], claims["aud"]) == (
        str(world.account(HANAKO).id), HANAKO.name, "mypage",
    )  # fmt: skip
    assert claims["act"] == {
        "sub": str(staff.id), "sub_profile": "user", "name": MANAGER.name,
        "org": {"id": str(world.agency().id), "name": MIRAI.name},
    }  # fmt: skip
    assert claims["delegation"] == str(world.grant().id)
    assert 1790 < claims["session_expiry"] - clock.epoch(begun) <= 1801
    assert claims["sid"] == acting.access_claims["sid"] != desk.staff.claims["sid"]
    assert claims["nonce"] == "N1"
    assert acting.scope == {"openid", "mypage.read", "mypage.write"}
    assert acting.refresh_token is None
    assert acting.access_claims["act"] == {
        "sub": str(staff.id), "sub_profile": "user", "org": {"id": str(world.agency().id)},
    }  # fmt: skip
    assert (acting.access_claims["aud"], acting.access_claims["client_id"]) == ("mypage", "mypage")


def test_the_owner_is_told_and_sees_it_in_their_history(world: World, desk: Desk) -> None:
    before = len(world.letters())
    acting = desk.act(desk.ticket(reason="設定のご相談"))
    [letter] = world.letters()[before:]
    assert (letter.name, letter.to) == ("proxy_login_started", HANAKO.email)
    assert (letter.data["agency_name"], letter.data["staff_name"], letter.data["reason"]) == (
        MIRAI.name, MANAGER.name, "設定のご相談",
    )  # fmt: skip
    page = world.browser(HANAKO).get("/account/delegations").text
    assert MANAGER.name in page
    assert "設定のご相談" in page
    owner = desk.mypage.sign_in(HANAKO)
    [item] = world.api("GET", "/api/me/proxy-logins", owner.access_token).get_json()["items"]
    assert (item["sid"], item["member"], item["ended_at"]) == (acting.claims["sid"], MANAGER.name, None)


def test_an_owner_who_does_not_want_to_be_told_gets_no_mail(world: World, desk: Desk) -> None:
    never = ProxyLoginMail.NEVER
    world.write(lambda session: session.execute(update(OwnerProfile).values(proxy_login_mail=never)).close())
    before = len(world.letters())
    desk.act()
    assert len(world.letters()) == before
    assert "proxy_login.started" in [event.event for event in world.events()]


def test_a_ticket_is_used_once(world: World, desk: Desk) -> None:
    ticket = desk.ticket()
    desk.act(ticket)
    desk.mypage.authorize(desk.browser, login_hint=ticket).expect_error("login_required")
    assert world.count(ActAsSession) == 1


def left(world: World) -> None:
    world.write(lambda session: session.execute(update(Member).values(left_at=clock.now())).close())


def end_of_term(world: World) -> None:
    world.write(lambda session: session.execute(update(Grant).values(expires_at=clock.now())).close())


def portal_disabled(world: World) -> None:
    disabled = ClientStatus.DISABLED
    world.write(lambda session: setattr(session.get_one(Client, "agency-portal"), "status", disabled))


def signed_out(world: World) -> None:
    world.write(lambda session: session.execute(update(BrowserSession).values(ended_at=clock.now())).close())


ENDS: list[Callable[[World], object]] = [
    lambda world: end(world, world.grant().id), lambda world: release(world, world.grant().id), suspend, left,
    end_of_term, portal_disabled, signed_out,
]  # fmt: skip
ENDS_NAMED = pytest.mark.parametrize(
    "happens", ENDS, ids=["revoke", "release", "suspend", "left", "term", "portal disabled", "signed out"]
)


@ENDS_NAMED
def test_what_happens_before_the_ticket_is_used_counts(
    world: World, desk: Desk, happens: Callable[[World], object]
) -> None:
    ticket = desk.ticket()
    happens(world)
    before = world.digest(without=["authorization_requests"])
    desk.mypage.authorize(desk.browser, login_hint=ticket).expect_error("login_required")
    assert world.digest(without=["authorization_requests"]) == before
    assert world.count(ActAsSession) == 0


@ENDS_NAMED
def test_what_happens_during_a_proxy_login_ends_it(
    world: World, parties: Parties, desk: Desk, happens: Callable[[World], object]
) -> None:
    second = Desk(world, parties)
    acting, pending = desk.act(), desk.mypage.code_for(second.browser, login_hint=second.ticket())
    desk.renew(acting).expect_code()
    happens(world)
    for path in ("/api/me/profile", "/oauth/userinfo"):
        assert world.api("GET", path, acting.access_token).status_code == 401
    desk.renew(acting).expect_error("login_required")
    desk.mypage.redeem(pending).expect_error("invalid_grant")


@pytest.mark.parametrize("happens", ENDS[:3], ids=["revoke", "release", "suspend"])
def test_in_the_transaction_that_ends_the_grant_the_relying_parties_are_told(
    world: World, parties: Parties, desk: Desk, happens: Callable[[World], object]
) -> None:
    first, second = desk.act(), Desk(world, parties).act()
    happens(world)
    assert sorted(world.logout_calls()) == sorted(("mypage", one.claims["sid"]) for one in (first, second))
    ended = world.read(lambda session: session.scalars(select(ActAsSession)).all())
    assert {act_as.end_reason for act_as in ended} == {"grant_ended"}
    assert [event.event for event in world.events()].count("proxy_login.ended") == 2


@pytest.mark.parametrize(("age", "may"), [(59, True), (60, False), (61, False)])
def test_a_ticket_lives_for_one_minute(world: World, parties: Parties, age: int, may: bool) -> None:
    now = clock.now()
    with time_machine.travel(now, tick=False):
        desk = Desk(world, parties)
        ticket = desk.ticket()
    with time_machine.travel(now + timedelta(seconds=age), tick=False):
        answer = desk.mypage.authorize(desk.browser, login_hint=ticket)
    answer.expect_code() if may else answer.expect_error("login_required")


@pytest.mark.parametrize(
    "person", [MANAGER, APPROVER, HANAKO, None], ids=["same", "colleague", "owner", "nobody"]
)
def test_a_ticket_is_worth_nothing_in_another_browser(world: World, desk: Desk, person: object) -> None:
    """DX-049: not even the same person's other browser, so nobody can push a proxy login on somebody."""
    ticket, other = desk.ticket(), world.browser(person)  # type: ignore[arg-type]
    desk.mypage.authorize(other, login_hint=ticket).expect_error("login_required")
    assert world.count(ActAsSession) == 0
    desk.act(ticket)


@pytest.mark.parametrize("client", ["shop", "myapp", "radio", "spa", "agency-portal"])
def test_a_ticket_is_worth_nothing_at_another_relying_party(world: World, desk: Desk, client: str) -> None:
    ticket = desk.ticket()
    desk.parties[client].authorize(desk.browser, login_hint=ticket).expect_error("login_required")
    assert world.count(ActAsSession) == 0
    desk.act(ticket)


@pytest.mark.parametrize("made_up", ["oct_", "oct_" + "x" * 43, "oct_é", "oct_../.."])
def test_a_ticket_that_somebody_made_up_leads_to_no_sign_in_page(desk: Desk, made_up: str) -> None:
    desk.mypage.authorize(desk.browser, login_hint=made_up).expect_error("login_required")


def test_the_ticket_itself_is_never_stored(world: World, desk: Desk) -> None:
    ticket = desk.ticket()
    desk.act(ticket)
    rows = world.read(lambda session: str([row.__dict__ for row in session.scalars(select(ActAsTicket))]))
    assert world.count(ActAsTicket) == 1
    assert ticket not in rows
    assert ticket not in str([event.data for event in world.events()])


# --- the staff member stays who they are ----------------------------------------------------------------


def test_no_sign_in_for_the_owner_ever_exists(world: World, desk: Desk) -> None:
    desk.act()
    owner_id = world.account(HANAKO).id
    sessions = world.read(lambda session: session.scalars(select(BrowserSession)).all())
    assert owner_id not in {one.account_id for one in sessions}
    for client in ("mypage", "shop", "spa", "myapp"):
        desk.parties[client].authorize(desk.browser, prompt="none").expect_error("login_required")
    assert desk.portal.sign_in(browser=desk.browser).claims["sub"] == str(world.account(MANAGER).id)
    assert desk.browser.get("/account").status_code == 403


def test_a_proxy_login_can_be_renewed_silently_for_its_own_half_hour(world: World, parties: Parties) -> None:
    now = clock.now()
    with time_machine.travel(now, tick=False):
        desk = Desk(world, parties)
        acting = desk.act()
    for minutes in (5, 15, 25, 29):
        with time_machine.travel(now + timedelta(minutes=minutes), tick=False):
            fresh = desk.mypage.redeem(desk.renew(acting).expect_code()).tokens()
            kept = ("sub", "sid", "act", "session_expiry", "delegation")
            assert [fresh.claims[name] for name in kept] == [acting.claims[name] for name in kept]
            assert fresh.access_claims["exp"] <= acting.claims["session_expiry"]
    with time_machine.travel(now + timedelta(minutes=30), tick=False):
        desk.renew(acting).expect_error("login_required")
    assert world.count(ActAsSession) == 1
    assert len([letter for letter in world.letters() if letter.name == "proxy_login_started"]) == 1


def test_a_proxy_login_is_renewed_in_its_own_browser_at_its_own_relying_party(
    world: World, desk: Desk
) -> None:
    acting = desk.act()
    for person in (MANAGER, APPROVER, HANAKO, None):
        other = world.browser(person)
        desk.renew(acting, other).expect_error("login_required")
    for client in ("shop", "spa", "agency-portal"):
        answer = desk.parties[client].authorize(desk.browser, prompt="none", id_token_hint=acting.hint)
        answer.expect_error("login_required")
    desk.renew(acting).expect_code()


def test_signing_in_again_as_somebody_else_in_that_browser_ends_the_proxy_login(
    world: World, desk: Desk
) -> None:
    acting = desk.act()
    desk.browser.sign_in(APPROVER.email, PASSWORD, path="/store/linkaccounts")
    desk.renew(acting).expect_error("login_required")
    assert world.api("GET", "/api/me/profile", acting.access_token).status_code == 401


def test_a_relying_party_that_does_not_understand_act_is_never_handed_one(world: World, desk: Desk) -> None:
    ticket = desk.ticket()
    world.write(lambda session: setattr(session.get_one(Client, "mypage"), "act_as_supported", False))
    desk.mypage.authorize(desk.browser, login_hint=ticket).expect_error("login_required")


# --- ending it ------------------------------------------------------------------------------------------


def test_ending_it_with_its_id_token_ends_the_proxy_login_alone(
    world: World, parties: Parties, desk: Desk
) -> None:
    elsewhere = Desk(world, parties)
    acting, other = desk.act(), elsewhere.act()
    ended = "http://localhost:8002/proxy-login/ended"
    answer = desk.browser.get(
        "/oauth/end-session", query_string={"id_token_hint": acting.hint, "client_id": "mypage",
                                            "post_logout_redirect_uri": ended, "state": "s&1"},
    )  # fmt: skip
    assert (answer.status_code, answer.headers["Location"]) == (303, f"{ended}?state=s%261")
    assert world.api("GET", "/api/me/profile", acting.access_token).status_code == 401
    assert world.api("GET", "/api/me/profile", other.access_token).status_code == 200
    assert world.api("GET", "/api/agency", desk.staff.access_token).status_code == 200
    stored = world.read(lambda session: session.get_one(ActAsSession, UUID(acting.claims["sid"])))
    assert stored.end_reason == "staff"
    assert world.logout_calls() == []
    desk.renew(acting).expect_error("login_required")
    elsewhere.renew(other).expect_code()


def test_ending_it_twice_does_nothing_the_second_time(world: World, desk: Desk) -> None:
    acting = desk.act()
    for _ in range(2):
        page = desk.browser.get("/oauth/end-session", query_string={"id_token_hint": acting.hint})
        assert page.status_code == 200
    assert [event.event for event in world.events()].count("proxy_login.ended") == 1


def test_signing_out_of_the_portal_ends_every_proxy_login_of_that_sign_in(world: World, desk: Desk) -> None:
    acting = desk.act()
    token = forms_of(desk.browser.get("/"))[0].fields["csrf_token"]
    assert desk.browser.post("/sign-out", {"csrf_token": token}).status_code == 303
    assert world.api("GET", "/api/me/profile", acting.access_token).status_code == 401
    desk.renew(acting).expect_error("login_required")


def test_a_code_that_is_used_twice_ends_what_the_first_use_got(world: World, desk: Desk) -> None:
    code = desk.mypage.code_for(desk.browser, login_hint=desk.ticket())
    acting = desk.mypage.redeem(code).tokens()
    assert world.api("GET", "/api/me/profile", acting.access_token).status_code == 200
    desk.mypage.redeem(code).expect_error("invalid_grant")
    assert world.api("GET", "/api/me/profile", acting.access_token).status_code == 401
    families = world.read(lambda session: session.scalars(select(TokenFamily)).all())
    assert [one.revoked_at is not None for one in families if one.act_as_session_id] == [True]
