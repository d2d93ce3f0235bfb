"""Many owners at once: answering the chosen requests, and the list as a CSV file."""

import csv
from collections.abc import Iterator
from io import StringIO
from pathlib import Path

import pytest
from werkzeug.test import TestResponse

from tests.clients.portal_stage import PORTAL, Browser, forms_of, grant, stage

MANY = "/agency_admin/decisions"
END = {"approve": "active", "deny": "denied"}
RESULT = {
    "approve": "2件のオーナー様情報との連携に成功しました!",
    "deny": "2件のオーナー様情報との連携を拒否しました",
}


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[Browser]:
    with stage(tmp_path) as ready:
        ready.server.grants = [grant(1), grant(2), grant(3)]
        ready.sign_in()
        yield ready


def question(decision: str, *user_ids: int) -> str:
    """Return the address to which the list's form leads when these owners are chosen."""
    chosen = "".join(f"&grant={grant(user_id)['id']}" for user_id in user_ids)
    return f"{MANY}?decision={decision}{chosen}"


def states(browser: Browser) -> list[str]:
    return [item["state"] for item in browser.server.grants]


def test_requests_can_be_chosen_in_their_tab(browser: Browser) -> None:
    page = browser.open("/agency_admin?state=requested")
    assert page.text.count('type="checkbox"') == 3
    assert "選んだ申請を許可" in page.text
    assert MANY in {form.action for form in forms_of(page)}
    assert 'type="checkbox"' not in browser.open("/agency_admin").text


def test_a_role_that_may_not_decide_cannot_choose(browser: Browser) -> None:
    assert browser.open(question("approve", 1)).status_code == 200
    browser.server.agency["member"]["can_decide"] = False
    assert 'type="checkbox"' not in browser.open("/agency_admin?state=requested").text
    assert browser.open(question("approve", 1)).status_code == 403


@pytest.mark.parametrize("decision", END)
def test_the_chosen_requests_are_answered_after_one_more_question(browser: Browser, decision: str) -> None:
    page = browser.open(question(decision, 1, 3))
    assert page.status_code == 200
    assert page.text.count("鈴木 花子 様") == 2
    assert states(browser) == ["requested", "requested", "requested"]
    answer = browser.client.post(MANY, data=fields_of(page), base_url=PORTAL)
    assert answer.status_code == 303
    assert answer.location == "/agency_admin?state=requested"
    assert states(browser) == [END[decision], "requested", END[decision]]
    assert RESULT[decision] in browser.open(answer.location).text


def fields_of(page: TestResponse) -> dict[str, list[str]]:
    """Return the fields of the confirmation's form, with each of its grants."""
    return next(form.all_hidden for form in forms_of(page) if form.action == MANY)


def test_one_that_has_moved_does_not_stop_the_others(browser: Browser) -> None:
    page = browser.open(question("approve", 1, 2))
    browser.server.end(browser.server.grants[0], "withdrawn")
    browser.client.post(MANY, data=fields_of(page), base_url=PORTAL)
    assert states(browser) == ["withdrawn", "active", "requested"]
    shown = browser.open("/agency_admin?state=requested").text
    assert "1件のオーナー様情報との連携に成功しました!" in shown
    assert "1件は、ほかの操作で状態が変わっていたため、更新されていません。" in shown


def test_the_question_leaves_out_what_no_longer_waits(browser: Browser) -> None:
    browser.server.end(browser.server.grants[0], "withdrawn")
    assert browser.open(question("deny", 1, 2)).text.count("鈴木 花子 様") == 1


def test_choosing_nobody_says_what_to_do(browser: Browser) -> None:
    answer = browser.open(f"{MANY}?decision=approve")
    assert answer.status_code == 303
    assert "申請中のお客様を選んでから" in browser.open(answer.location).text


def test_the_server_has_the_last_word_about_the_role(browser: Browser) -> None:
    page = browser.open(question("approve", 1, 2))
    browser.server.agency["member"]["can_decide"] = False
    assert browser.client.post(MANY, data=fields_of(page), base_url=PORTAL).status_code == 403
    assert states(browser) == ["requested", "requested", "requested"]
    browser.server.agency["member"]["can_decide"] = True
    assert browser.client.post(MANY, data=fields_of(page), base_url=PORTAL).status_code == 303


@pytest.mark.parametrize("arguments", ["decision=release", "decision=", "decision=approve&grant=1", "grant="])
def test_what_no_form_of_ours_sends_finds_nothing(browser: Browser, arguments: str) -> None:
    assert browser.open(f"{MANY}?{arguments}").status_code == 404


def test_without_its_token_nothing_is_answered(browser: Browser) -> None:
    fields = {"decision": "approve", "grant": grant(1)["id"]}
    assert browser.client.post(MANY, data=fields, base_url=PORTAL).status_code == 400
    assert browser.server.decisions == []


def rows_of(browser: Browser, path: str) -> list[list[str]]:
    answer = browser.open(path)
    assert answer.status_code == 200
    assert answer.mimetype == "text/csv"
    assert answer.data.startswith(b"\xef\xbb\xbf")
    return list(csv.reader(StringIO(answer.data.decode("utf-8-sig"))))


def test_the_list_can_be_saved_as_csv_with_its_search_and_order(browser: Browser) -> None:
    browser.server.grants = [grant(1001, "active"), grant(1002)]
    assert 'href="/agency_admin/csv?state=active"' in browser.open("/agency_admin?state=active").text
    heading, *rows = rows_of(browser, "/agency_admin/csv?state=active&q=hanako&sort=email")
    assert heading[:4] == ["ユーザーID", "Email", "氏名", "登録日"]
    assert rows == [
        [
            "1001",
            "hanako@owner.example",
            "鈴木 花子",
            "2026-04-01",
            "2026-11-20",
            "連携中",
            "閲覧と設定変更",
            "2027-11-21",
            "",
        ]
    ]
    asked = browser.server.list_queries[-1]
    assert (asked["state"], asked["q"], asked["sort"]) == ("active", "hanako", "email")


def test_csv_holds_every_page_of_the_list(browser: Browser) -> None:
    browser.server.grants = [grant(user_id, "active") for user_id in range(1, 251)]
    browser.server.real_pages = True
    assert [row[0] for row in rows_of(browser, "/agency_admin/csv")[1:]] == [str(n) for n in range(1, 251)]
    assert len(browser.server.list_queries) == 2


def test_csv_of_ended_grants_holds_no_personal_data(browser: Browser) -> None:
    browser.server.grants = [grant(1001) | {"state": "revoked"}]
    ((user_id, email, name, *_),) = rows_of(browser, "/agency_admin/csv?state=ended")[1:]
    assert (user_id, email, name) == ("1001", "", "")


def test_a_name_that_begins_like_a_formula_stays_a_text(browser: Browser) -> None:
    dangerous = grant(1001)
    dangerous["owner"]["name"] = '=HYPERLINK("http://evil.example")'
    browser.server.grants = [dangerous, grant(1002)]
    rows = rows_of(browser, "/agency_admin/csv")[1:]
    assert rows[0][2] == '\'=HYPERLINK("http://evil.example")'
    assert rows[1][2] == "鈴木 花子"


def test_csv_without_sign_in_asks_for_it(browser: Browser) -> None:
    browser.client.delete_cookie("portal_session")
    assert browser.open("/agency_admin/csv").location == "/login?next=/agency_admin/csv"
