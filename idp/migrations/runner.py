"""Running the migrations from our own command line, without an ini file."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine

from idp.db import Base


def _config(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    config.attributes["connection"] = connection
    return config


def upgrade(engine: Engine, revision: str = "head") -> None:
    """Bring the database to a revision; running it again changes nothing."""
    with engine.execution_options(writes=True).connect() as connection, _references_resting(connection):
        command.upgrade(_config(connection), revision)


@contextmanager
def _references_resting(connection: Connection) -> Iterator[None]:
    """On SQLite, let a table be made anew that others refer to (SQLite, ALTER TABLE §7)."""
    if connection.dialect.name != "sqlite":
        yield
        return
    cursor = connection.connection.cursor()  # no BEGIN yet: inside a transaction the pragma does nothing
    cursor.execute("PRAGMA foreign_keys=OFF")
    try:
        yield
        if cursor.execute("PRAGMA foreign_key_check").fetchall():
            raise RuntimeError("a migration left rows that refer to nothing; restore the backup")
    finally:
        cursor.execute("PRAGMA foreign_keys=ON")


def write_revision(engine: Engine, message: str) -> None:
    """Write a new migration from the difference between the models and a database at head."""
    with engine.connect() as connection:
        command.revision(_config(connection), message=message, autogenerate=True)


def differences(engine: Engine) -> list[object]:
    """Return what the models have and the database has not, or the other way round; empty when up to date."""
    import idp.migrations.tables  # noqa: F401 - all tables have to be known

    with engine.connect() as connection:
        return list(compare_metadata(MigrationContext.configure(connection), Base.metadata))


def is_up_to_date(engine: Engine) -> bool:
    """Tell whether every migration has been run."""
    with engine.connect() as connection:
        head = ScriptDirectory.from_config(_config(connection)).get_current_head()
        return MigrationContext.configure(connection).get_current_revision() == head
