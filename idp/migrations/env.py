"""How Alembic runs here: on the connection that ``idp db`` hands over."""

from alembic import context
from sqlalchemy import Connection, text

import idp.migrations.tables  # noqa: F401 - every slice's tables have to be known
from idp.db import Base

connection: Connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=Base.metadata,
    render_as_batch=True,
    compare_type=True,
    user_module_prefix="idp.db.",
)
with context.begin_transaction():
    if connection.dialect.name == "postgresql":
        # Of several machines that start at once one migrates; the others wait, and find it done.
        # On SQLite the write lock does the same.
        connection.execute(text("SET LOCAL statement_timeout = 0"))
        connection.execute(text("SET LOCAL lock_timeout = 0"))
        connection.execute(text("SELECT pg_advisory_xact_lock(hashtext('idp migrations'))"))
    context.run_migrations()
