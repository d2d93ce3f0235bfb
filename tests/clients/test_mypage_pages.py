"""The pages of マイページ for the owner: every field of the journeys, and always a next step."""

from typing import Any

import pytest
import time_machine

from tests.clients.mypage_stage import Browser, forms_of, links_of
from tests.clients.played_server import ISSUER, PRODUCT_ID, PlayedServer, product

POWER = f"/products/{PRODUCT_ID}/power"
SERVICES = f"/products/{PRODUCT_ID}/services"
GRANT, SID = "0d9f3c1a-0000-4000-8000-000000000001", "0d9f3c1a-0000-4000-8000-000000000002"
OTHER_PRODUCT = "0d9f3c1a-0000-4000-8000-000000000999"


def test_the_menu_leads_to_mypage_without_sign_in(browser: Browser) -> None:
    page = browser.open("/")
    assert page.status_code == 200
    assert "オーナーズ倶楽部MENU" in page.text
    assert "/home" in links_of(page)


def test_mypage_has_the_links_of_the_journey(browser: Browser) -> None:
    browser.sign_in()
    page = browser.open("/home")
    for words in (
        "マイページ",
        "お客様情報やサービス加入状況を見る",
        "電力データを見る",
        "登録状況を見る",
        "代理ログインの許可と記録を見る",
    ):
        assert words in page.text
    assert browser.open("/permissions").location == f"{ISSUER}/account/delegations"


def test_the_customer_page_has_every_field(browser: Browser) -> None:
    browser.sign_in()
    page = browser.open("/customer").text
    labels = [
        "氏名",
        "フリガナ",
        "郵便番号",
        "都道府県",
        "市区町村",
        "町名番地",
        "電話番号",
        "メールアドレス",
    ]
    values = [
        "鈴木 花子",
        "スズキ ハナコ",
        "5300001",
        "大阪府",
        "大阪市北区",
        "梅田3-4-5",
        "0661234567",
        "はい",
    ]
    more = [
        "ニチコンからの情報提供可",
        "ログインを許可する販売店・業者様のメールアドレス",
        "登録情報を変更する",
    ]
    for words in [*labels, *values, *more, "hanako@owner.example"]:
        assert words in page


def test_the_owner_sees_who_may_sign_in(browser: Browser, server: PlayedServer) -> None:
    agency = {"name": "株式会社みらい電工", "email": "mirai@agency.example"}
    server.permissions = [
        {"id": GRANT, "agency": agency, "state": "active", "expires_at": "2027-11-20T15:00:00Z"},
        {"id": GRANT, "agency": {**agency, "email": "old@agency.example"}, "state": "revoked",
         "expires_at": None},
    ]  # fmt: skip
    browser.sign_in()
    page = browser.open("/customer").text
    assert "mirai@agency.example" in page
    assert "2027年11月20日 まで" in page
    assert "old@agency.example" not in page


def test_the_first_page_leads_in_one_tap_to_where_a_permission_or_a_proxy_login_is_ended(
    browser: Browser, server: PlayedServer
) -> None:
    agency = {"name": "株式会社みらい電工", "email": "mirai@agency.example"}
    server.permissions = [{"id": GRANT, "agency": agency, "state": "active", "expires_at": None}]
    browser.sign_in()
    page = browser.open("/home")
    assert f"{ISSUER}/account/delegations/{GRANT}/end" in links_of(page)
    assert "今すぐ終了" not in page.text
    server.running = [
        {"sid": SID, "agency": agency["name"], "member": "佐藤 一郎", "system": None, "app": "マイページ",
         "started_at": "2026-11-24T06:04:00Z"}
    ]  # fmt: skip
    page = browser.open("/home")
    assert f"{ISSUER}/account/proxy-logins/{SID}/end" in links_of(page)
    assert "佐藤 一郎 さん が、15:04 から マイページ" in page.text


def test_whoever_acts_for_an_owner_learns_nothing_of_permissions(
    browser: Browser, server: PlayedServer
) -> None:
    browser.start_proxy_login()
    page = browser.open("/home")
    assert "代理ログインの許可" not in page.text
    assert not [path for _, path, _ in server.api_calls if "delegations" in path or "proxy-logins" in path]


@pytest.mark.parametrize("sid", [None, 7, "javascript:alert(1)"])
def test_what_is_no_proxy_login_is_no_link(browser: Browser, server: PlayedServer, sid: object) -> None:
    server.running = [{"sid": sid, "agency": "", "member": "", "system": "", "app": "", "started_at": ""}]
    browser.sign_in()
    assert browser.open("/home").status_code == 503


def test_the_products_page_has_every_field(browser: Browser) -> None:
    browser.sign_in()
    page = browser.open("/products")
    names = ["Product ID", "システム機種名", "システム製造番号", "室内リモコン製造番号", "設置場所郵便番号"]
    services = ["見守りサービス", "気象警報自動制御", "早期注意情報自動制御", "AI自動制御"]
    for words in [*names, *services, "501", "ESS-U4X1", "HC-A10001WN1", "5300001", "未登録"]:
        assert words in page.text
    assert page.text.count(">加入<") == 1
    assert page.text.count(">未加入<") == 3
    assert POWER in links_of(page)


@pytest.mark.parametrize("path", ["/home", "/products", "/power"])
def test_an_owner_without_a_product_is_told_what_to_do_next(
    browser: Browser, server: PlayedServer, path: str
) -> None:
    server.products = []
    browser.sign_in()
    page = browser.open(path)
    assert "登録され" in page.text
    assert "/products/new" in links_of(page)
    assert browser.open("/products/new").location == f"{ISSUER}/account/products/new"


def test_with_one_product_the_power_data_is_one_tap_away(browser: Browser, server: PlayedServer) -> None:
    browser.sign_in()
    assert browser.open("/power").location == POWER
    server.products.append(product(id=OTHER_PRODUCT, serial_number="HC-A10002WN1"))
    assert f"/products/{OTHER_PRODUCT}/power" in links_of(browser.open("/power"))


@pytest.mark.parametrize("path", ["power", "services", "services/confirm"])
def test_a_foreign_product_and_none_at_all_look_the_same(browser: Browser, path: str) -> None:
    browser.sign_in()
    answer = browser.open(f"/products/{OTHER_PRODUCT}/{path}")
    assert answer.status_code == 404
    assert browser.open(f"/products/nothing/{path}").status_code == 404
    assert "ページが見つかりません" in answer.text


@time_machine.travel("2026-11-24T03:30:00+00:00", tick=False)
def test_the_power_page_has_chart_and_table_up_to_now(browser: Browser) -> None:
    browser.sign_in()
    page = browser.open(POWER)
    assert "2026年11月24日" in page.text
    assert page.text.count('<th scope="row" ') == 12
    for mark in ('role="img"', "<title id=", "<desc id=", "chart-generation", "chart-storage", "chart-use"):
        assert mark in page.text
    yesterday = browser.open(f"{POWER}?day=2026-11-23")
    assert f"{POWER}?day=2026-11-23" in links_of(page)
    assert f"{POWER}?day=2026-11-25" not in links_of(page)
    assert yesterday.text.count('<th scope="row" ') == 24


@time_machine.travel("2026-11-24T03:30:00+00:00", tick=False)
@pytest.mark.parametrize(
    ("asked", "shown"),
    [("2020-01-01", "2026年5月1日"), ("2030-01-01", "2026年11月24日"), ("yesterday", "2026年11月24日")],
)
def test_a_day_out_of_reach_shows_the_nearest_and_says_so(browser: Browser, asked: str, shown: str) -> None:
    browser.sign_in()
    page = browser.open(f"{POWER}?day={asked}").text
    assert f"<h2>{shown}" in page
    assert "ご指定の日のデータはご覧いただけません。2026年5月1日から2026年11月24日まで" in page


@time_machine.travel("2026-11-24T03:30:00+00:00", tick=False)
@pytest.mark.parametrize("query", ["", "?day=", "?day=2026-11-20", "?day=20261120"])
def test_a_day_in_reach_is_shown_without_a_word(browser: Browser, query: str) -> None:
    browser.sign_in()
    assert "ご指定の日" not in browser.open(POWER + query).text


@time_machine.travel("2026-11-23T15:30:00+00:00", tick=False)
def test_at_midnight_there_is_no_hour_yet(browser: Browser) -> None:
    browser.sign_in()
    assert "午前1時からご覧いただけます" in browser.open(POWER).text


def test_before_the_opening_the_page_says_when(browser: Browser, server: PlayedServer) -> None:
    server.products = [product(watch_joined_at="2026-11-23T03:00:00Z")]
    with time_machine.travel("2026-11-23T21:59:59+00:00", tick=False) as traveller:
        browser.sign_in()
        closed = browser.open(POWER)
        assert closed.status_code == 200
        assert "2026年11月24日 午前7時" in closed.text
        assert "<svg" not in closed.text
        traveller.shift(1)
        assert "<svg" in browser.open(POWER).text


def test_without_the_service_the_page_says_how_to_join(browser: Browser, server: PlayedServer) -> None:
    server.products = [product(watch_joined_at=None)]
    browser.sign_in()
    page = browser.open(POWER)
    assert "見守りサービスに加入する" in page.text
    assert f"{SERVICES}?watch=join" in links_of(page)
    choice = next(form for form in forms_of(browser.open(f"{SERVICES}?watch=join")) if "watch" in form.fields)
    assert choice.fields["watch"] == "join"
    assert choice.fields["ai_control"] == "leave"


def test_services_are_chosen_confirmed_and_changed(browser: Browser, server: PlayedServer) -> None:
    browser.sign_in()
    confirm = browser.press(browser.open(SERVICES), f"{SERVICES}/confirm", watch="leave", ai_control="join")
    assert "見守りサービスを解約すると" in confirm.text
    assert not [call for call in server.api_calls if call[0] == "PATCH"]
    assert browser.press(confirm, f"{SERVICES}/confirm").location == "/products"
    assert server.api_calls[-1][2] == {"services": {"watch": False, "ai_control": True}}
    page = browser.open("/products").text
    assert "サービスの加入状況を変更しました。" in page
    assert page.count(">未加入<") == 3


def test_a_second_press_changes_nothing_and_says_how_it_stands(
    browser: Browser, server: PlayedServer
) -> None:
    browser.sign_in()
    confirm = browser.press(browser.open(SERVICES), f"{SERVICES}/confirm", ai_control="join")
    for words in ("サービスの加入状況を変更しました。", "ご指定のとおりの加入状況になっています。"):
        browser.press(confirm, f"{SERVICES}/confirm")
        assert words in browser.open("/products").text
    assert len([call for call in server.api_calls if call[0] == "PATCH"]) == 1


def test_the_choices_say_what_becomes_of_a_service_that_is_joined(browser: Browser) -> None:
    browser.sign_in()
    page = browser.open(SERVICES).text
    watch, rest = page.split("気象警報自動制御", 1)
    assert "加入を続ける" in watch
    assert "解約する" in watch
    assert "加入を続ける" not in rest
    assert "加入しない" in rest


def test_choosing_what_is_already_so_changes_nothing(browser: Browser, server: PlayedServer) -> None:
    browser.sign_in()
    confirm = browser.press(browser.open(SERVICES), f"{SERVICES}/confirm")
    assert "変更はありません" in confirm.text
    assert browser.open(f"{SERVICES}/confirm?watch=perhaps").status_code == 400


@pytest.mark.parametrize("answer", [{"items": "none"}, {"items": [{"id": 1}]}, {}])
def test_an_answer_of_another_form_is_a_calm_page(
    browser: Browser, server: PlayedServer, monkeypatch: pytest.MonkeyPatch, answer: dict[str, Any]
) -> None:
    browser.sign_in()
    monkeypatch.setattr(server, "products", answer.get("items", 7))
    page = browser.open("/products")
    assert page.status_code == 503
    assert "しばらくしてから" in page.text
