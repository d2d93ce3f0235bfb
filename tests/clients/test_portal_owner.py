"""ユーザー情報編集: what is shown of an owner, which buttons, and who is nobody here."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.clients.page_forms import forms_of
from tests.clients.portal_stage import Browser, grant, product, stage

PAGE = "/agency_admin/1001"
PERSONAL = ("hanako@owner.example", "鈴木 花子", "スズキ ハナコ", "大阪市北区", "梅田3-4-5", "HC-A10001WN1")


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[Browser]:
    with stage(tmp_path) as ready:
        ready.sign_in()
        yield ready


def actions(browser: Browser) -> set[str]:
    """Return what can be pressed on the page, without sign-out and language."""
    forms = {form.action for form in forms_of(browser.open(PAGE))} - {"/logout", "/language"}
    return {action.removeprefix(f"{PAGE}/") for action in forms}


def test_a_request_shows_the_owner_the_products_and_two_buttons(browser: Browser) -> None:
    browser.server.grants = [grant(1001)]
    page = browser.open(PAGE).text
    assert "販売店・業者様向け管理画面 | ユーザー情報編集 - " in page
    for words in ("一覧へ戻る", "ユーザー情報", "Email", "登録日", "2026年4月1日", "登録製品情報", *PERSONAL):
        assert words in page
    for words in (
        "Product ID",
        "501",
        "システム機種名",
        "ESS-U4X1",
        "システム製造番号",
        "室内リモコン製造番号",
    ):
        assert words in page
    for words in ("RC-7001", "設置場所郵便番号", "6040001", "連携を許可", "連携を許可しない"):
        assert words in page
    assert actions(browser) == {"approve", "deny"}


def test_each_service_of_a_product_is_shown_as_joined_or_not(browser: Browser) -> None:
    joined = {"joined": True, "joined_at": "2026-05-01T00:00:00Z"}
    services = product()["services"] | {"ai_control": joined}
    browser.server.grants = [grant(1001, products=[product(services=services)])]
    page = "".join(browser.open(PAGE).text.split())
    for label, word in (
        ("見守りサービス", "加入"),
        ("気象警報自動制御", "未加入"),
        ("早期注意情報自動制御", "未加入"),
        ("AI自動制御", "加入"),
    ):
        badge = "joined" if word == "加入" else "not-joined"
        assert f'<dt>{label}</dt><dd><spanclass="badgebadge-{badge}">{word}</span></dd>' in page


def test_an_owner_without_products_is_said_to_have_none(browser: Browser) -> None:
    browser.server.grants = [grant(1001, products=[])]
    assert "お客様の製品はまだ登録されていません。" in browser.open(PAGE).text


def test_a_grant_in_force_offers_proxy_login_with_what_it_permits_and_until_when(browser: Browser) -> None:
    browser.server.grants = [grant(1001, "active")]
    page = browser.open(PAGE).text
    for words in (
        "代理ログイン",
        "代理ログインの理由",
        "閲覧と設定変更",
        "2027年11月21日 0:00まで",
        "連携を終了する",
    ):
        assert words in page
    assert actions(browser) == {"proxy-login", "release"}


def test_a_grant_for_reading_says_that_settings_cannot_be_changed(browser: Browser) -> None:
    browser.server.grants = [grant(1001, "active", permissions=["mypage.read"])]
    page = "".join(browser.open(PAGE).text.split())
    assert "閲覧のみ" in page
    assert '<ulclass="cannot"><li>サービスの設定変更</li>' in page
    browser.server.grants = [grant(1001, "active")]
    assert '<ulclass="cannot"><li>サービスの設定変更</li>' not in "".join(browser.open(PAGE).text.split())


def test_what_the_owner_allowed_is_called_as_the_application_calls_it(browser: Browser) -> None:
    words = [{"title": "お庭を見る", "title_en": "See the garden"}]
    browser.server.grants = [grant(1001, "active", permissions_words=words, all_products=False)]
    page = browser.open(PAGE).text
    assert "お庭を見る" in page
    assert "下の登録製品だけです。" in page
    browser.server.grants = [grant(1001, "active")]
    assert "下の登録製品だけです。" not in browser.open(PAGE).text


def test_a_suspended_grant_offers_only_its_end(browser: Browser) -> None:
    browser.server.grants = [grant(1001, "suspended")]
    assert "停止中" in browser.open(PAGE).text
    assert actions(browser) == {"release"}


def test_a_suspended_grant_shows_no_personal_data(browser: Browser) -> None:
    browser.server.grants = [grant(1001) | {"state": "suspended"}]
    page = browser.open(PAGE).text
    assert not [words for words in PERSONAL if words in page]
    assert "連携が停止されている間は" in page


def test_a_term_that_is_over_counts_as_ended_before_the_server_has_written_it_down(browser: Browser) -> None:
    browser.server.grants = [grant(1001, "active", expires_at="2026-11-24T02:00:00Z")]
    assert "proxy-login" in actions(browser)
    browser.server.grants = [grant(1001, "active", expires_at="2026-11-24T01:00:00Z")]
    assert "連携の期間が満了" in browser.open(PAGE).text
    assert actions(browser) == set()


def test_a_request_whose_owner_is_withheld_counts_as_lapsed(browser: Browser) -> None:
    lapsed = grant(1001)
    lapsed["owner"]["email"] = None
    browser.server.grants = [lapsed]
    assert "申請の期限切れ" in browser.open(PAGE).text
    assert actions(browser) == set()


@pytest.mark.parametrize("state", ["denied", "withdrawn", "lapsed", "revoked", "expired"])
def test_an_ended_grant_shows_no_personal_data_and_no_button(browser: Browser, state: str) -> None:
    # A server that forgot itself: all the data is still there.
    browser.server.grants = [grant(1001) | {"state": state}]
    page = browser.open(PAGE)
    assert page.status_code == 200
    assert not [words for words in PERSONAL if words in page.text]
    assert ("連携を許可しないで更新済み" in page.text) is (state == "denied")
    assert actions(browser) == set()


def test_the_open_grant_comes_before_an_earlier_one_that_ended(browser: Browser) -> None:
    browser.server.grants = [
        grant(1001, "denied") | {"id": "5f0e2b7c-0000-4000-8000-00000000000a"},
        grant(1001),
    ]
    assert actions(browser) == {"approve", "deny"}


@pytest.mark.parametrize(
    ("state", "right", "lost"),
    [
        ("requested", "can_decide", {"approve", "deny"}),
        ("active", "can_decide", {"release"}),
        ("active", "can_proxy_login", {"proxy-login"}),
    ],
)
def test_buttons_follow_the_members_role(browser: Browser, state: str, right: str, lost: set[str]) -> None:
    browser.server.grants = [grant(1001, state)]
    assert lost <= actions(browser)
    browser.server.agency["member"][right] = False
    assert not lost & actions(browser)


@pytest.mark.parametrize(
    "path", ["/agency_admin/77", "/agency_admin/99999999999999999999", "/agency_admin/abc"]
)
def test_a_foreign_and_an_unknown_owner_get_the_same_page(browser: Browser, path: str) -> None:
    browser.server.grants = [grant(1001)]
    assert browser.open(PAGE).status_code == 200
    nobody, other = browser.open("/agency_admin/4711"), browser.open(path)
    assert nobody.status_code == other.status_code == 404
    assert without_own_marks(nobody.text, "/agency_admin/4711") == without_own_marks(other.text, path)


def without_own_marks(page: str, path: str) -> str:
    """Return a page without what the visitor sent and the tokens that differ each time."""
    token = next(line for line in page.split('"') if line.count(".") == 2 and line.startswith("I"))
    return page.replace(token, "").replace(path, "")


def test_opening_a_page_decides_nothing(browser: Browser) -> None:
    browser.server.grants = [grant(1001)]
    for path in ("", "/deny", "/approve", "/release", "/proxy-login"):
        browser.open(PAGE + path)
    assert browser.server.decisions == []
    assert browser.server.exchanges == []
    assert browser.server.grants[0]["state"] == "requested"
