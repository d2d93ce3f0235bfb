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

PAGE = "/agency_admin/1001/assignee"
MEMBER, GROUP = "7a000000-0000-4000-8000-000000000001", "7a000000-0000-4000-8000-000000000002"
STAFF = {
    "assigned_only": True, "can_assign": True, "groups": [{"id": GROUP, "name": "京都営業所", "members": 2}],
    "members": [{"id": MEMBER, "name": "小川 進", "role": "proxy_login"}],
}  # fmt: skip


class StaffServer(Server):
    """The played server, with staff to assign to."""

    def __init__(self) -> None:
        super().__init__()
        self.assigned: list[dict[str, Any]] = []
        self.answer: tuple[int, dict[str, Any]] = (200, {"results": [{"id": "", "result": "assigned"}]})

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
        ((200, {"results": [{"id": "", "result": "ended"}]}), 409),
    ):  # fmt: skip
        browser.server.answer = answer
        assert browser.press(page, PAGE, to=to).status_code == status


def test_whoever_may_not_assign_is_not_offered_it(browser: Browser) -> None:
    browser.server.agency["member"]["can_decide"] = False
    assert PAGE not in browser.open("/agency_admin/1001").text
    assert browser.open(PAGE).status_code == 403
