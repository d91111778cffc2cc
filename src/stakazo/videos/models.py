"""The tables of videos and of their imports."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Enum,
    ForeignKeyConstraint,
    Index,
    String,
    Text,
    UniqueConstraint,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from stakazo.accounts import models as _accounts  # noqa: F401 (every owned row points at a workspace)
from stakazo.core.db import Base, Owned
from stakazo.core.security import Sealed
from stakazo.jobs import models as _jobs  # noqa: F401 (an import is done by one)


class VideoState(StrEnum):
    """How far a video has come."""

    UPLOADED = "UPLOADED"
    ANALYSING = "ANALYSING"
    READY = "READY"
    FAILED = "FAILED"


class Upload(Owned, Base):
    """A video that comes in parts: what was announced, and what it became. How much has come says its file."""

    __tablename__ = "uploads"

    length: Mapped[int] = mapped_column(BigInteger)
    """Bytes of the whole video."""
    filename: Mapped[str] = mapped_column(String(255))
    """What the sender called it; only ever shown, never used as a path."""
    title: Mapped[str | None] = mapped_column(String(300))
    dedup_key: Mapped[str | None] = mapped_column(String(200))
    """As of the video."""
    client_metadata: Mapped[str] = mapped_column(Text, default="", server_default="")
    """The sender's own words, which are given back as they came."""
    expires_at: Mapped[datetime]
    """When it is forgotten, unless something comes before."""
    video_id: Mapped[UUID | None]
    """The video that it became."""
    created: Mapped[bool | None]
    """Whether that was new, or the same bytes were there already."""

    __table_args__ = (
        *Owned.owned_args(),
        ForeignKeyConstraint(
            ["workspace_id", "video_id"], ["video_assets.workspace_id", "video_assets.id"], ondelete="CASCADE"
        ),
        Index(None, "workspace_id", "video_id"),
        Index(None, "expires_at"),
        CheckConstraint("length > 0", name="length"),
        CheckConstraint("(video_id is null) = (created is null)", name="finished"),
    )


class HeldRoom(Owned, Base):
    """Room that a video holds in its workspace's quota while it comes in; it has the id that the video will have."""

    __tablename__ = "held_room"

    size_bytes: Mapped[int] = mapped_column(BigInteger)
    expires_at: Mapped[datetime]
    """When it is given back, unless its process holds it again before."""

    __table_args__ = (
        *Owned.owned_args(),
        Index(None, "expires_at"),
        CheckConstraint("size_bytes > 0", name="size_bytes"),
    )


class VideoAsset(Owned, Base):
    """A long video as it was received; its bytes lie in storage."""

    __tablename__ = "video_assets"

    title: Mapped[str] = mapped_column(String(300))
    filename: Mapped[str] = mapped_column(String(255))
    """What the sender called it; only ever shown, never used as a path."""
    storage_key: Mapped[str] = mapped_column(String(300))
    size_bytes: Mapped[int] = mapped_column(BigInteger)
    sha256: Mapped[str] = mapped_column(String(64))
    """Of the bytes, in lower-case hexadecimal: the same bytes are the same video."""
    content_type: Mapped[str] = mapped_column(String(100))
    """What the bytes are, whatever the sender said."""
    dedup_key: Mapped[str | None] = mapped_column(String(200))
    """The sender's own name for this upload: sending it twice makes one video."""
    state: Mapped[VideoState] = mapped_column(
        Enum(VideoState, name="video_state"), default=VideoState.UPLOADED, server_default=VideoState.UPLOADED
    )
    error: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    """Why it failed: code, detail, retryable."""
    info: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    """What was found out about the file: container, streams, codecs."""
    duration: Mapped[float | None]
    """Seconds."""
    width: Mapped[int | None]
    """Of the picture as shown, in pixels."""
    height: Mapped[int | None]
    analysis_key: Mapped[str | None] = mapped_column(String(300))
    """Where in storage the whole analysis lies."""

    __table_args__ = (
        *Owned.owned_args(),
        UniqueConstraint("workspace_id", "sha256"),
        UniqueConstraint("workspace_id", "dedup_key"),
        Index(None, "workspace_id", "created_at", "id"),
        Index(None, "workspace_id", "state", "created_at", "id"),
        CheckConstraint("size_bytes > 0", name="size"),
        CheckConstraint("sha256 ~ '^[0-9a-f]{64}$'", name="sha256"),
        CheckConstraint("duration >= 0", name="duration"),
        CheckConstraint("width > 0 and height > 0", name="size_of_picture"),
        CheckConstraint("state <> 'FAILED' or error is not null", name="error"),
    )


class VideoImport(Owned, Base):
    """A video that is to be fetched from an address; the job says how far that is."""

    __tablename__ = "video_imports"

    address: Mapped[str] = mapped_column(String(500))
    """The URL as it may be shown: without its query, which may be a key."""
    url: Mapped[bytes] = mapped_column(Sealed())
    title: Mapped[str | None] = mapped_column(String(300))
    dedup_key: Mapped[str | None] = mapped_column(String(200))
    job_id: Mapped[UUID | None]
    video_id: Mapped[UUID | None]
    """What came of it: a new video, or the one with the same bytes that was there before."""

    __table_args__ = (
        *Owned.owned_args(),
        ForeignKeyConstraint(
            ["workspace_id", "job_id"], ["jobs.workspace_id", "jobs.id"], ondelete="SET NULL (job_id)"
        ),
        ForeignKeyConstraint(
            ["workspace_id", "video_id"],
            ["video_assets.workspace_id", "video_assets.id"],
            ondelete="SET NULL (video_id)",
        ),
        Index(None, "workspace_id", "job_id"),
        Index(None, "workspace_id", "video_id"),
        Index(None, "workspace_id", "created_at", "id"),
    )
