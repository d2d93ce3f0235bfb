"""The database: engine, base class, and column types that SQLite and PostgreSQL both keep."""

import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    URL,
    DateTime,
    Dialect,
    Engine,
    MetaData,
    String,
    Uuid,
    create_engine,
    event,
    inspect,
    make_url,
    text,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm import DeclarativeBase, Session
from sqlalchemy.types import TypeDecorator

from idp import credentials
from idp.credentials import Sealer

_NAMES = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}


SortedText = String().with_variant(String(collation="C"), "postgresql")
"""Text that is put in order: by its characters' numbers as on SQLite, whatever language the server speaks."""
_POSTGRES_SETTINGS = {
    "timezone": "UTC",
    "statement_timeout": "15s",
    "lock_timeout": "10s",
    "idle_in_transaction_session_timeout": "60s",
}
"""No statement, and nobody who forgot a transaction, may keep the others waiting without end."""


class UtcDateTime(TypeDecorator[datetime]):
    """A moment, timezone-aware and in UTC on both sides of the database."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Refuse a naive time, which would be somebody's local one."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a time without a time zone cannot be stored")
        moment = value.astimezone(UTC)
        return moment.replace(tzinfo=None) if dialect.name == "sqlite" else moment

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Give back what was stored, in UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Base(DeclarativeBase):
    """Base of every model; constraint names are fixed, so that migrations can name them."""

    metadata = MetaData(naming_convention=_NAMES)
    type_annotation_map = {datetime: UtcDateTime(), uuid.UUID: Uuid(), str: String()}  # noqa: RUF012


def database_url(given: str) -> URL:
    """Return what SQLAlchemy needs to know; ``postgresql://`` is enough, whatever driver we use.

    :raises sqlalchemy.exc.ArgumentError: it is no URL of a database.
    """
    url = make_url(given)
    return url.set(drivername="postgresql+psycopg") if url.drivername in {"postgresql", "postgres"} else url


def make_engine(url: str, *, threads: int = 4) -> Engine:
    """Return an engine for a process in which so many threads use the database.

    A unit of work that will write says so with the execution option ``writes``: SQLite then takes its
    write lock at BEGIN. A transaction that reads first and upgrades later is refused at once by SQLite
    when another one wrote in between, however long the busy timeout is. PostgreSQL has many writers: what
    is decided on a row is decided while it is locked (docs/decisions/0013-postgresql.md).
    """
    parsed = database_url(url)
    # Parameters hold digests and personal data: a database error must not print them into the log.
    if parsed.get_backend_name() == "sqlite":
        engine = create_engine(parsed, hide_parameters=True)
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
        return engine
    own = " ".join(f"-c {name}={value}" for name, value in _POSTGRES_SETTINGS.items())
    theirs = parsed.query.get("options", "")
    return create_engine(
        parsed, hide_parameters=True, isolation_level="READ COMMITTED",
        # A thread holds the connection of its request and, for a moment, one more to look somebody up.
        pool_size=threads, max_overflow=threads + 2, pool_timeout=5, pool_pre_ping=True, pool_recycle=1800,
        connect_args={
            "connect_timeout": 5, "application_name": "idp",
            "options": " ".join([own, *([theirs] if isinstance(theirs, str) else theirs)]).strip(),
        },
    )  # fmt: skip


def _prepare_sqlite(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # we say BEGIN ourselves, see _begin_sqlite
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "busy_timeout=10000"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    writes = connection.get_execution_options().get("writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def insert_once(session: Session, model: type[Base], values: dict[str, Any]) -> bool:
    """Insert a row unless one with the same key exists, and tell whether this call inserted it.

    Of any number of parallel calls one is told True; the others wait until its transaction has ended.
    Every unique constraint counts, so a value that nobody else may have either is a conflict too.
    """
    statement = _insert_for(session)(model).values(values).on_conflict_do_nothing()
    return session.execute(statement.returning(*inspect(model).primary_key)).first() is not None


def insert_or_repeat(
    session: Session, model: type[Base], rows: Sequence[dict[str, Any]], *, key: Sequence[str],
    repeat: Callable[[Any], dict[str, Any]],
) -> None:  # fmt: skip
    """Insert rows in one statement; where there is one with the same key, change that as ``repeat`` says.

    ``repeat`` is given the row that is not inserted. Callers that may meet give rows in the same order, so
    that nobody waits in a circle.
    """
    if rows:
        insert = _insert_for(session)(model.__table__)
        changes = repeat(insert.excluded)
        session.execute(insert.on_conflict_do_update(index_elements=list(key), set_=changes), rows)


def _insert_for(session: Session) -> Any:
    return sqlite.insert if session.get_bind().dialect.name == "sqlite" else postgresql.insert


class Trouble(StrEnum):
    """What a database error means for whoever asked; anything else is a mistake of ours."""

    BUSY = "busy"
    """Nothing was stored, and the same request may succeed in a moment."""
    TAKEN = "taken"
    """Somebody else was quicker with something that there can be only one of."""
    UNSTORABLE = "unstorable"
    """A text or number that the database cannot hold, such as one with a NUL."""


def trouble_of(error: Exception) -> Trouble | None:
    """Tell what went wrong, so that no answer of ours to a request is a 500."""
    if isinstance(error, PoolTimeout):
        return Trouble.BUSY
    if not isinstance(error, DBAPIError):
        return None
    state = getattr(error.orig, "sqlstate", None) or ""
    if error.connection_invalidated or state.startswith(_BUSY) or "database is locked" in str(error.orig):
        return Trouble.BUSY
    if isinstance(error, IntegrityError) and (state == "23505" or "UNIQUE constraint" in str(error.orig)):
        return Trouble.TAKEN
    return Trouble.UNSTORABLE if isinstance(error, DataError) else None


_BUSY = ("08", "40", "53", "55P03", "57014", "57P")
"""SQLSTATEs: connection lost, deadlock, no room, waited too long for a lock or an answer, shutting down."""


def is_storable(given: str) -> bool:
    """Tell whether a text can be in the database at all: PostgreSQL takes no NUL and no half character."""
    return "\0" not in given and not any("\ud800" <= character <= "\udfff" for character in given)


def lock_named(session: Session, name: str) -> None:
    """Hold what this name stands for until the transaction ends, for a decision on rows that may not exist.

    A count of failures, for example: two that count at the same moment must count each other. On SQLite
    nobody else writes while a writing unit of work lasts, so that there is nothing to do.
    """
    if session.get_bind().dialect.name == "postgresql":
        key = int(credentials.digest(f"lock:{name}")[:15], 16)
        session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": key})


def try_lock_named(session: Session, name: str) -> bool:
    """Hold what this name stands for until the transaction ends, or tell at once that somebody else does.

    On SQLite whoever comes here holds it: nobody else is in a writing unit of work.
    """
    if session.get_bind().dialect.name != "postgresql":
        return True
    key = int(credentials.digest(f"lock:{name}")[:15], 16)
    return bool(session.scalar(text("SELECT pg_try_advisory_xact_lock(:key)"), {"key": key}))


@dataclass(frozen=True)
class Database:
    """An engine together with the key for what is sealed in it."""

    engine: Engine
    sealer: Sealer

    def open_session(self, *, writes: bool) -> Session:
        """Return a new session; the caller closes it and only ``unit_of_work`` stores what it did."""
        bind = self.engine.execution_options(writes=True) if writes else self.engine
        return Session(bind, expire_on_commit=False, info={"sealer": self.sealer})


def sealer_of(session: Session) -> Sealer:
    """Return the key for sealed columns that belongs to this session's database."""
    sealer: Sealer = session.info["sealer"]
    return sealer
