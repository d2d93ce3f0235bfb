"""What surrounds every page of a relying party: headers, origins, settings, own addresses, logs."""

import json
from pathlib import Path
from typing import Any

import pytest
import requests
import responses
import time_machine
from flask import Flask
from sqlalchemy.pool import QueuePool

from clients.mypage.app import create_app
from clients.mypage.settings import MyPageSettings
from clients.relying_party import ProviderUnavailable, SettingsRefused
from clients.relying_party.logs import hide_secrets
from clients.relying_party.own_path import find_own_path
from clients.relying_party.provider import Provider
from clients.relying_party.schema import open_database
from tests.clients.mypage_stage import Browser, mypage_settings
from tests.clients.played_server import ISSUER, MYPAGE, PORTAL, PlayedServer

ENVIRONMENT = {
    "MYPAGE_BASE_URL": MYPAGE,
    "MYPAGE_ISSUER": ISSUER,
    "MYPAGE_CLIENT_SECRET": "s",
    "MYPAGE_DATABASE_URL": "sqlite://",
    "MYPAGE_SECRET_KEY": "k" * 32,
    "MYPAGE_AGENCY_PORTAL_URL": PORTAL,
}


@pytest.mark.parametrize("path", ["/", "/nothing", "/healthz", "/home"])
def test_every_answer_has_the_headers(browser: Browser, path: str) -> None:
    headers = browser.open(path).headers
    policy = headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert f"form-action 'self' {ISSUER} {PORTAL};" in policy
    assert headers["Cache-Control"] == "no-store"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert "Strict-Transport-Security" not in headers


def test_style_and_scripts_may_be_cached_by_their_content(browser: Browser) -> None:
    page = browser.open("/").text
    address = page.partition('rel="stylesheet" href="')[2].partition('"')[0]
    assert "?v=" in address
    with browser.open(address) as answer:
        assert answer.status_code == 200
        assert "immutable" in answer.headers["Cache-Control"]
    with browser.open(address.partition("?")[0]) as answer:
        assert answer.headers["Cache-Control"] == "no-cache"


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 303),
        ({"Origin": MYPAGE}, 303),
        ({"Origin": "null"}, 303),
        ({"Origin": "null", "Sec-Fetch-Site": "same-origin"}, 303),
        ({"Origin": "null", "Sec-Fetch-Site": "cross-site"}, 403),
        ({"Origin": "null", "Sec-Fetch-Site": "same-site"}, 403),
        ({"Origin": "http://localhost:8000"}, 403),
        ({"Origin": "https://evil.example"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
    ],
)
def test_a_form_from_another_origin_is_refused_even_with_its_token(
    browser: Browser, headers: dict[str, str], status: int
) -> None:
    page = browser.open("/")
    assert browser.press(page, "/language", headers=headers, lang="en").status_code == status


def test_a_form_without_its_token_gets_a_page_that_helps(browser: Browser) -> None:
    answer = browser.client.post("/language", data={"lang": "en"}, base_url=MYPAGE)
    assert answer.status_code == 400
    assert "送信できませんでした" in answer.text
    assert "CSRF" not in answer.text


def test_the_language_switch_returns_to_own_pages_alone(browser: Browser) -> None:
    page = browser.open("/")
    assert browser.press(page, "/language", lang="en", next="/products?x=1").location == "/products?x=1"
    assert browser.press(page, "/language", lang="en", next="//evil.example").location == "/home"
    assert browser.press(page, "/language", lang="xx").headers.get("Set-Cookie") is None


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("/home", "/home"),
        ("/a/b?c=d&e=/f", "/a/b?c=d&e=/f"),
        ("/a#b", "/a"),
        (f"{MYPAGE}/home", "/home"),
        (f"{MYPAGE}//evil.example", None),
        (f"{MYPAGE}", None),
        (f"{MYPAGE}.evil.example/", None),
        ("http://localhost:8000/home", None),
        ("//evil.example", None),
        ("/\\evil.example", None),
        ("/a\\b", None),
        ("/\t/evil.example", None),
        ("\n/home", None),
        ("home", None),
        ("", None),
        ("/" + "x" * 3000, None),
        ("//[", None),
    ],
)
def test_own_addresses_and_no_others_are_followed(target: str, expected: str | None) -> None:
    assert find_own_path(target, origin=MYPAGE) == expected


def test_settings_are_read_from_the_environment_and_from_files(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("from a file\n", encoding="utf-8")
    given = {k: v for k, v in ENVIRONMENT.items() if k != "MYPAGE_CLIENT_SECRET"}
    settings = MyPageSettings.from_environment(
        given | {"MYPAGE_CLIENT_SECRET_FILE": str(secret), "HOME": "/"}
    )
    assert settings.client_secret == "from a file"
    assert settings.client_id == "mypage"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("MYPAGE_ISUER", ISSUER),
        ("MYPAGE_BASE_URL", "http://mypage.example"),
        ("MYPAGE_BASE_URL", f"{MYPAGE}/"),
        ("MYPAGE_ISSUER", "http://id.example"),
        ("MYPAGE_SECRET_KEY", "short"),
        ("MYPAGE_PRIVATE_KEY", "beside a secret"),
        ("MYPAGE_CLIENT_SECRET", ""),
        ("MYPAGE_SECRET_KEY_FILE", "/nothing/there"),
        ("MYPAGE_AGENCY_PORTAL_URL", "javascript:alert(1)"),
        ("MYPAGE_SESSION_IDLE", "soon"),
    ],
)
def test_wrong_settings_refuse_to_start_without_telling_secrets(name: str, value: str) -> None:
    with pytest.raises(SettingsRefused) as refusal:
        MyPageSettings.from_environment(ENVIRONMENT | {name: value})
    assert "MYPAGE_" in str(refusal.value)
    assert "k" * 32 not in str(refusal.value)


def test_the_whole_environment_is_enough_to_start() -> None:
    assert isinstance(create_app(MyPageSettings.from_environment(ENVIRONMENT)), Flask)


@pytest.mark.parametrize(
    "deviation",
    [
        {"issuer": "http://localhost:9000"},
        {"issuer": f"{ISSUER}/"},
        {"token_endpoint": None},
        {"token_endpoint": "ftp://localhost/"},
        {"jwks_uri": "//localhost/"},
    ],
)
def test_a_wrong_discovery_document_is_refused(tmp_path: Path, deviation: dict[str, Any]) -> None:
    names = ("authorization", "token", "userinfo", "end_session")
    genuine = {f"{name}_endpoint": f"{ISSUER}/oauth/{name}" for name in names}
    genuine |= {"issuer": ISSUER, "jwks_uri": f"{ISSUER}/oauth/jwks"}
    address = f"{ISSUER}/.well-known/openid-configuration"
    settings = mypage_settings(tmp_path / "m.sqlite3")
    with responses.RequestsMock() as mock:
        mock.get(address, json=genuine)
        assert (
            Provider(settings.issuer, timeout=settings.timeouts).metadata.token_endpoint
            == f"{ISSUER}/oauth/token"
        )
    with responses.RequestsMock() as mock:
        mock.get(address, json=genuine | deviation)
        with pytest.raises(ProviderUnavailable):
            _ = Provider(settings.issuer, timeout=settings.timeouts).metadata


def test_a_server_out_of_reach_is_a_calm_page(tmp_path: Path) -> None:
    app = create_app(mypage_settings(tmp_path / "m.sqlite3"))
    with responses.RequestsMock():
        answer = app.test_client().get("/login", base_url=MYPAGE)
    assert answer.status_code == 503
    assert "0120-000-000" in answer.text


def test_an_error_of_ours_is_a_calm_page_too(
    browser: Browser, app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken() -> str:
        raise RuntimeError("access-0")

    monkeypatch.setitem(app.view_functions, "mypage.menu", broken)
    monkeypatch.setitem(app.config, "PROPAGATE_EXCEPTIONS", False)
    answer = browser.open("/")
    assert answer.status_code == 500
    assert "access-0" not in answer.text
    assert "しばらくしてから" in answer.text


def test_logs_have_a_request_id_and_no_secret(
    browser: Browser, server: PlayedServer, capfd: pytest.CaptureFixture[str]
) -> None:
    answer = browser.sign_in()
    browser.open("/home")
    logged = capfd.readouterr().err
    assert f"request_id={answer.headers['X-Request-Id']}" in logged
    assert "event=signed_in" in logged
    secrets = [
        *server.token_requests[0].values(),
        "access-0",
        "refresh-0",
        str(browser.cookie("mypage_session")),
    ]
    for secret in secrets:
        assert secret == "authorization_code" or secret not in logged


def test_a_forked_worker_inherits_no_open_connection(tmp_path: Path) -> None:
    engine = open_database(f"sqlite:///{tmp_path / 'new' / 'm.sqlite3'}")
    assert isinstance(engine.pool, QueuePool)
    assert engine.pool.checkedin() == 0
    with engine.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
    engine.dispose()


def test_a_secret_in_a_log_line_is_hidden() -> None:
    line = {"event": "x", "access_token": "a", "status": 200}
    assert json.dumps(hide_secrets(None, "info", dict(line))) == json.dumps(
        line | {"access_token": "(hidden)"}
    )


def test_an_outage_of_the_server_is_bridged_for_an_hour_and_not_hammered(tmp_path: Path) -> None:
    names = ("authorization", "token", "userinfo", "end_session")
    genuine = {f"{name}_endpoint": f"{ISSUER}/oauth/{name}" for name in names}
    genuine |= {"issuer": ISSUER, "jwks_uri": f"{ISSUER}/oauth/jwks"}
    address = f"{ISSUER}/.well-known/openid-configuration"
    provider = Provider(ISSUER, timeout=(1.0, 1.0))
    with time_machine.travel("2026-11-24T03:00:00+00:00", tick=False) as traveller:
        with responses.RequestsMock() as mock:
            mock.get(address, json=genuine)
            assert provider.metadata.jwks_uri
        traveller.shift(1800)
        with responses.RequestsMock() as mock:
            down = mock.get(address, body=requests.ConnectionError("down"))
            for _ in range(5):
                assert provider.metadata.jwks_uri
            assert down.call_count == 1
            traveller.shift(1801)
            with pytest.raises(ProviderUnavailable):
                _ = provider.metadata


def test_a_commit_of_the_session_store_is_on_the_disk(tmp_path: Path) -> None:
    engine = open_database(f"sqlite:///{tmp_path / 'sessions.sqlite3'}")
    with engine.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2
