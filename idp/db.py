"""The database: engine, base class, and column types that SQLite and PostgreSQL both keep."""

import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import DateTime, Dialect, Engine, MetaData, String, Uuid, create_engine, event, inspect
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection
from sqlalchemy.orm import DeclarativeBase, Session
from sqlalchemy.types import TypeDecorator

from idp.credentials import Sealer

_NAMES = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}


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


def make_engine(url: str) -> Engine:
    """Return an engine; SQLite gets WAL, foreign keys and a patient lock.

    A unit of work that will write says so with the execution option ``writes``: SQLite then takes its
    write lock at BEGIN. A transaction that reads first and upgrades later is refused at once by SQLite
    when another one wrote in between, however long the busy timeout is.
    """
    # Parameters hold digests and personal data: a database error must not print them into the log.
    engine = create_engine(url, pool_pre_ping=not url.startswith("sqlite"), hide_parameters=True)
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
    return engine


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
    insert = sqlite.insert if session.get_bind().dialect.name == "sqlite" else postgresql.insert
    statement = insert(model).values(values).on_conflict_do_nothing().returning(*inspect(model).primary_key)
    return session.execute(statement).first() is not None


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
