"""Relying parties report what was done under a proxy login: once each, in time, about their own alone."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
import time_machine
from werkzeug.test import TestResponse

from idp import clock
from idp.delegation.activities.models import Activity
from idp.delegation.activities.rules import (
    MOST_IN_A_CALL,
    MOST_OF_A_LOGIN,
    Report,
    ReportsRefused,
    one_line,
    read_reports,
)
from idp.oauth.client_metadata import CLIENT_CREDENTIALS
from tests.delegation.steps import end
from tests.oauth.desk import Desk, Parties
from tests.oauth.relying_party import RelyingParty
from tests.oauth.third_parties import third_party
from tests.world import World


@pytest.fixture
def desk(world: World, parties: Parties) -> Desk:
    return Desk(world, parties)


def own_token(party: RelyingParty) -> str:
    """Return the access token with which a relying party speaks for itself."""
    asked = {"grant_type": CLIENT_CREDENTIALS, "scope": "proxy_logins.report"}
    return party.token(asked).tokens().access_token


def activity(reference: str = "a-1", **deviation: Any) -> dict[str, Any]:
    """Return a report of something that was done just now."""
    return {
        "id": reference, "at": clock.iso(clock.now()), "action": "viewed", "item": "電力データ",
        "description": "11月24日の電力データ", "description_en": "Power data of 24 November", **deviation,
    }  # fmt: skip


def report(world: World, sid: object, token: str, *activities: Any) -> TestResponse:
    """Report activities, by default one."""
    body = {"activities": list(activities) or [activity()]}
    return world.api("POST", f"/api/proxy-logins/{sid}/activities", token, json=body)


def test_a_relying_party_reports_and_a_repeated_report_is_stored_once(world: World, desk: Desk) -> None:
    sid, token = desk.act().claims["sid"], own_token(desk.mypage)
    first = report(world, sid, token, activity("a-1"), activity("a-2", action="changed"))
    assert first.status_code == 201, first.text
    assert [one["id"] for one in first.get_json()["items"]] == ["a-1", "a-2"]
    again = report(world, sid, token, activity("a-2", description="別の言葉"), activity("a-1"))
    assert (again.status_code, world.count(Activity)) == (200, 2)
    assert sorted(map(str, again.get_json()["items"])) == sorted(map(str, first.get_json()["items"]))
    doubled = report(world, sid, token, activity("a-3"), activity("a-3", item="製品情報"))
    assert (doubled.status_code, world.count(Activity)) == (201, 3)
    told = [event for event in world.events() if event.event == "proxy_login.activity.reported"]
    assert [event.data["count"] for event in told] == [2, 1]
    assert str(told[0].session_id) == sid


def test_only_the_relying_party_of_a_proxy_login_reports_of_it(world: World, desk: Desk) -> None:
    acting = desk.act()
    other = own_token(
        third_party(world, "other", scope="proxy_logins.report", grant_types=(CLIENT_CREDENTIALS,),
                    redirect_uris=())
    )  # fmt: skip
    foreign, unknown = report(world, acting.claims["sid"], other), report(world, uuid4(), other)
    assert foreign.status_code == unknown.status_code == 404
    texts = [{**answer.get_json(), "request_id": ""} for answer in (foreign, unknown)]
    assert texts[0] == texts[1]
    for token, status in ((acting.access_token, 403), (desk.staff.access_token, 403), ("", 401)):
        assert report(world, acting.claims["sid"], token).status_code == status
    assert world.count(Activity) == 0
    assert report(world, acting.claims["sid"], own_token(desk.mypage)).status_code == 201


@pytest.mark.parametrize(("minutes", "status"), [(-2, 400), (-0.5, 201), (29, 201), (30.5, 201), (32, 400)])
def test_what_is_reported_was_done_within_the_proxy_login(
    world: World, desk: Desk, minutes: float, status: int
) -> None:
    sid, began = desk.act().claims["sid"], clock.now()
    with time_machine.travel(began + timedelta(hours=2), tick=False):
        done = clock.iso(began + timedelta(minutes=minutes))
        answer = report(world, sid, own_token(desk.mypage), activity(at=done))
    assert answer.status_code == status, answer.text
    if status == 400:
        assert answer.get_json()["errors"][0]["field"] == "at"


def test_a_refusal_names_the_place_of_each_faulty_report_in_the_call(world: World, desk: Desk) -> None:
    """The relying party gives up those that are named, and sends the others again."""
    sid, token = desk.act().claims["sid"], own_token(desk.mypage)
    assert report(world, sid, token, activity("known")).status_code == 201
    late = clock.iso(clock.now() + timedelta(days=1))
    sent = [activity("known"), activity("a-1"), activity("a-2", at=late), activity("a-3")]
    refused = report(world, sid, token, *sent).get_json()
    assert [(one["index"], one["field"]) for one in refused["errors"]] == [(2, "at")]
    assert report(world, sid, token, *(one for one in sent if one["id"] != "a-2")).status_code == 201


def test_nothing_is_reported_of_the_time_after_a_revocation(world: World, desk: Desk) -> None:
    sid, began = desk.act().claims["sid"], clock.now()
    end(world, world.grant().id)
    with time_machine.travel(began + timedelta(minutes=10), tick=False):
        token = own_token(desk.mypage)
        assert report(world, sid, token).status_code == 400
        assert report(world, sid, token, activity(at=clock.iso(began))).status_code == 201


def test_reports_are_taken_until_a_day_after_the_end(world: World, desk: Desk) -> None:
    sid, began = desk.act().claims["sid"], clock.now()
    done = activity(at=clock.iso(began))
    with time_machine.travel(began + timedelta(minutes=29, hours=24), tick=False):
        assert report(world, sid, own_token(desk.mypage), done).status_code == 201
    with time_machine.travel(began + timedelta(minutes=31, hours=24), tick=False):
        token = own_token(desk.mypage)
        assert report(world, sid, token, {**done, "id": "late"}).status_code == 409
        assert report(world, sid, token, done).status_code == 200


def test_a_record_that_is_full_takes_no_more(world: World, desk: Desk) -> None:
    sid, token = desk.act().claims["sid"], own_token(desk.mypage)
    for hundred in range(MOST_OF_A_LOGIN // MOST_IN_A_CALL):
        full = [activity(f"a-{hundred}-{number}") for number in range(MOST_IN_A_CALL)]
        assert report(world, sid, token, *full).status_code == 201
    assert report(world, sid, token, activity("one-more")).status_code == 409


# --- the shape of a report ------------------------------------------------------------------------------


def read(**deviation: Any) -> Report:
    """Read one report with a deviation."""
    given = {name: value for name, value in activity(**deviation).items() if value is not None}
    [found] = read_reports(json.dumps({"activities": [given]}).encode())
    return found


@pytest.mark.parametrize(
    ("field", "value"),
    [("id", ""), ("id", "x" * 65), ("id", "a b"), ("id", "あ"), ("id", 7), ("at", None), ("at", "yesterday"),
     ("at", "2026-11-24T06:04:00"), ("at", 1), ("at", "0001-01-01T00:00:00+09:00"), ("action", "deleted"),
     ("action", []), ("item", None), ("item", ""), ("item", "\0"), ("item", "あ" * 41), ("item", {}),
     ("description", " \n "), ("description", "あ" * 201), ("description_en", 1), ("color", "red")],
)  # fmt: skip
def test_a_report_of_another_shape_is_refused_by_its_field(field: str, value: Any) -> None:
    with pytest.raises(ReportsRefused) as refused:
        read(**{field: value}) if field != "id" else read_reports_with_id(value)
    [fault] = refused.value.faults
    assert fault.field == (field if field != "color" else "")
    assert fault.remedy


def read_reports_with_id(value: Any) -> None:
    read_reports(json.dumps({"activities": [activity() | {"id": value}]}).encode())


@pytest.mark.parametrize("body", [b"", b"\xff", b"[]", b"{}", b'{"activities": {}}', b'{"activities": []}',
                                  b"[" * 100_000, b"NaN"])  # fmt: skip
def test_a_body_of_another_shape_is_refused(body: bytes) -> None:
    with pytest.raises(ReportsRefused):
        read_reports(body)


def test_a_text_becomes_one_line_that_can_be_stored_and_shown() -> None:
    assert one_line("a\0b\r\n c\ud800d\u202eevil\u2066") == "a b c d evil"
    assert one_line("電力データ 🔋") == "電力データ 🔋"
    found = read(description="設定\nを\x07変更", description_en=None, at="2026-11-24T15:04:00+09:00")
    assert (found.description, found.description_en) == ("設定 を 変更", "")
    assert found.at == datetime(2026, 11, 24, 6, 4, tzinfo=UTC)
