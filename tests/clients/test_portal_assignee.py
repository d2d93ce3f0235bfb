"""担当 in the portal: who looks after an owner, shown and changed by those who may."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import responses
import time_machine
from requests import PreparedRequest

from tests.clients.portal_stage import DAY, Browser, Server, grant

PAGE, SELECTED = "/agency_admin/1001/assignee", "/agency_admin/selected"
MEMBER, GROUP = "7a000000-0000-4000-8000-000000000001", "7a000000-0000-4000-8000-000000000002"
STAFF = {
    "assigned_only": True, "can_assign": True, "groups": [{"id": GROUP, "name": "京都営業所", "members": 2}],
    "members": [{"id": MEMBER, "name": "小川 進", "role": "proxy_login"}],
}  # fmt: skip


def result(word: str) -> dict[str, Any]:
    return {"results": [{"id": grant(1001)["id"], "result": word}]}


class StaffServer(Server):
    """The played server, with staff to assign to."""

    def __init__(self) -> None:
        super().__init__()
        self.assigned: list[dict[str, Any]] = []
        self.answer: tuple[int, dict[str, Any]] = (200, result("assigned"))

    def _read(self, request: PreparedRequest) -> tuple[int, dict[str, str], str]:
        if urlsplit(str(request.url)).path == "/api/agency/staff":
            return 200, {"Content-Type": "application/json"}, json.dumps(STAFF)
        return super()._read(request)

    def _decide(self, request: PreparedRequest) -> tuple[int, dict[str, str], str]:
        self.assigned.append(json.loads(request.body or "{}"))
        status, body = self.answer
        return status, {"Content-Type": "application/json"}, json.dumps(body)


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[Browser]:
    server = StaffServer()
    server.grants = [grant(1001, "active", assignee=None)]
    with time_machine.travel(DAY), responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        server.install(mock)
        browser = Browser(server, tmp_path / "portal.sqlite3")
        browser.sign_in()
        yield browser


def assigned(browser: Browser) -> list[dict[str, Any]]:
    assert isinstance(browser.server, StaffServer)
    return browser.server.assigned


@pytest.mark.parametrize(
    ("to", "sent"),
    [(f"member:{MEMBER}", {"member": MEMBER}), (f"group:{GROUP}", {"group": GROUP}),
     ("nobody", {"member": None})],
)  # fmt: skip
def test_an_owner_is_assigned_to_a_member_a_group_or_nobody(
    browser: Browser, to: str, sent: dict[str, Any]
) -> None:
    assert f'href="{PAGE}"' in browser.open("/agency_admin/1001").text
    page = browser.open(PAGE)
    assert "小川 進" in page.text
    assert "グループ：京都営業所" in page.text
    answer = browser.press(page, PAGE, to=to)
    assert (answer.status_code, answer.location) == (303, "/agency_admin/1001")
    assert assigned(browser) == [{"ids": [grant(1001)["id"]], **sent}]


def test_who_looks_after_an_owner_stands_on_the_owners_page(browser: Browser) -> None:
    who = {"kind": "member", "id": MEMBER, "name": "小川 進", "has_left": False}
    for assignee, words in (
        (None, "担当：なし"), (who, "担当：小川 進さん"),
        ({**who, "has_left": True}, "スタッフから外れています"),
        ({**who, "kind": "group"}, "担当：グループ「小川 進」"),
    ):  # fmt: skip
        browser.server.grants = [grant(1001, "active", assignee=assignee)]
        assert words in browser.open("/agency_admin/1001").text
    assert re.search("selected", browser.open(PAGE).text)


@pytest.mark.parametrize("to", ["", "member:", "nobody:x", "owner:1", "x"])
def test_a_choice_that_makes_no_sense_is_asked_for_again(browser: Browser, to: str) -> None:
    assert browser.press(browser.open(PAGE), PAGE, to=to).status_code == 400
    assert assigned(browser) == []


def test_what_the_server_refuses_becomes_a_page(browser: Browser) -> None:
    assert isinstance(browser.server, StaffServer)
    page, to = browser.open(PAGE), f"member:{MEMBER}"
    for answer, status in (
        ((400, {"title": "assignee_unknown"}), 400), ((403, {"title": "role_may_not"}), 403),
        ((200, result("ended")), 409),
    ):  # fmt: skip
        browser.server.answer = answer
        assert browser.press(page, PAGE, to=to).status_code == status


def test_everybody_on_a_page_is_assigned_at_once_and_the_search_is_kept(browser: Browser) -> None:
    assert isinstance(browser.server, StaffServer)
    browser.server.grants.append(grant(1002, "active"))
    page = browser.open("/agency_admin?state=active&sort=furigana&q=hanako&mark=all")
    assert page.text.count(" checked>") == 2
    chosen = re.findall(r'name="chosen" value="([^"]+)"', page.text)
    place = {"state": "active", "sort": "furigana", "q": "hanako"}
    ask = browser.post(page, SELECTED, decision="assign", chosen=chosen, **place)
    assert "2名の担当を決める" in ask.text
    assert "1001 鈴木 花子" in ask.text
    assert browser.press(ask, f"{SELECTED}/assign", to="").status_code == 400
    assert assigned(browser) == []
    browser.server.answer[1]["results"].append({"id": grant(1002)["id"], "result": "ended"})
    done = browser.post(ask, f"{SELECTED}/assign", to=f"group:{GROUP}", chosen=chosen, **place)
    assert assigned(browser) == [{"ids": [grant(1001)["id"], grant(1002)["id"]], "group": GROUP}]
    assert "1名の担当を決めました" in done.text
    assert "連携が終了していたため" in done.text
    assert 'href="/agency_admin?state=active&amp;q=hanako&amp;sort=furigana"' in done.text


def test_whoever_may_not_assign_is_not_offered_it(browser: Browser) -> None:
    browser.server.agency["member"]["can_decide"] = False
    assert PAGE not in browser.open("/agency_admin/1001").text
    assert browser.open(PAGE).status_code == 403
