"""The databases of the tests: SQLite files, or those of a PostgreSQL server of this process's own.

The server starts when the first test asks for it, listens on a socket in a folder of its own, and ends with
this process, however that ends: runs side by side share nothing.
"""

import re
import shutil
from itertools import count
from pathlib import Path

import pytest
from sqlalchemy import Engine, create_engine, inspect, text
from sqlalchemy.pool import NullPool

from idp.db import database_url, make_engine
from idp.demo.postgres import PostgresServer

SQLITE, POSTGRES = "sqlite", "postgres"
HASTE = ("-c", "fsync=off", "-c", "synchronous_commit=off", "-c", "full_page_writes=off",
         "-c", "autovacuum=off", "-c", "max_connections=200")  # fmt: skip
"""What nobody sets whose data is to outlive a power cut."""
USES_BEFORE_VACUUM = 25


on_postgres = pytest.mark.parametrize("database_kind", [POSTGRES], scope="session")
"""Marks a test of what only PostgreSQL does."""


_FIRST: dict[str, Engine] = {}


def open_engine(url: str) -> Engine:
    """Return an engine that uses what those before it have compiled: that is half the time of a run."""
    engine = make_engine(url)
    if engine.dialect.name not in _FIRST:
        engine.connect().close()  # its dialect gets to know the server
        _FIRST[engine.dialect.name] = engine
    first = _FIRST[engine.dialect.name]
    engine.dialect, engine._compiled_cache = first.dialect, first._compiled_cache
    return engine


class Databases:
    """Makes, copies and drops databases of either kind."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._numbers = folder, count(1)
        self._server: PostgresServer | None = None
        self._copies: dict[str, list[_Copy]] = {}

    def create(self, kind: str, folder: Path) -> str:
        """Return the URL of a new, empty database."""
        if kind == SQLITE:
            return f"sqlite:///{folder / f'club{next(self._numbers)}.sqlite3'}"
        return self.server.create_database(f"club{next(self._numbers)}")

    def copy(self, url: str, folder: Path) -> str:
        """Return the URL of a database that is like this one, which nobody may be using."""
        if is_sqlite(url):
            file = folder / f"club{next(self._numbers)}.sqlite3"
            shutil.copyfile(url.removeprefix("sqlite:///"), file)
            return f"sqlite:///{file}"
        copies = self._copies.setdefault(url, [])
        for copy in copies:
            if not copy.is_used and copy.restore():
                return copy.url
        made = _Copy(self.server.create_database(f"club{next(self._numbers)}", template=_name(url)))
        copies.append(made)
        return made.url

    def drop(self, url: str) -> None:
        """Let go of a copy; a file goes with its folder."""
        for copy in (copy for copies in self._copies.values() for copy in copies if copy.url == url):
            copy.is_used = False

    @property
    def server(self) -> PostgresServer:
        """The server, which runs from here on."""
        if self._server is None:
            self._server = PostgresServer(self._folder / "data", self._folder / "log", options=HASTE)
            self._server.start()
        return self._server

    def close(self) -> None:
        """End the server, if there is one."""
        if self._server is not None:
            self._server.stop()


class _Copy:
    """A database on the server that test after test uses: copying rows is many times quicker than files."""

    def __init__(self, url: str) -> None:
        self.url, self.is_used, self._uses = url, True, 0
        self._engine = create_engine(database_url(url), isolation_level="AUTOCOMMIT", poolclass=NullPool)
        with self._engine.connect() as connection:
            tables = inspect(connection).get_table_names()
            connection.exec_driver_sql("CREATE SCHEMA kept")
            for table in tables:
                connection.exec_driver_sql(f'CREATE TABLE kept."{table}" AS TABLE public."{table}"')
            self._structure = connection.scalar(_STRUCTURE)
            counters = [
                f"SELECT setval('{name}', {last or 1}, {last is not None})"
                for name, last in connection.execute(_COUNTERS)
            ]
        self._refill = ";".join([
            "BEGIN", "SET LOCAL session_replication_role = replica",  # references are not asked about
            *(f'DELETE FROM public."{table}"' for table in tables),  # noqa: S608 - names of our own tables
            *(f'INSERT INTO public."{table}" TABLE kept."{table}"' for table in tables),
            *counters, "COMMIT",
        ])  # fmt: skip

    def restore(self) -> bool:
        """Make it like new; tell whether that is possible: a test may have changed the tables themselves."""
        with self._engine.connect() as connection:
            connection.execute(_OTHERS)
            if connection.scalar(_STRUCTURE) != self._structure:
                return False
            connection.exec_driver_sql(self._refill)
            self._uses += 1
            if self._uses % USES_BEFORE_VACUUM == 0:
                connection.exec_driver_sql("VACUUM")
        self.is_used = True
        return True


_STRUCTURE = text(
    "SELECT md5(string_agg(concat(attrelid, attname, atttypid, attnotnull), ',' ORDER BY attrelid, attnum)) "
    "FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid "
    "WHERE relnamespace = 'public'::regnamespace AND NOT attisdropped"
)
_COUNTERS = text("SELECT quote_ident(sequencename), last_value FROM pg_sequences WHERE schemaname = 'public'")
_OTHERS = text(
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
    "WHERE datname = current_database() AND pid <> pg_backend_pid()"
)


def is_sqlite(url: str) -> bool:
    """Tell which kind a database is."""
    return url.startswith("sqlite")


def contents(url: str) -> bytes:
    """Return everything that a database holds, as somebody sees it who has got hold of a copy."""
    if is_sqlite(url):
        file = Path(url.removeprefix("sqlite:///"))
        return b"".join(part.read_bytes() for part in sorted(file.parent.glob(f"{file.name}*")))
    engine = make_engine(url)
    lines: list[str] = []
    with engine.connect() as connection:
        for table in inspect(engine).get_table_names():
            lines += [table, *connection.scalars(text(f'SELECT "{table}"::text FROM "{table}"'))]  # noqa: S608
    engine.dispose()
    return "\n".join(lines).encode()


def _name(url: str) -> str:
    found = re.search(r"/(\w+)\?", url)
    assert found, url
    return found[1]
