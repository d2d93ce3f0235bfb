"""What machines ask beside the protocol: life, readiness, robots, reports, where to change a password."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import event, text
from werkzeug.test import TestResponse

from idp import clock
from idp.app import create_app
from idp.credentials import Sealer
from idp.db import Database, make_engine
from idp.settings import Settings, SettingsRefused
from idp.unit_of_work import unit_of_work
from tests.world import World


def ask(app: Flask, path: str, *, host: str = "http://localhost:8000", method: str = "GET") -> TestResponse:
    return app.test_client(use_cookies=False).open(path, base_url=host, method=method)


def app_on(url: str, issuer: str = "http://localhost:8000") -> Flask:
    settings = Settings(database_url=url, issuer=issuer)
    return create_app(settings, Database(make_engine(url), Sealer(settings.encryption_key)))


@contextmanager
def no_statement(world: World) -> Iterator[list[str]]:
    """Collect what is asked of the database meanwhile."""
    asked: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        asked.append(statement)

    event.listen(world.database.engine, "before_cursor_execute", note)
    yield asked
    event.remove(world.database.engine, "before_cursor_execute", note)


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_process_lives_without_a_database(world: World, method: str) -> None:
    with no_statement(world) as asked:
        answer = ask(world.app, "/healthz", method=method)
        assert (answer.status_code, answer.text) == (200, "ok\n" if method == "GET" else "")
        assert not asked
        assert "Set-Cookie" not in answer.headers
        assert ask(world.app, "/readyz", method=method).status_code == 200
        assert asked


def test_a_server_is_ready_with_the_database_it_expects(world: World) -> None:
    answer = ask(world.app, "/readyz")
    assert (answer.status_code, answer.text) == (200, "ok\n")
    with unit_of_work(world.database) as session:
        session.execute(text("UPDATE alembic_version SET version_num = 'older'"))
    answer = ask(world.app, "/readyz")
    assert (answer.status_code, answer.text) == (503, "the database is not migrated\n")


def test_a_server_without_its_database_lives_and_is_not_ready(tmp_path: Path) -> None:
    app = app_on(f"sqlite:///{tmp_path}/missing/idp.sqlite3")
    answer = ask(app, "/readyz")
    assert (answer.status_code, answer.text) == (503, "the database cannot be reached\n")
    assert ask(app, "/healthz").status_code == 200


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
@pytest.mark.parametrize("issuer", ["http://localhost:8000", "http://localhost:8000/club"])
def test_probes_are_answered_at_the_root_under_any_name(world: World, path: str, issuer: str) -> None:
    app = app_on(world.settings.database_url, issuer)
    assert ask(app, path, host="http://10.1.2.3:8000").status_code == 200
    assert ask(app, f"{path}/x", host="http://10.1.2.3:8000").status_code in {400, 404}
    app.extensions["database"].engine.dispose()


@pytest.mark.parametrize("issuer", ["http://localhost:8000", "http://localhost:8000/club"])
def test_search_engines_are_asked_to_find_nothing(issuer: str) -> None:
    answer = ask(app_on("sqlite://", issuer), "/robots.txt")
    path = issuer.removeprefix("http://localhost:8000")
    assert answer.content_type == "text/plain; charset=utf-8"
    assert answer.text == f"User-agent: *\nDisallow: {path}/\n"


def fields_of(app: Flask) -> dict[str, str]:
    """Return the fields of security.txt; each may stand only once here."""
    answer = ask(app, "/.well-known/security.txt")
    assert answer.content_type == "text/plain; charset=utf-8"
    lines = [line for line in answer.text.splitlines() if line and not line.startswith("#")]
    fields = dict(line.split(": ", 1) for line in lines)
    assert len(fields) == len(lines)
    return fields


@pytest.mark.parametrize("issuer", ["http://localhost:8000", "http://localhost:8000/club"])
def test_security_txt_has_what_rfc_9116_asks_for(issuer: str) -> None:
    fields = fields_of(app_on("sqlite://", issuer))
    assert fields["Contact"] == "mailto:support@ownersclub.example"
    assert fields["Preferred-Languages"] == "ja, en"
    assert fields["Canonical"] == "http://localhost:8000/.well-known/security.txt"
    assert clock.now() < datetime.fromisoformat(fields["Expires"]) < clock.now() + timedelta(days=365)


@pytest.mark.parametrize("contact", ["https://example.jp/report", "mailto:security@example.jp"])
def test_weaknesses_are_reported_where_the_operator_wants(contact: str) -> None:
    settings = Settings(database_url="sqlite://", security_contact=contact)
    assert fields_of(create_app(settings))["Contact"] == contact


@pytest.mark.parametrize("contact", ["security@example.jp", "http://example.jp", "mailto:a\nContact: b", "x"])
def test_a_contact_is_an_address_that_can_be_followed(contact: str) -> None:
    with pytest.raises(SettingsRefused, match="IDP_SECURITY_CONTACT"):
        Settings.from_environment({"IDP_SECURITY_CONTACT": contact})


@pytest.mark.parametrize("issuer", ["http://localhost:8000", "http://localhost:8000/club"])
def test_password_managers_are_led_to_the_page(world: World, issuer: str) -> None:
    app = app_on(world.settings.database_url, issuer)
    answer = ask(app, "/.well-known/change-password")
    path = issuer.removeprefix("http://localhost:8000")
    assert (answer.status_code, answer.headers["Location"]) == (303, f"{path}/account/password")
    # W3C, Detecting the Reliability of HTTP Status Codes: what is not there must not look as if it were.
    missing = "/.well-known/resource-that-should-not-exist-whose-status-code-should-not-be-200"
    assert ask(app, missing).status_code == 404
