"""The first tables: the engine's, ours, and who may do what with them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from procrastinate.schema import SchemaManager
from sqlalchemy.dialects import postgresql

from stakazo.core.postgres import APP, SYSTEM
from stakazo.migrations.security import grant, make_roles, open_to_machinery, protect, seal

revision = "0001"
down_revision = None


def upgrade() -> None:
    make_roles()
    engine()
    tables()
    security()


def engine() -> None:
    """Procrastinate's own tables, at the version that `pyproject.toml` pins."""
    # psycopg would take the percent signs in it for parameters, were it not given as bytes.
    connection = op.get_bind().connection.driver_connection
    assert connection is not None
    connection.execute(SchemaManager.get_schema().encode())
    for role in (APP, SYSTEM):
        for table in ("jobs", "events", "periodic_defers", "workers"):
            grant("select, insert, update, delete", f"procrastinate_{table}", role)
        op.execute(f"grant usage on all sequences in schema public to {role}")


def tables() -> None:
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
    op.create_table(
        "platform_rules",
        sa.Column("platform", sa.String(length=40), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column(
            "state",
            sa.Enum("PROPOSED", "ACTIVE", "RETIRED", name="rule_state"),
            server_default="PROPOSED",
            nullable=False,
        ),
        sa.Column("rule", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("evidence", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("proposed_by", sa.String(length=200), nullable=False),
        sa.Column("activated_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("retired_at", sa.DateTime(timezone=True), nullable=True),
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
        sa.CheckConstraint("jsonb_typeof(evidence) = 'object'", name=op.f("ck_platform_rules_evidence")),
        sa.CheckConstraint("jsonb_typeof(rule) = 'object'", name=op.f("ck_platform_rules_rule")),
        sa.CheckConstraint("platform ~ '^[a-z][a-z0-9_]*$'", name=op.f("ck_platform_rules_platform")),
        sa.CheckConstraint("version >= 1", name=op.f("ck_platform_rules_version")),
        sa.ForeignKeyConstraint(
            ["workspace_id"], ["workspaces.id"], name=op.f("fk_platform_rules_workspace_id_workspaces")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_platform_rules")),
        sa.UniqueConstraint("workspace_id", "id", name=op.f("uq_platform_rules_workspace_id_id")),
        sa.UniqueConstraint(
            "workspace_id", "platform", "version", name=op.f("uq_platform_rules_workspace_id_platform_version")
        ),
    )
    op.create_index(
        "uq_platform_rules_active",
        "platform_rules",
        ["workspace_id", "platform"],
        unique=True,
        postgresql_where=sa.text("state = 'ACTIVE'"),
    )
    op.create_table(
        "video_assets",
        sa.Column("title", sa.String(length=300), nullable=False),
        sa.Column("filename", sa.String(length=255), nullable=False),
        sa.Column("storage_key", sa.String(length=300), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("content_type", sa.String(length=100), nullable=False),
        sa.Column("dedup_key", sa.String(length=200), nullable=True),
        sa.Column(
            "state",
            sa.Enum("UPLOADED", "ANALYSING", "READY", "FAILED", name="video_state"),
            server_default="UPLOADED",
            nullable=False,
        ),
        sa.Column("error", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True),
        sa.Column("info", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True),
        sa.Column("duration", sa.Double(), nullable=True),
        sa.Column("width", sa.Integer(), nullable=True),
        sa.Column("height", sa.Integer(), nullable=True),
        sa.Column("analysis_key", sa.String(length=300), nullable=True),
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
        sa.CheckConstraint("sha256 ~ '^[0-9a-f]{64}$'", name=op.f("ck_video_assets_sha256")),
        sa.CheckConstraint("state <> 'FAILED' or error is not null", name=op.f("ck_video_assets_error")),
        sa.CheckConstraint("duration >= 0", name=op.f("ck_video_assets_duration")),
        sa.CheckConstraint("size_bytes > 0", name=op.f("ck_video_assets_size")),
        sa.CheckConstraint("width > 0 and height > 0", name=op.f("ck_video_assets_size_of_picture")),
        sa.ForeignKeyConstraint(
            ["workspace_id"], ["workspaces.id"], name=op.f("fk_video_assets_workspace_id_workspaces")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_video_assets")),
        sa.UniqueConstraint("workspace_id", "dedup_key", name=op.f("uq_video_assets_workspace_id_dedup_key")),
        sa.UniqueConstraint("workspace_id", "id", name=op.f("uq_video_assets_workspace_id_id")),
        sa.UniqueConstraint("workspace_id", "sha256", name=op.f("uq_video_assets_workspace_id_sha256")),
    )
    op.create_index(
        op.f("ix_video_assets_workspace_id_created_at_id"),
        "video_assets",
        ["workspace_id", "created_at", "id"],
        unique=False,
    )
    op.create_index(
        op.f("ix_video_assets_workspace_id_state_created_at_id"),
        "video_assets",
        ["workspace_id", "state", "created_at", "id"],
        unique=False,
    )
    op.create_table(
        "clips",
        sa.Column("video_id", sa.Uuid(), nullable=False),
        sa.Column("rank", sa.Integer(), nullable=False),
        sa.Column("start", sa.Double(), nullable=False),
        sa.Column("end", sa.Double(), nullable=False),
        sa.Column("starts_on", sa.String(length=40), nullable=False),
        sa.Column("ends_on", sa.String(length=40), nullable=False),
        sa.Column(
            "state",
            sa.Enum("PROPOSED", "ACCEPTED", "REJECTED", name="clip_state"),
            server_default="PROPOSED",
            nullable=False,
        ),
        sa.Column("score", sa.Double(), nullable=False),
        sa.Column("score_parts", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("reasons", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("thumbnail_key", sa.String(length=300), nullable=True),
        sa.Column("filmstrip_key", sa.String(length=300), nullable=True),
        sa.Column("rule_id", sa.Uuid(), nullable=True),
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
            "jsonb_typeof(score_parts) = 'array' and jsonb_typeof(reasons) = 'array'", name=op.f("ck_clips_arrays")
        ),
        sa.CheckConstraint("rank >= 1", name=op.f("ck_clips_rank")),
        sa.CheckConstraint("score >= 0 and score <= 100", name=op.f("ck_clips_score")),
        sa.CheckConstraint('start >= 0 and "end" > start', name=op.f("ck_clips_span")),
        sa.ForeignKeyConstraint(
            ["workspace_id", "rule_id"],
            ["platform_rules.workspace_id", "platform_rules.id"],
            name=op.f("fk_clips_workspace_id_rule_id_platform_rules"),
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id", "video_id"],
            ["video_assets.workspace_id", "video_assets.id"],
            name=op.f("fk_clips_workspace_id_video_id_video_assets"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspaces.id"], name=op.f("fk_clips_workspace_id_workspaces")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_clips")),
        sa.UniqueConstraint("workspace_id", "id", name=op.f("uq_clips_workspace_id_id")),
    )
    op.create_index(
        op.f("ix_clips_workspace_id_created_at_id"), "clips", ["workspace_id", "created_at", "id"], unique=False
    )
    op.create_index(op.f("ix_clips_workspace_id_rule_id"), "clips", ["workspace_id", "rule_id"], unique=False)
    op.create_index(op.f("ix_clips_workspace_id_score_id"), "clips", ["workspace_id", "score", "id"], unique=False)
    op.create_index(
        op.f("ix_clips_workspace_id_state_created_at_id"),
        "clips",
        ["workspace_id", "state", "created_at", "id"],
        unique=False,
    )
    op.create_index(
        op.f("ix_clips_workspace_id_video_id_rank"), "clips", ["workspace_id", "video_id", "rank"], unique=False
    )
    op.create_table(
        "clip_variants",
        sa.Column("clip_id", sa.Uuid(), nullable=False),
        sa.Column("recipe", sa.String(length=40), nullable=False),
        sa.Column("platform", sa.String(length=40), nullable=False),
        sa.Column(
            "state",
            sa.Enum("PENDING", "RENDERING", "READY", "FAILED", name="variant_state"),
            server_default="PENDING",
            nullable=False,
        ),
        sa.Column("storage_key", sa.String(length=300), nullable=True),
        sa.Column("sha256", sa.String(length=64), nullable=True),
        sa.Column("size_bytes", sa.BigInteger(), nullable=True),
        sa.Column("width", sa.Integer(), nullable=True),
        sa.Column("height", sa.Integer(), nullable=True),
        sa.Column("duration", sa.Double(), nullable=True),
        sa.Column("fps", sa.Double(), nullable=True),
        sa.Column("video_codec", sa.String(length=40), nullable=True),
        sa.Column("audio_codec", sa.String(length=40), nullable=True),
        sa.Column("loudness", sa.Double(), nullable=True),
        sa.Column("true_peak", sa.Double(), nullable=True),
        sa.Column("render", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True),
        sa.Column("job_id", sa.Uuid(), nullable=True),
        sa.Column("error", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True),
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
        sa.CheckConstraint("sha256 ~ '^[0-9a-f]{64}$'", name=op.f("ck_clip_variants_sha256")),
        sa.CheckConstraint("state <> 'FAILED' or error is not null", name=op.f("ck_clip_variants_error")),
        sa.CheckConstraint(
            "state <> 'READY' or (storage_key is not null and sha256 is not null and size_bytes is not null)",
            name=op.f("ck_clip_variants_ready"),
        ),
        sa.CheckConstraint("duration > 0", name=op.f("ck_clip_variants_duration")),
        sa.CheckConstraint("fps > 0", name=op.f("ck_clip_variants_fps")),
        sa.CheckConstraint("size_bytes > 0", name=op.f("ck_clip_variants_size")),
        sa.CheckConstraint("width > 0 and height > 0", name=op.f("ck_clip_variants_size_of_picture")),
        sa.ForeignKeyConstraint(
            ["workspace_id", "clip_id"],
            ["clips.workspace_id", "clips.id"],
            name=op.f("fk_clip_variants_workspace_id_clip_id_clips"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id", "job_id"],
            ["jobs.workspace_id", "jobs.id"],
            name=op.f("fk_clip_variants_workspace_id_job_id_jobs"),
            ondelete="SET NULL (job_id)",
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id"], ["workspaces.id"], name=op.f("fk_clip_variants_workspace_id_workspaces")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_clip_variants")),
        sa.UniqueConstraint(
            "workspace_id", "clip_id", "recipe", name=op.f("uq_clip_variants_workspace_id_clip_id_recipe")
        ),
        sa.UniqueConstraint("workspace_id", "id", name=op.f("uq_clip_variants_workspace_id_id")),
    )
    op.create_index(
        op.f("ix_clip_variants_workspace_id_created_at_id"),
        "clip_variants",
        ["workspace_id", "created_at", "id"],
        unique=False,
    )
    op.create_index(
        op.f("ix_clip_variants_workspace_id_job_id"), "clip_variants", ["workspace_id", "job_id"], unique=False
    )
    op.create_index(
        op.f("ix_clip_variants_workspace_id_state_created_at_id"),
        "clip_variants",
        ["workspace_id", "state", "created_at", "id"],
        unique=False,
    )
    op.create_table(
        "campaigns",
        sa.Column("variant_id", sa.Uuid(), nullable=False),
        sa.Column("platform", sa.String(length=40), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("objective", sa.String(length=60), nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "DRAFT", "LAUNCHING", "PAUSED", "ACTIVE", "COMPLETED", "FAILED", "NEEDS_HUMAN", name="campaign_state"
            ),
            server_default="DRAFT",
            nullable=False,
        ),
        sa.Column("daily_budget", sa.BigInteger(), nullable=True),
        sa.Column("total_budget", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.CHAR(length=3), nullable=False),
        sa.Column("starts_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("external_id", sa.String(length=300), nullable=True),
        sa.Column("error", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True),
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
        sa.CheckConstraint("currency ~ '^[A-Z]{3}$'", name=op.f("ck_campaigns_currency")),
        sa.CheckConstraint("platform ~ '^[a-z][a-z0-9_]*$'", name=op.f("ck_campaigns_platform")),
        sa.CheckConstraint(
            "daily_budget >= 0 and daily_budget <= total_budget", name=op.f("ck_campaigns_daily_budget")
        ),
        sa.CheckConstraint("ends_at > starts_at", name=op.f("ck_campaigns_time")),
        sa.CheckConstraint("total_budget >= 0", name=op.f("ck_campaigns_total_budget")),
        sa.ForeignKeyConstraint(
            ["workspace_id", "variant_id"],
            ["clip_variants.workspace_id", "clip_variants.id"],
            name=op.f("fk_campaigns_workspace_id_variant_id_clip_variants"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspaces.id"], name=op.f("fk_campaigns_workspace_id_workspaces")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_campaigns")),
        sa.UniqueConstraint("workspace_id", "id", name=op.f("uq_campaigns_workspace_id_id")),
    )
    op.create_index(
        op.f("ix_campaigns_workspace_id_created_at_id"), "campaigns", ["workspace_id", "created_at", "id"], unique=False
    )
    op.create_index(
        op.f("ix_campaigns_workspace_id_state_created_at_id"),
        "campaigns",
        ["workspace_id", "state", "created_at", "id"],
        unique=False,
    )
    op.create_index(
        op.f("ix_campaigns_workspace_id_variant_id"), "campaigns", ["workspace_id", "variant_id"], unique=False
    )
    op.create_index(
        "uq_campaigns_external_id",
        "campaigns",
        ["workspace_id", "platform", "external_id"],
        unique=True,
        postgresql_where=sa.text("external_id is not null"),
    )
    op.create_table(
        "publications",
        sa.Column("variant_id", sa.Uuid(), nullable=False),
        sa.Column("platform", sa.String(length=40), nullable=False),
        sa.Column("account", sa.String(length=200), server_default="", nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "PENDING", "PUBLISHING", "PUBLISHED", "FAILED", "CANCELLED", "NEEDS_HUMAN", name="publication_state"
            ),
            server_default="PENDING",
            nullable=False,
        ),
        sa.Column("caption", sa.Text(), server_default="", nullable=False),
        sa.Column("by_hand", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("scheduled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("handle", sa.String(length=300), nullable=True),
        sa.Column("external_id", sa.String(length=300), nullable=True),
        sa.Column("url", sa.Text(), nullable=True),
        sa.Column("published_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("error", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True),
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
            "(state = 'PUBLISHED') = (published_at is not null)", name=op.f("ck_publications_published")
        ),
        sa.CheckConstraint("platform ~ '^[a-z][a-z0-9_]*$'", name=op.f("ck_publications_platform")),
        sa.ForeignKeyConstraint(
            ["workspace_id", "variant_id"],
            ["clip_variants.workspace_id", "clip_variants.id"],
            name=op.f("fk_publications_workspace_id_variant_id_clip_variants"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id"], ["workspaces.id"], name=op.f("fk_publications_workspace_id_workspaces")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_publications")),
        sa.UniqueConstraint("workspace_id", "id", name=op.f("uq_publications_workspace_id_id")),
    )
    op.create_index(
        op.f("ix_publications_workspace_id_created_at_id"),
        "publications",
        ["workspace_id", "created_at", "id"],
        unique=False,
    )
    op.create_index(
        op.f("ix_publications_workspace_id_state_created_at_id"),
        "publications",
        ["workspace_id", "state", "created_at", "id"],
        unique=False,
    )
    op.create_index(
        "uq_publications_external_id",
        "publications",
        ["workspace_id", "platform", "external_id"],
        unique=True,
        postgresql_where=sa.text("external_id is not null"),
    )
    op.create_index(
        "uq_publications_once",
        "publications",
        ["workspace_id", "variant_id", "platform", "account"],
        unique=True,
        postgresql_where=sa.text("state not in ('FAILED', 'CANCELLED')"),
    )
    op.create_table(
        "ad_metrics",
        sa.Column("campaign_id", sa.Uuid(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("sampled_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("impressions", sa.BigInteger(), nullable=False),
        sa.Column("clicks", sa.BigInteger(), nullable=False),
        sa.Column("views", sa.BigInteger(), nullable=False),
        sa.Column("conversions", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("spend", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.CHAR(length=3), nullable=False),
        sa.Column("raw", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'"), nullable=False),
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
        sa.CheckConstraint("currency ~ '^[A-Z]{3}$'", name=op.f("ck_ad_metrics_currency")),
        sa.CheckConstraint(
            "impressions >= 0 and clicks >= 0 and views >= 0 and conversions >= 0 and spend >= 0",
            name=op.f("ck_ad_metrics_counts"),
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id", "campaign_id"],
            ["campaigns.workspace_id", "campaigns.id"],
            name=op.f("fk_ad_metrics_workspace_id_campaign_id_campaigns"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id"], ["workspaces.id"], name=op.f("fk_ad_metrics_workspace_id_workspaces")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ad_metrics")),
        sa.UniqueConstraint(
            "workspace_id",
            "campaign_id",
            "day",
            "sampled_at",
            name=op.f("uq_ad_metrics_workspace_id_campaign_id_day_sampled_at"),
        ),
        sa.UniqueConstraint("workspace_id", "id", name=op.f("uq_ad_metrics_workspace_id_id")),
    )


def security() -> None:
    """Workspaces are kept apart, and what has happened stays."""
    op.execute(
        "create function refuse_change() returns trigger language plpgsql as $$ begin "
        "raise exception 'rows of % are never changed or removed', tg_table_name using errcode = 'restrict_violation'; "
        "end $$"
    )
    grant("select", "alembic_version", APP)
    grant("select", "alembic_version", SYSTEM)

    protect("workspaces", "select, update", column="id")
    open_to_machinery("workspaces", "select, insert, update")
    protect("memberships")
    protect("api_keys")
    open_to_machinery("api_keys", "select, insert, update")

    # A person belongs to no workspace; who shares one with them may see them.
    op.execute("alter table users enable row level security")
    op.execute("alter table users force row level security")
    op.execute(
        "create policy members on users for select "
        "using (exists (select from memberships where memberships.user_id = users.id))"
    )
    grant("select", "users", APP)

    protect("jobs")
    open_to_machinery("jobs", "select, insert, update, delete")
    grant("select, insert, update, delete", "workers", SYSTEM)
    grant("select", "workers", APP)

    protect("ledger_events", "select, insert")
    open_to_machinery("ledger_events", "insert")
    seal("ledger_events")

    protect("platform_rules", "select, insert, update")
    op.execute(
        "create trigger a_version_stays before update on platform_rules for each row "
        "when ((old.platform, old.version, old.rule) is distinct from (new.platform, new.version, new.rule)) "
        "execute function refuse_change()"
    )
    protect("video_assets")
    protect("clips")
    protect("clip_variants")
    protect("publications")
    protect("campaigns")
    protect("ad_metrics", "select, insert")
    seal("ad_metrics")
