"""An ID token is verified as a stranger would; every refusal has its positive control in the first test."""

from collections.abc import Callable
from typing import Any

import pytest
import time_machine

from tests.clients import played_server as played
from tests.clients.mypage_stage import Browser
from tests.clients.played_server import ABSENT, PlayedServer, at_hash, sign

NOON = "2026-11-24T03:00:00+00:00"
NOON_EPOCH = 1795489200


def test_a_genuine_id_token_signs_in(browser: Browser) -> None:
    assert browser.sign_in().status_code == 303
    assert browser.open("/home").status_code == 200


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("iss", "http://localhost:9000"),
        ("iss", ABSENT),
        ("aud", "agency-portal"),
        ("aud", ["mypage", "agency-portal"]),
        ("aud", ABSENT),
        ("azp", "agency-portal"),
        ("nonce", "another"),
        ("nonce", ABSENT),
        ("nonce", None),
        ("exp", NOON_EPOCH - 31),
        ("exp", ABSENT),
        ("exp", "tomorrow"),
        ("iat", NOON_EPOCH + 60),
        ("iat", NOON_EPOCH - 3600),
        ("iat", ABSENT),
        ("at_hash", at_hash("another access token")),
        ("at_hash", 7),
        ("sub", ""),
        ("sub", ABSENT),
        ("sub", 7),
    ],
)
@time_machine.travel(NOON, tick=False)
def test_a_wrong_claim_is_refused(browser: Browser, server: PlayedServer, name: str, value: Any) -> None:
    server.claims = {name: value}
    check_refused(browser)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("aud", ["mypage"]),
        ("azp", "mypage"),
        ("exp", NOON_EPOCH - 29),
        ("iat", NOON_EPOCH + 29),
        ("at_hash", ABSENT),
        ("email", ABSENT),
    ],
)
@time_machine.travel(NOON, tick=False)
def test_what_the_specification_allows_is_accepted(
    browser: Browser, server: PlayedServer, name: str, value: Any
) -> None:
    server.claims = {name: value}
    browser.sign_in()
    assert "鈴木 花子" in browser.open("/home").text


@pytest.mark.parametrize(
    "forge",
    [
        played.unsigned,
        played.sign_with_public_key,
        lambda claims: sign(claims, alg="PS256"),
        lambda claims: sign(claims, key=played.FOREIGN_KEY),
        lambda claims: sign(claims, kid="unknown"),
        lambda claims: sign(claims, typ="logout+jwt"),
        lambda claims: sign(claims, typ="at+jwt"),
        lambda claims: sign(claims)[:-4] + "AAAA",
        lambda claims: sign(claims) + ".x",
        lambda claims: sign({**claims, "padding": "x" * 20_000}),
        lambda _claims: "no token at all",
        lambda _claims: "……",
    ],
    ids=[
        "none",
        "HS256",
        "PS256",
        "foreign key",
        "kid",
        "logout",
        "access",
        "altered",
        "five",
        "huge",
        "no",
        "utf",
    ],
)
def test_a_forged_token_is_refused(
    browser: Browser, server: PlayedServer, forge: Callable[[dict[str, Any]], str]
) -> None:
    asked = browser.begin()
    server.id_token = forge(server.id_token_claims())
    assert browser.call_back(asked).status_code in {400, 503}
    assert browser.open("/home").status_code == 303


def test_a_token_without_kid_is_accepted_while_there_is_one_key(
    browser: Browser, server: PlayedServer
) -> None:
    asked = browser.begin()
    server.id_token = sign(server.id_token_claims(), kid=None)
    assert browser.call_back(asked).status_code == 303


def test_a_token_without_kid_is_refused_when_there_are_two_keys(
    browser: Browser, server: PlayedServer
) -> None:
    server.keys = [played.KEY, played.NEXT_KEY]
    asked = browser.begin()
    server.id_token = sign(server.id_token_claims(), kid=None)
    assert browser.call_back(asked).status_code == 400


def test_a_rotated_key_is_fetched_but_not_at_every_forged_token(
    browser: Browser, server: PlayedServer
) -> None:
    with time_machine.travel(NOON, tick=False) as traveller:
        browser.sign_in()
        assert server.jwks_fetched == 1
        server.keys = [played.KEY, played.NEXT_KEY]
        traveller.shift(11)
        asked = browser.begin("/login")
        server.id_token = sign(server.id_token_claims(), kid="server-2", key=played.NEXT_KEY)
        assert browser.call_back(asked).status_code == 303
        assert server.jwks_fetched == 2
        for _ in range(3):
            asked = browser.begin("/login")
            server.id_token = sign(server.id_token_claims(), kid="unknown")
            assert browser.call_back(asked).status_code == 400
        assert server.jwks_fetched == 2


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("act", ABSENT),
        ("act", None),
        ("act", "staff-1"),
        ("act", {**played.ACT, "act": {"sub": "staff-0"}}),
        ("act", {**played.ACT, "sub": played.OWNER}),
        ("act", {**played.ACT, "name": ""}),
        ("act", {"sub": "staff-1", "name": "佐藤 一郎"}),
        ("act", {**played.ACT, "org": {"id": "agency-1"}}),
        ("delegation", ABSENT),
        ("sid", ABSENT),
        ("session_expiry", ABSENT),
        ("session_expiry", 1),
    ],
)
def test_a_half_told_proxy_login_is_refused(
    browser: Browser, server: PlayedServer, name: str, value: Any
) -> None:
    server.act()
    server.claims[name] = value
    check_refused(browser)


def test_a_whole_proxy_login_is_accepted(browser: Browser) -> None:
    assert browser.start_proxy_login().status_code == 303
    assert "代理ログイン中" in browser.open("/home").text


def check_refused(browser: Browser) -> None:
    """Check that the sign-in fails with a page and leaves nobody signed in."""
    answer = browser.sign_in()
    assert answer.status_code == 400
    assert "できませんでした" in answer.text
    assert browser.cookie("mypage_session") is None
    assert browser.open("/home").status_code == 303
