"""A rotating refresh token is used once, however many requests need it at the same moment."""

import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from threading import Barrier
from typing import Any
from unittest.mock import Mock

import pytest
import requests
import time_machine
from flask import Flask
from urllib3.exceptions import NewConnectionError

from clients.mypage.app import create_app
from clients.relying_party.clock import now
from clients.relying_party.credentials import digest
from clients.relying_party.sessions import SessionStore
from clients.relying_party.token_endpoint import was_never_sent
from tests.clients.mypage_stage import Browser, mypage_settings
from tests.clients.played_server import MYPAGE, PlayedServer, at_hash, sign

NOON = "2026-11-24T03:00:00+00:00"
LATER = 290
"""Seconds after which an access token of five minutes is renewed."""


@pytest.fixture
def traveller() -> Iterator[Any]:
    """Stop the clock at noon."""
    with time_machine.travel(NOON, tick=False) as moving:
        yield moving


def test_a_fresh_access_token_is_not_renewed(browser: Browser, server: PlayedServer, traveller: Any) -> None:
    browser.sign_in()
    traveller.shift(200)
    assert browser.open("/home").status_code == 200
    assert not server.refresh_tokens_used


def test_an_old_access_token_is_renewed_with_the_rotated_token(
    browser: Browser, server: PlayedServer, traveller: Any
) -> None:
    browser.sign_in()
    for _ in range(3):
        traveller.shift(LATER)
        assert browser.open("/home").status_code == 200
    assert server.refresh_tokens_used == ["refresh-0", "refresh-1", "refresh-2"]


def test_parallel_requests_of_one_process_use_a_refresh_token_once(
    browser: Browser, app: Flask, server: PlayedServer, traveller: Any
) -> None:
    browser.sign_in()
    cookie = str(browser.cookie("mypage_session"))
    traveller.shift(LATER)
    together = Barrier(8)

    def ask(_number: int) -> int:
        other = app.test_client()
        other.set_cookie("mypage_session", cookie, domain="localhost")
        together.wait()
        return other.get("/home", base_url=MYPAGE).status_code

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(ask, range(8))) == [200] * 8
    assert server.refresh_tokens_used == ["refresh-0"]


def claim_in_another_process(database: str, key: str, pipe: Connection) -> None:
    """Claim the refresh token of a session when told to, and tell whether it worked."""
    store = SessionStore(mypage_settings(Path(database)))
    stored = store.find(key, now=now())
    pipe.send("ready")
    pipe.recv()
    pipe.send(stored is not None and store.claim_refresh(stored, now=now()) is not None)


def test_of_two_processes_one_gets_the_refresh_token(browser: Browser, tmp_path: Path) -> None:
    browser.sign_in()
    key = digest(str(browser.cookie("mypage_session")))
    context = get_context("spawn")
    pipes = []
    for _ in range(2):
        ours, theirs = context.Pipe()
        database = str(tmp_path / "mypage.sqlite3")
        process = context.Process(target=claim_in_another_process, args=(database, key, theirs), daemon=True)
        process.start()
        pipes.append((ours, process))
    for pipe, _process in pipes:
        assert pipe.poll(30)
        pipe.recv()
    for pipe, _process in pipes:
        pipe.send("go")
    won = [pipe.recv() for pipe, _process in pipes]
    for _pipe, process in pipes:
        process.join(10)
    assert sorted(won) == [False, True]


def test_a_refused_refresh_token_ends_the_session_with_a_way_back_in(
    browser: Browser, server: PlayedServer, traveller: Any
) -> None:
    browser.sign_in()
    traveller.shift(LATER)
    server.refresh_token = "refresh-9"
    page = browser.open("/customer")
    assert page.status_code == 401
    assert "/login?next=/customer" in page.text
    assert browser.open("/customer").status_code == 303


def test_a_token_that_never_reached_the_server_is_used_again(
    browser: Browser, server: PlayedServer, traveller: Any
) -> None:
    browser.sign_in()
    traveller.shift(LATER)
    cause = Mock(reason=NewConnectionError(Mock(), "refused"))
    server.token_error = requests.ConnectionError(cause)
    assert browser.open("/home").status_code == 503
    server.token_error = None
    assert browser.open("/home").status_code == 200
    assert server.refresh_tokens_used == ["refresh-0"]


def test_a_refused_connection_is_known_to_have_sent_nothing() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{unused.getsockname()[1]}/"
        with pytest.raises(requests.ConnectionError) as refused:
            requests.post(address, timeout=5)
    assert was_never_sent(refused.value)
    assert was_never_sent(requests.ConnectTimeout())
    with socket.create_server(("127.0.0.1", 0)) as server:

        def hang_up() -> None:
            server.accept()[0].close()

        with ThreadPoolExecutor(1) as pool:
            pool.submit(hang_up)
            with pytest.raises(requests.ConnectionError) as cut:
                requests.post(f"http://127.0.0.1:{server.getsockname()[1]}/", timeout=5)
    assert not was_never_sent(cut.value)


def test_a_token_of_which_nobody_knows_is_not_used_again(
    browser: Browser, server: PlayedServer, traveller: Any
) -> None:
    browser.sign_in()
    traveller.shift(LATER)
    server.token_error = requests.ReadTimeout("no answer")
    assert browser.open("/home").status_code == 503
    server.token_error = None
    assert browser.open("/home").status_code == 401
    assert not server.refresh_tokens_used


def test_a_rejected_access_token_is_renewed_once_and_then_the_session_is_over(
    browser: Browser, server: PlayedServer
) -> None:
    browser.sign_in()
    server.accepts_access_tokens = False
    assert browser.open("/home").status_code == 401
    assert server.refresh_tokens_used == ["refresh-0"]


def test_a_refresh_that_brings_another_person_ends_the_session(
    browser: Browser, server: PlayedServer, traveller: Any
) -> None:
    browser.sign_in()
    traveller.shift(LATER)
    claims = server.id_token_claims() | {"at_hash": at_hash("access-1")}
    server.tokens = {"id_token": sign(claims | {"sub": "owner-2"})}
    assert browser.open("/home").status_code == 401
    server.tokens = {}
    server.refresh_token = "refresh-0"
    browser.sign_in()
    traveller.shift(LATER)
    server.tokens = {"id_token": sign(claims)}
    assert browser.open("/home").status_code == 200


def test_a_session_is_over_when_nobody_used_it_and_in_any_case_after_its_life(
    server: PlayedServer, tmp_path: Path, traveller: Any
) -> None:
    app = create_app(mypage_settings(tmp_path / "m.sqlite3", session_idle=600, session_lifetime=1500))
    browser = Browser(app, server)
    browser.sign_in()
    for _ in range(2):
        traveller.shift(550)
        assert browser.open("/home").status_code == 200
    traveller.shift(450)
    assert browser.open("/home").status_code == 401
    browser.sign_in()
    traveller.shift(601)
    assert browser.open("/home").status_code == 401
