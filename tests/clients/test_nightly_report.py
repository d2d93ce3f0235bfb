"""The nightly report: it reads for whoever allows it, and forgets whoever has ended it."""

import csv
import json
import threading
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
import responses
from joserfc.jwk import ECKey
from requests import PreparedRequest

from clients.nightly_report.club import Club, ShutOut, TryLater
from clients.nightly_report.folder import ReportFolder
from clients.nightly_report.listener import Listener
from clients.nightly_report.night import Outcome, run
from clients.relying_party import clock
from clients.relying_party.security_event import KINDS
from tests.clients.played_server import sign
from tests.oauth.assertions import claims_of

ISSUER, MYPAGE = "https://id.club.example", "https://mypage.club.example"
DAY = date(2026, 11, 23)
ONE, TWO, THREE = (f"00000000-0000-4000-8000-00000000000{number}" for number in (1, 2, 3))
SERVER_KEY = ECKey.generate_key("P-256", {"kid": "server-es", "use": "sig"})
OWN_KEY = ECKey.generate_key("P-256", {"kid": "own"})
HOUR = {"hour": 0, "generation": 0.0, "use": 0.4, "charge": 0.0, "discharge": 0.4, "bought": 0.0, "sold": 0.0,
        "stored": 3.1}  # fmt: skip
ITEM = {"product_id": 1001, "serial_number": "HC-A10001WN1", "available": True, "hours": [HOUR]}
Answer = tuple[int, dict[str, str], str]


class PlayedClub:
    """The server and マイページ: who allows what, and what goes wrong."""

    def __init__(self) -> None:
        self.states = {ONE: "active", TWO: "active"}
        self.refused: dict[str, str] = {}
        """Error of the exchange, by grant."""
        self.stumbles: list[Answer] = []
        """What the next requests to token endpoint and APIs get instead of an answer."""
        self.assertions: list[dict[str, Any]] = []
        self.power_status = 200

    def install(self, mock: responses.RequestsMock) -> None:
        paths = {"authorization_endpoint": "/authorize", "token_endpoint": "/oauth/token",
                 "userinfo_endpoint": "/userinfo", "jwks_uri": "/jwks",
                 "end_session_endpoint": "/end"}  # fmt: skip
        metadata = {"issuer": ISSUER} | {name: ISSUER + path for name, path in paths.items()}
        mock.get(f"{ISSUER}/.well-known/openid-configuration", json=metadata)
        mock.get(f"{ISSUER}/jwks", json={"keys": [SERVER_KEY.as_dict(private=False)]})
        mock.add_callback("POST", f"{ISSUER}/oauth/token", self._token)
        mock.add_callback("GET", f"{ISSUER}/api/delegations", self._list)
        for grant in (ONE, TWO, THREE):
            mock.add_callback("GET", f"{ISSUER}/api/delegations/{grant}", self._show)
        mock.add_callback("GET", f"{MYPAGE}/api/power", self._power)

    def _token(self, request: PreparedRequest) -> Answer:
        sent = {name: values[0] for name, values in parse_qs(str(request.body)).items()}
        self.assertions.append(claims_of(sent["client_assertion"]))
        if self.stumbles:
            return self.stumbles.pop(0)
        if sent["grant_type"] == "client_credentials":
            return _json(200, {"access_token": "own", "token_type": "Bearer", "expires_in": 300})
        assert (sent["actor_token"], sent["audience"], sent["scope"]) == ("own", "mypage", "mypage.read")
        if error := self.refused.get(sent["subject_token"]):
            return _json(400, {"error": error})
        return _json(200, {"access_token": f"for-{sent['subject_token']}", "token_type": "Bearer"})

    def _list(self, request: PreparedRequest) -> Answer:
        if self.stumbles:
            return self.stumbles.pop(0)
        active = [one for one, state in self.states.items() if state == "active"]
        number = int(parse_qs(urlsplit(str(request.url)).query).get("cursor", ["0"])[0])
        items = [{"id": one, "owner": {"user_id": int(one[-1])}} for one in active[number : number + 1]]
        return _json(200, {"items": items, "next_cursor": str(number + 1) if items else None})

    def _show(self, request: PreparedRequest) -> Answer:
        state = self.states.get(str(request.url).rpartition("/")[2])
        return _json(200, {"state": state}) if state else _json(404, {})

    def _power(self, request: PreparedRequest) -> Answer:
        assert request.headers["Authorization"].startswith("Bearer for-")
        return _json(self.power_status, {"items": [ITEM], "title": "invalid_token"})


def _json(status: int, body: Any, **headers: str) -> Answer:
    return status, {"Content-Type": "application/json", **headers}, json.dumps(body)


def slow_down(seconds: str) -> Answer:
    return (
        429,
        {"Content-Type": "application/json", "Retry-After": seconds},
        json.dumps({"error": "slow_down"}),
    )


@pytest.fixture
def server() -> Iterator[PlayedClub]:
    played = PlayedClub()
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        played.install(mock)
        mock.add_passthru("http://127.0.0.1")
        yield played


@pytest.fixture
def naps() -> list[float]:
    return []


@pytest.fixture
def club(server: PlayedClub, naps: list[float]) -> Club:
    key = json.dumps(OWN_KEY.as_dict(private=True))
    return Club(ISSUER, client_id="system-1", private_key=key, mypage=MYPAGE, sleep=naps.append)


@pytest.fixture
def folder(tmp_path: Path) -> ReportFolder:
    return ReportFolder(tmp_path / "reports")


def outcomes(club: Club, folder: ReportFolder) -> list[Outcome]:
    return [told.outcome for told in run(club, folder, DAY)]


def test_each_owner_who_allows_it_is_read_and_written_down(club: Club, folder: ReportFolder) -> None:
    assert outcomes(club, folder) == [Outcome.READ, Outcome.READ]
    file = folder.path / ONE / "2026-11-23.csv"
    (row,) = csv.DictReader(file.read_text(encoding="utf-8-sig").splitlines())
    assert (row["user_id"], row["product_id"], row["use_kwh"]) == ("1", "1001", "0.4")
    assert file.stat().st_mode & 0o077 == 0
    assert [one.name for one in file.parent.iterdir()] == [file.name]


def test_it_proves_itself_to_the_issuer_with_a_new_assertion_each_time(
    club: Club, folder: ReportFolder, server: PlayedClub
) -> None:
    outcomes(club, folder)
    assert {(one["iss"], one["sub"], one["aud"]) for one in server.assertions} == {
        ("system-1", "system-1", ISSUER)
    }
    assert len({one["jti"] for one in server.assertions}) == len(server.assertions) == 3  # own token: once


def test_who_does_not_allow_it_is_passed_over_and_who_has_ended_it_is_forgotten(
    club: Club, folder: ReportFolder, server: PlayedClub
) -> None:
    outcomes(club, folder)
    server.refused = {ONE: "access_denied"}  # the agency's own rule of hours, say: the grant stands
    server.states[TWO] = "revoked"
    assert outcomes(club, folder) == [Outcome.NOT_ALLOWED, Outcome.FORGOTTEN]
    assert folder.grants() == [ONE]
    server.states[ONE] = "suspended"  # it rests: nothing is read and nothing deleted
    assert outcomes(club, folder) == []
    assert folder.grants() == [ONE]


def test_who_ends_it_between_list_and_reading_is_forgotten_too(
    club: Club, folder: ReportFolder, server: PlayedClub
) -> None:
    outcomes(club, folder)
    server.power_status = 401
    listed = club.grants()
    server.states |= {ONE: "revoked"}
    club.grants = lambda: listed  # as it was a moment ago
    assert outcomes(club, folder) == [Outcome.FORGOTTEN, Outcome.NOT_ALLOWED]
    assert folder.grants() == [TWO]


def test_it_waits_as_long_as_it_is_told_to_and_not_for_ever(
    club: Club, folder: ReportFolder, server: PlayedClub, naps: list[float]
) -> None:
    server.stumbles = [slow_down("7"), (503, {}, "")]
    assert outcomes(club, folder) == [Outcome.READ, Outcome.READ]
    assert naps == [7, 10]
    naps.clear()
    club.grants()
    server.stumbles = [slow_down("3600")]
    with pytest.raises(TryLater):
        club.grants()
    assert naps == []


def test_nothing_is_deleted_when_the_list_cannot_be_had_or_the_system_is_out(
    club: Club, folder: ReportFolder, server: PlayedClub
) -> None:
    outcomes(club, folder)
    server.states = {}
    for stumble, error in (((500, {}, ""), TryLater), (_json(401, {}), ShutOut)):
        server.stumbles = [stumble]
        with pytest.raises(error):
            outcomes(club, folder)
        assert folder.grants() == [ONE, TWO]


def test_an_id_that_is_none_never_becomes_a_path(folder: ReportFolder) -> None:
    for name in ("../../etc", "", "ended", f"{ONE}/..", ONE.upper() + "A"):
        with pytest.raises(ValueError, match="not the id of a grant"):
            folder.drop(name)
        with pytest.raises(ValueError, match="not the id of a grant"):
            folder.write(name, user_id=1, day=DAY, items=[])


# --- events ---------------------------------------------------------------------------------------------


@pytest.fixture
def listener(club: Club, folder: ReportFolder) -> Iterator[str]:
    with Listener(("127.0.0.1", 0), club, folder) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}/events"
        server.shutdown()
        thread.join()


def event(
    kind: str = "ended", subject: str = ONE, *, typ: str = "secevent+jwt", key: ECKey = SERVER_KEY,
    **deviation: Any,
) -> str:  # fmt: skip
    claims = {
        "iss": ISSUER, "aud": "system-1", "iat": clock.epoch(clock.now()), "jti": "event-1",
        "sub_id": {"format": "opaque", "id": subject}, "events": {f"{KINDS}{kind}": {"state": "revoked"}},
    } | deviation  # fmt: skip
    return sign(claims, alg="ES256", kid="server-es", typ=typ, key=key)


def push(address: str, body: str, kind: str = "application/secevent+jwt") -> requests.Response:
    return requests.post(address, data=body.encode(), headers={"Content-Type": kind}, timeout=5)


def test_an_end_is_obeyed_before_it_is_confirmed_and_a_second_time_too(
    club: Club, folder: ReportFolder, listener: str
) -> None:
    outcomes(club, folder)
    for _ in range(2):
        assert push(listener, event()).status_code == 202
        assert folder.grants() == [TWO]
    assert not folder.write(ONE, user_id=1, day=DAY, items=[ITEM])  # a run that was just reading
    assert folder.grants() == [TWO]


def test_after_many_changes_what_is_stored_is_compared_with_what_is_true(
    club: Club, folder: ReportFolder, listener: str, server: PlayedClub
) -> None:
    outcomes(club, folder)
    server.states = {ONE: "revoked", TWO: "suspended"}
    listening = Listener(("127.0.0.1", 0), club, folder)
    with listening:
        listening.act_on(listening.take(event("many-changed", "agency-1")))
    assert folder.grants() == [TWO]
    assert push(listener, event("test", "system-1")).status_code == 202


def test_what_is_no_event_for_this_system_is_refused_with_a_reason(
    club: Club, folder: ReportFolder, listener: str
) -> None:
    outcomes(club, folder)
    foreign = ECKey.generate_key("P-256", {"kid": "server-es", "use": "sig"})
    for body, code in (
        (event(iss="https://evil.example"), "invalid_issuer"), (event(aud="system-2"), "invalid_audience"),
        (event(key=foreign), "invalid_key"), (event(typ="at+jwt"), "invalid_request"),
        (event(events={}), "invalid_request"), (event(events={"other": {}}), "invalid_request"),
        (event(subject="../.."), "invalid_request"), ("nonsense", "invalid_request"),
        ("日本", "invalid_request"), ("x" * 20_000, "invalid_request"),
    ):  # fmt: skip
        refused = push(listener, body)
        assert (refused.status_code, refused.json()["err"]) == (400, code), body[:20]
    assert push(listener, event(), "application/json").status_code == 400
    assert folder.grants() == [ONE, TWO]
