"""「連携を許可」「連携を許可しない」「連携を終了する」, and every way in which they can be refused."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.clients.portal_stage import PORTAL, Browser, grant, stage

PAGE = "/agency_admin/1001"
START = {"approve": "requested", "deny": "requested", "release": "active"}
END = {"approve": "active", "deny": "denied", "release": "revoked"}
RESULT = {
    "approve": "オーナー様情報との連携に成功しました!",
    "deny": "オーナー様情報との連携を拒否しました",
    "release": "オーナー様情報との連携を終了しました",
}
FORM = {"approve": PAGE, "deny": f"{PAGE}/deny", "release": f"{PAGE}/release"}
"""The page that carries the button: the last word before it happens."""


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[Browser]:
    with stage(tmp_path) as ready:
        ready.sign_in()
        yield ready


@pytest.mark.parametrize("decision", START)
def test_a_decision_is_carried_out_and_its_result_is_shown(browser: Browser, decision: str) -> None:
    browser.server.grants = [grant(1001, START[decision])]
    answer = browser.press(browser.open(FORM[decision]), f"{PAGE}/{decision}")
    assert answer.status_code == 303
    assert answer.location == PAGE
    assert browser.server.grants[0]["state"] == END[decision]
    assert RESULT[decision] in browser.open(PAGE).text
    assert RESULT[decision] not in browser.open(PAGE).text


def test_after_a_refusal_the_page_says_that_it_was_refused(browser: Browser) -> None:
    browser.server.grants = [grant(1001)]
    assert "連携を許可しないで更新済み" not in browser.open(PAGE).text
    browser.press(browser.open(f"{PAGE}/deny"), f"{PAGE}/deny")
    assert "連携を許可しないで更新済み" in browser.open(PAGE).text


@pytest.mark.parametrize("decision", ["deny", "release"])
def test_the_confirmation_names_the_person_and_changes_nothing(browser: Browser, decision: str) -> None:
    browser.server.grants = [grant(1001, START[decision])]
    page = browser.open(FORM[decision])
    assert page.status_code == 200
    assert "鈴木 花子 様" in page.text
    assert browser.server.grants[0]["state"] == START[decision]


@pytest.mark.parametrize("decision", START)
@pytest.mark.parametrize("meanwhile", ["withdrawn", "expired"])
def test_whoever_comes_too_late_is_told_how_it_stands_now(
    browser: Browser, decision: str, meanwhile: str
) -> None:
    browser.server.grants = [grant(1001, START[decision])]
    page = browser.open(FORM[decision])
    browser.server.end(browser.server.grants[0], meanwhile)
    answer = browser.press(page, f"{PAGE}/{decision}")
    assert answer.status_code == 409
    assert "連携の状態が変わっています" in answer.text
    assert {"withdrawn": "お客様が申請を取り下げ", "expired": "連携の期間が満了"}[meanwhile] in answer.text
    assert browser.server.grants[0]["state"] == meanwhile


def test_a_second_click_on_approve_is_told_that_it_is_approved(browser: Browser) -> None:
    browser.server.grants = [grant(1001)]
    page = browser.open(PAGE)
    assert browser.press(page, f"{PAGE}/approve").status_code == 303
    answer = browser.press(page, f"{PAGE}/approve")
    assert answer.status_code == 409
    assert "すでに連携が許可されています。" in answer.text


@pytest.mark.parametrize("decision", ["deny", "release"])
def test_a_confirmation_that_no_longer_fits_says_how_it_stands(browser: Browser, decision: str) -> None:
    browser.server.grants = [grant(1001, START[decision])]
    assert browser.open(FORM[decision]).status_code == 200
    browser.server.end(browser.server.grants[0], END[decision])
    assert browser.open(FORM[decision]).status_code == 409


@pytest.mark.parametrize("decision", START)
def test_a_role_that_may_not_decide_is_refused_by_the_server_and_told_whom_to_ask(
    browser: Browser, decision: str
) -> None:
    browser.server.grants = [grant(1001, START[decision])]
    page = browser.open(FORM[decision])
    browser.server.agency["member"]["can_decide"] = False
    answer = browser.press(page, f"{PAGE}/{decision}")
    assert answer.status_code == 403
    assert "貴社の管理者の方に" in answer.text
    assert browser.server.grants[0]["state"] == START[decision]
    browser.server.agency["member"]["can_decide"] = True
    assert browser.press(page, f"{PAGE}/{decision}").status_code == 303


@pytest.mark.parametrize("decision", ["deny", "release"])
def test_a_role_that_may_not_decide_does_not_get_the_confirmation(browser: Browser, decision: str) -> None:
    browser.server.grants = [grant(1001, START[decision])]
    browser.server.agency["member"]["can_decide"] = False
    assert browser.open(FORM[decision]).status_code == 403


@pytest.mark.parametrize("decision", START)
@pytest.mark.parametrize("given", ["", "1001", "5f0e2b7c-0000-4000-8000-00000000ffff"])
def test_a_form_about_no_grant_of_this_agency_finds_nothing(
    browser: Browser, decision: str, given: str
) -> None:
    browser.server.grants = [grant(1001, START[decision])]
    page = browser.open(FORM[decision])
    assert browser.post(page, f"{PAGE}/{decision}", grant=given).status_code == 404
    assert browser.server.grants[0]["state"] == START[decision]
    assert browser.press(page, f"{PAGE}/{decision}").status_code == 303


def test_a_form_agrees_only_to_the_request_that_its_page_showed(browser: Browser) -> None:
    browser.server.grants = [grant(1001, permissions=["mypage.read"])]
    page = browser.open(PAGE)
    browser.server.end(browser.server.grants[0], "withdrawn")
    wider = grant(1001) | {"id": "5f0e2b7c-0000-4000-8000-00000000000b"}
    browser.server.grants.append(wider)
    assert browser.press(page, f"{PAGE}/approve").status_code == 409
    assert browser.server.grants[1]["state"] == "requested"
    assert browser.press(browser.open(PAGE), f"{PAGE}/approve").status_code == 303
    assert browser.server.grants[1]["state"] == "active"


@pytest.mark.parametrize("decision", START)
def test_a_form_without_its_token_decides_nothing(browser: Browser, decision: str) -> None:
    browser.server.grants = [grant(1001, START[decision])]
    fields = {"grant": browser.server.grants[0]["id"]}
    answer = browser.client.post(f"{PAGE}/{decision}", data=fields, base_url=PORTAL)
    assert answer.status_code == 400
    assert browser.server.decisions == []
    browser.press(browser.open(FORM[decision]), f"{PAGE}/{decision}")
    assert browser.server.decisions == [(fields["grant"], decision)]


@pytest.mark.parametrize("button", ["approve", "proxy-login"])
def test_coming_back_from_sign_in_to_a_button_leads_to_the_owners_page(browser: Browser, button: str) -> None:
    assert browser.open(f"{PAGE}/{button}").location == PAGE


def test_a_decision_after_sign_out_is_not_carried_out(browser: Browser) -> None:
    browser.server.grants = [grant(1001)]
    page = browser.open(PAGE)
    browser.client.delete_cookie("portal_session")
    answer = browser.press(page, f"{PAGE}/approve")
    assert answer.status_code == 401
    assert "ログイン" in answer.text
    assert browser.server.decisions == []
