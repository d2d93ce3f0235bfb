"""What no test may do: reach beyond this machine. A plugin, so that it holds before the first fixture."""

import ipaddress
import socket
from collections.abc import Iterator
from typing import Any

import pytest
import structlog
from argon2 import PasswordHasher

from idp import credentials


class NetworkRefused(Exception):
    """A test tried to reach another machine; foreign HTTP goes through ``responses``."""


def check_is_local(host: object) -> None:
    """Raise unless the host is this machine.

    :raises NetworkRefused: it is another one, or a name that would have to be looked up.
    """
    name = host.decode() if isinstance(host, bytes) else str(host or "localhost")
    if name == "localhost" or name.endswith(".localhost"):
        return
    try:
        is_local = ipaddress.ip_address(name.partition("%")[0]).is_loopback or name in {"0.0.0.0", "::"}  # noqa: S104
    except ValueError:
        is_local = False
    if not is_local:
        raise NetworkRefused(f"a test tried to reach {name}")


@pytest.fixture(scope="session", autouse=True)
def only_this_machine() -> Iterator[None]:
    """Let sockets of this process connect to this machine alone."""
    connect, look_up = socket.socket.connect, socket.getaddrinfo

    def guarded_connect(self: socket.socket, address: Any) -> None:
        if self.family != socket.AF_UNIX:
            check_is_local(address[0])
        connect(self, address)

    def guarded_look_up(host: Any, *args: Any, **kwargs: Any) -> Any:
        check_is_local(host)
        return look_up(host, *args, **kwargs)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", guarded_connect)
        patch.setattr(socket, "getaddrinfo", guarded_look_up)
        yield


@pytest.fixture(scope="session", autouse=True)
def passwords_are_cheap() -> Iterator[None]:
    """Let passwords cost nothing in this process: most tests sign somebody in, and few are about the cost."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(credentials, "_hasher", PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
        yield


@pytest.fixture(autouse=True)
def logging_as_it_was() -> Iterator[None]:
    """Leave structlog as each test found it: ``capture_logs`` says of it for ever that it was configured."""
    before = structlog.get_config() if structlog.is_configured() else None
    yield
    if before is None:
        structlog.reset_defaults()
    else:
        structlog.configure(**before)
