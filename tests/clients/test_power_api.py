"""マイページ's API of power data: for whoever acts for an owner, as long as the server stands by it."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import responses
from joserfc.jwk import ECKey
from werkzeug.test import TestResponse

from clients.mypage.app import create_app
from clients.mypage.power import compute_day
from clients.relying_party import clock
from tests.clients.mypage_stage import mypage_settings
from tests.clients.played_server import ABSENT, ACT, ISSUER, KEY, MYPAGE, OWNER, PlayedServer, product, sign

EC_KEY = ECKey.generate_key("P-256", {"kid": "server-es", "use": "sig"})
SYSTEM = {"sub": "system-1", "sub_profile": "service", "org": {"id": "agency-1"}}


@pytest.fixture
def server() -> Iterator[PlayedServer]:
    played = PlayedServer()
    played.keys, played.access_tokens_begin = [KEY, EC_KEY], "ey"
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        played.install(mock)
        yield played


class Caller:
    """An agency's system, with act-as tokens of its own making."""

    def __init__(self, folder: Path) -> None:
        self.app = create_app(mypage_settings(folder / "mypage.sqlite3"))

    def token(self, **deviation: Any) -> str:
        issued = clock.epoch(clock.now())
        claims = {
            "iss": ISSUER, "aud": "mypage", "sub": OWNER, "client_id": "system-1", "iat": issued,
            "exp": issued + 300, "jti": "token-1", "scope": "mypage.read", "sid": "acting-1", "act": SYSTEM,
            "delegation": "grant-1",
        } | deviation  # fmt: skip
        claims = {name: value for name, value in claims.items() if value is not ABSENT}
        return sign(claims, alg="ES256", kid="server-es", typ="at+jwt", key=EC_KEY)

    def power(self, token: str = "", day: str = "2026-11-20") -> TestResponse:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        return self.app.test_client().get(f"/api/power?day={day}", base_url=MYPAGE, headers=headers)


@pytest.fixture
def caller(tmp_path: Path, server: PlayedServer) -> Caller:
    return Caller(tmp_path)


def test_a_day_is_told_hour_by_hour_of_the_products_that_the_server_names(
    caller: Caller, server: PlayedServer
) -> None:
    server.products = [product(), product(serial_number="HC-B20001WN1", watch_joined_at=None)]
    answer = caller.power(caller.token())
    assert (answer.status_code, answer.headers["Cache-Control"]) == (200, "no-store")
    read, closed = answer.get_json()["items"]
    assert (read["available"], len(read["hours"])) == (True, 24)
    hours = compute_day("HC-A10001WN1", date(2026, 11, 20))
    assert read["hours"][12]["generation"] == round(hours[12].generation, 3)
    assert (closed["available"], closed["hours"]) == (False, [])
    assert server.api_calls[-1][:2] == ("GET", "/api/me/products")


@pytest.mark.parametrize(
    ("deviation", "status"),
    [
        ({"aud": ISSUER}, 401), ({"aud": "agency-portal"}, 401), ({"iss": "http://evil.example"}, 401),
        ({"scope": "products"}, 403), ({"exp": 1}, 401), ({"act": ABSENT}, 401),
        ({"act": {**SYSTEM, "act": ACT}}, 401), ({"cnf": {"jkt": "k"}}, 401),
    ],
)  # fmt: skip
def test_another_token_is_refused_before_the_server_is_asked(
    caller: Caller, server: PlayedServer, deviation: dict[str, Any], status: int
) -> None:
    assert caller.power(caller.token(**deviation)).status_code == status
    assert server.api_calls == []
    assert caller.power(caller.token()).status_code == 200


def test_what_the_server_no_longer_stands_by_opens_nothing(caller: Caller, server: PlayedServer) -> None:
    assert caller.power().status_code == 401
    server.accepts_access_tokens = False
    answer = caller.power(caller.token())
    assert (answer.status_code, answer.get_json()["title"]) == (401, "invalid_token")
    server.accepts_access_tokens = True
    assert caller.power(caller.token()).status_code == 200


@pytest.mark.parametrize("day", ["", "now", "2026-13-01", "20261120", "0001-01-01", "9999-12-31", "%00"])
def test_a_day_that_is_none_is_refused_with_the_remedy(caller: Caller, day: str) -> None:
    answer = caller.power(caller.token(), day)
    assert (answer.status_code, answer.mimetype) == (400, "application/problem+json")
    assert "2026-11-24" in answer.get_json()["detail"]
