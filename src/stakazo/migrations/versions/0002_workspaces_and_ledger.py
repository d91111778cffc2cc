"""Workspaces, the people and keys that belong to them, and the ledger of what happened."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from stakazo.core.postgres import APP
from stakazo.migrations.security import grant, open_to_machinery, protect, seal

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    workspaces()
    users()
    memberships()
    members_see_one_another()
    api_keys()
    refuse_change()
    ledger_events()


def workspaces() -> None:
    op.create_table(
        "workspaces",
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column(
            "created_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.Column(
            "updated_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.CheckConstraint("length(name) > 0", name=op.f("ck_workspaces_named")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_workspaces")),
    )
    protect("workspaces", "select, update", column="id")
    open_to_machinery("workspaces", "select, insert, update")


def users() -> None:
    op.create_table(
        "users",
        sa.Column("email", sa.String(length=320), nullable=False),
        sa.Column("name", sa.String(length=200), server_default="", nullable=False),
        sa.Column("disabled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column(
            "created_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.Column(
            "updated_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.CheckConstraint("position('@' in email) > 1", name=op.f("ck_users_email")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_users")),
    )
    op.create_index("uq_users_email", "users", [sa.literal_column("lower(email)")], unique=True)


def memberships() -> None:
    op.create_table(
        "memberships",
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("role", sa.Enum("OWNER", "ADMIN", "EDITOR", "VIEWER", name="member_role"), nullable=False),
        sa.Column(
            "workspace_id",
            sa.Uuid(),
            server_default=sa.text("(nullif(current_setting('stakazo.workspace', true), '')::uuid)"),
            nullable=False,
        ),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column(
            "created_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.Column(
            "updated_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_memberships_user_id_users"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id"], ["workspaces.id"], name=op.f("fk_memberships_workspace_id_workspaces")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_memberships")),
        sa.UniqueConstraint("workspace_id", "id", name=op.f("uq_memberships_workspace_id_id")),
        sa.UniqueConstraint("workspace_id", "user_id", name=op.f("uq_memberships_workspace_id_user_id")),
    )
    op.create_index(op.f("ix_memberships_user_id"), "memberships", ["user_id"], unique=False)
    protect("memberships")


def members_see_one_another() -> None:
    """A person belongs to no workspace; who shares one with them may see them."""
    op.execute("alter table users enable row level security")
    op.execute("alter table users force row level security")
    op.execute(
        "create policy members on users for select "
        "using (exists (select from memberships where memberships.user_id = users.id))"
    )
    grant("select", "users", APP)


def api_keys() -> None:
    op.create_table(
        "api_keys",
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("prefix", sa.String(length=16), nullable=False),
        sa.Column("secret_hash", sa.LargeBinary(), nullable=False),
        sa.Column("last_used_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "workspace_id",
            sa.Uuid(),
            server_default=sa.text("(nullif(current_setting('stakazo.workspace', true), '')::uuid)"),
            nullable=False,
        ),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column(
            "created_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.Column(
            "updated_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.CheckConstraint("length(secret_hash) = 32", name=op.f("ck_api_keys_sha256")),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspaces.id"], name=op.f("fk_api_keys_workspace_id_workspaces")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_keys")),
        sa.UniqueConstraint("prefix", name=op.f("uq_api_keys_prefix")),
        sa.UniqueConstraint("workspace_id", "id", name=op.f("uq_api_keys_workspace_id_id")),
    )
    protect("api_keys")
    open_to_machinery("api_keys", "select, insert, update")


def refuse_change() -> None:
    """The function that sealed tables answer with: what has happened stays."""
    op.execute(
        "create function refuse_change() returns trigger language plpgsql as $$ begin "
        "raise exception 'rows of % are never changed or removed', tg_table_name using errcode = 'restrict_violation'; "
        "end $$"
    )


def ledger_events() -> None:
    op.create_table(
        "ledger_events",
        sa.Column("event", sa.String(length=80), nullable=False),
        sa.Column("subject_type", sa.String(length=40), nullable=False),
        sa.Column("subject_id", sa.Uuid(), nullable=False),
        sa.Column("actor_kind", sa.String(length=20), nullable=False),
        sa.Column("actor_id", sa.String(length=200), nullable=False),
        sa.Column("correlation_id", sa.Uuid(), nullable=False),
        sa.Column("causation_id", sa.Uuid(), nullable=True),
        sa.Column("data", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'"), nullable=False),
        sa.Column(
            "workspace_id",
            sa.Uuid(),
            server_default=sa.text("(nullif(current_setting('stakazo.workspace', true), '')::uuid)"),
            nullable=False,
        ),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column(
            "created_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.CheckConstraint(
            "actor_kind in ('user', 'api_key', 'job', 'system')", name=op.f("ck_ledger_events_actor_kind")
        ),
        sa.CheckConstraint("event ~ '^[a-z][a-z0-9]*(_[a-z0-9]+)+$'", name=op.f("ck_ledger_events_event")),
        sa.CheckConstraint("jsonb_typeof(data) = 'object'", name=op.f("ck_ledger_events_data")),
        sa.ForeignKeyConstraint(
            ["workspace_id"], ["workspaces.id"], name=op.f("fk_ledger_events_workspace_id_workspaces")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ledger_events")),
        sa.UniqueConstraint("workspace_id", "id", name=op.f("uq_ledger_events_workspace_id_id")),
    )
    op.create_index(
        op.f("ix_ledger_events_workspace_id_correlation_id_id"),
        "ledger_events",
        ["workspace_id", "correlation_id", "id"],
        unique=False,
    )
    op.create_index(
        op.f("ix_ledger_events_workspace_id_subject_type_subject_id_id"),
        "ledger_events",
        ["workspace_id", "subject_type", "subject_id", "id"],
        unique=False,
    )
    protect("ledger_events", "select, insert")
    open_to_machinery("ledger_events", "insert")
    seal("ledger_events")
