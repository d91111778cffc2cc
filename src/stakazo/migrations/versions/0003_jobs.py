"""The jobs, and the workers that take them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from stakazo.core.postgres import APP, SYSTEM
from stakazo.migrations.security import grant, open_to_machinery, protect

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    jobs()
    workers()


def jobs() -> None:
    op.create_table(
        "jobs",
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("queue", sa.Text(), nullable=False),
        sa.Column("payload", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'"), nullable=False),
        sa.Column(
            "state",
            sa.Enum("PENDING", "PROCESSING", "COMPLETED", "FAILED", "RETRY", "CANCELLED", name="job_state"),
            server_default="PENDING",
            nullable=False,
        ),
        sa.Column("priority", sa.Integer(), server_default="0", nullable=False),
        sa.Column("run_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("dedup_key", sa.Text(), nullable=True),
        sa.Column("parent_id", sa.Uuid(), nullable=True),
        sa.Column("phase", sa.Text(), server_default="work", nullable=False),
        sa.Column("attempt", sa.Integer(), server_default="0", nullable=False),
        sa.Column("failures", sa.Integer(), server_default="0", nullable=False),
        sa.Column("crashes", sa.Integer(), server_default="0", nullable=False),
        sa.Column("max_attempts", sa.Integer(), server_default="3", nullable=False),
        sa.Column("timeout", sa.Double(), server_default="3600", nullable=False),
        sa.Column("cancel_requested", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("progress", sa.Double(), server_default="0", nullable=False),
        sa.Column("stage", sa.Text(), nullable=True),
        sa.Column("message", sa.Text(), nullable=True),
        sa.Column("expected_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("error", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True),
        sa.Column("worker", sa.Text(), nullable=True),
        sa.Column("engine_job_id", sa.BigInteger(), nullable=True),
        sa.Column("correlation_id", sa.Uuid(), nullable=False),
        sa.Column("causation_id", sa.Uuid(), nullable=True),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
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
            "(state IN ('COMPLETED', 'FAILED', 'CANCELLED')) = (finished_at IS NOT NULL)", name=op.f("ck_jobs_finished")
        ),
        sa.CheckConstraint("jsonb_typeof(payload) = 'object'", name=op.f("ck_jobs_payload")),
        sa.CheckConstraint("phase IN ('work', 'children', 'finish')", name=op.f("ck_jobs_phase")),
        sa.CheckConstraint("state <> 'FAILED' OR error IS NOT NULL", name=op.f("ck_jobs_failed_says_why")),
        sa.CheckConstraint("state <> 'PROCESSING' OR attempt > 0", name=op.f("ck_jobs_processing_is_claimed")),
        sa.CheckConstraint(
            "attempt >= 0 AND failures >= 0 AND crashes >= 0 AND max_attempts >= 1", name=op.f("ck_jobs_counts")
        ),
        sa.CheckConstraint("parent_id <> id", name=op.f("ck_jobs_parent")),
        sa.CheckConstraint("progress BETWEEN 0 AND 1", name=op.f("ck_jobs_progress")),
        sa.CheckConstraint("timeout > 0", name=op.f("ck_jobs_timeout")),
        sa.ForeignKeyConstraint(
            ["workspace_id", "parent_id"],
            ["jobs.workspace_id", "jobs.id"],
            name=op.f("fk_jobs_workspace_id_parent_id_jobs"),
        ),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspaces.id"], name=op.f("fk_jobs_workspace_id_workspaces")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_jobs")),
        sa.UniqueConstraint("workspace_id", "id", name=op.f("uq_jobs_workspace_id_id")),
    )
    op.create_index(op.f("ix_jobs_engine_job_id"), "jobs", ["engine_job_id"], unique=False)
    op.create_index(
        "ix_jobs_payload",
        "jobs",
        ["payload"],
        unique=False,
        postgresql_using="gin",
        postgresql_ops={"payload": "jsonb_path_ops"},
    )
    op.create_index(
        "ix_jobs_state_created_at",
        "jobs",
        ["state", "created_at"],
        unique=False,
        postgresql_where=sa.text("state IN ('PENDING', 'PROCESSING', 'RETRY')"),
    )
    op.create_index("ix_jobs_workspace_id_parent_id", "jobs", ["workspace_id", "parent_id"], unique=False)
    op.create_index("ix_jobs_workspace_id_state_id", "jobs", ["workspace_id", "state", "id"], unique=False)
    op.create_index("ix_jobs_workspace_id_type_id", "jobs", ["workspace_id", "type", "id"], unique=False)
    op.create_index(
        "uq_jobs_dedup",
        "jobs",
        ["workspace_id", "type", "dedup_key"],
        unique=True,
        postgresql_where=sa.text("state IN ('PENDING', 'PROCESSING', 'RETRY') AND dedup_key IS NOT NULL"),
    )
    protect("jobs")
    open_to_machinery("jobs", "select, insert, update, delete")


def workers() -> None:
    op.create_table(
        "workers",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("queues", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column(
            "heartbeat_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column(
            "created_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.Column(
            "updated_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_workers")),
    )
    grant("select, insert, update, delete", "workers", SYSTEM)
    grant("select", "workers", APP)
