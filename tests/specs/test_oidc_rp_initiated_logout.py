"""RP-Initiated Logout 1.0: a hint for this very session ends it; without one the person is asked first."""

from datetime import timedelta
from typing import Any

import pytest
import time_machine
from sqlalchemy import select
from werkzeug.test import TestResponse

from idp import clock
from idp.accounts.models import BrowserSession
from idp.demo import HANAKO, ICHIRO
from tests.accounts.visitor import Visitor, forms_of
from tests.oauth.relying_party import FORM, RelyingParty, Tokens
from tests.world import MANAGER, World

BYE = "http://localhost:8001/"
SHOP_BYE = "https://shop.example/bye"


@pytest.fixture
def hanako(world: World) -> Visitor:
    return world.browser(HANAKO)


@pytest.fixture
def tokens(mypage: RelyingParty, hanako: Visitor) -> Tokens:
    return mypage.sign_in(browser=hanako)


def leave(browser: Visitor, **parameters: Any) -> TestResponse:
    """Send the browser to the end-session endpoint; None leaves a parameter out."""
    given = {name: value for name, value in parameters.items() if value is not None}
    return browser.get("/oauth/end-session", query_string=given)


def is_signed_in(browser: Visitor) -> bool:
    return browser.get("/account").status_code == 200


def expect_question(answer: TestResponse) -> None:
    assert (answer.status_code, answer.headers.get("Location")) == (200, None)
    assert "ログアウトしますか" in answer.text


def expect_refused(answer: TestResponse) -> None:
    assert (answer.status_code, answer.headers.get("Location")) == (400, None)
    assert answer.mimetype == "text/html"


def test_a_hint_for_this_very_session_ends_it_and_leads_back(hanako: Visitor, tokens: Tokens) -> None:
    answer = leave(hanako, id_token_hint=tokens.hint, post_logout_redirect_uri=BYE, state="s &=1")
    assert (answer.status_code, answer.headers["Location"]) == (303, f"{BYE}?state=s+%26%3D1")
    assert not is_signed_in(hanako)


def test_the_form_works_like_the_address(world: World, hanako: Visitor, tokens: Tokens) -> None:
    answer = hanako.client.post(
        "/oauth/end-session", base_url=world.settings.issuer, content_type=FORM,
        data={"id_token_hint": tokens.hint, "post_logout_redirect_uri": BYE},
    )  # fmt: skip
    assert answer.headers["Location"] == BYE
    assert not is_signed_in(hanako)


def test_a_hint_that_is_over_still_names_the_session(hanako: Visitor, tokens: Tokens) -> None:
    with time_machine.travel(clock.now() + timedelta(minutes=20)):
        assert leave(hanako, id_token_hint=tokens.hint).status_code == 200
        assert not is_signed_in(hanako)


@pytest.mark.parametrize(
    "hint", [None, "", "nonsense", "altered", "another person's", "another sign-in's", "an access token"]
)
def test_without_such_a_hint_the_person_is_asked_and_stays_signed_in(
    world: World, mypage: RelyingParty, hanako: Visitor, tokens: Tokens, hint: str | None
) -> None:
    """An image on any page can send this request."""
    shown = {
        "altered": tokens.hint[:-3] + ("abc" if tokens.hint[-3:] != "abc" else "xyz"),
        "another person's": mypage.sign_in(ICHIRO).hint, "another sign-in's": mypage.sign_in(HANAKO).hint,
        "an access token": tokens.access_token,
    }.get(hint or "", hint)  # fmt: skip
    before = world.digest()
    expect_question(leave(hanako, id_token_hint=shown))
    expect_question(leave(hanako, id_token_hint=shown, client_id="mypage", post_logout_redirect_uri=BYE))
    assert world.digest() == before
    assert is_signed_in(hanako)


def test_the_person_says_yes_and_goes_where_they_came_from(world: World, hanako: Visitor) -> None:
    page = leave(hanako, client_id="mypage", post_logout_redirect_uri=BYE, state="s1")
    assert "http://localhost:8001" in page.headers["Content-Security-Policy"].split("form-action")[1]
    [form] = [form for form in forms_of(page) if "post_logout_redirect_uri" in form.fields]
    answer = hanako.post(form.action, dict(form.fields))
    assert (answer.status_code, answer.headers["Location"]) == (303, f"{BYE}?state=s1")
    assert not is_signed_in(hanako)


@pytest.mark.parametrize(
    "address", ["https://evil.example/", f"{BYE}?x=1", f"{BYE}#x", SHOP_BYE, "javascript:1"]
)
def test_no_form_leads_to_an_address_that_is_not_registered_nor_keeps_anybody_signed_in(
    hanako: Visitor, address: str
) -> None:
    token = hanako.token()
    answer = hanako.post(
        "/sign-out", {"csrf_token": token, "client_id": "mypage", "post_logout_redirect_uri": address}
    )
    assert (answer.status_code, answer.headers.get("Location")) == (303, "/signed-out")
    assert not is_signed_in(hanako)


@pytest.mark.parametrize(
    "headers", [{}, {"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}]
)
def test_a_form_of_another_site_signs_nobody_out(
    world: World, hanako: Visitor, headers: dict[str, str]
) -> None:
    token = {"csrf_token": hanako.token()} if headers else {"csrf_token": world.browser(ICHIRO).token()}
    assert hanako.post("/sign-out", token, headers=headers).status_code == 403
    assert is_signed_in(hanako)


@pytest.mark.parametrize(
    "address",
    ["https://evil.example/", f"{BYE}/", f"{BYE}?x=1", f"{BYE}#", "http://localhost:8001", SHOP_BYE,
     "http://localhost:8001@evil.example/", "HTTP://localhost:8001/", "javascript:alert(1)", f"{BYE}\n",
     "x" * 5000],
    ids=lambda address: address[:40],
)  # fmt: skip
@pytest.mark.parametrize("with_hint", [True, False], ids=["with hint", "with client_id"])
def test_an_address_that_is_not_registered_gets_a_page_and_ends_nothing(
    world: World, hanako: Visitor, tokens: Tokens, address: str, with_hint: bool
) -> None:
    before = world.digest()
    who = {"id_token_hint": tokens.hint} if with_hint else {"client_id": "mypage"}
    expect_refused(leave(hanako, post_logout_redirect_uri=address, **who))
    assert world.digest() == before
    assert is_signed_in(hanako)


def test_an_address_needs_somebody_to_whom_it_belongs(hanako: Visitor, tokens: Tokens) -> None:
    expect_refused(leave(hanako, post_logout_redirect_uri=BYE))
    expect_refused(leave(hanako, post_logout_redirect_uri=BYE, id_token_hint="nonsense"))
    expect_refused(leave(hanako, post_logout_redirect_uri=BYE, client_id="nobody"))
    expect_refused(
        leave(hanako, post_logout_redirect_uri=SHOP_BYE, client_id="shop", id_token_hint=tokens.hint)
    )
    expect_refused(leave(hanako, client_id=["mypage", "shop"]))
    assert is_signed_in(hanako)


def test_who_is_signed_out_already_is_led_back_without_a_question(world: World) -> None:
    answer = leave(world.browser(), client_id="mypage", post_logout_redirect_uri=BYE)
    assert (answer.status_code, answer.headers["Location"]) == (303, BYE)
    assert leave(world.browser()).status_code == 200


def test_the_hint_of_a_proxy_login_never_signs_anybody_out(
    world: World, portal: RelyingParty, mypage: RelyingParty, hanako: Visitor
) -> None:
    from tests.oauth.relying_party import TICKET

    staff = world.browser(MANAGER)
    signed_in = portal.sign_in(browser=staff)
    ticket = portal.exchange(signed_in.access_token, world.grant().id, requested_token_type=TICKET).tokens()
    acting = mypage.redeem(mypage.code_for(staff, login_hint=ticket.access_token)).tokens()
    for browser in (staff, hanako):
        assert leave(browser, id_token_hint=acting.hint).status_code == 200
    living = world.read(
        lambda session: session.scalars(select(BrowserSession).where(BrowserSession.ended_at.is_(None))).all()
    )
    assert {one.account_id for one in living} == {world.account(MANAGER).id, world.account(HANAKO).id}


ENDS, ASKS, REFUSES = "ends", "asks", "refuses"
OWN, OTHERS = "mypage", "shop"
ADDRESSES = {"own": BYE, "the other's": SHOP_BYE, "none": None}


def expected(hint: str, client_id: str | None, address: str) -> str:
    """Say in one place what RP-Initiated Logout §2 to §4 ask for."""
    readable = hint not in {"none", "altered"}
    audience = None if not readable else OTHERS if hint == "another client's" else OWN
    if audience is not None and client_id not in {None, audience}:
        return REFUSES
    client = audience or client_id
    if address != "none" and ADDRESSES[address] != {OWN: BYE, OTHERS: SHOP_BYE}.get(client or ""):
        return REFUSES
    return ENDS if hint in {"fresh", "over", "another client's"} else ASKS


@pytest.mark.parametrize("address", ADDRESSES)
@pytest.mark.parametrize("client_id", [None, OWN, OTHERS])
@pytest.mark.parametrize("hint", ["fresh", "over", "altered", "another person's", "another client's", "none"])
def test_every_combination_ends_asks_or_refuses(
    world: World, parties: dict[str, RelyingParty], hint: str, client_id: str | None, address: str
) -> None:
    browser = world.browser(HANAKO)
    fresh = parties[OWN].sign_in(browser=browser).hint
    shown = {
        "fresh": fresh, "over": fresh, "altered": fresh[:-6] + "AAAAAA",
        "another person's": parties[OWN].sign_in(ICHIRO).hint,
        "another client's": parties[OTHERS].sign_in(browser=browser).hint,
    }.get(hint)  # fmt: skip
    asked = {"id_token_hint": shown, "client_id": client_id, "state": "s", "logout_hint": "someone",
             "post_logout_redirect_uri": ADDRESSES[address], "ui_locales": "en"}  # fmt: skip
    with time_machine.travel(clock.now() + timedelta(minutes=10 if hint == "over" else 0)):
        answer = leave(browser, **asked)
        outcome = expected(hint, client_id, address)
        assert is_signed_in(browser) == (outcome != ENDS)
    where = ADDRESSES[address]
    if outcome == REFUSES:
        expect_refused(answer)
    elif outcome == ENDS and where:
        assert (answer.status_code, answer.headers["Location"]) == (303, f"{where}?state=s")
    else:
        assert (answer.status_code, answer.headers.get("Location")) == (200, None)


def test_the_pages_speak_the_language_that_was_asked_for(hanako: Visitor) -> None:
    assert "ログアウトしますか" in leave(hanako, ui_locales="fr").text
    assert "ログアウトしますか" not in leave(hanako, ui_locales="fr en").text
    assert "ログアウトしますか" not in leave(hanako).text
