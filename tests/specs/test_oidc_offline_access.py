"""OIDC Core §11: ``offline_access`` outlives the sign-in, and nothing else that it rests on."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
import time_machine
from sqlalchemy.orm import Session

from idp import clock
from idp.accounts.models import Account
from idp.accounts.rules import AccountStatus
from idp.demo import HANAKO
from idp.oauth.models import Client, ClientStatus, TokenFamily
from tests.accounts.visitor import Visitor, forms_of
from tests.oauth.relying_party import RelyingParty, Tokens
from tests.world import World

OFFLINE = "openid profile offline_access"


@pytest.fixture(autouse=True)
def registered(world: World) -> None:
    world.write(lambda session: setattr(session.get_one(Client, "mypage"), "scope", OFFLINE))


def tokens_of(party: RelyingParty, browser: Visitor, scope: str = OFFLINE) -> Tokens:
    return party.redeem(party.code_for(browser, scope=scope)).tokens()


def sign_out(browser: Visitor) -> None:
    token = forms_of(browser.get("/account"))[0].fields["csrf_token"]
    assert browser.post("/sign-out", {"csrf_token": token}).status_code == 303


def test_it_goes_on_when_the_person_has_signed_out(world: World, mypage: RelyingParty) -> None:
    browser = world.browser(HANAKO)
    offline, usual = tokens_of(mypage, browser), tokens_of(mypage, browser, "openid profile")
    assert " ".join(sorted(offline.scope, key=OFFLINE.index)) == OFFLINE
    sign_out(browser)
    mypage.refresh(usual.refresh_token).expect_error("invalid_grant")
    assert world.api("GET", "/oauth/userinfo", usual.access_token).status_code == 401
    assert world.api("GET", "/oauth/userinfo", offline.access_token).status_code == 200
    assert mypage.introspect(offline.refresh_token).response.get_json()["active"] is True
    fresh = mypage.refresh(offline.refresh_token).tokens()
    same = ("sub", "aud", "iss", "auth_time")
    assert {name: fresh.claims[name] for name in same} == {name: offline.claims[name] for name in same}
    assert mypage.introspect(fresh.access_token).response.get_json()["active"] is True


@pytest.fixture
def away(world: World, mypage: RelyingParty) -> Tokens:
    """Tokens of a person who has signed out."""
    browser = world.browser(HANAKO)
    tokens = tokens_of(mypage, browser)
    sign_out(browser)
    return tokens


def change_password(session: Session) -> None:
    account = session.query(Account).filter_by(email=HANAKO.email).one()
    account.password_changed_at = clock.now()


def suspend(session: Session) -> None:
    session.query(Account).filter_by(email=HANAKO.email).one().status = AccountStatus.SUSPENDED


def disable(session: Session) -> None:
    session.get_one(Client, "mypage").status = ClientStatus.DISABLED


def revoke(session: Session) -> None:
    session.query(TokenFamily).one().revoked_at = clock.now()


@pytest.mark.parametrize("change", [change_password, suspend, revoke])
def test_it_ends_with_what_it_rests_on(
    world: World, mypage: RelyingParty, away: Tokens, change: Callable[[Session], None]
) -> None:
    assert world.api("GET", "/oauth/userinfo", away.access_token).status_code == 200
    world.write(change)
    mypage.refresh(away.refresh_token).expect_error("invalid_grant")
    for token in (away.refresh_token, away.access_token):
        assert mypage.introspect(token).response.get_json() == {"active": False}
    assert world.api("GET", "/oauth/userinfo", away.access_token).status_code == 401


def test_a_disabled_client_has_nothing(world: World, mypage: RelyingParty, away: Tokens) -> None:
    world.write(disable)
    mypage.refresh(away.refresh_token).expect_error("invalid_client")
    assert world.api("GET", "/oauth/userinfo", away.access_token).status_code == 401


def test_after_a_new_password_it_can_be_given_again(world: World, mypage: RelyingParty, away: Tokens) -> None:
    world.write(change_password)
    mypage.refresh(away.refresh_token).expect_error("invalid_grant")
    fresh = tokens_of(mypage, world.browser(HANAKO))
    mypage.refresh(fresh.refresh_token).tokens()


def refreshed_at(mypage: RelyingParty, token: str | None, moment: datetime) -> str | None:
    with time_machine.travel(moment, tick=False):
        return mypage.refresh(token).tokens().refresh_token


def test_it_is_over_after_thirty_idle_days(mypage: RelyingParty, away: Tokens) -> None:
    begun = clock.now()
    token = refreshed_at(mypage, away.refresh_token, begun + timedelta(days=29))
    token = refreshed_at(mypage, token, begun + timedelta(days=58))
    with time_machine.travel(begun + timedelta(days=88, minutes=1), tick=False):
        mypage.refresh(token).expect_error("invalid_grant")


def test_it_is_over_after_ninety_days_at_most(mypage: RelyingParty, away: Tokens) -> None:
    begun, token = clock.now(), away.refresh_token
    for day in (25, 50, 75, 89):
        token = refreshed_at(mypage, token, begun + timedelta(days=day))
    with time_machine.travel(begun + timedelta(days=90, minutes=1), tick=False):
        mypage.refresh(token).expect_error("invalid_grant")


def test_a_client_without_refresh_tokens_has_no_use_for_it(world: World, mypage: RelyingParty) -> None:
    world.write(
        lambda session: setattr(session.get_one(Client, "mypage"), "grant_types", ["authorization_code"])
    )
    tokens = tokens_of(mypage, world.browser(HANAKO))
    assert tokens.refresh_token is None
    assert "offline_access" not in tokens.scope
    assert world.read(lambda session: session.query(TokenFamily).one().offline) is False
