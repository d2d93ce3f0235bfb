"""AZ-054 to AZ-059: who is asked to sign in cannot pass with an old sign-in or somebody else's."""

import pytest

from idp import clock
from idp.demo import HANAKO, ICHIRO, PASSWORD
from idp.oauth.models import AuthorizationCode
from tests.attacks.cases import case
from tests.attacks.stage import Stage
from tests.oauth.assertions import claims_of, unsigned
from tests.oauth.relying_party import RelyingParty

METHODS = pytest.mark.parametrize("method", ["GET", "POST"])


@case("AZ-054")
@pytest.mark.parametrize("client_id", ["mypage", "shop", "spa", "native", "agency-portal"])
def test_nobody_is_signed_in_silently(stage: Stage, parties: dict[str, RelyingParty], client_id: str) -> None:
    with stage.unchanged():
        answer = parties[client_id].authorize(stage.browser(), prompt="none")
        assert "<form" not in answer.expect_error("login_required").response.text
    if client_id == "mypage":
        parties[client_id].authorize(stage.at_home(HANAKO), prompt="none").expect_code()


@case("AZ-054")
@pytest.mark.parametrize("others", ["none login", "login none", "none none2", "none select_account"])
def test_silence_does_not_go_with_anything_else(stage: Stage, mypage: RelyingParty, others: str) -> None:
    with stage.unchanged():
        mypage.authorize(stage.at_home(HANAKO), prompt=others).expect_error("invalid_request")
    mypage.authorize(stage.at_home(HANAKO), prompt="none").expect_code()


@case("AZ-057")
@pytest.mark.parametrize(
    "deviation", [{"prompt": "login"}, {"prompt": "select_account"}, {"max_age": "0"}], ids=str
)
def test_the_back_button_and_a_second_tab_pass_for_no_new_sign_in(
    stage: Stage, mypage: RelyingParty, deviation: dict[str, str]
) -> None:
    browser, asked_at = stage.browser(HANAKO), clock.epoch(clock.now())
    mypage.authorize(browser).expect_code()
    codes = stage.count(AuthorizationCode)
    with stage.unchanged():
        path = mypage.authorize(browser, **deviation).expect_sign_in()
        for _ in range(3):
            assert mypage.resume(browser, path).expect_sign_in().startswith("/sign-in?")
        # The wrong password brings nobody on, nor does a form without its token.
        assert browser.submit(path, email=HANAKO.email, password="wrong").status_code in {400, 401}
        browser.post(path, {"email": HANAKO.email, "password": PASSWORD})
        mypage.resume(browser, path).expect_sign_in()
        assert mypage.authorize(browser, **deviation).expect_sign_in() != path
    assert stage.count(AuthorizationCode) == codes
    assert browser.submit(path, email=HANAKO.email, password=PASSWORD).status_code == 303
    tokens = mypage.redeem(mypage.resume(browser, path).expect_code()).tokens()
    assert tokens.claims["auth_time"] >= asked_at


@case("AZ-057")
def test_a_sign_in_before_the_request_began_is_too_old_for_it(stage: Stage, mypage: RelyingParty) -> None:
    """A second tab in which the person signed in first, and a request that begins only then."""
    browser = stage.browser(HANAKO)
    path = mypage.authorize(browser, prompt="login").expect_sign_in()
    assert browser.submit(path, email=HANAKO.email, password=PASSWORD).status_code == 303
    with stage.unchanged():
        mypage.authorize(browser, prompt="login").expect_sign_in()
    mypage.resume(browser, path).expect_code()


@case("AZ-059")
@METHODS
def test_the_hint_of_somebody_else_gets_no_code(stage: Stage, mypage: RelyingParty, method: str) -> None:
    theirs = mypage.sign_in(browser=stage.at_home(ICHIRO)).hint
    hanako = stage.at_home(HANAKO)
    own = mypage.sign_in(browser=hanako).hint
    with stage.unchanged():
        mypage.authorize(hanako, method=method, prompt="none", id_token_hint=theirs).expect_error(
            "login_required"
        )
        mypage.authorize(hanako, method=method, id_token_hint=theirs).expect_sign_in()
    mypage.authorize(hanako, method=method, prompt="none", id_token_hint=own).expect_code()


@case("AZ-059")
@METHODS
def test_a_hint_that_we_did_not_sign_gets_no_code(stage: Stage, mypage: RelyingParty, method: str) -> None:
    hanako = stage.at_home(HANAKO)
    tokens = mypage.sign_in(browser=hanako)
    head, claims, signature = tokens.hint.split(".")
    forged = [
        unsigned(claims_of(tokens.hint), header={"alg": "none"}), f"{head}.{claims}.",
        f"{head}.{claims}.{signature[:-4]}AAAA", tokens.access_token, "x", "a.b.c",
    ]  # fmt: skip
    for hint in forged:
        with stage.unchanged():
            answer = mypage.authorize(hanako, method=method, prompt="none", id_token_hint=hint)
            answer.expect_error(answer.parameters["error"])
        assert answer.parameters["error"] in {"login_required", "invalid_request"}
    mypage.authorize(hanako, method=method, prompt="none", id_token_hint=tokens.hint).expect_code()
