"""From a video to what is cut from it: rules, videos, their clips, and the clips' variants."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from stakazo.migrations.security import protect

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    platform_rules()
    video_assets()
    clips()
    clip_variants()


def platform_rules() -> None:
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
    protect("platform_rules", "select, insert, update")
    op.execute(
        "create trigger a_version_stays before update on platform_rules for each row "
        "when ((old.platform, old.version, old.rule) is distinct from (new.platform, new.version, new.rule)) "
        "execute function refuse_change()"
    )


def video_assets() -> None:
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
    protect("video_assets")


def clips() -> None:
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
    protect("clips")


def clip_variants() -> None:
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
    protect("clip_variants")
