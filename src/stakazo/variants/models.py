"""The table of variants."""

from __future__ import annotations

from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, Enum, ForeignKeyConstraint, Index, String, UniqueConstraint
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from stakazo.clips import models as _clips  # noqa: F401 (a variant points at its clip)
from stakazo.core.db import Base, Owned
from stakazo.jobs import models as _jobs  # noqa: F401 (and at the job that renders it)


class VariantState(StrEnum):
    """How far a variant has come."""

    PENDING = "PENDING"
    RENDERING = "RENDERING"
    READY = "READY"
    FAILED = "FAILED"


class ClipVariant(Owned, Base):
    """A clip as a file for one platform, with the facts of the file as it was found, not as it was ordered."""

    __tablename__ = "clip_variants"

    clip_id: Mapped[UUID]
    recipe: Mapped[str] = mapped_column(String(40))
    platform: Mapped[str] = mapped_column(String(40))
    state: Mapped[VariantState] = mapped_column(
        Enum(VariantState, name="variant_state"), default=VariantState.PENDING, server_default=VariantState.PENDING
    )
    clip_start: Mapped[float | None]
    """Seconds of the source: the clip's ends as this shows them, or is to; the clip may have been moved since."""
    clip_end: Mapped[float | None]
    storage_key: Mapped[str | None] = mapped_column(String(300))
    sha256: Mapped[str | None] = mapped_column(String(64))
    size_bytes: Mapped[int | None] = mapped_column(BigInteger)
    width: Mapped[int | None]
    height: Mapped[int | None]
    duration: Mapped[float | None]
    """Seconds."""
    fps: Mapped[float | None]
    video_codec: Mapped[str | None] = mapped_column(String(40))
    audio_codec: Mapped[str | None] = mapped_column(String(40))
    loudness: Mapped[float | None]
    """Integrated, in LUFS."""
    true_peak: Mapped[float | None]
    """In dBTP."""
    render: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    """How it was made: the argv, the crop path, FFmpeg's version."""
    job_id: Mapped[UUID | None]
    """The job that renders or rendered it."""
    error: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))

    __table_args__ = (
        *Owned.owned_args(),
        ForeignKeyConstraint(["workspace_id", "clip_id"], ["clips.workspace_id", "clips.id"], ondelete="CASCADE"),
        ForeignKeyConstraint(
            ["workspace_id", "job_id"], ["jobs.workspace_id", "jobs.id"], ondelete="SET NULL (job_id)"
        ),
        UniqueConstraint("workspace_id", "clip_id", "recipe"),
        Index(None, "workspace_id", "job_id"),
        Index(None, "workspace_id", "created_at", "id"),
        Index(None, "workspace_id", "state", "created_at", "id"),
        CheckConstraint("size_bytes > 0", name="size"),
        CheckConstraint("sha256 ~ '^[0-9a-f]{64}$'", name="sha256"),
        CheckConstraint("width > 0 and height > 0", name="size_of_picture"),
        CheckConstraint("duration > 0", name="duration"),
        CheckConstraint("fps > 0", name="fps"),
        CheckConstraint(
            "state <> 'READY' or (storage_key is not null and sha256 is not null and size_bytes is not null)",
            name="ready",
        ),
        CheckConstraint("state <> 'FAILED' or error is not null", name="error"),
    )
