"""The tables of a relying party's own database, and how it is opened."""

from pathlib import Path
from typing import Any

from sqlalchemy import (
    CheckConstraint,
    Column,
    Engine,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    create_engine,
    event,
    make_url,
)
from sqlalchemy import Integer as EpochSeconds
from sqlalchemy.schema import CreateIndex, CreateTable

metadata = MetaData()

session = Table(
    "rp_session",
    metadata,
    Column("key", String(64), primary_key=True, comment="SHA-256 of the cookie"),
    Column("sub", String(255), nullable=False),
    Column("sid", String(255), nullable=False),
    Column("name", Text, nullable=False),
    Column("email", Text, nullable=False),
    Column("scope", Text, nullable=False),
    Column("actor_sub", String(255)),
    Column("actor_name", Text),
    Column("organisation_id", String(255)),
    Column("organisation_name", Text),
    Column("delegation", String(255), nullable=False),
    Column("created_at", EpochSeconds, nullable=False),
    Column("seen_at", EpochSeconds, nullable=False),
    Column("expires_at", EpochSeconds, nullable=False),
    Column("access_token", Text, comment="sealed"),
    Column("access_expires_at", EpochSeconds, nullable=False),
    Column("refresh_token", Text, comment="sealed; NULL while somebody is using it up"),
    Column("refresh_claim", String(64), comment="who is using it up"),
    Column("refresh_claimed_at", EpochSeconds),
    Column("id_token", Text, comment="sealed"),
    Column("ended_at", EpochSeconds),
    Column("end_reason", String(32)),
    CheckConstraint("(ended_at IS NULL) = (end_reason IS NULL)", name="end_has_reason"),
    CheckConstraint(
        "ended_at IS NULL OR (access_token IS NULL AND refresh_token IS NULL)", name="ended_keeps_no_token"
    ),
    CheckConstraint(
        "(actor_sub IS NULL) = (delegation = '') AND (actor_sub IS NULL) = (organisation_id IS NULL)",
        name="act_is_whole",
    ),
    CheckConstraint(
        "actor_sub IS NULL OR (refresh_token IS NULL AND refresh_claim IS NULL)", name="act_never_refreshes"
    ),
    Index("rp_session_sid", "sid"),
    Index("rp_session_sub", "sub"),
    Index("rp_session_expires_at", "expires_at"),
)

logout_notice = Table(
    "rp_logout_notice",
    metadata,
    Column("jti", String(64), primary_key=True, comment="SHA-256 of the logout token's jti"),
    Column("sid", String(255), nullable=False),
    Column("sub", String(255), nullable=False),
    Column("issued_at", EpochSeconds, nullable=False),
    Column("forget_at", EpochSeconds, nullable=False),
    Index("rp_logout_notice_sid", "sid"),
    Index("rp_logout_notice_sub", "sub"),
    Index("rp_logout_notice_forget_at", "forget_at"),
)

activity = Table(
    "rp_activity",
    metadata,
    Column("id", String(64), primary_key=True, comment="as the server knows it"),
    Column("sid", String(255), nullable=False),
    Column("at", EpochSeconds, nullable=False),
    Column("action", String(16), nullable=False),
    Column("item", Text, nullable=False),
    Column("description", Text, nullable=False),
    Column("description_en", Text, nullable=False),
    Column("due_at", EpochSeconds, nullable=False, comment="when to send it; later while somebody does"),
    Column("attempts", Integer, nullable=False),
    Column("done_at", EpochSeconds, comment="the server has it, or will never take it"),
    Index("rp_activity_due", "done_at", "due_at"),
    Index("rp_activity_at", "at"),
)


resource_server = MetaData()
"""The tables of an API that verifies access tokens, which need not be a relying party as well."""

dpop_proof = Table(
    "rp_dpop_proof",
    resource_server,
    Column("proof", String(64), primary_key=True, comment="SHA-256 of the key's thumbprint and the jti"),
    Column("forget_at", EpochSeconds, nullable=False),
    Index("rp_dpop_proof_forget_at", "forget_at"),
)


def open_database(url: str, tables: MetaData = metadata) -> Engine:
    """Return an engine whose tables exist.

    Workers start at the same moment, so that ``IF NOT EXISTS`` is left to the database and not asked
    beforehand.
    """
    parsed = make_url(url)
    is_sqlite = parsed.get_backend_name() == "sqlite"
    if is_sqlite and parsed.database:
        Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(parsed, hide_parameters=True)
    if is_sqlite:
        event.listen(engine, "connect", _prepare_sqlite)
    with engine.begin() as connection:
        for table in tables.sorted_tables:
            connection.execute(CreateTable(table, if_not_exists=True))
            for index in table.indexes:
                connection.execute(CreateIndex(index, if_not_exists=True))
    if parsed.database not in {None, "", ":memory:"}:
        # A server that loads the application before it forks must not hand this connection to its workers.
        engine.dispose()
    return engine


def _prepare_sqlite(connection: Any, _record: object) -> None:
    """Let readers and one writer work at once, and let a second writer wait instead of failing.

    A commit is on the disk when it returns. After a power cut a session that had ended must not live again,
    nor a refresh token come back that the server has seen used: it would revoke the person's whole sign-in.
    """
    cursor = connection.cursor()
    cursor.execute("PRAGMA busy_timeout=5000")
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.close()
