"""The portal's entrance, 販売店・業者様情報, and who may not come in."""

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.clients.page_forms import forms_of
from tests.clients.portal_stage import ISSUER, Browser, grant, stage


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[Browser]:
    with stage(tmp_path) as ready:
        yield ready


def test_the_root_leads_to_the_entrance(browser: Browser) -> None:
    assert browser.open("/").location == "/agency/login"


def test_the_entrance_offers_sign_in_and_asks_for_no_password(browser: Browser) -> None:
    page = browser.open("/agency/login")
    assert page.status_code == 200
    assert "販売店・業者様向け ログイン" in page.text
    assert 'type="password"' not in page.text
    assert f'href="{ISSUER}/register/agency"' in page.text
    sign_in = next(form for form in forms_of(page) if form.action == "/login")
    answer = browser.open(f"/login?next={sign_in.hidden['next']}")
    asked = parse_qs(urlsplit(answer.location).query)
    assert answer.location.startswith(f"{ISSUER}/oauth/authorize?")
    assert asked["scope"] == ["openid profile email agency.read delegations.read delegations.manage act_as"]
    assert asked["code_challenge_method"] == ["S256"]


def test_somebody_signed_in_does_not_see_the_entrance_again(browser: Browser) -> None:
    browser.sign_in()
    assert browser.open("/agency/login").location == "/agency"


def test_sign_in_leads_to_the_agencys_own_page_with_all_its_data(browser: Browser) -> None:
    assert browser.sign_in().location == "/agency"
    page = browser.open("/agency").text
    for words in (
        "販売店・業者様情報",
        "企業名",
        "株式会社みらい電工",
        "氏名",
        "佐藤 一郎",
        "フリガナ",
        "サトウ イチロウ",
        "郵便番号",
        "6048845",
        "都道府県",
        "京都府",
        "市区町村",
        "京都市中京区",
        "町名番地",
        "烏丸通御池上る1-2",
        "電話番号",
        "0752311111",
        "メールアドレス",
        "mirai@agency.example",
        "登録情報を変更する",
        "販売店・業者様向け管理画面を見る",
    ):
        assert words in page
    assert f'href="{ISSUER}/agency/profile"' in page
    assert 'href="/agency_admin"' in page


@pytest.mark.parametrize("decides", [True, False])
def test_who_answers_owners_is_led_to_the_leaflets_and_nobody_else(browser: Browser, decides: bool) -> None:
    browser.server.agency["member"] = {**browser.server.agency["member"], "can_decide": decides}
    browser.sign_in()
    assert (f'href="{ISSUER}/agency/invitations"' in browser.open("/agency").text) is decides


@pytest.mark.parametrize(
    "path",
    [
        "/agency",
        "/agency_admin",
        "/agency_admin/1001",
        "/agency_admin/1001/deny",
        "/agency_admin/1001/release",
    ],
)
def test_a_page_without_sign_in_asks_for_it_and_comes_back_to_that_page(browser: Browser, path: str) -> None:
    browser.server.grants = [grant(1001)]
    answer = browser.open(path)
    assert answer.status_code == 303
    assert answer.location == f"/login?next={path}"
    assert browser.sign_in(path).location == path


@pytest.mark.parametrize("path", ["/agency", "/agency_admin", "/agency_admin/1001"])
def test_an_owner_who_signs_in_here_is_told_that_it_is_the_wrong_account(browser: Browser, path: str) -> None:
    browser.server.grants = [grant(1001)]
    browser.sign_in()
    assert browser.open(path).status_code == 200
    browser.server.staff = False
    page = browser.open(path)
    assert page.status_code == 403
    assert "販売店・業者様のアカウントではありません" in page.text
    assert "ログアウトする" in page.text
    assert browser.press(page, "/logout").location.startswith(f"{ISSUER}/oauth/end-session?")


def test_a_server_that_answers_nonsense_gets_a_page_and_no_trace(browser: Browser) -> None:
    browser.sign_in()
    del browser.server.agency["member"]
    page = browser.open("/agency")
    assert page.status_code == 503
    assert "member" not in page.text


def test_a_server_that_is_down_gets_a_page(browser: Browser) -> None:
    browser.sign_in()
    assert browser.open("/agency").status_code == 200
    browser.server.down = True
    assert browser.open("/agency").status_code == 503


def test_the_end_of_a_proxy_login_leads_back_to_the_owner_it_was_for(browser: Browser) -> None:
    browser.server.grants = [grant(1001, "active")]
    browser.sign_in()
    assert 'href="/agency_admin/1001"' not in browser.open("/proxy-login/ended").text
    browser.press(browser.open("/agency_admin/1001"), "/agency_admin/1001/proxy-login")
    page = browser.open("/proxy-login/ended")
    assert page.status_code == 200
    assert "代理ログインを終了しました" in page.text
    assert 'href="/agency_admin/1001"' in page.text
    assert 'href="/agency_admin"' in page.text


def test_the_end_of_a_proxy_login_offers_sign_in_to_somebody_signed_out(browser: Browser) -> None:
    page = browser.open("/proxy-login/ended")
    assert page.status_code == 200
    assert "代理ログインを終了しました" in page.text
    assert 'href="/agency/login"' in page.text
