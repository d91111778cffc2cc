"""The ledger can be proven: canonical bytes of every event, its place in a Merkle tree, signed checkpoints."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

from stakazo.ledger.canonical import Event, event_bytes
from stakazo.migrations.security import open_to_machinery, protect, seal

revision = "0009"
down_revision = "0008"

BATCH = 1000
WORKSPACE = sa.text("(nullif(current_setting('stakazo.workspace', true), '')::uuid)")


def upgrade() -> None:
    canonical_bytes()
    ledger_seals()
    ledger_checkpoints()
    ledger_persons()


def canonical_bytes() -> None:
    """Give every event its bytes, also those that were written before there were any."""
    op.add_column("ledger_events", sa.Column("canonical", sa.LargeBinary(), nullable=True))
    op.add_column(
        "ledger_events",
        sa.Column(
            "xid", sa.BigInteger(), server_default=sa.text("(pg_current_xact_id()::text::bigint)"), nullable=False
        ),
    )
    # Both are the owner's to lift, and only this transaction ever sees the table without them.
    op.execute("alter table ledger_events disable trigger append_only")
    op.execute("alter table ledger_events no force row level security")
    connection, last = op.get_bind(), None
    while rows := connection.execute(_BATCH, {"last": last, "limit": BATCH}).mappings().all():
        connection.execute(
            sa.text("update ledger_events set canonical = :canonical where id = :id"),
            [{"id": row["id"], "canonical": _bytes(row)} for row in rows],
        )
        last = rows[-1]["id"]
    op.execute("alter table ledger_events force row level security")
    op.execute("alter table ledger_events enable always trigger append_only")
    op.alter_column("ledger_events", "canonical", nullable=False)
    op.alter_column("ledger_events", "created_at", server_default=None)
    op.create_index(op.f("ix_ledger_events_xid"), "ledger_events", ["xid"])
    open_to_machinery("ledger_events", "select")


_BATCH = sa.text("select * from ledger_events where cast(:last as uuid) is null or id > :last order by id limit :limit")


def _bytes(row: Any) -> bytes:
    return event_bytes(
        Event(
            id=row["id"],
            workspace_id=row["workspace_id"],
            time=row["created_at"],
            event=row["event"],
            subject_type=row["subject_type"],
            subject_id=row["subject_id"],
            actor_kind=row["actor_kind"],
            actor_id=row["actor_id"],
            correlation_id=row["correlation_id"],
            causation_id=row["causation_id"],
            after=None,
            data=row["data"],
        )
    )


def ledger_seals() -> None:
    op.create_table(
        "ledger_seals",
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("hashes", sa.LargeBinary(), nullable=False),
        *_owned("ledger_seals"),
        sa.CheckConstraint("position >= 0", name=op.f("ck_ledger_seals_position")),
        sa.CheckConstraint("length(hashes) >= 32 and length(hashes) % 32 = 0", name=op.f("ck_ledger_seals_hashes")),
        sa.ForeignKeyConstraint(
            ["workspace_id", "id"],
            ["ledger_events.workspace_id", "ledger_events.id"],
            name=op.f("fk_ledger_seals_workspace_id_id_ledger_events"),
        ),
        sa.UniqueConstraint("workspace_id", "position", name=op.f("uq_ledger_seals_workspace_id_position")),
    )
    protect("ledger_seals", "select")
    open_to_machinery("ledger_seals", "select, insert")
    seal("ledger_seals")


def ledger_checkpoints() -> None:
    op.create_table(
        "ledger_checkpoints",
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("root", sa.LargeBinary(), nullable=False),
        sa.Column("key", sa.String(length=16), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        *_owned("ledger_checkpoints"),
        sa.CheckConstraint("size > 0", name=op.f("ck_ledger_checkpoints_size")),
        sa.CheckConstraint("length(root) = 32", name=op.f("ck_ledger_checkpoints_root")),
        sa.UniqueConstraint("workspace_id", "size", name=op.f("uq_ledger_checkpoints_workspace_id_size")),
    )
    protect("ledger_checkpoints", "select")
    open_to_machinery("ledger_checkpoints", "select, insert")
    seal("ledger_checkpoints")


def ledger_persons() -> None:
    op.create_table(
        "ledger_persons",
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("key", sa.LargeBinary(), nullable=False),
        *_owned("ledger_persons"),
        sa.CheckConstraint("length(key) = 32", name=op.f("ck_ledger_persons_key")),
        sa.UniqueConstraint(
            "workspace_id", "kind", "person_id", name=op.f("uq_ledger_persons_workspace_id_kind_person_id")
        ),
    )
    protect("ledger_persons", "select, insert, delete")
    open_to_machinery("ledger_persons", "select, insert")


def _owned(table: str) -> list[Any]:
    """What every one of these tables has: whose a row is, its key, and when it was made."""
    return [
        sa.Column("workspace_id", sa.Uuid(), server_default=WORKSPACE, nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column(
            "created_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspaces.id"], name=op.f(f"fk_{table}_workspace_id_workspaces")),
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{table}")),
        sa.UniqueConstraint("workspace_id", "id", name=op.f(f"uq_{table}_workspace_id_id")),
    ]
