"""Alembic migrations, inside the package so that an installed wheel can bring its database up to date."""
