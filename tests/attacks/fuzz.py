"""Send many strange requests to every endpoint of the protocol: none may fail, log an error or cost memory.

usage: python -m tests.attacks.fuzz [--requests N] [--seed N] [--over WAY] [--database KIND]

Each request begins in order, with codes and tokens that are good, and then a few things of it are changed.
The seed says what is sent. ``process`` calls the application in this process, which is several times quicker;
``wire`` sends everything over HTTP to two worker processes.
"""

import logging
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from io import BytesIO
from pathlib import Path
from random import Random

import click
import structlog
from flask import Flask
from werkzeug.test import create_environ, run_wsgi_app

from tests.attacks.fuzz_seeds import Seeds
from tests.attacks.fuzz_shots import Shot, change
from tests.attacks.stage import Stage
from tests.databases import Databases
from tests.world import World, make_template

MIB = 1024 * 1024
MOST_GROWTH = 24 * MIB
"""Bytes that the processes may hold more at the end than when everything had been used once."""
WARM_UP = 0.3
"""Share of the requests after which everything has been used."""
RENEWED_EVERY = 400
"""Requests after which codes and tokens are fetched anew."""
Send = Callable[[Shot], int]


class Failed(Exception):
    """A request did what none may do; says which and how to send it again."""


@dataclass
class Report:
    """What a run of requests did."""

    statuses: Counter[int] = field(default_factory=Counter)
    paths: Counter[str] = field(default_factory=Counter)
    memory: list[int] = field(default_factory=list)
    """Bytes held, at each tenth of the requests."""
    seconds: float = 0.0

    @property
    def growth(self) -> int:
        """Bytes held more at the end than after the warm-up: the lower of the last plateaus counts."""
        settled = self.memory[int(len(self.memory) * WARM_UP) :]
        return min(settled[-2:]) - max(settled[:2]) if len(settled) >= 4 else 0

    def lines(self) -> Iterator[str]:
        """Yield what is told at the end."""
        count = sum(self.statuses.values())
        yield f"{count} requests in {self.seconds:.0f} s, {count / max(self.seconds, 0.01):.0f} each second"
        yield "statuses: " + ", ".join(
            f"{status}: {number}" for status, number in sorted(self.statuses.items())
        )
        yield "paths: " + ", ".join(f"{path}: {number}" for path, number in self.paths.most_common(24))
        yield "memory in MiB: " + " ".join(f"{held / MIB:.0f}" for held in self.memory)
        yield f"growth after the warm-up: {self.growth / MIB:.1f} MiB"


def repeatable(seed: int) -> Random:
    """Return chances that are the same for the same seed; what failed once can be sent again."""
    return Random(seed)  # noqa: S311 - nothing is kept secret with them


def run(seeds: Seeds, send: Send, *, requests: int, seed: int, memory: Callable[[], int],
        complaints: Callable[[], list[str]]) -> Report:  # fmt: skip
    """Send so many requests.

    :raises Failed: one was answered with 500 or more, or not at all, or the log has an error.
    """
    random = repeatable(seed)
    report, begun = Report(), time.monotonic()
    for number in range(requests):
        if number % RENEWED_EVERY == 0:
            seeds.renew()
        if number % max(requests // 20, 1) == 0:
            report.memory.append(memory())
        shot = change(random, seeds.shot(random))
        try:
            status = send(shot)
        except Exception as error:
            raise Failed(f"request {number} of seed {seed}: {shot}") from error
        report.statuses[status] += 1
        report.paths[f"{shot.method} {shot.path}" if len(shot.path) < 40 else "longer"] += 1
        if status >= 500 or (number % 50 == 0 and complaints()):
            raise Failed(
                f"request {number} of seed {seed} ({status}): {shot}\n" + "\n".join(complaints()[-30:])
            )
    report.memory.append(memory())
    report.seconds = time.monotonic() - begun
    if found := complaints():
        raise Failed("\n".join(found[-30:]))
    if report.growth > MOST_GROWTH:
        raise Failed("the memory grows:\n" + "\n".join(report.lines()))
    return report


# --- in this process --------------------------------------------------------------------------------------


def sender_in_process(app: Flask, issuer: str) -> Send:
    """Return what calls the application."""
    host = issuer.partition("://")[2]

    def send(shot: Shot) -> int:
        path, _, query = shot.target.partition("?")
        content = shot.content
        environ = create_environ(path, issuer, query, shot.method, input_stream=BytesIO(content))
        environ["CONTENT_LENGTH"] = str(len(content))
        environ["HTTP_HOST"] = host
        for name, value in shot.headers.items():
            key = name.upper().replace("-", "_")
            environ[key if key in {"CONTENT_TYPE", "CONTENT_LENGTH"} else f"HTTP_{key}"] = value
        pieces, status, _ = run_wsgi_app(app, environ, buffered=True)
        for _ in pieces:
            pass
        return int(status.split()[0])

    return send


@contextmanager
def errors_logged() -> Iterator[list[str]]:
    """Collect what is logged as an error in this process."""
    found: list[str] = []

    class Listener(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            found.append(self.format(record))

    listener = Listener(logging.ERROR)
    logging.getLogger().addHandler(listener)
    logging.getLogger("idp").addHandler(listener)
    try:
        yield found
    finally:
        logging.getLogger().removeHandler(listener)
        logging.getLogger("idp").removeHandler(listener)


def own_memory() -> int:
    """Return the bytes that this process holds (RSS)."""
    state = Path("/proc/self/status").read_text(encoding="ascii")
    return int(state.partition("VmRSS:")[2].split()[0]) * 1024


# --- over HTTP --------------------------------------------------------------------------------------------


def sender_over_http(stage: Stage) -> Send:
    """Return what sends a request over a connection of its own; 0 if the server did not take it for one."""
    host = stage.settings.issuer.partition("://")[2]

    def send(shot: Shot) -> int:
        connection = HTTPConnection("127.0.0.1", stage.arena.port, timeout=20)
        try:
            connection.putrequest(shot.method, shot.target, skip_host=True, skip_accept_encoding=True)
            content = shot.content
            for name, value in {"Host": host, "Content-Length": str(len(content)), **shot.headers}.items():
                if "\0" not in value:
                    connection.putheader(name, value.encode("latin-1", "replace"))
            connection.endheaders(content)
            answer = connection.getresponse()
            answer.read()
            return int(answer.status)
        except (HTTPException, ValueError):
            return 0  # this client refuses to send it
        finally:
            connection.close()

    return send


# --- the command ------------------------------------------------------------------------------------------


@click.command()
@click.option("--requests", default=100_000, show_default=True)
@click.option("--seed", default=1, show_default=True)
@click.option("--over", type=click.Choice(["process", "wire"]), default="process", show_default=True)
@click.option("--database", type=click.Choice(["sqlite", "postgres"]), default="sqlite", show_default=True)
def main(requests: int, seed: int, over: str, database: str) -> None:
    """Send many strange requests to every endpoint of the protocol."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    with tempfile.TemporaryDirectory() as name:
        folder, databases = Path(name), Databases(Path(name) / "postgres")
        (folder / "served").mkdir()
        try:
            template = make_template(databases, database, folder)
            copy = World.copied(template, folder / "served")
            if over == "process":
                with errors_logged() as found:
                    report = run(Seeds(copy), sender_in_process(copy.app, copy.settings.issuer),
                                 requests=requests,
                                 seed=seed, memory=own_memory, complaints=lambda: found)  # fmt: skip
            else:
                stage = Stage(copy.database, copy.settings, template=template, folder=folder)
                stage.arena.await_start()
                report = run(Seeds(stage), sender_over_http(stage), requests=requests, seed=seed,
                             memory=stage.memory, complaints=stage.failures)  # fmt: skip
                stage.close()
        except Failed as failure:
            click.echo(str(failure), err=True)
            sys.exit(1)
        finally:
            databases.close()
    for line in report.lines():
        click.echo(line)


if __name__ == "__main__":
    main()
