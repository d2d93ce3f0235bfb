"""Fixtures of マイページ's tests: the played server, the application and one browser."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import responses
import structlog
from flask import Flask

from clients.mypage.app import create_app
from tests.clients.mypage_stage import Browser, mypage_settings
from tests.clients.played_server import PlayedServer


@pytest.fixture
def server() -> Iterator[PlayedServer]:
    """Play the server for the time of one test."""
    played = PlayedServer()
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        played.install(mock)
        yield played


@pytest.fixture
def app(server: PlayedServer, tmp_path: Path) -> Flask:
    """マイページ with an empty database."""
    return create_app(mypage_settings(tmp_path / "mypage.sqlite3"))


@pytest.fixture
def browser(app: Flask, server: PlayedServer) -> Browser:
    """A browser with nobody signed in."""
    return Browser(app, server)


@pytest.fixture(autouse=True)
def own_logs() -> Iterator[None]:
    """Let the kit set up its logs as in a process of its own; a test of the server may have set up others."""
    structlog.reset_defaults()
    yield
    structlog.reset_defaults()
