"""``X-Forwarded-For`` counts from proxies that the settings name, and from nobody else."""

from pathlib import Path

import pytest
from flask import Flask, request
from sqlalchemy import select

from idp.accounts.models import BrowserSession
from idp.app import create_app
from idp.demo import HANAKO, PASSWORD
from idp.forwarded import read_address
from idp.settings import Settings
from tests.world import Template, World

PROXIES = "10.0.0.0/8, 127.0.0.1, 2001:db8:1::/48"


def seen(app: Flask, peer: str, *, forwarded: str | None, more: dict[str, str] | None = None) -> str | None:
    """Return whose address the application believes a request to have."""
    found: list[str | None] = []
    app.before_request_funcs[None] = [lambda: found.append(request.remote_addr)]
    headers = {**({"X-Forwarded-For": forwarded} if forwarded is not None else {}), **(more or {})}
    answer = app.test_client(use_cookies=False).get(
        "/", base_url="http://localhost:8000", headers=headers, environ_overrides={"REMOTE_ADDR": peer}
    )
    assert answer.status_code == 200
    return found[0]


@pytest.fixture
def app(template: Template, tmp_path: Path) -> Flask:
    world = World.copied(template, tmp_path)
    return create_app(
        world.settings.model_copy(update={"trusted_proxies": f"{PROXIES}, unix"}), world.database
    )


@pytest.mark.parametrize(
    ("peer", "forwarded", "visitor"),
    [
        ("127.0.0.1", "203.0.113.7", "203.0.113.7"),
        ("10.1.2.3", "198.51.100.1, 203.0.113.7, 10.9.9.9", "203.0.113.7"),
        ("10.1.2.3", "203.0.113.7:4711", "203.0.113.7"),
        ("2001:db8:1::5", "[2001:db8:7::1]:443", "2001:db8:7::1"),
        ("::ffff:10.0.0.1", "::ffff:203.0.113.7", "203.0.113.7"),
        ("", "203.0.113.7", "203.0.113.7"),
        ("10.1.2.3", "10.9.9.9, 10.8.8.8", "10.9.9.9"),
        ("10.1.2.3", None, "10.1.2.3"),
        ("203.0.113.9", None, "203.0.113.9"),
    ],
)
def test_a_proxy_that_is_named_is_believed(
    app: Flask, peer: str, forwarded: str | None, visitor: str
) -> None:
    assert seen(app, peer, forwarded=forwarded) == visitor


@pytest.mark.parametrize("peer", ["203.0.113.9", "2001:db8:2::1", "127.0.0.2", "not an address"])
@pytest.mark.parametrize("forwarded", ["198.51.100.1", "127.0.0.1", "10.0.0.1, 127.0.0.1"])
def test_nobody_else_is_believed(app: Flask, peer: str, forwarded: str) -> None:
    assert seen(app, peer, forwarded=forwarded) == peer


def test_what_a_visitor_puts_in_front_is_not_believed(app: Flask) -> None:
    assert seen(app, "10.1.2.3", forwarded="127.0.0.1, 198.51.100.1, 203.0.113.7") == "203.0.113.7"


@pytest.mark.parametrize(
    "forwarded",
    ["", ",", " , ,", "unknown", "_hidden", "203.0.113.7, x", "1.2.3.4.5", "[::1", "[]", ":", "999.1.1.1",
     "203.0.113.7;", "\u00e9", "0x7f.1", "x" * 4000, "for=203.0.113.7"],
)  # fmt: skip
def test_what_cannot_be_read_stops_at_the_proxy_and_breaks_nothing(app: Flask, forwarded: str) -> None:
    assert seen(app, "10.1.2.3", forwarded=forwarded) in {"10.1.2.3", "::1"}


@pytest.mark.parametrize("header", ["Forwarded", "X-Real-IP", "X-Forwarded-Host", "X-Forwarded-Proto"])
def test_no_other_header_says_anything(app: Flask, header: str) -> None:
    assert seen(app, "10.1.2.3", forwarded=None, more={header: "203.0.113.7"}) == "10.1.2.3"


def test_without_named_proxies_a_socket_and_this_machine_are_not_believed(world: World) -> None:
    app = create_app(world.settings, world.database)
    assert seen(app, "", forwarded="203.0.113.7") == ""
    assert seen(app, "127.0.0.1", forwarded="203.0.113.7") == "127.0.0.1"


def test_the_address_of_a_sign_in_is_the_visitors(world: World) -> None:
    world.settings = Settings(database_url=world.settings.database_url, trusted_proxies=PROXIES)
    world.restart()
    for peer, expected in (("10.0.0.1", "203.0.113.7"), ("203.0.113.9", "203.0.113.9")):
        browser = world.browser()
        browser.client.environ_base["REMOTE_ADDR"] = peer
        browser.client.environ_base["HTTP_X_FORWARDED_FOR"] = "203.0.113.7"
        browser.sign_in(HANAKO.email, PASSWORD)
        addresses = world.read(lambda session: session.scalars(select(BrowserSession.address)).all())
        assert addresses.count(expected) == 1


@pytest.mark.parametrize(("text", "address"), [("::1%eth0", "::1%eth0"), (" 1.2.3.4 ", "1.2.3.4")])
def test_an_address_is_read_as_proxies_write_it(text: str, address: str) -> None:
    assert str(read_address(text)) == address
