"""登録ユーザー一覧: search, tabs, order, pages, and what it says when there is nothing to show."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.clients.portal_stage import ISSUER, Browser, grant, stage


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[Browser]:
    with stage(tmp_path) as ready:
        ready.sign_in()
        yield ready


def test_the_list_shows_each_owner_with_the_way_to_the_details(browser: Browser) -> None:
    browser.server.grants = [grant(1001), grant(1002, "active")]
    page = browser.open("/agency_admin").text
    for words in ("登録ユーザー一覧", "販売店情報更新", "Email, またはユーザーID", "検索", "登録日", "詳細"):
        assert words in page
    assert "hanako@owner.example" in page
    assert "2026年4月1日" in page
    assert 'href="/agency_admin/1001"' in page
    assert 'href="/agency_admin/1002"' in page
    assert f'href="{ISSUER}/agency/profile"' in page


def test_each_tab_carries_its_count_and_shows_its_owners_alone(browser: Browser) -> None:
    browser.server.grants = [
        grant(1, "requested"),
        grant(2, "active"),
        grant(3, "active"),
        grant(4, "suspended"),
        grant(5, "denied"),
        grant(6, "expired"),
        grant(7, "lapsed"),
    ]
    page = "".join(browser.open("/agency_admin").text.split())
    for words, count in (("現在のお客様", 4), ("申請中", 1), ("連携中", 2), ("停止中", 1), ("終了", 3)):
        assert f'{words}<spanclass="tab-count">{count}</span>' in page
    active = browser.open("/agency_admin?state=active").text
    assert [user_id for user_id in range(1, 8) if f'href="/agency_admin/{user_id}"' in active] == [2, 3]
    ended = browser.open("/agency_admin?state=ended").text
    assert [user_id for user_id in range(1, 8) if f'href="/agency_admin/{user_id}"' in ended] == [5, 6, 7]


def test_the_address_of_an_owner_whose_grant_has_ended_is_not_shown(browser: Browser) -> None:
    ended = grant(1001, "revoked")
    # Even when the server should send it: the portal does not print it.
    ended["owner"]["email"] = "hanako@owner.example"
    browser.server.grants = [ended]
    page = browser.open("/agency_admin?state=ended").text
    assert 'href="/agency_admin/1001"' in page
    assert "hanako@owner.example" not in page
    browser.server.grants = [grant(1001, "active")]
    assert "hanako@owner.example" in browser.open("/agency_admin?state=active").text


@pytest.mark.parametrize(
    ("typed", "asked"),
    [
        ("hanako", "hanako"),
        ("１００１", "1001"),
        ("　ｈａｎａｋｏ＠ｏｗｎｅｒ．ｅｘａｍｐｌｅ ", "hanako@owner.example"),
    ],
)
def test_search_is_folded_before_it_is_asked(browser: Browser, typed: str, asked: str) -> None:
    browser.server.grants = [grant(1001)]
    page = browser.client.get("/agency_admin", query_string={"q": typed}, base_url="http://localhost:8002")
    assert browser.server.list_queries[-1]["q"] == asked
    assert f'value="{asked}"' in page.text
    assert 'href="/agency_admin/1001"' in page.text


def test_tab_search_and_order_go_to_the_server_together(browser: Browser) -> None:
    browser.server.grants = [grant(1001, "active")]
    browser.open("/agency_admin?state=active&q=hana&sort=email")
    asked = browser.server.list_queries[-1]
    assert (asked["state"], asked["q"], asked["sort"], asked["limit"]) == ("active", "hana", "email", "50")


@pytest.mark.parametrize("arguments", ["state=everything", "sort=password", "state=&sort="])
def test_what_makes_no_sense_in_the_address_shows_the_ordinary_list(browser: Browser, arguments: str) -> None:
    browser.server.grants = [grant(1001)]
    assert browser.open(f"/agency_admin?{arguments}").status_code == 200
    assert browser.server.list_queries[-1] == {"sort": "-requested_at", "limit": "50"}


def test_a_longer_list_has_a_next_page_and_a_way_back_to_the_first(browser: Browser) -> None:
    browser.server.grants = [grant(1001, "active")]
    assert "次のページへ" not in browser.open("/agency_admin").text
    browser.server.next_cursor = "c-2"
    page = browser.open("/agency_admin?state=active&q=hana").text
    assert "最初のページへ" not in page
    assert 'href="/agency_admin?state=active&amp;q=hana&amp;cursor=c-2"' in page
    later = browser.open("/agency_admin?state=active&q=hana&cursor=c-2").text
    assert browser.server.list_queries[-1]["cursor"] == "c-2"
    assert "最初のページへ" in later
    assert 'class="pagination-previous" href="/agency_admin?state=active&amp;q=hana"' in later


def test_a_cursor_that_the_server_no_longer_knows_leads_to_the_first_page(browser: Browser) -> None:
    browser.server.grants = [grant(1001, "active")]
    assert browser.open("/agency_admin?state=active&cursor=old").status_code == 200
    browser.server.refuses_cursor = True
    answer = browser.open("/agency_admin?state=active&cursor=old")
    assert answer.status_code == 302
    assert answer.location == "/agency_admin?state=active"


def test_an_agency_without_owners_is_told_how_to_get_the_first(browser: Browser) -> None:
    page = browser.open("/agency_admin").text
    assert "登録ユーザーはまだいません。" in page
    assert "mirai@agency.example" in page
    browser.server.grants = [grant(1001)]
    assert "登録ユーザーはまだいません。" not in browser.open("/agency_admin").text


def test_a_search_without_result_says_so_and_leads_back(browser: Browser) -> None:
    browser.server.grants = [grant(1001)]
    page = browser.open("/agency_admin?q=%3Cb%3Etaro").text
    assert "「&lt;b&gt;taro」に当てはまるお客様は見つかりませんでした。" in page
    assert "検索をやめて一覧に戻る" in page
    assert "見つかりませんでした" not in browser.open("/agency_admin?q=hanako").text


def test_an_empty_tab_says_so(browser: Browser) -> None:
    browser.server.grants = [grant(1001)]
    assert "「停止中」のお客様はいません。" in browser.open("/agency_admin?state=suspended").text
    assert "お客様はいません" not in browser.open("/agency_admin?state=requested").text
