"""What people hear of, what each of them has read, how they want to hear of it, their browsers.

And from when on a webhook is told.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from stakazo.migrations.security import protect, show_machinery

revision = "0023"
down_revision = "0022"

MOMENT = sa.DateTime(timezone=True)


def _owned(table: str) -> tuple[sa.schema.SchemaItem, ...]:
    """The columns and keys of every row that belongs to a workspace."""
    workspace = sa.text("(nullif(current_setting('stakazo.workspace', true), '')::uuid)")
    clock = sa.text("clock_timestamp()")
    return (
        sa.Column("workspace_id", sa.Uuid(), server_default=workspace, nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", MOMENT, server_default=clock, nullable=False),
        sa.Column("updated_at", MOMENT, server_default=clock, nullable=False),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspaces.id"], name=op.f(f"fk_{table}_workspace_id_workspaces")),
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{table}")),
        sa.UniqueConstraint("workspace_id", "id", name=op.f(f"uq_{table}_workspace_id_id")),
    )


def _of_a_person(table: str) -> tuple[sa.schema.SchemaItem, ...]:
    return (
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f(f"fk_{table}_user_id_users"), ondelete="CASCADE"),
    )


def upgrade() -> None:
    clock = sa.text("clock_timestamp()")
    op.add_column("webhook_endpoints", sa.Column("told_from", MOMENT, server_default=clock, nullable=False))
    lookouts()
    notifications()
    reads()
    settings()
    subscriptions()
    for table in ("notification_reads", "notification_settings", "push_subscriptions"):
        op.create_index(op.f(f"ix_{table}_user_id"), table, ["user_id"], unique=False)


def lookouts() -> None:
    op.create_table(
        "lookouts",
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("push_key", sa.LargeBinary(), nullable=True),
        *_owned("lookouts"),
        sa.CheckConstraint("position >= 0", name=op.f("ck_lookouts_position")),
        sa.UniqueConstraint("workspace_id", name=op.f("uq_lookouts_workspace_id")),
    )
    protect("lookouts")
    show_machinery("lookouts", "workspace_id", "position")


def notifications() -> None:
    op.create_table(
        "notifications",
        sa.Column("event_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(length=130), nullable=False),
        sa.Column("urgency", sa.Enum("notice", "warning", "urgent", name="urgency"), nullable=False),
        sa.Column("title", sa.String(length=200), nullable=False),
        sa.Column("detail", sa.Text(), server_default="", nullable=False),
        sa.Column("todo", sa.Text(), server_default="", nullable=False),
        sa.Column("needs", sa.String(length=60), nullable=False),
        sa.Column("subject_type", sa.String(length=40), nullable=False),
        sa.Column("subject_id", sa.Uuid(), nullable=False),
        sa.Column("happened_at", MOMENT, nullable=False),
        *_owned("notifications"),
        sa.ForeignKeyConstraint(
            ["workspace_id", "event_id"],
            ["ledger_events.workspace_id", "ledger_events.id"],
            name=op.f("fk_notifications_workspace_id_event_id_ledger_events"),
        ),
        sa.UniqueConstraint("workspace_id", "event_id", name=op.f("uq_notifications_workspace_id_event_id")),
    )
    op.create_index(
        op.f("ix_notifications_workspace_id_created_at_id"),
        "notifications",
        ["workspace_id", "created_at", "id"],
        unique=False,
    )
    protect("notifications")


def reads() -> None:
    op.create_table(
        "notification_reads",
        sa.Column("notification_id", sa.Uuid(), nullable=False),
        *_of_a_person("notification_reads"),
        *_owned("notification_reads"),
        sa.ForeignKeyConstraint(
            ["workspace_id", "notification_id"],
            ["notifications.workspace_id", "notifications.id"],
            name=op.f("fk_notification_reads_workspace_id_notification_id_notifications"),
            ondelete="CASCADE",
        ),
        sa.UniqueConstraint(
            "workspace_id",
            "notification_id",
            "user_id",
            name=op.f("uq_notification_reads_workspace_id_notification_id_user_id"),
        ),
    )
    protect("notification_reads")


def settings() -> None:
    op.create_table(
        "notification_settings",
        sa.Column("email", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("hour", sa.Integer(), server_default="8", nullable=False),
        sa.Column("time_zone", sa.String(length=60), server_default="UTC", nullable=False),
        sa.Column("push", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("muted", sa.ARRAY(sa.Text()), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("told_until", MOMENT, nullable=False),
        sa.Column("next_at", MOMENT, nullable=True),
        *_of_a_person("notification_settings"),
        *_owned("notification_settings"),
        sa.CheckConstraint("hour between 0 and 23", name=op.f("ck_notification_settings_hour")),
        sa.CheckConstraint("email = (next_at is not null)", name=op.f("ck_notification_settings_next_at")),
        sa.UniqueConstraint("workspace_id", "user_id", name=op.f("uq_notification_settings_workspace_id_user_id")),
    )
    protect("notification_settings")
    show_machinery("notification_settings", "workspace_id", "user_id", "next_at")


def subscriptions() -> None:
    op.create_table(
        "push_subscriptions",
        sa.Column("receiver", sa.LargeBinary(), nullable=False),
        sa.Column("fingerprint", sa.LargeBinary(), nullable=False),
        sa.Column("service", sa.String(length=253), nullable=False),
        sa.Column("name", sa.String(length=200), server_default="", nullable=False),
        sa.Column("pushed_at", MOMENT, nullable=True),
        *_of_a_person("push_subscriptions"),
        *_owned("push_subscriptions"),
        sa.CheckConstraint("length(fingerprint) = 32", name=op.f("ck_push_subscriptions_fingerprint")),
        sa.UniqueConstraint(
            "workspace_id",
            "user_id",
            "fingerprint",
            name=op.f("uq_push_subscriptions_workspace_id_user_id_fingerprint"),
        ),
    )
    protect("push_subscriptions")
