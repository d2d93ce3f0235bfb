"""How Alembic runs here: on the connection that ``idp db`` hands over."""

from alembic import context

import idp.migrations.tables  # noqa: F401 - every slice's tables have to be known
from idp.db import Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    render_as_batch=True,
    compare_type=True,
    user_module_prefix="idp.db.",
)
with context.begin_transaction():
    context.run_migrations()
