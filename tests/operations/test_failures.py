"""What goes wrong is told with the id of the request, in a form that the one who asked can read."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session
from werkzeug.exceptions import ServiceUnavailable
from werkzeug.test import TestResponse

from idp.credentials import Sealer
from idp.db import Database, make_engine
from idp.demo import HANAKO
from tests.world import Template, World

SECRET = "postgresql://idp:secret@db.example/idp"
NUMBER = re.compile(r'受付番号 <span class="code">([^<]+)</span>')
FOR_CLIENTS = ["/oauth/token", "/oauth/introspect", "/oauth/revoke"]
METADATA = ["/oauth/jwks", "/oauth/userinfo", "/.well-known/openid-configuration",
            "/.well-known/oauth-authorization-server"]  # fmt: skip


def fail(*_arguments: object, **_named: object) -> None:
    raise RuntimeError(f"cannot reach {SECRET}")


@pytest.fixture
def broken(template: Template, tmp_path: Path) -> Iterator[World]:
    """A server whose every view fails."""
    world = World.copied(template, tmp_path)
    world.restart()
    for endpoint in world.app.view_functions:
        if endpoint != "static":
            world.app.view_functions[endpoint] = fail
    yield world
    world.close()


def ask(app: Flask, path: str, method: str = "GET", **headers: str) -> TestResponse:
    return app.test_client(use_cookies=False).open(
        path, method=method, base_url="http://localhost:8000", headers=headers
    )


@pytest.mark.parametrize(
    ("path", "method"), [*((p, "POST") for p in FOR_CLIENTS), *((p, "GET") for p in METADATA)]
)
def test_a_client_is_told_of_a_failure_as_json(broken: World, path: str, method: str) -> None:
    answer = ask(broken.app, path, method)
    assert (answer.status_code, answer.mimetype) == (500, "application/json")
    body = answer.get_json()
    assert body["error"] == "server_error"
    assert body["error_description"].isascii()
    assert body["request_id"] == answer.headers["X-Request-Id"]
    assert answer.headers["Cache-Control"] == "no-store"
    assert "secret" not in answer.text


def test_an_api_tells_of_a_failure_as_problem_details(broken: World) -> None:
    answer = ask(broken.app, "/api/me/profile")
    assert (answer.status_code, answer.mimetype) == (500, "application/problem+json")
    assert answer.get_json()["request_id"] == answer.headers["X-Request-Id"]
    assert answer.get_json()["code"] == "server_error"
    assert "secret" not in answer.text


@pytest.mark.parametrize("path", ["/", "/sign-in", "/oauth/authorize", "/oauth/end-session", "/account"])
def test_a_person_is_told_a_number_to_name_on_the_telephone(broken: World, path: str) -> None:
    answer = ask(broken.app, path)
    assert (answer.status_code, answer.mimetype) == (500, "text/html")
    assert NUMBER.findall(answer.text) == [answer.headers["X-Request-Id"]]
    assert "申し訳ございません" in answer.text
    assert "secret" not in answer.text


@pytest.mark.parametrize(("path", "status"), [("/nowhere", 404), ("/language", 405)])
def test_every_page_of_an_error_has_the_number(world: World, path: str, status: int) -> None:
    answer = ask(world.app, path)
    assert answer.status_code == status
    assert NUMBER.findall(answer.text) == [answer.headers["X-Request-Id"]]


@pytest.mark.parametrize("signed_in", [True, False])
def test_a_page_says_so_when_the_database_is_gone(world: World, tmp_path: Path, *, signed_in: bool) -> None:
    browser = world.browser(HANAKO if signed_in else None)
    whole = world.database
    gone = make_engine(f"sqlite:///{tmp_path}/missing/idp.sqlite3")
    world.database = Database(gone, Sealer(world.settings.encryption_key))
    assert world.app.extensions["database"] is world.database
    asked = "00000000-0000-0000-0000-000000000000"
    for path in (f"/sign-in?next=/oauth/authorize/{asked}", "/account", "/oauth/authorize?client_id=mypage"):
        answer = browser.get(path)
        assert answer.status_code in {500, 303}, path
        if answer.status_code == 500:
            assert NUMBER.findall(answer.text) == [answer.headers["X-Request-Id"]]
            assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
            assert HANAKO.name not in answer.text
    answer = world.app.test_client(use_cookies=False).post(
        "/oauth/token", base_url=world.settings.issuer, headers={"Origin": "https://spa.example"},
        data={"grant_type": "authorization_code", "client_id": "spa", "code": "x"},
    )  # fmt: skip
    assert (answer.status_code, answer.get_json()["error"]) == (500, "server_error")
    world.database = whole


def test_what_could_not_be_stored_is_not_taken_for_done(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_self: Session) -> None:
        raise OperationalError("COMMIT", {}, Exception(SECRET))

    browser, before = world.browser(), len(world.letters())
    page = browser.get("/password/forgot")
    with monkeypatch.context() as patched:
        patched.setattr(Session, "commit", refuse)
        answer = browser.submit("/password/forgot", page=page, email=HANAKO.email)
    assert (answer.status_code, len(world.letters())) == (500, before)
    assert NUMBER.findall(answer.text) == [answer.headers["X-Request-Id"]]
    assert SECRET not in answer.text
    assert browser.submit("/password/forgot", email=HANAKO.email).status_code == 303
    assert len(world.letters()) == before + 1


def test_a_pause_is_told_as_one(world: World) -> None:
    world.restart()

    def pause() -> None:
        raise ServiceUnavailable(retry_after=30)

    for endpoint in ("oauth.jwks", "entrance.menu"):
        world.app.view_functions[endpoint] = pause  # type: ignore[assignment]
    answer = ask(world.app, "/oauth/jwks")
    assert (answer.status_code, answer.get_json()["error"]) == (503, "temporarily_unavailable")
    assert answer.headers["Retry-After"] == "30"
    page = ask(world.app, "/")
    assert (page.status_code, page.headers["Retry-After"]) == (503, "30")
    assert "ただいまご利用いただけません" in page.text


@pytest.mark.parametrize("path", FOR_CLIENTS)
def test_a_wrong_method_is_told_which_are_right(world: World, path: str) -> None:
    for method in ("GET", "HEAD", "PUT", "DELETE"):
        answer = ask(world.app, path, method)
        assert answer.status_code == 405
        assert set(answer.headers["Allow"].split(", ")) == {"POST", "OPTIONS"}
        if method != "HEAD":
            assert answer.get_json()["error"] == "invalid_request"


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        *((path, {"POST", "OPTIONS"}) for path in FOR_CLIENTS),
        ("/oauth/authorize", {"GET", "HEAD", "POST", "OPTIONS"}),
        ("/oauth/end-session", {"GET", "HEAD", "POST", "OPTIONS"}),
        ("/oauth/userinfo", {"GET", "HEAD", "POST", "OPTIONS"}),
        ("/oauth/jwks", {"GET", "HEAD", "OPTIONS"}),
    ],
)
def test_options_says_what_may_be_asked(world: World, path: str, allowed: set[str]) -> None:
    answer = ask(world.app, path, "OPTIONS")
    assert (answer.status_code, answer.text) == (200, "")
    assert set(answer.headers["Allow"].split(", ")) == allowed


@pytest.mark.parametrize("path", ["/oauth/jwks", "/.well-known/openid-configuration"])
def test_head_has_the_headers_of_get(world: World, path: str) -> None:
    head, get = ask(world.app, path, "HEAD"), ask(world.app, path)
    assert (head.status_code, head.data) == (200, b"")
    for name in ("Content-Type", "Content-Length", "Cache-Control"):
        assert head.headers[name] == get.headers[name]


def test_head_starts_no_sign_in_and_ends_none(world: World) -> None:
    browser = world.browser(HANAKO)
    before = world.digest()
    query = (
        "client_id=mypage&response_type=code&scope=openid&redirect_uri=http://localhost:8001/oidc/callback"
    )
    for path in (f"/oauth/authorize?{query}", "/oauth/end-session"):
        answer = browser.client.head(path, base_url=world.settings.issuer)
        assert (answer.status_code, answer.data) == (200, b"")
        assert "Location" not in answer.headers
    assert world.digest() == before
    assert browser.get("/account").status_code == 200


@pytest.mark.parametrize("path", ["/oauth/nowhere", "/.well-known/openid-configuration/x"])
def test_a_client_at_a_wrong_address_is_told_so_as_json(world: World, path: str) -> None:
    answer = ask(world.app, path)
    assert (answer.status_code, answer.get_json()["error_description"]) == (404, "there is no such endpoint")
