"""How long a device stays connected: `offline_access`, signing out, taking it back (docs/decisions/0017)."""

from datetime import timedelta

import pytest
from time_machine import TimeMachineFixture

from idp import clock
from idp.demo import HANAKO
from idp.oauth.client_metadata import DEVICE_CODE
from idp.oauth.consent.models import ClientConsent
from idp.oauth.models import Client
from tests.accounts.visitor import Visitor
from tests.oauth.device import begin, decide
from tests.oauth.relying_party import RelyingParty, Tokens
from tests.world import World

WITHOUT_OFFLINE = "openid profile products"


@pytest.fixture
def display(parties: dict[str, RelyingParty]) -> RelyingParty:
    return parties["display"]


@pytest.fixture(autouse=True)
def moment(time_machine: TimeMachineFixture) -> TimeMachineFixture:
    time_machine.move_to(clock.now(), tick=False)
    return time_machine


def let_in(display: RelyingParty, telephone: Visitor, **asked: str) -> Tokens:
    device = begin(display, **asked)
    decide(telephone, device)
    return device.poll().tokens()


def sign_out(telephone: Visitor) -> None:
    telephone.submit("/sign-out", page=telephone.get("/device"))


def test_a_display_that_asked_for_it_goes_on_when_the_telephone_is_signed_out(
    world: World, display: RelyingParty, moment: TimeMachineFixture
) -> None:
    telephone = world.browser(HANAKO)
    tokens = let_in(display, telephone)
    assert "offline_access" in tokens.scope
    sign_out(telephone)
    for _ in range(4):  # used every twenty days: 80 of at most 90
        moment.shift(timedelta(days=20))
        tokens = display.refresh(tokens.refresh_token).tokens()
        assert world.api("GET", "/api/me/products", tokens.access_token).status_code == 200
    moment.shift(timedelta(days=10, seconds=1))
    display.refresh(tokens.refresh_token).expect_error("invalid_grant")


def test_a_display_that_did_not_ask_for_it_ends_with_that_sign_in(
    world: World, display: RelyingParty
) -> None:
    telephone = world.browser(HANAKO)
    device = begin(display, scope=WITHOUT_OFFLINE)
    assert "この画面でログアウトするまで。" in telephone.get(device.path).text
    tokens = let_in(display, telephone, scope=WITHOUT_OFFLINE)
    tokens = display.refresh(tokens.refresh_token).tokens()
    sign_out(telephone)
    display.refresh(tokens.refresh_token).expect_error("invalid_grant")
    assert world.api("GET", "/api/me/products", tokens.access_token).status_code == 401


def test_the_page_says_how_long(world: World, display: RelyingParty) -> None:
    assert "最長90日間。" in world.browser(HANAKO).get(begin(display).path).text


def test_the_owner_takes_it_back_under_connected_apps(world: World, display: RelyingParty) -> None:
    telephone = world.browser(HANAKO)
    assert "おうちの電力モニター" not in telephone.get("/account/apps").text
    tokens = let_in(display, telephone)
    assert "おうちの電力モニター" in telephone.get("/account/apps").text
    telephone.submit("/account/apps/disconnect?client_id=display")
    telephone.get("/account/apps")  # says once what was done
    display.refresh(tokens.refresh_token).expect_error("invalid_grant")
    assert world.api("GET", "/api/me/products", tokens.access_token).status_code == 401
    assert "おうちの電力モニター" not in telephone.get("/account/apps").text


def test_an_approval_is_for_one_device_and_the_next_one_asks_again(
    world: World, display: RelyingParty
) -> None:
    telephone = world.browser(HANAKO)
    let_in(display, telephone)
    assert world.count(ClientConsent) == 0
    assert "この機器をつなぎますか" in telephone.get(begin(display).path).text


def test_a_display_without_refresh_tokens_cannot_stay_longer_than_the_sign_in(
    world: World, display: RelyingParty
) -> None:
    world.write(lambda session: setattr(session.get_one(Client, "display"), "grant_types", [DEVICE_CODE]))
    telephone = world.browser(HANAKO)
    device = begin(display, scope="openid offline_access")
    assert "この画面でログアウトするまで。" in telephone.get(device.path).text
    decide(telephone, device)
    assert device.poll().tokens().scope == {"openid"}
