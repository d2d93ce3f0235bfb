"""Registration metadata, consents, pushed requests, devices, proofs and tokens of registration."""

import sqlalchemy as sa
from alembic import op

import idp.db

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the database here."""
    op.create_table(
        "initial_access_tokens",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("label", sa.String(), nullable=False),
        sa.Column("created_at", idp.db.UtcDateTime(timezone=True), nullable=False),
        sa.Column("expires_at", idp.db.UtcDateTime(timezone=True), nullable=False),
        sa.Column("uses_left", sa.Integer(), nullable=True),
        sa.Column("revoked_at", idp.db.UtcDateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_initial_access_tokens")),
        sa.UniqueConstraint("digest", name=op.f("uq_initial_access_tokens_digest")),
    )
    op.create_table(
        "revoked_tokens",
        sa.Column("jti_digest", sa.String(), nullable=False),
        sa.Column("expires_at", idp.db.UtcDateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("jti_digest", name=op.f("pk_revoked_tokens")),
    )
    with op.batch_alter_table("revoked_tokens", schema=None, recreate="never") as batch_op:
        batch_op.create_index(batch_op.f("ix_revoked_tokens_expires_at"), ["expires_at"], unique=False)

    op.create_table(
        "used_proofs",
        sa.Column("proof_digest", sa.String(), nullable=False),
        sa.Column("expires_at", idp.db.UtcDateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("proof_digest", name=op.f("pk_used_proofs")),
    )
    with op.batch_alter_table("used_proofs", schema=None, recreate="never") as batch_op:
        batch_op.create_index(batch_op.f("ix_used_proofs_expires_at"), ["expires_at"], unique=False)

    op.create_table(
        "client_consents",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("client_id", sa.String(), nullable=False),
        sa.Column("scope", sa.String(), nullable=False),
        sa.Column("claims", sa.JSON(), nullable=False),
        sa.Column("granted_at", idp.db.UtcDateTime(timezone=True), nullable=False),
        sa.Column("revoked_at", idp.db.UtcDateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_client_consents_account_id")),
        sa.ForeignKeyConstraint(
            ["client_id"], ["clients.client_id"], name=op.f("fk_client_consents_client_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_client_consents")),
        sa.UniqueConstraint("account_id", "client_id", name=op.f("uq_client_consents_account_id_client_id")),
    )
    with op.batch_alter_table("client_consents", schema=None, recreate="never") as batch_op:
        batch_op.create_index(batch_op.f("ix_client_consents_client_id"), ["client_id"], unique=False)

    op.create_table(
        "pushed_requests",
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("client_id", sa.String(), nullable=False),
        sa.Column("parameters", sa.JSON(), nullable=False),
        sa.Column("jkt", sa.String(), nullable=True),
        sa.Column("expires_at", idp.db.UtcDateTime(timezone=True), nullable=False),
        sa.Column("used_at", idp.db.UtcDateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["client_id"], ["clients.client_id"], name=op.f("fk_pushed_requests_client_id")
        ),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_pushed_requests")),
    )
    with op.batch_alter_table("pushed_requests", schema=None, recreate="never") as batch_op:
        batch_op.create_index(batch_op.f("ix_pushed_requests_expires_at"), ["expires_at"], unique=False)

    op.create_table(
        "device_requests",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("device_code_digest", sa.String(), nullable=False),
        sa.Column("user_code_digest", sa.String(), nullable=False),
        sa.Column("client_id", sa.String(), nullable=False),
        sa.Column("scope", sa.String(), nullable=False),
        sa.Column("resources", sa.JSON(), nullable=False),
        sa.Column("jkt", sa.String(), nullable=True),
        sa.Column("address", sa.String(), nullable=False),
        sa.Column("created_at", idp.db.UtcDateTime(timezone=True), nullable=False),
        sa.Column("expires_at", idp.db.UtcDateTime(timezone=True), nullable=False),
        sa.Column("interval", sa.Integer(), nullable=False),
        sa.Column("polled_at", idp.db.UtcDateTime(timezone=True), nullable=True),
        sa.Column("answer", sa.String(), nullable=False),
        sa.Column("answered_at", idp.db.UtcDateTime(timezone=True), nullable=True),
        sa.Column("family_id", sa.Uuid(), nullable=True),
        sa.Column("used_at", idp.db.UtcDateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "answer IN ('pending', 'approved', 'denied')", name=op.f("ck_device_requests_answer")
        ),
        sa.ForeignKeyConstraint(
            ["client_id"], ["clients.client_id"], name=op.f("fk_device_requests_client_id")
        ),
        sa.ForeignKeyConstraint(
            ["family_id"], ["token_families.id"], name=op.f("fk_device_requests_family_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_device_requests")),
        sa.UniqueConstraint("device_code_digest", name=op.f("uq_device_requests_device_code_digest")),
        sa.UniqueConstraint("user_code_digest", name=op.f("uq_device_requests_user_code_digest")),
    )
    with op.batch_alter_table("device_requests", schema=None, recreate="never") as batch_op:
        batch_op.create_index(batch_op.f("ix_device_requests_client_id"), ["client_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_device_requests_expires_at"), ["expires_at"], unique=False)
        batch_op.create_index(batch_op.f("ix_device_requests_family_id"), ["family_id"], unique=False)

    for name, default, choices in (
        ("profile", "baseline", "'baseline', 'fapi2'"),
        ("application_type", "web", "'web', 'native'"),
        ("subject_type", "public", "'public', 'pairwise'"),
    ):  # a CHECK of a new column can be added in place; for one of the table SQLite would copy the table
        op.execute(
            f"ALTER TABLE clients ADD COLUMN {name} VARCHAR DEFAULT '{default}' NOT NULL "
            f"CONSTRAINT ck_clients_{name} CHECK ({name} IN ({choices}))"
        )
    with op.batch_alter_table("clients", schema=None, recreate="never") as batch_op:
        batch_op.add_column(sa.Column("first_party", sa.Boolean(), server_default=sa.false(), nullable=False))
        batch_op.add_column(sa.Column("sector_identifier_uri", sa.String(), nullable=True))
        batch_op.add_column(sa.Column("sector", sa.String(), nullable=True))
        batch_op.add_column(sa.Column("jwks_uri", sa.String(), nullable=True))
        batch_op.add_column(
            sa.Column(
                "require_pushed_authorization_requests",
                sa.Boolean(),
                server_default=sa.false(),
                nullable=False,
            )
        )
        batch_op.add_column(
            sa.Column(
                "require_signed_request_object", sa.Boolean(), server_default=sa.false(), nullable=False
            )
        )
        batch_op.add_column(sa.Column("request_object_signing_alg", sa.String(), nullable=True))
        batch_op.add_column(sa.Column("token_endpoint_auth_signing_alg", sa.String(), nullable=True))
        batch_op.add_column(
            sa.Column("dpop_bound_access_tokens", sa.Boolean(), server_default=sa.false(), nullable=False)
        )
        batch_op.add_column(sa.Column("userinfo_signed_response_alg", sa.String(), nullable=True))
        batch_op.add_column(sa.Column("introspection_signed_response_alg", sa.String(), nullable=True))
        batch_op.add_column(sa.Column("default_max_age", sa.Integer(), nullable=True))
        batch_op.add_column(
            sa.Column("require_auth_time", sa.Boolean(), server_default=sa.false(), nullable=False)
        )
        batch_op.add_column(sa.Column("default_acr_values", sa.JSON(), server_default="[]", nullable=False))
        batch_op.add_column(sa.Column("resources", sa.JSON(), server_default="[]", nullable=False))
        batch_op.add_column(sa.Column("allowed_resources", sa.JSON(), server_default="[]", nullable=False))
        batch_op.add_column(
            sa.Column(
                "backchannel_logout_session_required", sa.Boolean(), server_default=sa.false(), nullable=False
            )
        )
        batch_op.add_column(sa.Column("logo_uri", sa.String(), nullable=True))
        batch_op.add_column(sa.Column("policy_uri", sa.String(), nullable=True))
        batch_op.add_column(sa.Column("tos_uri", sa.String(), nullable=True))
        batch_op.add_column(sa.Column("contacts", sa.JSON(), server_default="[]", nullable=False))
        batch_op.add_column(sa.Column("software_id", sa.String(), nullable=True))
        batch_op.add_column(sa.Column("software_version", sa.String(), nullable=True))
        batch_op.add_column(sa.Column("localized", sa.JSON(), server_default="{}", nullable=False))
        batch_op.add_column(sa.Column("registration_digest", sa.String(), nullable=True))

    with op.batch_alter_table("refresh_tokens", schema=None, recreate="never") as batch_op:
        batch_op.add_column(sa.Column("jkt", sa.String(), nullable=True))

    with op.batch_alter_table("token_families", schema=None, recreate="never") as batch_op:
        batch_op.add_column(sa.Column("offline", sa.Boolean(), server_default=sa.false(), nullable=False))
        batch_op.add_column(sa.Column("resources", sa.JSON(), server_default="[]", nullable=False))
        batch_op.add_column(sa.Column("claims", sa.JSON(), nullable=True))
        batch_op.add_column(sa.Column("jkt", sa.String(), nullable=True))
        batch_op.create_index(batch_op.f("ix_token_families_account_id"), ["account_id"], unique=False)
    op.execute(
        sa.text("UPDATE clients SET first_party = :yes").bindparams(yes=True)
    )  # all were the maker's own


def downgrade() -> None:
    """Refuse: SQLite cannot drop these columns, and a backup is the safer way back."""
    raise NotImplementedError("restore the backup that was made before the upgrade")
