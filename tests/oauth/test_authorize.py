"""Each deviation of an authorization request and what the client is told; then who has to sign in when."""

from datetime import timedelta

import pytest
import time_machine
from sqlalchemy import update

from idp import clock
from idp.accounts.models import Account, BrowserSession
from idp.accounts.rules import AccountStatus
from idp.demo import HANAKO, ICHIRO, PASSWORD
from idp.oauth.models import AuthorizationCode
from tests.accounts.visitor import Visitor
from tests.oauth.assertions import claims_of, unsigned
from tests.oauth.relying_party import CHALLENGE, RelyingParty, Tokens
from tests.world import MANAGER, VIEWER, World


@pytest.fixture
def hanako(world: World) -> Visitor:
    return world.browser(HANAKO)


@pytest.mark.parametrize(
    ("error", "deviation"),
    [
        ("unsupported_response_type", {"response_type": "token"}),
        ("unsupported_response_type", {"response_type": "id_token token"}),
        ("unsupported_response_type", {"response_type": "code token"}),
        ("unsupported_response_type", {"response_type": "code id_token"}),
        ("unsupported_response_type", {"response_type": "bogus"}),
        ("unsupported_response_type", {"response_type": "CODE"}),
        ("invalid_request", {"response_type": None}),
        ("invalid_request", {"response_type": ""}),
        ("invalid_request", {"response_mode": "fragment"}),
        ("invalid_request", {"response_mode": "form_post.jwt"}),
        ("invalid_request", {"response_mode": "web_message"}),
        ("invalid_request", {"code_challenge": None, "code_challenge_method": None}),
        ("invalid_request", {"code_challenge": None}),
        ("invalid_request", {"code_challenge_method": None}),
        ("invalid_request", {"code_challenge_method": "plain"}),
        ("invalid_request", {"code_challenge_method": "s256"}),
        ("invalid_request", {"code_challenge": CHALLENGE[:42]}),
        ("invalid_request", {"code_challenge": CHALLENGE + "="}),
        ("invalid_request", {"code_challenge": CHALLENGE[:42] + "+"}),
        ("invalid_request", {"code_challenge": "a" * 129}),
        ("invalid_request", {"code_challenge": CHALLENGE + "\n"}),
        ("invalid_request", {"prompt": "none login"}),
        ("invalid_request", {"prompt": "sing"}),
        ("invalid_request", {"max_age": "-1"}),
        ("invalid_request", {"max_age": "1.5"}),
        ("invalid_request", {"max_age": "٣"}),
        ("invalid_request", {"max_age": "9" * 4000}),
        ("invalid_request", {"id_token_hint": "nonsense"}),
        ("invalid_request", {"id_token_hint": unsigned({"sub": "x"}, header={"alg": "none"})}),
        ("invalid_request", {"nonce": "n" * 4097}),
        ("invalid_request", {"login_hint": "h" * 4097}),
        ("invalid_request", {"anything": "x" * 30_000}),
        ("request_not_supported", {"request": unsigned({"scope": "act_as"}, header={"alg": "none"})}),
        ("request_uri_not_supported", {"request_uri": "http://127.0.0.1:9/x"}),
        ("request_uri_not_supported", {"request_uri": "file:///etc/passwd"}),
        ("registration_not_supported", {"registration": "{}"}),
        ("invalid_scope", {"scope": None}),
        ("invalid_scope", {"scope": "   "}),
        ("invalid_scope", {"scope": "act_as"}),
        ("invalid_scope", {"scope": "agency.read delegations.manage"}),
        ("invalid_scope", {"scope": "mypage.read mypage.write"}),
        ("invalid_scope", {"scope": "OPENID"}),
        ("invalid_request", {"scope": ["openid", "act_as"]}),
        ("invalid_request", {"state": ["S1", "S2"]}),
        ("invalid_request", {"state": ["S1", "S1"]}),
        ("invalid_request", {"nonce": ["N1", "N2"]}),
        ("invalid_request", {"response_type": ["code", "code"]}),
        ("invalid_request", {"code_challenge": [CHALLENGE, "other"]}),
        ("invalid_request", {"unheard_of": ["1", "2"]}),
    ],
    ids=lambda value: str(value)[:60],
)  # fmt: skip
def test_what_is_wrong_is_told_to_the_client_and_changes_nothing(
    world: World, mypage: RelyingParty, hanako: Visitor, error: str, deviation: dict[str, object]
) -> None:
    before = world.digest()
    mypage.authorize(hanako, **deviation).expect_error(error)
    mypage.authorize(hanako, method="POST", **deviation).expect_error(error)
    assert world.digest() == before


@pytest.mark.parametrize(
    "deviation",
    [{}, {"state": None}, {"state": ""}, {"nonce": None}, {"response_mode": "query"}, {"max_age": "3600"},
     {"prompt": "none"}, {"login_hint": "somebody"}, {"ui_locales": "en ja", "display": "popup"},
     {"scope": "openid openid profile"}, {"unheard_of": "x"}, {"state": "x" * 4096}, {"id_token_hint": ""},
     {"claims": "{}", "acr_values": "x"}],
    ids=lambda value: str(value)[:40],
)  # fmt: skip
def test_what_is_in_order_gets_a_code(
    mypage: RelyingParty, hanako: Visitor, deviation: dict[str, object]
) -> None:
    if deviation.get("state") == "":
        deviation = {"state": None}
    mypage.redeem(mypage.authorize(hanako, **deviation).expect_code()).tokens()


def test_scopes_that_the_client_did_not_register_are_left_out(mypage: RelyingParty, hanako: Visitor) -> None:
    asked = "openid act_as mypage.write unheard_of " + " ".join(f"s{number}" for number in range(600))
    tokens = mypage.redeem(mypage.authorize(hanako, scope=asked).expect_code()).tokens()
    assert tokens.scope == {"openid"} == set(tokens.access_claims["scope"].split())


@pytest.mark.parametrize("query", ["%00", "client_id=mypage%00", "client_id=%FF", "%zz=%", "a=1&" * 150])
def test_parameters_that_cannot_be_read_get_a_page(world: World, query: str) -> None:
    answer = world.browser().get(f"/oauth/authorize?{query}")
    assert (answer.status_code, answer.headers.get("Location")) == (400, None)


@pytest.mark.parametrize("name", ["state", "nonce", "login_hint", "code_challenge", "scope"])
def test_nul_in_a_parameter_is_never_sent_anywhere(mypage: RelyingParty, hanako: Visitor, name: str) -> None:
    mypage.authorize(hanako, **{name: "a\0b"}).expect_page()


# --- who has to sign in ---------------------------------------------------------------------------------


def sign_in_and_return(
    mypage: RelyingParty, browser: Visitor, path: str, *, email: str = HANAKO.email
) -> str:
    """Give the password on the sign-in page at this address, go back to the request, return the code."""
    answer = browser.submit(path, email=email, password=PASSWORD)
    assert answer.status_code == 303, answer.text
    return mypage.resume(browser, path).expect_code()


def test_whoever_is_not_signed_in_signs_in_by_the_form_and_comes_back_with_a_code(
    world: World, mypage: RelyingParty
) -> None:
    browser = world.browser()
    path = mypage.authorize(browser).expect_sign_in()
    assert path.startswith("/sign-in?")
    tokens = mypage.redeem(sign_in_and_return(mypage, browser, path)).tokens()
    assert tokens.claims["sub"] == str(world.account(HANAKO).id)
    assert tokens.claims["nonce"] == "N1"


def test_a_request_is_answered_once_however_often_the_browser_comes_back(
    world: World, mypage: RelyingParty
) -> None:
    browser = world.browser()
    path = mypage.authorize(browser).expect_sign_in()
    sign_in_and_return(mypage, browser, path)
    before = world.digest(without=["browser_sessions"])
    mypage.resume(browser, path).expect_page()
    assert world.digest(without=["browser_sessions"]) == before


def test_a_request_is_finished_only_in_the_browser_that_began_it(world: World, mypage: RelyingParty) -> None:
    attacker, victim = world.browser(), world.browser(HANAKO)
    path = mypage.authorize(attacker).expect_sign_in()
    mypage.resume(victim, path).expect_page()
    assert world.count(AuthorizationCode) == 0
    sign_in_and_return(mypage, attacker, path)


def test_a_request_waits_an_hour_and_not_longer(world: World, mypage: RelyingParty) -> None:
    early, late, now = world.browser(), world.browser(), clock.now()
    with time_machine.travel(now, tick=False):
        paths = [mypage.authorize(browser).expect_sign_in() for browser in (early, late)]
    with time_machine.travel(now + timedelta(minutes=59), tick=False):
        sign_in_and_return(mypage, early, paths[0])
    with time_machine.travel(now + timedelta(hours=1), tick=False):
        mypage.resume(late, paths[1]).expect_page()


def test_without_a_sign_in_prompt_none_is_refused_and_shows_nothing(mypage: RelyingParty) -> None:
    mypage.authorize(prompt="none").expect_error("login_required")


@pytest.mark.parametrize("deviation", [{"prompt": "login"}, {"max_age": "0"}])
def test_who_has_to_give_the_password_again_reads_so_and_need_not_type_the_address(
    mypage: RelyingParty, hanako: Visitor, deviation: dict[str, str]
) -> None:
    with time_machine.travel(clock.now() + timedelta(seconds=5)):
        path = mypage.authorize(hanako, **deviation).expect_sign_in()
        page = hanako.get(path).text
        wrong = hanako.submit(path, email=HANAKO.email, password="not the password")
        other = hanako.get("/sign-in?next=/account").text
    assert f'value="{HANAKO.email}"' in page
    for shown in (page, wrong.text):
        assert "もう一度パスワードをご入力ください" in shown
        assert "このまま進む" not in shown
    assert "このまま進む" in other


@pytest.mark.parametrize("deviation", [{"prompt": "login"}, {"prompt": "select_account"}, {"max_age": "0"}])
def test_who_is_asked_for_the_password_again_cannot_pass_with_the_old_sign_in(
    world: World, mypage: RelyingParty, hanako: Visitor, deviation: dict[str, str]
) -> None:
    with time_machine.travel(clock.now() + timedelta(seconds=5)):
        asked_at = clock.epoch(clock.now())
        path = mypage.authorize(hanako, **deviation).expect_sign_in()
        for _ in range(2):  # the back button, a second tab
            mypage.resume(hanako, path).expect_sign_in()
        assert world.count(AuthorizationCode) == 0
        tokens = mypage.redeem(sign_in_and_return(mypage, hanako, path)).tokens()
    assert tokens.claims["auth_time"] >= asked_at


@pytest.mark.parametrize(("age", "may"), [(299, True), (300, True), (301, False)])
def test_max_age_is_how_long_ago_the_password_was_given(
    mypage: RelyingParty, world: World, age: int, may: bool
) -> None:
    now = clock.now()
    with time_machine.travel(now, tick=False):
        browser = world.browser(HANAKO)
        tokens = mypage.sign_in(browser=browser)
        assert tokens.claims["auth_time"] == clock.epoch(now)
    with time_machine.travel(now + timedelta(seconds=age), tick=False):
        answer = mypage.authorize(browser, max_age="300")
        answer.expect_code() if may else answer.expect_sign_in()
        answer = mypage.authorize(browser, max_age="300", prompt="none")
        answer.expect_code() if may else answer.expect_error("login_required")


def test_the_hint_of_another_person_gets_nobody_elses_code(world: World, mypage: RelyingParty) -> None:
    ichiro, hanako = mypage.sign_in(ICHIRO), world.browser(HANAKO)
    own = mypage.sign_in(browser=hanako)
    mypage.authorize(hanako, prompt="none", id_token_hint=ichiro.hint).expect_error("login_required")
    mypage.authorize(hanako, id_token_hint=ichiro.hint).expect_sign_in()
    mypage.authorize(hanako, prompt="none", id_token_hint=own.hint).expect_code()
    with time_machine.travel(clock.now() + timedelta(minutes=20)):
        mypage.authorize(hanako, prompt="none", id_token_hint=own.hint).expect_code()


def test_an_access_token_is_no_hint(mypage: RelyingParty, hanako: Visitor) -> None:
    tokens: Tokens = mypage.sign_in(browser=hanako)
    mypage.authorize(hanako, id_token_hint=tokens.access_token).expect_error("invalid_request")
    mypage.authorize(hanako, id_token_hint=f"{tokens.hint}x").expect_error("invalid_request")


@pytest.mark.parametrize(
    ("person", "client"), [(MANAGER, "mypage"), (VIEWER, "shop"), (HANAKO, "agency-portal")]
)
def test_a_person_of_the_other_kind_is_never_taken_for_the_right_one(
    world: World, parties: dict[str, RelyingParty], person: object, client: str
) -> None:
    browser = world.browser(person)  # type: ignore[arg-type]
    parties[client].authorize(browser, prompt="none").expect_error("login_required")
    path = parties[client].authorize(browser).expect_sign_in()
    parties[client].resume(browser, path).expect_sign_in()


@pytest.mark.parametrize("how", ["ended", "idle", "too old", "suspended"])
def test_a_sign_in_that_is_over_gets_no_code(
    world: World, mypage: RelyingParty, hanako: Visitor, how: str
) -> None:
    mypage.authorize(hanako, prompt="none").expect_code()
    now = clock.now()
    changes = {"ended": {"ended_at": now}, "idle": {"last_seen_at": now - timedelta(minutes=30)},
               "too old": {"expires_at": now}}  # fmt: skip
    if how == "suspended":
        status = AccountStatus.SUSPENDED
        world.write(lambda session: session.execute(update(Account).values(status=status)).close())
    else:
        world.write(lambda session: session.execute(update(BrowserSession).values(changes[how])).close())
    mypage.authorize(hanako, prompt="none").expect_error("login_required")


def test_a_code_says_nothing_about_whom_it_is_for(mypage: RelyingParty, hanako: Visitor) -> None:
    codes = {mypage.code_for(hanako) for _ in range(3)}
    assert len(codes) == 3
    assert {len(code) for code in codes} == {47}
    with pytest.raises((ValueError, IndexError)):
        claims_of(codes.pop())
