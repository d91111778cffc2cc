"""Connecting accounts through their platform's sign-in page, and keeping their tokens alive."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from stakazo.core.postgres import SYSTEM
from stakazo.migrations.security import expire, protect

revision = "0019"
down_revision = "0018"

MOMENTS = ("consent_ends_at", "renewed_at", "renewing_since", "warned_at", "look_at")


def upgrade() -> None:
    for name in MOMENTS:
        op.add_column("channels", sa.Column(name, sa.DateTime(timezone=True), nullable=True))
    op.create_index(
        op.f("ix_channels_look_at"), "channels", ["look_at"], postgresql_where=sa.text("look_at is not null")
    )
    # Of the channels that were there: what has an end of its own is looked at at once, and then when it is time. All
    # workspaces' rows are seen only while row-level security isn't forced on the owner, who runs this.
    op.execute("alter table channels no force row level security")
    op.execute("update channels set look_at = clock_timestamp() where token_expires_at is not null and error is null")
    op.execute("alter table channels force row level security")
    # Whose token is to be looked after is all that the machinery sees of a workspace's channels.
    op.execute(f"create policy machinery_select on channels for select to {SYSTEM} using (look_at is not null)")
    op.execute(f"grant select (id, workspace_id, look_at) on channels to {SYSTEM}")
    consents()


def consents() -> None:
    op.create_table(
        "channel_consents",
        sa.Column("platform", postgresql.ENUM(name="platform", create_type=False), nullable=False),
        sa.Column("live", sa.Boolean(), nullable=False),
        sa.Column("author", sa.String(length=120), nullable=False),
        sa.Column("scopes", sa.ARRAY(sa.Text()), nullable=False),
        sa.Column("state_hash", sa.LargeBinary(), nullable=False),
        sa.Column("verifier", sa.LargeBinary(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("returned_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("receipt_hash", sa.LargeBinary(), nullable=True),
        sa.Column("granted", sa.ARRAY(sa.Text()), nullable=True),
        sa.Column("offered", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True),
        sa.Column("given", sa.LargeBinary(), nullable=True),
        sa.Column("error", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True),
        sa.Column("chosen_at", sa.DateTime(timezone=True), nullable=True),
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
        sa.CheckConstraint(
            "given is null or (receipt_hash is not null and offered is not null)",
            name=op.f("ck_channel_consents_given"),
        ),
        sa.CheckConstraint("chosen_at is null or given is null", name=op.f("ck_channel_consents_chosen")),
        sa.ForeignKeyConstraint(
            ["workspace_id"], ["workspaces.id"], name=op.f("fk_channel_consents_workspace_id_workspaces")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_channel_consents")),
        sa.UniqueConstraint("workspace_id", "id", name=op.f("uq_channel_consents_workspace_id_id")),
    )
    op.create_index(op.f("ix_channel_consents_expires_at"), "channel_consents", ["expires_at"])
    protect("channel_consents")
    expire("channel_consents")
