"""Products of grants, permissions in words, staff, invitations, conditions, activities, disclosures, systems."""

import sqlalchemy as sa
from alembic import op

import idp.db
from idp import clock

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_ROLES = "'manager', 'approver', 'proxy_login', 'viewer'"
_ENDS = "'staff', 'signed_out', 'grant_ended', 'time_over', 'owner', 'operator', 'left'"


def upgrade() -> None:
    """Bring the database here."""
    _add_tables()
    _add_columns()
    _widen_choices()
    _note_owners()
    _register_words()


def _add_column_with_reference(table: str, column: str, target: str) -> None:
    """SQLite adds a reference only together with its column, and PostgreSQL understands that too."""
    kind = "CHAR(32)" if op.get_bind().dialect.name == "sqlite" else "UUID"
    op.execute(
        f"ALTER TABLE {table} ADD COLUMN {column} {kind} CONSTRAINT fk_{table}_{column} REFERENCES {target} (id)"
    )


def _widen_choices() -> None:
    """Allow more values where a CHECK names them; SQLite makes these tables anew, PostgreSQL does not."""
    for table, column, values in (
        (
            "mail_links",
            "purpose",
            "'agency_registration', 'owner_registration', 'password_reset', 'staff_invitation'",
        ),
        ("owner_profiles", "proxy_login_mail", "'each', 'daily', 'never'"),
    ):
        _replace_check(table, {column: f"{column} IN ({values})"})
    with op.batch_alter_table("owner_profiles", schema=None, recreate="never") as batch_op:
        batch_op.add_column(sa.Column("told_until", idp.db.UtcDateTime(timezone=True), nullable=True))
    _replace_check(
        "act_as_sessions",
        {
            "kind": "kind IN ('browser', 'api')",
            "end_reason": f"end_reason IS NULL OR end_reason IN ({_ENDS})",
            "actor": "(member_id IS NULL) = (staff_session_id IS NULL)",
        },
        optional=("member_id", "staff_session_id"),
    )

    op.create_index(
        "ix_act_as_sessions_of_systems",
        "act_as_sessions",
        ["expires_at"],
        sqlite_where=sa.text("member_id IS NULL"),
        postgresql_where=sa.text("member_id IS NULL"),
    )


def _replace_check(table: str, checks: dict[str, str], *, optional: tuple[str, ...] = ()) -> None:
    is_sqlite = op.get_bind().dialect.name == "sqlite"
    named = {op.f(f"ck_{table}_{name}"): text for name, text in checks.items()}
    if is_sqlite:
        present = {one["name"] for one in sa.inspect(op.get_bind()).get_check_constraints(table)}
        with op.batch_alter_table(table, schema=None, recreate="always") as batch_op:
            for name, text in named.items():
                if name in present:
                    batch_op.drop_constraint(name, type_="check")
                batch_op.create_check_constraint(name, sa.text(text))
            for column in optional:
                batch_op.alter_column(column, existing_type=sa.Uuid(), nullable=True)
        return
    for name, text in named.items():
        op.execute(f"ALTER TABLE {table} DROP CONSTRAINT IF EXISTS {name}")
        op.execute(f"ALTER TABLE {table} ADD CONSTRAINT {name} CHECK ({text})")
    for column in optional:
        op.alter_column(table, column, existing_type=sa.Uuid(), nullable=True)


def _add_tables() -> None:
    op.create_table(
        "consent_wordings",
        sa.Column("version", sa.String(), nullable=False),
        sa.Column("text", sa.JSON(), nullable=False),
        sa.Column("first_agreed_at", idp.db.UtcDateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("version", name=op.f("pk_consent_wordings")),
    )
    op.create_table(
        "audit_seals",
        sa.Column("last_number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("sealed_at", idp.db.UtcDateTime(timezone=True), nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("last_number", name=op.f("pk_audit_seals")),
    )
    op.create_table(
        "idempotency_keys",
        sa.Column("caller_id", sa.Uuid(), nullable=False),
        sa.Column("key_digest", sa.String(), nullable=False),
        sa.Column("request_digest", sa.String(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.Column("body", sa.JSON(), nullable=False),
        sa.Column("created_at", idp.db.UtcDateTime(timezone=True), nullable=False),
        sa.Column("expires_at", idp.db.UtcDateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("caller_id", "key_digest", name=op.f("pk_idempotency_keys")),
    )
    with op.batch_alter_table("idempotency_keys", schema=None, recreate="never") as batch_op:
        batch_op.create_index(batch_op.f("ix_idempotency_keys_expires_at"), ["expires_at"], unique=False)

    op.create_table(
        "permissions",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("title", sa.String(), nullable=False),
        sa.Column("title_en", sa.String(), nullable=False),
        sa.Column("can", sa.JSON(), nullable=False),
        sa.Column("can_en", sa.JSON(), nullable=False),
        sa.Column("cannot", sa.JSON(), nullable=False),
        sa.Column("cannot_en", sa.JSON(), nullable=False),
        sa.Column("items", sa.JSON(), nullable=False),
        sa.Column("items_en", sa.JSON(), nullable=False),
        sa.Column("client_id", sa.String(), nullable=True),
        sa.Column("changed_at", idp.db.UtcDateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_permissions")),
    )
    op.create_table(
        "changed_owners",
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("changed_at", idp.db.UtcDateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_changed_owners_account_id")),
        sa.PrimaryKeyConstraint("account_id", name=op.f("pk_changed_owners")),
    )
    op.create_table(
        "proxy_login_conditions",
        sa.Column("agency_id", sa.Uuid(), nullable=False),
        sa.Column("set_by", sa.String(), nullable=False),
        sa.Column("reason_required", sa.Boolean(), nullable=False),
        sa.Column("max_age", sa.Integer(), nullable=True),
        sa.Column("opens_at", sa.Integer(), nullable=True),
        sa.Column("closes_at", sa.Integer(), nullable=True),
        sa.Column("networks", sa.JSON(), nullable=False),
        sa.Column("per_hour", sa.Integer(), nullable=True),
        sa.Column("changed_at", idp.db.UtcDateTime(timezone=True), nullable=False),
        sa.CheckConstraint("set_by IN ('agency', 'operator')", name=op.f("ck_proxy_login_conditions_set_by")),
        sa.ForeignKeyConstraint(
            ["agency_id"], ["agencies.id"], name=op.f("fk_proxy_login_conditions_agency_id")
        ),
        sa.PrimaryKeyConstraint("agency_id", "set_by", name=op.f("pk_proxy_login_conditions")),
    )
    op.create_table(
        "staff_groups",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("agency_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("created_at", idp.db.UtcDateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["agency_id"], ["agencies.id"], name=op.f("fk_staff_groups_agency_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_staff_groups")),
        sa.UniqueConstraint("agency_id", "name", name=op.f("uq_staff_groups_agency_id_name")),
    )
    op.create_table(
        "agency_invitations",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("agency_id", sa.Uuid(), nullable=False),
        sa.Column("code", sa.String(), nullable=False),
        sa.Column("label", sa.String(), nullable=False),
        sa.Column("created_by", sa.Uuid(), nullable=False),
        sa.Column("created_at", idp.db.UtcDateTime(timezone=True), nullable=False),
        sa.Column("withdrawn_at", idp.db.UtcDateTime(timezone=True), nullable=True),
        sa.Column("opened", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["agency_id"], ["agencies.id"], name=op.f("fk_agency_invitations_agency_id")),
        sa.ForeignKeyConstraint(
            ["created_by"], ["members.id"], name=op.f("fk_agency_invitations_created_by")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_agency_invitations")),
        sa.UniqueConstraint("code", name=op.f("uq_agency_invitations_code")),
    )
    with op.batch_alter_table("agency_invitations", schema=None, recreate="never") as batch_op:
        batch_op.create_index(batch_op.f("ix_agency_invitations_agency_id"), ["agency_id"], unique=False)

    op.create_table(
        "staff_group_members",
        sa.Column("group_id", sa.Uuid(), nullable=False),
        sa.Column("member_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["group_id"], ["staff_groups.id"], name=op.f("fk_staff_group_members_group_id")
        ),
        sa.ForeignKeyConstraint(["member_id"], ["members.id"], name=op.f("fk_staff_group_members_member_id")),
        sa.PrimaryKeyConstraint("group_id", "member_id", name=op.f("pk_staff_group_members")),
    )
    with op.batch_alter_table("staff_group_members", schema=None, recreate="never") as batch_op:
        batch_op.create_index(batch_op.f("ix_staff_group_members_member_id"), ["member_id"], unique=False)

    op.create_table(
        "staff_invitations",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("agency_id", sa.Uuid(), nullable=False),
        sa.Column("email", sa.String(), nullable=False),
        sa.Column("role", sa.String(), nullable=False),
        sa.Column("invited_by", sa.Uuid(), nullable=True),
        sa.Column("link_digest", sa.String(), nullable=False),
        sa.Column("created_at", idp.db.UtcDateTime(timezone=True), nullable=False),
        sa.Column("expires_at", idp.db.UtcDateTime(timezone=True), nullable=False),
        sa.Column("accepted_at", idp.db.UtcDateTime(timezone=True), nullable=True),
        sa.Column("withdrawn_at", idp.db.UtcDateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "role IN ('manager', 'approver', 'proxy_login', 'viewer')", name=op.f("ck_staff_invitations_role")
        ),
        sa.ForeignKeyConstraint(["agency_id"], ["agencies.id"], name=op.f("fk_staff_invitations_agency_id")),
        sa.ForeignKeyConstraint(["invited_by"], ["members.id"], name=op.f("fk_staff_invitations_invited_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_staff_invitations")),
        sa.UniqueConstraint("link_digest", name=op.f("uq_staff_invitations_link_digest")),
    )
    with op.batch_alter_table("staff_invitations", schema=None, recreate="never") as batch_op:
        batch_op.create_index(
            "uq_staff_invitations_waiting",
            ["agency_id", "email"],
            unique=True,
            sqlite_where=sa.text("accepted_at IS NULL AND withdrawn_at IS NULL"),
            postgresql_where=sa.text("accepted_at IS NULL AND withdrawn_at IS NULL"),
        )

    op.create_table(
        "delegation_assignments",
        sa.Column("grant_id", sa.Uuid(), nullable=False),
        sa.Column("member_id", sa.Uuid(), nullable=True),
        sa.Column("group_id", sa.Uuid(), nullable=True),
        sa.Column("assigned_by", sa.Uuid(), nullable=False),
        sa.Column("assigned_at", idp.db.UtcDateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "(member_id IS NULL) <> (group_id IS NULL)", name=op.f("ck_delegation_assignments_one_of_two")
        ),
        sa.ForeignKeyConstraint(
            ["assigned_by"], ["members.id"], name=op.f("fk_delegation_assignments_assigned_by")
        ),
        sa.ForeignKeyConstraint(
            ["grant_id"], ["delegation_grants.id"], name=op.f("fk_delegation_assignments_grant_id")
        ),
        sa.ForeignKeyConstraint(
            ["group_id"], ["staff_groups.id"], name=op.f("fk_delegation_assignments_group_id")
        ),
        sa.ForeignKeyConstraint(
            ["member_id"], ["members.id"], name=op.f("fk_delegation_assignments_member_id")
        ),
        sa.PrimaryKeyConstraint("grant_id", name=op.f("pk_delegation_assignments")),
    )
    with op.batch_alter_table("delegation_assignments", schema=None, recreate="never") as batch_op:
        batch_op.create_index(batch_op.f("ix_delegation_assignments_group_id"), ["group_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_delegation_assignments_member_id"), ["member_id"], unique=False)

    op.create_table(
        "delegation_grant_products",
        sa.Column("grant_id", sa.Uuid(), nullable=False),
        sa.Column("product_id", sa.Uuid(), nullable=False),
        sa.Column("ended_at", idp.db.UtcDateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["grant_id"], ["delegation_grants.id"], name=op.f("fk_delegation_grant_products_grant_id")
        ),
        sa.ForeignKeyConstraint(
            ["product_id"], ["products.id"], name=op.f("fk_delegation_grant_products_product_id")
        ),
        sa.PrimaryKeyConstraint("grant_id", "product_id", name=op.f("pk_delegation_grant_products")),
    )
    with op.batch_alter_table("delegation_grant_products", schema=None, recreate="never") as batch_op:
        batch_op.create_index(
            batch_op.f("ix_delegation_grant_products_product_id"), ["product_id"], unique=False
        )

    op.create_table(
        "disclosures",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("grant_id", sa.Uuid(), nullable=False),
        sa.Column("on_day", sa.Date(), nullable=False),
        sa.Column("at", idp.db.UtcDateTime(timezone=True), nullable=False),
        sa.Column("last_at", idp.db.UtcDateTime(timezone=True), nullable=False),
        sa.Column("times", sa.Integer(), nullable=False),
        sa.Column("occasion", sa.String(), nullable=False),
        sa.Column("items", sa.JSON(), nullable=False),
        sa.Column("items_digest", sa.String(), nullable=False),
        sa.Column("owner_id", sa.Uuid(), nullable=False),
        sa.Column("owner_name", sa.String(), nullable=False),
        sa.Column("owner_address", sa.String(), nullable=False),
        sa.Column("agency_id", sa.Uuid(), nullable=False),
        sa.Column("recipient_name", sa.String(), nullable=False),
        sa.Column("recipient_address", sa.String(), nullable=False),
        sa.Column("recipient_representative", sa.String(), nullable=False),
        sa.Column("wording", sa.String(), nullable=False),
        sa.CheckConstraint("times > 0", name=op.f("ck_disclosures_times")),
        sa.CheckConstraint(
            "occasion IN ('request', 'approval', 'export', 'proxy_login', 'system')",
            name=op.f("ck_disclosures_occasion"),
        ),
        sa.ForeignKeyConstraint(["agency_id"], ["agencies.id"], name=op.f("fk_disclosures_agency_id")),
        sa.ForeignKeyConstraint(["grant_id"], ["delegation_grants.id"], name=op.f("fk_disclosures_grant_id")),
        sa.ForeignKeyConstraint(["owner_id"], ["accounts.id"], name=op.f("fk_disclosures_owner_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_disclosures")),
        sa.UniqueConstraint(
            "grant_id",
            "on_day",
            "occasion",
            "items_digest",
            name=op.f("uq_disclosures_grant_id_on_day_occasion_items_digest"),
        ),
    )
    with op.batch_alter_table("disclosures", schema=None, recreate="never") as batch_op:
        batch_op.create_index("ix_disclosures_agency_at", ["agency_id", "at"], unique=False)
        batch_op.create_index("ix_disclosures_at", ["at"], unique=False)
        batch_op.create_index("ix_disclosures_owner_at", ["owner_id", "at"], unique=False)

    op.create_table(
        "proxy_login_activities",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("session_id", sa.Uuid(), nullable=False),
        sa.Column("reference", sa.String(), nullable=False),
        sa.Column("client_id", sa.String(), nullable=False),
        sa.Column("at", idp.db.UtcDateTime(timezone=True), nullable=False),
        sa.Column("reported_at", idp.db.UtcDateTime(timezone=True), nullable=False),
        sa.Column("action", sa.String(), nullable=False),
        sa.Column("item", sa.String(), nullable=False),
        sa.Column("description", sa.String(), nullable=False),
        sa.Column("description_en", sa.String(), nullable=False),
        sa.CheckConstraint(
            "action IN ('viewed', 'changed', 'exported')", name=op.f("ck_proxy_login_activities_action")
        ),
        sa.ForeignKeyConstraint(
            ["session_id"], ["act_as_sessions.id"], name=op.f("fk_proxy_login_activities_session_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_proxy_login_activities")),
        sa.UniqueConstraint(
            "session_id", "reference", name=op.f("uq_proxy_login_activities_session_id_reference")
        ),
    )
    with op.batch_alter_table("proxy_login_activities", schema=None, recreate="never") as batch_op:
        batch_op.create_index("ix_proxy_login_activities_session_at", ["session_id", "at"], unique=False)


def _add_columns() -> None:
    _add_column_with_reference("clients", "agency_id", "agencies")
    _add_column_with_reference("delegation_grants", "invitation_id", "agency_invitations")
    with op.batch_alter_table("agencies", schema=None, recreate="never") as batch_op:
        batch_op.add_column(
            sa.Column("assigned_only", sa.Boolean(), server_default=sa.false(), nullable=False)
        )

    with op.batch_alter_table("act_as_sessions", schema=None, recreate="never") as batch_op:
        batch_op.add_column(sa.Column("system_name", sa.String(), server_default="", nullable=False))

    with op.batch_alter_table("audit_events", schema=None, recreate="never") as batch_op:
        batch_op.create_index("ix_audit_events_actor_at", ["actor_id", "at"], unique=False)
        batch_op.create_index("ix_audit_events_client_at", ["client_id", "at"], unique=False)
        refused = sa.text(
            "event IN ('delegation.exchange.refused', 'delegation.exchange.limited', 'proxy_login.refused')"
        )
        batch_op.create_index(
            "ix_audit_events_agency_refused",
            ["agency_id", "number"],
            unique=False,
            sqlite_where=refused,
            postgresql_where=refused,
        )

    with op.batch_alter_table("clients", schema=None, recreate="never") as batch_op:
        batch_op.add_column(sa.Column("event_receiver_uri", sa.String(), nullable=True))
        batch_op.add_column(sa.Column("paused_at", idp.db.UtcDateTime(timezone=True), nullable=True))
        batch_op.create_index(batch_op.f("ix_clients_agency_id"), ["agency_id"], unique=False)

    with op.batch_alter_table("delegation_grants", schema=None, recreate="never") as batch_op:
        batch_op.add_column(sa.Column("reminded_at", idp.db.UtcDateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column("all_products", sa.Boolean(), server_default=sa.true(), nullable=False))
        batch_op.add_column(
            sa.Column(
                "owner_email",
                sa.String().with_variant(sa.String(collation="C"), "postgresql"),
                server_default="",
                nullable=False,
            )
        )
        batch_op.add_column(
            sa.Column(
                "owner_furigana",
                sa.String().with_variant(sa.String(collation="C"), "postgresql"),
                server_default="",
                nullable=False,
            )
        )
        batch_op.add_column(sa.Column("search_text", sa.String(), server_default="", nullable=False))
        batch_op.create_index(
            "ix_delegation_grants_agency_email",
            ["agency_id", "state", "owner_email", "id"],
            unique=False,
            sqlite_where=sa.text("state IN ('requested', 'active', 'suspended')"),
            postgresql_where=sa.text("state IN ('requested', 'active', 'suspended')"),
        )
        batch_op.create_index(
            "ix_delegation_grants_agency_furigana",
            ["agency_id", "state", "owner_furigana", "id"],
            unique=False,
            sqlite_where=sa.text("state IN ('requested', 'active', 'suspended')"),
            postgresql_where=sa.text("state IN ('requested', 'active', 'suspended')"),
        )
        batch_op.create_index(
            "ix_delegation_grants_agency_last_used",
            ["agency_id", "state", "last_used_at", "id"],
            unique=False,
            sqlite_where=sa.text("state IN ('requested', 'active', 'suspended')"),
            postgresql_where=sa.text("state IN ('requested', 'active', 'suspended')"),
        )
        batch_op.create_index("ix_delegation_grants_agency_state", ["agency_id", "state"], unique=False)
        batch_op.create_index("ix_delegation_grants_invitation_id", ["invitation_id"], unique=False)
        batch_op.create_index("ix_delegation_grants_state_expires_at", ["state", "expires_at"], unique=False)
        batch_op.create_index("ix_delegation_grants_state_lapses_at", ["state", "lapses_at"], unique=False)


def _note_owners() -> None:
    """Let the worker fill what the agencies' lists are searched by, for the grants that stand already."""
    op.execute(
        "INSERT INTO changed_owners (account_id, changed_at) SELECT owner_id, min(requested_at) "
        "FROM delegation_grants WHERE state IN ('requested', 'active', 'suspended') GROUP BY owner_id"
    )


def _register_words() -> None:
    """Give the permissions of マイページ their words where people use them already; `idp apply` changes them."""
    clients = sa.table("clients", sa.column("client_id", sa.String), sa.column("act_as_supported", sa.Boolean),
                       sa.column("act_as_permissions", sa.JSON))  # fmt: skip
    apps = op.get_bind().execute(sa.select(clients).where(clients.c.act_as_supported)).all()
    if not apps:
        return
    users = {name: [app.client_id for app in apps if name in app.act_as_permissions]
             for name in ("mypage.read", "mypage.write")}  # fmt: skip
    owner_of = {name: found[0] if len(found) == 1 else None for name, found in users.items()}
    see = ["お客様情報（氏名・住所・電話番号・メールアドレス）を見ること",
           "製品の登録状況、サービスの加入状況、電力データを見ること"]  # fmt: skip
    see_en = ["See your details (name, address, telephone number and email address)",
              "See your registered products, the services you have joined and your power data"]  # fmt: skip
    change = "見守りサービスやAI自動制御などのサービスに加入すること、やめること"
    change_en = "Join and leave services, such as the monitoring service and AI automatic control"
    both = {
        "items": ["氏名", "都道府県・市区町村・町名番地", "電話番号", "メールアドレス", "サービスの加入状況", "電力データ"],
        "items_en": ["Name", "Address", "Telephone number", "Email address", "Services joined", "Power data"],
        "changed_at": clock.now(),
    }  # fmt: skip
    lists = [sa.column(name, sa.JSON) for name in
             ("can", "can_en", "cannot", "cannot_en", "items", "items_en")]  # fmt: skip
    texts = [sa.column(name, sa.String) for name in ("name", "title", "title_en", "client_id")]
    op.bulk_insert(
        sa.table("permissions", *texts, *lists, sa.column("changed_at", idp.db.UtcDateTime(timezone=True))),
        [
            {"name": "mypage.read", "title": "閲覧のみ", "title_en": "View only", "can": see, "can_en": see_en,
             "cannot": [change], "cannot_en": [change_en], "client_id": owner_of["mypage.read"], **both},
            {"name": "mypage.write", "title": "閲覧と設定変更", "title_en": "View and change settings",
             "can": [*see, change], "can_en": [*see_en, change_en], "cannot": [], "cannot_en": [],
             "client_id": owner_of["mypage.write"], **both},
        ],
    )  # fmt: skip


def downgrade() -> None:
    """Refuse: SQLite cannot drop these columns, and a backup is the safer way back."""
    raise NotImplementedError("restore the backup that was made before the upgrade")
