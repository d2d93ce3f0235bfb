"""The display on the wall: what it shows, how it waits, what it keeps (RFC 8628)."""

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs

import pytest
import requests
import responses
from click.testing import CliRunner
from responses.matchers import urlencoded_params_matcher

from clients.display.__main__ import main
from clients.display.link import DEVICE_CODE, Link, NotLetIn

ISSUER = "https://id.club.example"
TOKEN, DEVICE = f"{ISSUER}/oauth/token", f"{ISSUER}/oauth/device_authorization"
CODES = {
    "device_code": "ocd_secret", "user_code": "1234-5678", "verification_uri": f"{ISSUER}/device",
    "verification_uri_complete": f"{ISSUER}/device?user_code=1234-5678", "expires_in": 600, "interval": 5,
}  # fmt: skip
TOKENS = {"access_token": "at", "refresh_token": "rt1", "token_type": "Bearer", "expires_in": 300}
PRODUCT = {
    "model": "ESS-U4X1", "serial_number": "HC-A10001WN1",
    "services": {name: {"joined": name == "watch"}
                 for name in ("watch", "weather_warning", "early_advisory", "ai_control")},
}  # fmt: skip


@pytest.fixture
def server() -> Iterator[responses.RequestsMock]:
    with responses.RequestsMock() as mock:
        mock.get(
            f"{ISSUER}/.well-known/oauth-authorization-server",
            json={"issuer": ISSUER, "token_endpoint": TOKEN, "device_authorization_endpoint": DEVICE},
        )
        yield mock


@pytest.fixture
def naps(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long it slept each time."""
    taken: list[float] = []
    monkeypatch.setattr("clients.display.link.time.sleep", taken.append)
    return taken


@pytest.fixture
def link(server: responses.RequestsMock, naps: list[float]) -> Link:
    return Link(ISSUER, client_id="display")


def polls(server: responses.RequestsMock, *errors: str) -> None:
    for error in errors:
        server.post(TOKEN, json={"error": error}, status=400)


def test_it_asks_less_often_when_it_is_told_to_or_hears_nothing(
    server: responses.RequestsMock, link: Link, naps: list[float]
) -> None:
    server.post(DEVICE, json=CODES, match=[urlencoded_params_matcher({"client_id": "display"})])
    polls(server, "authorization_pending", "slow_down")
    server.post(TOKEN, body=requests.ConnectTimeout())
    polls(server, "authorization_pending")
    server.post(TOKEN, json=TOKENS)
    assert link.wait(link.ask()).access_token == "at"
    assert naps == [5, 5, 10, 20, 20]
    sent = parse_qs(str(server.calls[-1].request.body))
    assert sent == {"grant_type": [DEVICE_CODE], "device_code": ["ocd_secret"], "client_id": ["display"]}


@pytest.mark.parametrize("error", ["access_denied", "expired_token", "invalid_grant"])
def test_it_stops_when_the_answer_is_no(server: responses.RequestsMock, link: Link, error: str) -> None:
    server.post(DEVICE, json=CODES)
    polls(server, "authorization_pending", error)
    with pytest.raises(NotLetIn, match=error):
        link.wait(link.ask())


def test_a_server_that_says_it_is_another_is_not_believed(server: responses.RequestsMock) -> None:
    server.replace(
        responses.GET,
        f"{ISSUER}/.well-known/oauth-authorization-server",
        json={"issuer": "https://x.example"},
    )
    with pytest.raises(ValueError, match="says that it is"):
        Link(ISSUER, client_id="display")


def test_it_shows_number_and_qr_code_then_the_products_and_goes_on_without_asking(
    server: responses.RequestsMock, naps: list[float], tmp_path: Path
) -> None:
    server.post(DEVICE, json=CODES)
    server.post(TOKEN, json=TOKENS)
    server.get(f"{ISSUER}/api/me/profile", json={"name": "鈴木 花子"})
    server.get(f"{ISSUER}/api/me/products", json={"items": [PRODUCT]})
    memory = tmp_path / "memory"
    first = CliRunner().invoke(main, ["--issuer", ISSUER, "--memory", str(memory)])
    assert first.exit_code == 0, first.output
    for words in ("1234-5678", f"{ISSUER}/device", "█", "10分間", "鈴木 花子 様", "見守りサービス：加入",
                  "AI自動制御：未加入"):  # fmt: skip
        assert words in first.output
    assert "ocd_secret" not in first.output
    assert (memory.read_text(encoding="ascii"), memory.stat().st_mode & 0o077) == ("rt1", 0)

    renewing = {"client_id": "display", "grant_type": "refresh_token", "refresh_token": "rt1"}
    server.post(TOKEN, json={**TOKENS, "refresh_token": "rt2"}, match=[urlencoded_params_matcher(renewing)])
    second = CliRunner().invoke(main, ["--issuer", ISSUER, "--memory", str(memory)])
    assert "1234-5678" not in second.output
    assert "鈴木 花子 様" in second.output
    assert memory.read_text(encoding="ascii") == "rt2"
    assert naps == [5]


def test_a_display_whose_permission_was_taken_back_asks_again(
    server: responses.RequestsMock, naps: list[float], tmp_path: Path
) -> None:
    memory = tmp_path / "memory"
    memory.write_text("rt0", encoding="ascii")
    polls(server, "invalid_grant")
    server.post(DEVICE, json=CODES)
    polls(server, "access_denied")
    answer = CliRunner().invoke(main, ["--issuer", ISSUER, "--memory", str(memory)], input="n\n")
    assert answer.exit_code == 1
    assert "1234-5678" in answer.output
    assert "許可されませんでした。" in answer.output
