"""Scopes of the maker's other APIs."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the database here."""
    op.create_table(
        "api_scopes",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("words", sa.String(), nullable=False),
        sa.Column("words_en", sa.String(), nullable=False),
        sa.Column("for_clients", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_api_scopes")),
    )


def downgrade() -> None:
    """Take it back."""
    op.drop_table("api_scopes")
