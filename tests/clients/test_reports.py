"""マイページ tells the owner what those who act for them do, whatever becomes of the server meanwhile."""

from datetime import timedelta
from typing import Any

import pytest
import requests
import time_machine
from flask import Flask

from clients.mypage.app import create_app
from clients.relying_party import clock
from clients.relying_party.reporting import Reporter
from clients.relying_party.reports import Report, ReportQueue
from tests.clients.mypage_stage import Browser, mypage_settings
from tests.clients.played_server import PRODUCT_ID, PlayedServer

POWER = f"/products/{PRODUCT_ID}/power"
SERVICES = f"/products/{PRODUCT_ID}/services"


@pytest.fixture
def reporter(app: Flask, server: PlayedServer) -> Reporter:
    """The thread's work, done when a test says so."""
    look: Any = next(hook for hook in app.before_request_funcs[None] if hook.__name__ == "look")
    reporter: Reporter = look.__self__
    return reporter


def told(server: PlayedServer) -> list[tuple[str, str]]:
    """Return what has arrived: action and item."""
    return [(one["action"], one["item"]) for one in server.reports]


def test_what_somebody_who_acts_sees_and_changes_is_reported_once_each(
    browser: Browser, server: PlayedServer, reporter: Reporter
) -> None:
    browser.start_proxy_login()
    for page in ("/customer", "/products", POWER, "/customer", POWER, "/products", SERVICES):
        assert browser.open(page).status_code == 200
    confirm = browser.open(f"{SERVICES}/confirm?watch=leave")
    browser.press(confirm, f"{SERVICES}/confirm")
    reporter.send_due()
    assert sorted(told(server)) == [
        ("changed", "サービスの加入状況"), ("viewed", "お客様情報"), ("viewed", "製品情報"),
        ("viewed", "電力データ"),
    ]  # fmt: skip
    change = next(one for one in server.reports if one["action"] == "changed")
    assert change["description"] == "ESS-U4X1: 見守りサービスを解約"
    assert change["description_en"] == "ESS-U4X1: left monitoring service"
    assert {path for _, path, _ in server.api_calls if "activities" in path} == {
        "/api/proxy-logins/act-as-1/activities"
    }
    reporter.send_due()
    assert len(server.reports) == 4


def test_the_owners_own_visits_are_reported_to_nobody(
    browser: Browser, server: PlayedServer, reporter: Reporter
) -> None:
    browser.sign_in()
    browser.open("/customer")
    reporter.send_due()
    assert server.reports == []


@pytest.mark.parametrize("trouble", [requests.ConnectionError("down"), (503, {}), (429, {}), (401, {})])
def test_a_server_that_is_down_gets_the_reports_later_and_no_page_waits(
    browser: Browser, server: PlayedServer, reporter: Reporter, trouble: Any
) -> None:
    begun = clock.now()
    with time_machine.travel(begun, tick=False):
        browser.start_proxy_login()
        server.takes_reports = trouble
        assert browser.open("/customer").status_code == 200
        reporter.send_due()
        server.takes_reports, server.reports = (201, {}), []
        reporter.send_due()
        assert server.reports == []
    with time_machine.travel(begun + timedelta(seconds=6), tick=False):
        reporter.send_due()
    assert told(server) == [("viewed", "お客様情報")]


def test_reports_that_a_process_left_behind_are_sent_by_the_next(
    browser: Browser, server: PlayedServer, tmp_path: Any
) -> None:
    browser.start_proxy_login()
    browser.open("/customer")
    settings = mypage_settings(tmp_path / "mypage.sqlite3")
    look: Any = create_app(settings).before_request_funcs[None][-1]
    look.__self__.send_due()
    assert told(server) == [("viewed", "お客様情報")]


@pytest.mark.parametrize(
    ("answer", "arrivals"),
    [((409, {}), 2), ((404, {}), 2), ((400, {}), 2), ((400, {"errors": [{"index": 0}]}), 3)],
)  # fmt: skip
def test_what_the_server_will_never_take_is_given_up_and_the_rest_sent(
    browser: Browser, server: PlayedServer, reporter: Reporter, answer: Any, arrivals: int
) -> None:
    """Of two, one that is named as faulty is given up alone; the other arrives again, and is faulty then."""
    browser.start_proxy_login()
    browser.open("/customer")
    browser.open("/products")
    server.takes_reports = answer
    reporter.send_due()
    with time_machine.travel(clock.now() + timedelta(hours=1), tick=False):
        reporter.send_due()
    assert len(server.reports) == arrivals


def test_of_two_processes_one_sends_a_report_unless_it_dies(tmp_path: Any) -> None:
    queue = ReportQueue(f"sqlite:///{tmp_path / 'queue.sqlite3'}")
    now = clock.now()
    for number in range(3):
        report = Report(action="viewed", item="電力データ", description=f"No. {number}")
        assert queue.add("act-as-1", report, once=True, now=now)
        assert not queue.add("act-as-1", report, once=True, now=now)
    sid, waiting = queue.take(now)
    assert (sid, len(waiting)) == ("act-as-1", 3)
    assert queue.take(now)[1] == ()  # another process takes none of them
    assert len(queue.take(now + timedelta(minutes=2))[1]) == 3  # unless the first has died
    queue.settle([waiting[0].reference], now=now)
    queue.put_back([one.reference for one in waiting[1:]], due_at=now)
    assert {one.reference for one in queue.take(now)[1]} == {one.reference for one in waiting[1:]}
