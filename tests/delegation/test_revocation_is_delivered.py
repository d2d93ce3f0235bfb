"""Relying parties that work learn of a revocation within seconds; of the others the operator learns."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from urllib.parse import parse_qs
from uuid import UUID

import pytest
from sqlalchemy import select, update

from idp.delegation.models import ActAsSession
from idp.demo import HANAKO
from idp.mail.models import OutboxItem, Topic
from idp.mail.worker import run_worker
from idp.oauth.backchannel_logout import logout_deliverer
from idp.oauth.models import Client
from tests.delegation.steps import end, operate
from tests.mail.post_office import misbehaving_server
from tests.mail.test_worker import until
from tests.oauth.assertions import claims_of
from tests.oauth.desk import Desk, Parties
from tests.world import World

SESSIONS, IN_TIME = 20, 5.0
OK, WRONG = b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 500 Oops\r\n"


@pytest.fixture
def apps(world: World) -> Iterator[list[tuple[str, float]]]:
    """Let one app work, one be down, one say nothing, one answer 500; return what the first hears."""
    heard: list[tuple[str, float]] = []
    over = threading.Event()

    def confirm(connection: socket.socket) -> None:
        heard.append((logout_token(connection), time.monotonic()))
        connection.sendall(OK + b"Content-Length: 0\r\nConnection: close\r\n\r\n")

    def fail(connection: socket.socket) -> None:
        logout_token(connection)
        connection.sendall(WRONG + b"Content-Length: 0\r\nConnection: close\r\n\r\n")

    with ExitStack() as stack:

        def serve(behaviour: Callable[[socket.socket], None]) -> int:
            return stack.enter_context(misbehaving_server(behaviour))

        ports = {
            "mypage": serve(confirm),
            "myapp": serve(lambda _connection: over.wait(30)),
            "radio": serve(fail),
        }
        with socket.create_server(("127.0.0.1", 0)) as gone:
            ports["shop"] = gone.getsockname()[1]
        for client_id, port in ports.items():
            listen(world, client_id, port)
        yield heard
        over.set()


def logout_token(connection: socket.socket) -> str:
    """Read a call, and return the logout token in it."""
    received = b""
    while b"logout_token=" not in received:
        received += connection.recv(65536)
    return parse_qs(received.partition(b"\r\n\r\n")[2].decode())["logout_token"][0]


def listen(world: World, client_id: str, port: int) -> None:
    address = f"http://127.0.0.1:{port}/logout"
    change = update(Client).where(Client.client_id == client_id).values(backchannel_logout_uri=address)
    world.write(lambda session: session.execute(change).close())


def act_everywhere(world: World, desk: Desk) -> set[str]:
    """Let proxy logins run at each of the four; return those at the one that works."""
    audiences = ["mypage", "myapp", "radio", "shop"]
    sids = [
        claims_of(
            desk.portal.exchange(desk.staff.access_token, world.grant(HANAKO).id).tokens().access_token
        )["sid"]
        for _ in range(SESSIONS)
    ]
    for index, sid in enumerate(sids):
        elsewhere = (
            update(ActAsSession).where(ActAsSession.id == UUID(sid)).values(audience=audiences[index % 4])
        )
        world.write(lambda session, change=elsewhere: session.execute(change).close())
    return set(sids[::4])


@contextmanager
def worker(world: World) -> Iterator[None]:
    """Run a worker that gives a logout call up after its first try."""
    stop, settings = threading.Event(), world.settings.model_copy(update={"mail_attempts": 1})
    deliverers = {Topic.BACKCHANNEL_LOGOUT: logout_deliverer(world.database, settings)}
    thread = threading.Thread(
        target=run_worker, args=(world.database, settings),
        kwargs={"deliverers": deliverers, "jobs": (), "stop": stop},
    )  # fmt: skip
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(20)


def test_a_revocation_reaches_the_apps_that_work_in_time_and_the_operator_is_told_of_the_others(
    world: World, parties: Parties, apps: list[tuple[str, float]], monkeypatch: pytest.MonkeyPatch
) -> None:
    working = act_everywhere(world, Desk(world, parties))
    with worker(world):
        revoked_at = time.monotonic()
        end(world, world.grant(HANAKO).id)
        until(lambda: len(apps) == len(working))
        assert {claims_of(token)["sid"] for token, _at in apps} == working
        assert max(at for _token, at in apps) - revoked_at < IN_TIME
        until(lambda: len(given_up(world)) == SESSIONS // 2)
    told = operate(world, monkeypatch, "mail", "dead")
    assert sorted(given_up(world)) == ["radio"] * (SESSIONS // 4) + ["shop"] * (SESSIONS // 4)
    assert all(f"backchannel_logout   {name}" in told for name in ("radio", "shop"))
    assert "answered 500" in told
    assert "mypage" not in told


def given_up(world: World) -> list[str]:
    """Return to whom a logout call was given up."""
    dead = select(OutboxItem.name).where(
        OutboxItem.dead_at.is_not(None), OutboxItem.recipient.in_(["radio", "shop"])
    )
    return list(world.read(lambda session: session.scalars(dead).all()))


def test_the_operator_sees_where_deliveries_fail_while_they_are_still_tried(
    world: World, parties: Parties, monkeypatch: pytest.MonkeyPatch
) -> None:
    Desk(world, parties).act()
    end(world, world.grant(HANAKO).id)
    assert "tried in vain" not in operate(world, monkeypatch, "mail", "state")
    tried = update(OutboxItem).where(OutboxItem.topic == Topic.BACKCHANNEL_LOGOUT)
    world.write(lambda session: session.execute(tried.values(attempts=2, last_error="answered 503")).close())
    told = operate(world, monkeypatch, "mail", "state")
    assert "backchannel_logout mypage: 1 tried in vain since" in told
    assert "the last: answered 503" in told
