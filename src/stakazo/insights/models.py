"""The tables of what came back."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    BigInteger,
    CheckConstraint,
    Enum,
    Float,
    ForeignKeyConstraint,
    Index,
    LargeBinary,
    String,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from stakazo.core.db import Base, Owned
from stakazo.insights.hearing import ItemKind, ItemState
from stakazo.publishing import models as _publishing  # noqa: F401 (a sample points at its publication)


class PostMetric(Owned, Base):
    """What a platform said of a post at one moment, from its beginning up to then. Only ever added to.

    What a platform doesn't say is null. Numbers that it corrects later are another row.
    """

    __tablename__ = "post_metrics"

    updated_at = None  # type: ignore[assignment]  # there is no such moment
    publication_id: Mapped[UUID]
    sampled_at: Mapped[datetime]
    """When it was true."""
    views: Mapped[int | None] = mapped_column(BigInteger)
    reach: Mapped[int | None] = mapped_column(BigInteger)
    likes: Mapped[int | None] = mapped_column(BigInteger)
    comments: Mapped[int | None] = mapped_column(BigInteger)
    shares: Mapped[int | None] = mapped_column(BigInteger)
    saves: Mapped[int | None] = mapped_column(BigInteger)
    follows: Mapped[int | None] = mapped_column(BigInteger)
    average_watch: Mapped[float | None]
    """Seconds."""
    total_watch: Mapped[float | None]
    """Seconds."""
    hold_rate: Mapped[float | None]
    """The share of plays that went on after three seconds."""
    retention: Mapped[list[float]] = mapped_column(ARRAY(Float), default=list, server_default=text("'{}'"))
    """The share of viewers left, at even distances from start to end."""
    restated: Mapped[bool] = mapped_column(default=False, server_default=text("false"))
    """Fewer views than were said before: the platform has corrected itself."""
    told: Mapped[bool] = mapped_column(default=False, server_default=text("false"))
    """The platform told it by itself (a webhook), and only some of it."""
    raw: Mapped[dict[str, Any]] = mapped_column(JSONB, default=dict, server_default=text("'{}'"))
    """The platform's own names and numbers."""

    __table_args__ = (
        *Owned.owned_args(),
        ForeignKeyConstraint(
            ["workspace_id", "publication_id"], ["publications.workspace_id", "publications.id"], ondelete="RESTRICT"
        ),
        Index(None, "workspace_id", "publication_id", "sampled_at", "id"),
        CheckConstraint(
            "least(views, reach, likes, comments, shares, saves, follows, average_watch, total_watch) >= 0",
            name="counts",
        ),
    )


class PlatformDelivery(Owned, Base):
    """What a platform has sent about channels of this workspace, as it came; a job takes it apart, and it is gone."""

    __tablename__ = "platform_deliveries"

    updated_at = None  # type: ignore[assignment]  # there is no such moment
    source: Mapped[str] = mapped_column(String(20))
    """Who sent it, by `news.SOURCES`."""
    sandbox: Mapped[bool]
    """Which world's signature it had."""
    body: Mapped[bytes] = mapped_column(LargeBinary)

    __table_args__ = Owned.owned_args()


class PlatformEvent(Owned, Base):
    """What a platform said has happened on a channel, whole, as it came; a job reads it."""

    __tablename__ = "platform_events"

    channel_id: Mapped[UUID]
    key: Mapped[str] = mapped_column(String(64))
    """The same whenever the same comes again."""
    field: Mapped[str] = mapped_column(String(100))
    """What kind of news, in the platform's words: comments, story_insights, ..."""
    value: Mapped[dict[str, Any]] = mapped_column(JSONB)
    said_at: Mapped[datetime]
    """When it happened, as the platform says."""
    read_at: Mapped[datetime | None]
    came_to: Mapped[str | None] = mapped_column(String(20))
    """Once it is read: item, metrics, or nothing."""

    __table_args__ = (
        *Owned.owned_args(),
        ForeignKeyConstraint(
            ["workspace_id", "channel_id"], ["channels.workspace_id", "channels.id"], ondelete="RESTRICT"
        ),
        UniqueConstraint("workspace_id", "channel_id", "key"),
        Index("ix_platform_events_unread", "workspace_id", "id", postgresql_where=text("read_at is null")),
        CheckConstraint("(read_at is null) = (came_to is null)", name="read"),
    )


class InboxItem(Owned, Base):
    """Something that somebody said to us, and what became of it."""

    __tablename__ = "inbox_items"

    channel_id: Mapped[UUID]
    publication_id: Mapped[UUID | None]
    """The post that it is about, where that is ours."""
    kind: Mapped[ItemKind] = mapped_column(
        Enum(ItemKind, name="inbox_kind", values_callable=lambda given: [one.value for one in given])
    )
    state: Mapped[ItemState] = mapped_column(Enum(ItemState, name="inbox_state"), default=ItemState.OPEN)
    external_id: Mapped[str] = mapped_column(String(300))
    post_id: Mapped[str | None] = mapped_column(String(300))
    """The platform's."""
    parent_id: Mapped[str | None] = mapped_column(String(300))
    """The comment that it answers."""
    author: Mapped[str] = mapped_column(String(300))
    author_id: Mapped[str] = mapped_column(String(300))
    text: Mapped[str] = mapped_column(Text)
    permalink: Mapped[str | None] = mapped_column(Text)
    """Where it can be seen, of a mention."""
    said_at: Mapped[datetime]
    """When it was said, or said otherwise."""
    done_at: Mapped[datetime | None]
    done_by: Mapped[str | None] = mapped_column(String(120))

    reply: Mapped[str | None] = mapped_column(Text)
    """The answer that somebody wants to give; it is sent at most once."""
    replied_by: Mapped[str | None] = mapped_column(String(120))
    reply_tried_at: Mapped[datetime | None]
    """When the platform was about to be asked to take it."""
    reply_looks: Mapped[int] = mapped_column(default=0, server_default="0")
    """How often it was looked for in vain since it is in doubt whether it is there."""
    reply_id: Mapped[str | None] = mapped_column(String(300))
    """The platform's id of the answer, or empty: it is there, and its id isn't known."""
    error: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    """Why the answer didn't go out, and what to do: code, detail, todo."""

    __table_args__ = (
        *Owned.owned_args(),
        ForeignKeyConstraint(
            ["workspace_id", "channel_id"], ["channels.workspace_id", "channels.id"], ondelete="RESTRICT"
        ),
        ForeignKeyConstraint(
            ["workspace_id", "publication_id"], ["publications.workspace_id", "publications.id"], ondelete="RESTRICT"
        ),
        UniqueConstraint("workspace_id", "channel_id", "kind", "external_id"),
        Index(None, "workspace_id", "state", "said_at", "id"),
        Index(None, "workspace_id", "said_at", "id"),
        Index(None, "workspace_id", "publication_id"),
        CheckConstraint("(done_at is null) = (state <> 'DONE')", name="done"),
        CheckConstraint("reply_id is null or reply is not null", name="replied"),
    )
