"""「代理ログイン」: the exchange, the way to マイページ, and calm pages for every refusal."""

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, parse_qsl, urlsplit

import pytest

from tests.clients.portal_stage import ISSUER, MYPAGE, PORTAL, Browser, grant, stage

PAGE = "/agency_admin/1001"
BUTTON = f"{PAGE}/proxy-login"


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[Browser]:
    with stage(tmp_path) as ready:
        ready.server.grants = [grant(1001, "active")]
        ready.sign_in()
        yield ready


def test_proxy_login_exchanges_and_sends_the_browser_to_mypage(browser: Browser) -> None:
    answer = browser.press(browser.open(PAGE), BUTTON, reason="お電話での\n ご依頼")
    assert answer.status_code == 303
    assert answer.location.startswith(f"{MYPAGE}/oidc/initiate?")
    assert parse_qs(urlsplit(answer.location).query) == {
        "iss": [ISSUER],
        "login_hint": ["ticket-1"],
        "target_link_uri": [f"{MYPAGE}/home"],
    }
    (asked,) = browser.server.exchanges
    assert asked["subject_token"] == browser.server.grants[0]["id"]
    assert asked["actor_token"] == "staff-access"
    assert asked["audience"] == "mypage"
    assert asked["scope"] == "mypage.read mypage.write"
    assert asked["reason"] == "お電話での ご依頼"


def test_the_reason_may_be_left_empty(browser: Browser) -> None:
    assert browser.press(browser.open(PAGE), BUTTON, reason=" ").status_code == 303
    assert "reason" not in browser.server.exchanges[0]


def test_no_more_is_asked_for_than_the_owner_allowed(browser: Browser) -> None:
    browser.server.grants = [grant(1001, "active", permissions=["mypage.read"])]
    browser.press(browser.open(PAGE), BUTTON)
    assert browser.server.exchanges[0]["scope"] == "mypage.read"


def test_the_browser_may_follow_the_form_to_the_server_and_to_mypage(browser: Browser) -> None:
    policy = browser.open(PAGE).headers["Content-Security-Policy"]
    (form_action,) = (part for part in policy.split("; ") if part.startswith("form-action "))
    assert form_action.split()[1:] == ["'self'", ISSUER, MYPAGE]


def test_a_reason_that_is_too_long_comes_back_with_what_was_typed(browser: Browser) -> None:
    page = browser.open(PAGE)
    answer = browser.press(page, BUTTON, reason="あ" * 201)
    assert answer.status_code == 400
    assert "＊200文字以内でご入力ください。" in answer.text
    summary = answer.text.index("代理ログインの理由：200文字以内でご入力ください。")
    assert summary < answer.text.index("ユーザー情報</h2>")
    assert "あ" * 201 in answer.text
    assert browser.server.exchanges == []
    assert browser.press(page, BUTTON, reason="あ" * 200).status_code == 303


@pytest.mark.parametrize("state", ["suspended", "revoked", "expired"])
def test_a_grant_that_ended_meanwhile_is_explained(browser: Browser, state: str) -> None:
    page = browser.open(PAGE)
    browser.server.end(browser.server.grants[0], state)
    answer = browser.press(page, BUTTON)
    assert answer.status_code == 409
    assert "連携の状態が変わっています" in answer.text
    assert browser.server.exchanges == []


@pytest.mark.parametrize(
    "error", ["invalid_request", "invalid_target", "invalid_scope", "unauthorized_client"]
)
def test_a_refusal_of_the_server_gets_a_calm_page_without_its_code(browser: Browser, error: str) -> None:
    page = browser.open(PAGE)
    browser.server.exchange_error = error
    answer = browser.press(page, BUTTON)
    assert answer.status_code == 403
    assert "代理ログインを開始できませんでした" in answer.text
    assert "鈴木 花子 様" in answer.text
    assert error not in answer.text
    browser.server.exchange_error = None
    assert browser.press(page, BUTTON).status_code == 303


def test_a_role_that_lost_the_right_is_told_whom_to_ask(browser: Browser) -> None:
    page = browser.open(PAGE)
    browser.server.agency["member"]["can_proxy_login"] = False
    browser.server.exchange_error = "invalid_request"
    answer = browser.press(page, BUTTON)
    assert answer.status_code == 403
    assert "貴社の管理者の方に" in answer.text


@pytest.mark.parametrize("given", ["", "nonsense", "5f0e2b7c-0000-4000-8000-00000000ffff"])
def test_a_form_about_no_grant_of_this_agency_finds_nothing(browser: Browser, given: str) -> None:
    page = browser.open(PAGE)
    assert browser.post(page, BUTTON, grant=given).status_code == 404
    assert browser.server.exchanges == []
    assert browser.press(page, BUTTON).status_code == 303


def test_a_grant_of_another_owner_than_the_address_says_is_not_used(browser: Browser) -> None:
    browser.server.grants.append(grant(1002, "active"))
    page = browser.open(PAGE)
    other = browser.server.grants[1]["id"]
    assert browser.post(page, BUTTON, grant=other).status_code == 404
    assert browser.server.exchanges == []
    assert browser.post(page, "/agency_admin/1002/proxy-login", grant=other).status_code == 303


def test_a_form_without_its_token_starts_nothing(browser: Browser) -> None:
    fields = {"grant": browser.server.grants[0]["id"]}
    assert browser.client.post(BUTTON, data=fields, base_url=PORTAL).status_code == 400
    assert browser.server.exchanges == []
    assert browser.press(browser.open(PAGE), BUTTON).status_code == 303


def test_an_approved_owner_can_be_signed_in_for_at_once(browser: Browser) -> None:
    browser.server.grants = [grant(1001)]
    page = browser.open(PAGE)
    assert browser.press(page, f"{PAGE}/approve").status_code == 303
    assert browser.press(browser.open(PAGE), BUTTON).status_code == 303


def test_a_reason_that_is_demanded_is_asked_for_and_nothing_is_lost(browser: Browser) -> None:
    assert "任意</span>" in browser.open(PAGE).text
    browser.server.conditions["reason_required"] = True
    page = browser.open(PAGE)
    assert "必須</span>" in page.text
    browser.server.exchange_error = "invalid_request"
    answer = browser.press(page, BUTTON, reason=" ")
    assert answer.status_code == 400
    assert "＊代理ログインの理由をご入力ください。" in answer.text
    browser.server.exchange_error = None
    assert browser.press(answer, BUTTON, reason="点検").status_code == 303


def test_a_sign_in_that_is_too_old_is_repeated_and_the_reason_is_kept(browser: Browser) -> None:
    browser.server.conditions["max_age"] = 300
    page = browser.open(PAGE)
    browser.server.exchange_error = "insufficient_user_authentication"
    answer = browser.press(page, BUTTON, reason="お電話で")
    asked = dict(parse_qsl(urlsplit(answer.location).query))
    assert answer.status_code == 303
    assert answer.location.startswith(f"{ISSUER}/oauth/authorize?")
    assert asked["max_age"] == "300"
    browser.server.nonce, browser.server.exchange_error = asked["nonce"], None
    back = browser.open(f"/oidc/callback?code=code-1&iss={ISSUER}&state={asked['state']}").location
    assert urlsplit(back).path == PAGE
    again = browser.open(back)
    assert 'value="お電話で"' in again.text
    assert browser.press(again, BUTTON, reason="お電話で").status_code == 303


@pytest.mark.parametrize(
    ("error", "description", "told"),
    [
        ("access_denied", "... may not begin at this hour", "始められる時間帯：8:00-20:00"),
        ("access_denied", "... may not begin from this network", "お使いのネットワークからは"),
        ("slow_down", "", "回数が、決められた上限に達しました"),
    ],
)
def test_a_condition_that_is_not_met_is_told_in_words_and_the_reason_is_kept(
    browser: Browser, error: str, description: str, told: str
) -> None:
    browser.server.conditions["hours"] = ["8:00-20:00"]
    page = browser.open(PAGE)
    browser.server.exchange_error, browser.server.exchange_description = error, description
    answer = browser.press(page, BUTTON, reason="お電話で")
    assert answer.status_code == 403
    assert told in answer.text
    links = [part.split('"')[0] for part in answer.text.split('href="')]
    [back] = [link for link in links if link.startswith(f"{PAGE}?reason=")]
    assert 'value="お電話で"' in browser.open(back).text
