"""OIDC Core §3.1.2.1: the parameters of an authentication request, each with what it brings about."""

from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
import time_machine

from idp import clock
from idp.demo import HANAKO, ICHIRO, PASSWORD, OwnerPart
from idp.oauth.models import SubjectType
from idp.oauth.tokens import ACR_PASSWORD
from tests.accounts.visitor import Visitor, forms_of
from tests.oauth.relying_party import RelyingParty
from tests.oauth.third_parties import third_party
from tests.world import MANAGER, World

LATER = timedelta(seconds=5)


@pytest.fixture
def hanako(world: World) -> Visitor:
    return world.browser(HANAKO)


def come_back(party: RelyingParty, browser: Visitor, path: str, person: OwnerPart = HANAKO) -> Visitor:
    """Give the password on the sign-in page at this address."""
    assert browser.submit(path, email=person.email, password=PASSWORD).status_code == 303
    return browser


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_request_may_come_by_get_and_by_post(mypage: RelyingParty, hanako: Visitor, method: str) -> None:
    mypage.redeem(mypage.authorize(hanako, method=method).expect_code()).tokens()


def test_what_is_not_understood_is_ignored(mypage: RelyingParty, hanako: Visitor) -> None:
    mypage.authorize(hanako, unheard_of="x", claims_locales="ja", vtr="P1", extra="%00%").expect_code()


def test_without_openid_it_is_plain_oauth(mypage: RelyingParty, hanako: Visitor) -> None:
    """§3.1.2.1: no ID token is issued then."""
    tokens = mypage.redeem(mypage.authorize(hanako, scope="profile").expect_code()).tokens()
    assert tokens.id_token is None
    assert mypage.redeem(mypage.authorize(hanako).expect_code()).tokens().id_token is not None


@pytest.mark.parametrize("display", ["page", "popup", "touch", "wap", "hologram"])
def test_every_display_gets_the_same_page(world: World, mypage: RelyingParty, display: str) -> None:
    browser = world.browser()
    assert browser.get(mypage.authorize(browser, display=display).expect_sign_in()).status_code == 200


def test_prompt_login_brings_a_new_auth_time(mypage: RelyingParty, hanako: Visitor) -> None:
    before = mypage.redeem(mypage.authorize(hanako).expect_code()).tokens()
    with time_machine.travel(clock.now() + LATER):
        path = mypage.authorize(hanako, prompt="login").expect_sign_in()
        come_back(mypage, hanako, path)
        after = mypage.redeem(mypage.resume(hanako, path).expect_code()).tokens()
    assert after.claims["auth_time"] > before.claims["auth_time"]
    assert after.claims["sub"] == before.claims["sub"]


def test_prompt_select_account_lets_somebody_else_sign_in(
    world: World, mypage: RelyingParty, hanako: Visitor
) -> None:
    with time_machine.travel(clock.now() + LATER):
        path = mypage.authorize(hanako, prompt="select_account").expect_sign_in()
        come_back(mypage, hanako, path, ICHIRO)
        tokens = mypage.redeem(mypage.resume(hanako, path).expect_code()).tokens()
    assert tokens.claims["sub"] == str(world.account(ICHIRO).id)


def test_default_max_age_counts_where_the_request_says_nothing(world: World, hanako: Visitor) -> None:
    """OIDC Registration §2; the request's own max_age goes before it."""
    party = third_party(world, first_party=True, default_max_age=60, require_auth_time=True, scope="openid")
    assert party.redeem(party.authorize(hanako).expect_code()).tokens().claims["auth_time"]
    with time_machine.travel(clock.now() + timedelta(seconds=70)):
        party.authorize(hanako).expect_sign_in()
        party.authorize(hanako, prompt="none").expect_error("login_required")
        party.authorize(hanako, max_age="600").expect_code()


def test_max_age_of_nothing_is_a_new_sign_in(mypage: RelyingParty, hanako: Visitor) -> None:
    """§3.1.2.1: max_age=0 is like prompt=login; and auth_time is told."""
    with time_machine.travel(clock.now() + LATER):
        path = mypage.authorize(hanako, max_age="0").expect_sign_in()
        come_back(mypage, hanako, path)
        tokens = mypage.redeem(mypage.resume(hanako, path).expect_code()).tokens()
        assert tokens.claims["auth_time"] >= clock.epoch(clock.now()) - 2


@pytest.mark.parametrize("client", ["mypage", "agency-portal"])
def test_login_hint_stands_in_the_sign_in_form(
    world: World, parties: dict[str, RelyingParty], client: str
) -> None:
    browser = world.browser()
    path = parties[client].authorize(browser, login_hint="foo..bar@docomo.ne.jp").expect_sign_in()
    assert "docomo" not in path, "an address must not stand in an address"
    assert forms_of(browser.get(path))[0].fields["email"] == ["foo..bar@docomo.ne.jp"]
    assert forms_of(world.browser().get(path))[0].fields["email"] == [""], "another browser learns nothing"


@pytest.mark.parametrize(
    "hint", ["hanako", "0751234567", "<b>@x.example\n", "x" * 300 + "@x.example", "@", None]
)
def test_a_login_hint_that_is_no_mail_address_stands_nowhere(
    world: World, mypage: RelyingParty, hint: str | None
) -> None:
    browser = world.browser()
    page = browser.get(mypage.authorize(browser, login_hint=hint).expect_sign_in())
    assert forms_of(page)[0].fields["email"] == [""]


def test_id_token_hint_names_who_must_be_signed_in(
    world: World, mypage: RelyingParty, hanako: Visitor
) -> None:
    """§3.1.2.2: whoever signs in as somebody else gets the client an error."""
    hint = mypage.sign_in(browser=hanako).hint
    mypage.authorize(hanako, id_token_hint=hint, prompt="none").expect_code()
    ichiro = world.browser(ICHIRO)
    mypage.authorize(ichiro, id_token_hint=hint, prompt="none").expect_error("login_required")
    with time_machine.travel(clock.now() + LATER):
        path = mypage.authorize(ichiro, id_token_hint=hint).expect_sign_in()
        come_back(mypage, ichiro, path, ICHIRO)
        mypage.resume(ichiro, path).expect_error("login_required")
        path = mypage.authorize(ichiro, id_token_hint=hint).expect_sign_in()
        come_back(mypage, ichiro, path, HANAKO)
        mypage.resume(ichiro, path).expect_code()


def test_acr_values_are_a_wish_and_the_claim_tells_what_was_done(
    world: World, mypage: RelyingParty, hanako: Visitor
) -> None:
    """§5.5.1.1: a voluntary acr never makes a request fail."""
    supported = world.api("GET", "/.well-known/openid-configuration").get_json()["acr_values_supported"]
    assert supported == [ACR_PASSWORD]
    for wish in (ACR_PASSWORD, "urn:unheard-of", "1 2"):
        tokens = mypage.redeem(mypage.authorize(hanako, acr_values=wish).expect_code()).tokens()
        assert tokens.claims["acr"] == ACR_PASSWORD


def test_ui_locales_count_wherever_the_request_comes_from(world: World, mypage: RelyingParty) -> None:
    from tests.specs.test_rfc9126_par import push, visit

    for asked, spoken in (("en", "en"), ("fr ja", "ja")):
        browser = world.browser()
        path = visit(mypage, browser, push(mypage, ui_locales=asked)).expect_sign_in()
        assert f'<html lang="{spoken}"' in browser.get(path).text


def test_nonce_comes_back_in_the_id_token_alone(mypage: RelyingParty, hanako: Visitor) -> None:
    answer = mypage.authorize(hanako, nonce="n-0S6_WzA2Mj")
    tokens = mypage.redeem(answer.expect_code()).tokens()
    assert tokens.claims["nonce"] == "n-0S6_WzA2Mj"
    assert "n-0S6_WzA2Mj" not in answer.location + str(tokens.access_claims)
    assert "nonce" not in mypage.redeem(mypage.authorize(hanako, nonce=None).expect_code()).tokens().claims


def test_the_way_back_keeps_nothing_of_the_request_in_the_address(world: World, mypage: RelyingParty) -> None:
    """Later steps carry only the id of what was stored."""
    path = mypage.authorize(world.browser(), login_hint=HANAKO.email).expect_sign_in()
    [way_back] = parse_qs(urlsplit(path).query)["next"]
    assert set(parse_qs(urlsplit(path).query)) == {"next"}
    assert way_back.rpartition("/")[0] == "/oauth/authorize"


def test_people_are_who_they_are_to_a_pairwise_client(world: World, hanako: Visitor) -> None:
    party = third_party(world, first_party=True, subject_type=SubjectType.PAIRWISE, scope="openid")
    hint = party.redeem(party.authorize(hanako).expect_code()).tokens().hint
    party.authorize(hanako, id_token_hint=hint, prompt="none").expect_code()
    party.authorize(world.browser(ICHIRO), id_token_hint=hint, prompt="none").expect_error("login_required")


def test_a_member_of_an_agency_is_nobody_at_an_owners_app(world: World, mypage: RelyingParty) -> None:
    mypage.authorize(world.browser(MANAGER), prompt="none").expect_error("login_required")
