"""A proxy login in マイページ: always visible, narrow, and over when it is over."""

from collections.abc import Iterator
from typing import Any

import pytest
import time_machine

from tests.clients.mypage_stage import Browser, forms_of, links_of
from tests.clients.played_server import (
    ABSENT,
    ACT,
    ISSUER,
    MYPAGE,
    PORTAL,
    PRODUCT_ID,
    PlayedServer,
    logout_claims,
    sign,
)

NOON = "2026-11-24T03:00:00+00:00"
SUCCESS = "お客様のマイページに代理ログインができました!"
PAGES = ["/", "/home", "/customer", "/products", f"/products/{PRODUCT_ID}/power", "/nothing-here"]
CHANGE = f"/products/{PRODUCT_ID}/services/confirm?ai_control=join"


@pytest.fixture
def traveller() -> Iterator[Any]:
    """Stop the clock at noon."""
    with time_machine.travel(NOON, tick=False) as moving:
        yield moving


def test_the_success_is_told_once(browser: Browser) -> None:
    assert browser.start_proxy_login().location == "/home"
    assert SUCCESS in browser.open("/home").text
    assert SUCCESS not in browser.open("/home").text


@pytest.mark.parametrize("path", PAGES)
def test_the_banner_is_on_every_page(browser: Browser, path: str) -> None:
    browser.start_proxy_login()
    page = browser.open(path).text
    for words in (
        "代理ログイン中",
        "佐藤 一郎",
        "株式会社みらい電工",
        "鈴木 花子 様",
        "代理ログインを終了する",
    ):
        assert words in page
    assert "act-as-left.mjs" in page
    assert "ログアウト" not in page


def test_the_owner_sees_no_banner(browser: Browser) -> None:
    browser.sign_in()
    assert "代理ログイン中" not in browser.open("/home").text


def test_the_banner_tells_the_time_left(browser: Browser, traveller: Any) -> None:
    browser.start_proxy_login()
    assert 'datetime="PT1800S"' in browser.open("/home").text
    traveller.shift(61)
    page = browser.open("/home").text
    assert 'datetime="PT1739S"' in page
    assert ">29分</time>" in page


def test_what_is_the_owners_alone_is_not_offered_and_refused(browser: Browser) -> None:
    own = {"/customer/edit", "/permissions", "/password", "/products/new"}
    browser.sign_in()
    offered = {link for path in PAGES[:4] for link in links_of(browser.open(path))}
    assert own <= offered
    for path in own:
        assert browser.open(path).location.startswith(f"{ISSUER}/account")
    browser.start_proxy_login()
    offered = {link for path in PAGES[:4] for link in links_of(browser.open(path))}
    assert not own & offered
    for path in own:
        answer = browser.open(path)
        assert answer.status_code == 403
        assert "許可されていません" in answer.text
        assert answer.location is None


def test_the_other_agencies_of_the_owner_are_not_told(browser: Browser, server: PlayedServer) -> None:
    browser.start_proxy_login()
    page = browser.open("/customer")
    assert "ログインを許可する" not in page.text
    assert ("GET", "/api/me/delegations", None) not in server.api_calls


def test_with_setting_permission_services_can_be_changed(browser: Browser, server: PlayedServer) -> None:
    browser.start_proxy_login(scope="openid mypage.read mypage.write")
    assert f"/products/{PRODUCT_ID}/services" in links_of(browser.open("/products"))
    answer = browser.press(browser.open(CHANGE), f"/products/{PRODUCT_ID}/services/confirm")
    assert answer.status_code == 303
    patch = ("PATCH", f"/api/me/products/{PRODUCT_ID}", {"services": {"ai_control": True}})
    assert patch in server.api_calls


def test_a_limited_permission_is_said_where_products_are_shown(
    browser: Browser, server: PlayedServer
) -> None:
    browser.start_proxy_login()
    limited = "お客様が許可した製品だけを表示しています。"
    assert limited not in browser.open("/products").text
    server.limited = True
    for page in ("/home", "/products"):
        assert limited in browser.open(page).text
    server.products = []
    assert limited in browser.open("/power").text


def test_with_reading_permission_alone_services_are_not_offered_and_refused(
    browser: Browser, server: PlayedServer
) -> None:
    browser.start_proxy_login(scope="openid mypage.read")
    products = browser.open("/products")
    assert f"/products/{PRODUCT_ID}/services" not in links_of(products)
    token = forms_of(products)[0].fields["csrf_token"]
    assert browser.open(f"/products/{PRODUCT_ID}/services").status_code == 403
    assert browser.open(CHANGE).status_code == 403
    answer = browser.client.post(CHANGE, data={"csrf_token": token}, base_url=browser.base_url)
    assert answer.status_code == 403
    assert not [call for call in server.api_calls if call[0] == "PATCH"]


@pytest.mark.parametrize("path", ["/customer", "/products", "/power", f"/products/{PRODUCT_ID}/power"])
def test_without_reading_permission_nothing_is_shown(browser: Browser, path: str) -> None:
    browser.start_proxy_login(scope="openid")
    assert "ご覧いただける項目はありません" in browser.open("/home").text
    assert browser.open(path).status_code == 403
    assert not browser.server.api_calls


def test_a_missing_scope_in_the_answer_gives_no_permission(browser: Browser) -> None:
    browser.server.act()
    browser.server.tokens["scope"] = ABSENT
    query = {"iss": ISSUER, "login_hint": "t", "target_link_uri": f"{browser.base_url}/home"}
    browser.call_back(browser.asked(browser.open("/oidc/initiate", query_string=query)))
    assert browser.open("/customer").status_code == 403


def test_it_is_over_at_its_absolute_end_whatever_is_renewed(browser: Browser, traveller: Any) -> None:
    browser.start_proxy_login()
    end = browser.server.claims["session_expiry"]
    for _ in range(6):
        traveller.shift(290)
        browser.server.claims["session_expiry"] = end + 600
        answer = browser.open("/home")
        assert browser.call_back(browser.asked(answer)).status_code == 303
    traveller.shift(60)
    page = browser.open("/customer")
    assert page.status_code == 403
    assert "代理ログインは終了しました" in page.text
    assert "代理ログインの時間（30分）が過ぎたため" in page.text
    assert f"{PORTAL}/agency_admin" in page.text
    assert page.headers["Clear-Site-Data"] == '"cache"'
    assert browser.cookie("mypage_session") is None


def test_an_old_token_is_renewed_silently_before_a_page(browser: Browser, traveller: Any) -> None:
    browser.start_proxy_login()
    before = browser.cookie("mypage_session")
    traveller.shift(290)
    asked = browser.asked(browser.open(f"/products/{PRODUCT_ID}/power?day=2026-11-01"))
    assert asked["prompt"] == "none"
    assert asked["id_token_hint"].count(".") == 2
    answer = browser.call_back(asked)
    assert answer.location == f"/products/{PRODUCT_ID}/power?day=2026-11-01"
    assert browser.open(answer.location).status_code == 200
    assert browser.cookie("mypage_session") == before
    assert SUCCESS not in browser.open("/home").text


@pytest.mark.parametrize("error", ["login_required", "access_denied", "interaction_required"])
def test_a_renewal_that_the_server_refuses_ends_it_with_a_reason(
    browser: Browser, traveller: Any, error: str
) -> None:
    browser.start_proxy_login()
    traveller.shift(290)
    asked = browser.asked(browser.open("/home"))
    page = browser.call_back(asked, code=None, error=error)
    assert page.status_code == 403
    assert "代理ログインは終了しました" in page.text
    assert "許可を取り消された" in page.text
    assert "管理画面からログアウトされた" in page.text
    assert browser.open("/home").status_code == 303


@pytest.mark.parametrize(
    "deviation",
    [
        {"sub": "owner-2"},
        {"sid": "act-as-2"},
        {"delegation": "grant-2"},
        {"act": {**ACT, "sub": "staff-2"}},
        {"act": {**ACT, "org": {"id": "agency-2", "name": "株式会社みらい電工"}}},
    ],
)
def test_a_renewal_that_brings_another_person_is_refused(
    browser: Browser, traveller: Any, deviation: dict[str, Any]
) -> None:
    browser.start_proxy_login()
    traveller.shift(290)
    asked = browser.asked(browser.open("/home"))
    browser.server.claims |= deviation
    assert browser.call_back(asked).status_code == 400
    assert browser.open("/home").status_code == 303


def test_a_renewal_that_brings_an_owners_own_session_is_refused(
    browser: Browser, server: PlayedServer, traveller: Any
) -> None:
    browser.start_proxy_login()
    traveller.shift(290)
    asked = browser.asked(browser.open("/home"))
    server.claims, server.tokens = {}, {}
    assert browser.call_back(asked).status_code == 400


def test_a_form_sent_with_an_old_token_says_that_nothing_was_done(
    browser: Browser, server: PlayedServer, traveller: Any
) -> None:
    browser.start_proxy_login()
    confirm = browser.open(CHANGE)
    traveller.shift(301)
    page = browser.press(confirm, f"/products/{PRODUCT_ID}/services/confirm")
    assert page.status_code == 409
    assert "反映されていません" in page.text
    assert not [call for call in server.api_calls if call[0] == "PATCH"]
    way_back = next(link for link in links_of(page) if link.startswith("/products/"))
    answer = browser.call_back(browser.asked(browser.open(way_back)))
    again = browser.press(browser.open(answer.location), f"/products/{PRODUCT_ID}/services/confirm")
    assert again.location == "/products"
    assert server.api_calls[-1][2] == {"services": {"ai_control": True}}


def test_a_rejected_token_ends_it_at_once(browser: Browser, server: PlayedServer) -> None:
    browser.start_proxy_login()
    server.accepts_access_tokens = False
    page = browser.open("/customer")
    assert page.status_code == 403
    assert "代理ログインは終了しました" in page.text
    assert "許可を取り消された" in page.text
    assert not server.refresh_tokens_used


def test_a_refresh_token_that_came_along_is_never_used(
    browser: Browser, server: PlayedServer, traveller: Any
) -> None:
    server.act()
    server.tokens["refresh_token"] = "refresh-0"
    query = {"iss": ISSUER, "login_hint": "t", "target_link_uri": f"{browser.base_url}/home"}
    browser.call_back(browser.asked(browser.open("/oidc/initiate", query_string=query)))
    traveller.shift(290)
    assert browser.open("/home").location.startswith(f"{ISSUER}/oauth/authorize")
    assert not server.refresh_tokens_used


def test_a_proxy_login_replaces_the_session_that_was_there(browser: Browser) -> None:
    browser.sign_in()
    browser.start_proxy_login()
    assert "代理ログイン中" in browser.open("/home").text
    browser.press(browser.open("/home"), "/proxy-login/end")
    assert browser.open("/home").status_code == 403
    assert browser.open("/home").status_code == 303


def test_the_end_is_told_on_whichever_page_comes_next(browser: Browser) -> None:
    browser.start_proxy_login()
    token = sign(logout_claims(sid="act-as-1"), typ="logout+jwt")
    stranger = browser.client.application.test_client()
    stranger.post("/oidc/backchannel-logout", data={"logout_token": token}, base_url=MYPAGE)
    page = browser.open("/")
    assert "代理ログインは終了しました" in page.text
    assert "オーナーズ倶楽部MENU" in browser.open("/").text
