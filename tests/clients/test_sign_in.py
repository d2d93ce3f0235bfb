"""Sign-in at a relying party: bound to the browser, to the server that was asked, and to its own pages."""

import base64
import hashlib
import sqlite3
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
import requests
import time_machine
from flask import Flask

from clients.mypage.app import create_app
from clients.relying_party.credentials import digest
from tests.clients import played_server as played
from tests.clients.mypage_stage import Browser, mypage_settings
from tests.clients.played_server import ABSENT, ISSUER, MYPAGE, PlayedServer


def test_the_request_has_fresh_state_nonce_and_pkce(browser: Browser) -> None:
    first, second = browser.begin(), browser.begin()
    assert first["code_challenge_method"] == "S256"
    assert first["redirect_uri"] == f"{MYPAGE}/oidc/callback"
    assert first["response_type"] == "code"
    for name in ("state", "nonce", "code_challenge"):
        assert len(first[name]) >= 43
        assert first[name] != second[name]


def test_the_code_is_redeemed_with_the_verifier_of_its_challenge(
    browser: Browser, server: PlayedServer
) -> None:
    asked = browser.begin()
    browser.call_back(asked)
    redeemed = server.token_requests[-1]
    hashed = hashlib.sha256(redeemed["code_verifier"].encode()).digest()
    assert base64.urlsafe_b64encode(hashed).rstrip(b"=").decode() == asked["code_challenge"]
    assert redeemed["redirect_uri"] == asked["redirect_uri"]


def test_after_sign_in_the_page_that_was_asked_for_comes(browser: Browser) -> None:
    assert browser.sign_in("/customer").location == "/customer"


def test_two_tabs_can_sign_in_at_once(browser: Browser) -> None:
    first = browser.begin("/customer")
    first_nonce = browser.server.nonce
    second = browser.begin("/products")
    assert browser.call_back(second).location == "/products"
    browser.server.nonce = first_nonce
    assert browser.call_back(first).location == "/customer"


def test_only_the_newest_sign_ins_stay_in_the_browser(browser: Browser) -> None:
    with time_machine.travel("2026-11-24T01:00:00Z", tick=False) as traveller:
        begun = []
        for _ in range(7):
            begun.append((browser.begin("/products"), browser.server.nonce))
            traveller.shift(1)
        on_their_way = [name for name in cookies_of(browser) if name.startswith("mypage_sign_in_")]
        assert len(on_their_way) == 5
        asked, browser.server.nonce = begun[1]
        assert browser.call_back(asked).status_code == 400
        asked, browser.server.nonce = begun[2]
        assert browser.call_back(asked).location == "/products"


def test_a_strange_sign_in_cookie_leaves_before_a_real_one(browser: Browser) -> None:
    for number in range(5):
        browser.client.set_cookie(f"mypage_sign_in_{number}", "strange", domain="localhost")
    asked = browser.begin("/products")
    browser.begin("/customer")
    assert browser.cookie(f"mypage_sign_in_{digest(asked['state'])[:16]}")
    assert len([name for name in cookies_of(browser) if name.startswith("mypage_sign_in_")]) == 5


def cookies_of(browser: Browser) -> list[str]:
    """Return the names of the cookies that the browser sends."""
    return list(browser.open("/healthz").request.cookies)


@pytest.mark.parametrize(
    "deviation",
    [
        {"iss": None},
        {"iss": "http://localhost:9000"},
        {"iss": f"{ISSUER}/"},
        {"state": None},
        {"state": "another"},
        {"code": None},
        {"code": None, "error": "access_denied"},
        {"error": "access_denied"},
        {"error": "server_error"},
    ],
)
def test_a_wrong_answer_of_the_server_is_refused(browser: Browser, deviation: dict[str, Any]) -> None:
    answer = browser.call_back(browser.begin(), **deviation)
    assert answer.status_code == 400
    assert "もう一度" in answer.text
    assert "0120-000-000" in answer.text
    assert not browser.server.token_requests
    assert browser.cookie("mypage_session") is None


def test_a_parameter_given_twice_is_refused(browser: Browser) -> None:
    asked = browser.begin()
    query = [("code", "a"), ("code", "b"), ("iss", ISSUER), ("state", asked["state"])]
    assert browser.open("/oidc/callback", query_string=query).status_code == 400
    assert browser.call_back(asked).status_code == 303


def test_an_answer_is_good_once(browser: Browser) -> None:
    asked = browser.begin()
    assert browser.call_back(asked).status_code == 303
    assert browser.call_back(asked).status_code == 400


def test_another_browser_cannot_finish_a_sign_in(browser: Browser, app: Flask, server: PlayedServer) -> None:
    asked = browser.begin()
    assert Browser(app, server).call_back(asked).status_code == 400
    assert browser.call_back(asked).status_code == 303


def test_a_sign_in_replaces_the_session_and_the_csrf_token(browser: Browser) -> None:
    browser.open("/")
    anonymous = browser.cookie("mypage_browser")
    browser.sign_in()
    first, signed_in = browser.cookie("mypage_session"), browser.cookie("mypage_browser")
    assert signed_in != anonymous
    browser.call_back(browser.begin("/login"))
    second = browser.cookie("mypage_session")
    assert second != first
    browser.client.set_cookie("mypage_session", str(first), domain="localhost")
    assert browser.open("/home").status_code == 401


def test_a_session_that_somebody_planted_is_not_taken_over(browser: Browser) -> None:
    browser.client.set_cookie("mypage_session", "planted", domain="localhost")
    browser.sign_in()
    assert browser.cookie("mypage_session") != "planted"


def test_neither_cookie_nor_tokens_are_readable_in_the_database(browser: Browser, tmp_path: Path) -> None:
    browser.sign_in()
    with sqlite3.connect(tmp_path / "mypage.sqlite3") as database:
        stored = "\n".join(database.iterdump())
    database.close()
    assert "鈴木 花子" in stored
    for secret in (browser.cookie("mypage_session"), "access-0", "refresh-0", "eyJ"):
        assert str(secret) not in stored


@pytest.mark.parametrize(
    "target",
    [
        "https://evil.example/",
        "//evil.example",
        "/\\evil.example",
        "/%0d%0aX:1",
        "javascript:alert(1)",
        "/a b",
        "",
    ],
)
def test_sign_in_never_leads_to_a_foreign_address(browser: Browser, target: str) -> None:
    asked = browser.asked(browser.open("/login", query_string={"next": target}))
    location = browser.call_back(asked).location
    assert urlsplit(location).netloc == ""
    assert location in {"/home", "/%0d%0aX:1"}


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_another_party_can_initiate_a_sign_in(browser: Browser, method: str) -> None:
    query = {"iss": ISSUER, "login_hint": "ticket-1", "target_link_uri": f"{MYPAGE}/products"}
    sent = {"query_string": query} if method == "GET" else {"data": query}
    headers = {"Origin": "http://localhost:8002", "Sec-Fetch-Site": "cross-site"}
    answer = browser.client.open("/oidc/initiate", method=method, base_url=MYPAGE, headers=headers, **sent)
    asked = browser.asked(answer)
    assert asked["login_hint"] == "ticket-1"
    assert browser.call_back(asked).location == "/products"


@pytest.mark.parametrize(
    "deviation",
    [
        {"iss": "http://localhost:9000"},
        {"iss": ABSENT},
        {"target_link_uri": "https://evil.example/"},
        {"target_link_uri": f"{MYPAGE}.evil.example/home"},
        {"target_link_uri": f"{MYPAGE}@evil.example/home"},
        {"target_link_uri": "//evil.example/home"},
        {"login_hint": "x" * 3000},
    ],
)
def test_a_wrong_initiation_is_refused(browser: Browser, deviation: dict[str, Any]) -> None:
    given = {"iss": ISSUER, "login_hint": "ticket-1", "target_link_uri": f"{MYPAGE}/home"} | deviation
    query = {name: value for name, value in given.items() if value is not ABSENT}
    answer = browser.open("/oidc/initiate", query_string=query)
    assert answer.status_code == 400
    assert answer.location is None


def test_a_ticket_that_the_server_refuses_leads_back_to_the_portal(browser: Browser) -> None:
    query = {"iss": ISSUER, "login_hint": "ticket-1", "target_link_uri": f"{MYPAGE}/home"}
    asked = browser.asked(browser.open("/oidc/initiate", query_string=query))
    answer = browser.call_back(asked, code=None, error="access_denied")
    assert "代理ログインができませんでした" in answer.text
    assert f"{played.PORTAL}/agency_admin" in answer.text


def test_name_and_address_come_from_userinfo_where_the_id_token_has_none(
    browser: Browser, server: PlayedServer
) -> None:
    server.claims = {"name": ABSENT, "email": ABSENT}
    browser.sign_in()
    assert "鈴木 花子 様" in browser.open("/home").text


def test_userinfo_of_another_person_is_refused(browser: Browser, server: PlayedServer) -> None:
    server.claims = {"name": ABSENT, "sub": "owner-2"}
    assert browser.sign_in().status_code == 400


@pytest.mark.parametrize(
    "error", ["invalid_grant", requests.ReadTimeout("slow"), requests.ConnectionError("down")]
)
def test_a_token_endpoint_that_says_no_is_a_calm_page(
    browser: Browser, server: PlayedServer, error: Exception | str
) -> None:
    server.token_error = error
    answer = browser.sign_in()
    assert answer.status_code == (400 if error == "invalid_grant" else 503)
    assert "0120-000-000" in answer.text
    assert "invalid_grant" not in answer.text


def test_a_dpop_token_is_not_taken_for_a_bearer_token(browser: Browser, server: PlayedServer) -> None:
    server.tokens = {"token_type": "DPoP"}
    assert browser.sign_in().status_code == 503


def test_english_is_asked_for_only_when_it_was_chosen(browser: Browser) -> None:
    headers = {"Accept-Language": "en"}
    assert "ui_locales" not in browser.asked(browser.open("/login", headers=headers))
    page = browser.open("/", headers=headers)
    assert 'lang="ja"' in page.text
    assert browser.press(page, "/language", lang="en").status_code == 303
    assert browser.asked(browser.open("/login"))["ui_locales"] == "en"


def test_https_cookies_are_bound_to_the_host(server: PlayedServer, tmp_path: Path) -> None:
    base_url = "https://mypage.example"
    secure = Browser(
        create_app(mypage_settings(tmp_path / "s.sqlite3", base_url=base_url)), server, base_url=base_url
    )
    answer = secure.open("/login")
    server.nonce = dict(parse_qsl(urlsplit(answer.location).query))["nonce"]
    cookies = answer.headers.getlist("Set-Cookie")
    assert cookies
    for cookie in cookies:
        assert cookie.startswith("__Host-mypage_")
        for attribute in ("Secure", "HttpOnly", "Path=/", "SameSite=Lax"):
            assert attribute in cookie
        assert "Domain" not in cookie
    assert "max-age=31536000" in answer.headers["Strict-Transport-Security"]
