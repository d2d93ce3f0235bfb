"""Sign-out, here and by the server. Every forged logout token has its positive control in the first test."""

from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
import responses
import time_machine
from flask import Flask
from werkzeug.test import TestResponse

from tests.clients import played_server as played
from tests.clients.mypage_stage import Browser
from tests.clients.played_server import (
    ABSENT,
    EVENT,
    ISSUER,
    MYPAGE,
    PORTAL,
    PlayedServer,
    logout_claims,
    sign,
)

NOON = "2026-11-24T03:00:00+00:00"
NOON_EPOCH = 1795489200


def notify(browser: Browser, token: str, **options: Any) -> TestResponse:
    """Send a logout token as the server does: without cookies, origin or CSRF token."""
    stranger = browser.client.application.test_client()
    return stranger.post("/oidc/backchannel-logout", data={"logout_token": token}, base_url=MYPAGE, **options)


def notice(**deviation: Any) -> str:
    """Return a logout token that is genuine but for the deviation."""
    return sign(logout_claims(**deviation), typ="logout+jwt")


@pytest.mark.parametrize(
    "deviation",
    [
        {},
        {"sid": ABSENT},
        {"sub": ABSENT},
        {"aud": ["mypage"]},
        {"events": {EVENT: {}, "http://other.example": {}}},
    ],
)
def test_a_genuine_notice_ends_the_session(browser: Browser, deviation: dict[str, Any]) -> None:
    browser.sign_in()
    answer = notify(browser, notice(**deviation))
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "no-store"
    page = browser.open("/home")
    assert page.status_code == 401
    assert "もう一度ログインしてください" in page.text
    assert browser.open("/home").status_code == 303


@pytest.mark.parametrize(
    "deviation",
    [
        {"iss": "http://localhost:9000"},
        {"iss": ABSENT},
        {"aud": "agency-portal"},
        {"aud": ["mypage", "agency-portal"]},
        {"aud": ABSENT},
        {"exp": NOON_EPOCH - 60},
        {"exp": ABSENT},
        {"iat": NOON_EPOCH + 60},
        {"iat": NOON_EPOCH - 3600},
        {"iat": ABSENT},
        {"jti": ABSENT},
        {"sid": ABSENT, "sub": ABSENT},
        {"events": ABSENT},
        {"events": {}},
        {"events": [EVENT]},
        {"events": {EVENT: True}},
        {"events": {"http://schemas.openid.net/event/other": {}}},
        {"nonce": "any"},
        {"nonce": None},
    ],
)
@time_machine.travel(NOON, tick=False)
def test_a_notice_with_a_wrong_claim_is_refused(browser: Browser, deviation: dict[str, Any]) -> None:
    browser.sign_in()
    check_refused(browser, notice(**deviation))


@pytest.mark.parametrize(
    "forge",
    [
        played.unsigned,
        played.sign_with_public_key,
        lambda claims: sign(claims, typ="logout+jwt", key=played.FOREIGN_KEY),
        lambda claims: sign(claims, typ="logout+jwt", alg="RS512"),
        lambda claims: sign(claims, typ="logout+jwt", kid="unknown"),
        lambda claims: sign(claims),
        lambda claims: sign(claims, typ="JWT"),
        lambda claims: sign(claims, typ="logout+jwt") + "x",
        lambda _claims: "",
    ],
    ids=["none", "HS256", "foreign key", "RS512", "kid", "no typ", "JWT", "altered", "empty"],
)
def test_a_forged_notice_is_refused(browser: Browser, forge: Callable[[dict[str, Any]], str]) -> None:
    browser.sign_in()
    check_refused(browser, forge(logout_claims()))


def test_an_id_token_is_no_logout_token(browser: Browser, server: PlayedServer) -> None:
    browser.sign_in()
    check_refused(browser, sign(server.id_token_claims()))


def test_a_notice_is_good_once(browser: Browser) -> None:
    browser.sign_in()
    token = notice()
    assert notify(browser, token).status_code == 200
    browser.open("/home")
    browser.server.claims = {"iat": browser.server.id_token_claims()["iat"] + 1}
    browser.sign_in()
    check_refused(browser, token)


def test_two_logout_tokens_in_one_request_are_refused(browser: Browser) -> None:
    browser.sign_in()
    stranger = browser.client.application.test_client()
    data = {"logout_token": [notice(jti="a"), notice(jti="b")]}
    assert stranger.post("/oidc/backchannel-logout", data=data, base_url=MYPAGE).status_code == 400
    assert browser.open("/home").status_code == 200


def test_a_notice_in_the_address_is_refused(browser: Browser) -> None:
    browser.sign_in()
    stranger = browser.client.application.test_client()
    answer = stranger.post(f"/oidc/backchannel-logout?logout_token={notice()}", base_url=MYPAGE)
    assert answer.status_code == 400
    assert browser.open("/home").status_code == 200


def test_a_notice_for_another_session_ends_nothing_here(browser: Browser) -> None:
    browser.sign_in()
    assert notify(browser, notice(sid="sign-in-2")).status_code == 200
    assert browser.open("/home").status_code == 200


def test_the_end_of_a_proxy_login_leaves_the_owner_signed_in(
    app: Flask, server: PlayedServer, browser: Browser
) -> None:
    browser.sign_in()
    staff = Browser(app, server)
    staff.start_proxy_login()
    assert notify(staff, notice(sid="act-as-1")).status_code == 200
    assert "代理ログインは終了しました" in staff.open("/home").text
    assert browser.open("/home").status_code == 200


@time_machine.travel(NOON, tick=False)
def test_a_notice_that_overtakes_its_sign_in_still_ends_it(browser: Browser) -> None:
    asked = browser.begin()
    assert notify(browser, notice()).status_code == 200
    assert browser.call_back(asked).status_code == 400
    assert browser.open("/home").status_code == 303


def test_a_sign_in_after_a_notice_goes_on(browser: Browser) -> None:
    with time_machine.travel(NOON, tick=False) as traveller:
        browser.sign_in()
        notify(browser, notice())
        browser.open("/home")
        traveller.shift(5)
        assert browser.sign_in().status_code == 303
        assert browser.open("/home").status_code == 200


def test_the_server_is_asked_to_try_again_while_its_keys_are_out_of_reach(browser: Browser) -> None:
    token = notice()
    with responses.RequestsMock(assert_all_requests_are_fired=False):
        assert notify(browser, token).status_code == 503


def test_an_owner_signs_out_here_and_at_the_server(browser: Browser) -> None:
    browser.sign_in()
    answer = browser.press(browser.open("/home"), "/logout")
    query = dict(parse_qsl(urlsplit(answer.location).query))
    assert answer.status_code == 303
    assert answer.location.startswith(f"{ISSUER}/oauth/end-session?")
    assert query["post_logout_redirect_uri"] == f"{MYPAGE}/"
    assert query["client_id"] == "mypage"
    assert query["id_token_hint"].count(".") == 2
    assert browser.cookie("mypage_session") is None
    assert "ログアウトしました。" in browser.open("/").text
    assert browser.open("/home").status_code == 303


def test_a_stolen_cookie_is_worth_nothing_after_sign_out(browser: Browser) -> None:
    browser.sign_in()
    stolen = str(browser.cookie("mypage_session"))
    browser.press(browser.open("/home"), "/logout")
    browser.client.set_cookie("mypage_session", stolen, domain="localhost")
    assert browser.open("/home").status_code == 401


def test_ending_a_proxy_login_returns_to_the_portal(browser: Browser) -> None:
    browser.start_proxy_login()
    answer = browser.press(browser.open("/home"), "/proxy-login/end")
    query = dict(parse_qsl(urlsplit(answer.location).query))
    assert query["post_logout_redirect_uri"] == f"{PORTAL}/proxy-login/ended"
    assert answer.headers["Clear-Site-Data"] == '"cache"'
    assert "ログアウトしました" not in browser.open("/").text


def test_another_tab_is_told_once_that_the_proxy_login_was_ended(browser: Browser) -> None:
    browser.start_proxy_login()
    browser.press(browser.open("/home"), "/proxy-login/end")
    page = browser.open("/customer")
    assert page.status_code == 403
    assert "「代理ログインを終了する」が押されたため" in page.text
    assert "お客様ご本人がお使いになるときは" in page.text
    assert f"{PORTAL}/agency_admin" in page.text
    assert browser.open("/customer").status_code == 303


def test_a_new_proxy_login_follows_one_that_was_ended(browser: Browser) -> None:
    browser.start_proxy_login()
    browser.press(browser.open("/home"), "/proxy-login/end")
    browser.start_proxy_login()
    assert "代理ログイン中" in browser.open("/home").text


def test_sign_out_needs_the_csrf_token_and_a_post(browser: Browser) -> None:
    browser.sign_in()
    assert browser.client.post("/logout", base_url=MYPAGE).status_code == 400
    assert browser.open("/logout").status_code == 405
    assert browser.open("/home").status_code == 200


def check_refused(browser: Browser, token: str) -> None:
    """Check that a logout token is answered with 400 and ends nothing."""
    answer = notify(browser, token)
    assert answer.status_code == 400
    assert answer.headers["Cache-Control"] == "no-store"
    assert browser.open("/home").status_code == 200
