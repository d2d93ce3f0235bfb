"""Many owners at once: chosen on the list, confirmed, and each with a result and what to do next."""

import re
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from tests.clients.portal_stage import Browser, grant, stage

SELECTED = "/agency_admin/selected"


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[Browser]:
    with stage(tmp_path) as ready:
        ready.sign_in()
        yield ready


def rows(page: str, name: str) -> list[str]:
    return re.findall(rf'name="{name}" value="([^"]+)"', page)


def test_a_whole_page_of_requests_is_approved_with_two_presses(browser: Browser) -> None:
    browser.server.grants = [grant(number) for number in range(1001, 1051)]
    page = browser.open("/agency_admin?state=requested")
    everybody = rows(page.text, "everybody")
    assert len(everybody) == 50
    confirm = browser.post(page, SELECTED, decision="approve-everybody", everybody=everybody)
    assert "50名の申請を許可することの確認" in confirm.text
    assert {item["state"] for item in browser.server.grants} == {"requested"}
    [key] = rows(confirm.text, "key")
    fields = {"decision": "approve", "key": key, "chosen": rows(confirm.text, "chosen")}
    done = browser.post(confirm, f"{SELECTED}/decide", **fields)
    assert "50名の申請を許可しました" in done.text
    assert {item["state"] for item in browser.server.grants} == {"active"}
    browser.post(confirm, f"{SELECTED}/decide", **fields)
    assert browser.server.keys == [f'"{key}"'] * 2


def test_only_the_chosen_are_decided_about_and_each_has_its_result(browser: Browser) -> None:
    browser.server.grants = [grant(1001), grant(1002), grant(1003, "withdrawn")]
    ids = {item["owner"]["user_id"]: item["id"] for item in browser.server.grants}
    page = browser.open("/agency_admin?state=requested")
    chosen = [f"{ids[1001]}:1001", f"{ids[1003]}:1003", f"{uuid4()}:1004"]
    confirm = browser.post(page, SELECTED, decision="deny", chosen=chosen)
    assert "3名の申請を許可しないことの確認" in confirm.text
    [key] = rows(confirm.text, "key")
    done = browser.post(
        confirm, f"{SELECTED}/decide", decision="deny", key=key, chosen=rows(confirm.text, "chosen")
    )  # fmt: skip
    assert "1名の申請を許可しませんでした" in done.text
    assert "2名については実行できませんでした" in done.text
    assert "状態が変わっていました" in done.text
    assert "この連携は見つかりませんでした" in done.text
    assert [item["state"] for item in browser.server.grants] == ["denied", "requested", "withdrawn"]


def test_who_chose_nobody_is_told_how_and_nonsense_is_no_page(browser: Browser) -> None:
    browser.server.grants = [grant(1001)]
    page = browser.open("/agency_admin?state=requested")
    nobody = browser.post(page, SELECTED, decision="approve")
    assert (nobody.status_code, "お客様が選ばれていません" in nobody.text) == (400, True)
    for fields in (
        {"decision": "burn", "chosen": "x"}, {"decision": "approve", "chosen": "x"},
        {"decision": "approve", "chosen": f"{uuid4()}:a"},
        {"decision": "approve", "chosen": [f"{uuid4()}:{number}" for number in range(201)]},
    ):  # fmt: skip
        assert browser.post(page, SELECTED, **fields).status_code == 404
    assert browser.open(SELECTED).status_code == 302


def test_who_may_not_decide_is_offered_no_choice(browser: Browser) -> None:
    browser.server.grants = [grant(1001), grant(1002, "active")]
    for state, offered in (("requested", True), ("active", True), ("", False)):
        assert ("選んだお客様" in browser.open(f"/agency_admin?state={state}").text) is offered
    page = browser.open("/agency_admin?state=requested")
    browser.server.agency["member"]["can_decide"] = False
    assert "選んだお客様" not in browser.open("/agency_admin?state=requested").text
    refused = browser.post(page, SELECTED, decision="approve", chosen=rows(page.text, "everybody"))
    assert refused.status_code == 403
