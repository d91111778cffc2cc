"""The tables of smart links: what they are, and who followed them.

Clicks and conversions are only added to. Of a visitor they have a hash under a salt that is forgotten after two days:
until then a second click of the same day is known as theirs, afterwards nobody can tell who it was.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CHAR, CheckConstraint, ForeignKeyConstraint, Index, LargeBinary, String, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from stakazo.clips import models as _clips  # noqa: F401 (a link may be about a clip)
from stakazo.core.db import Base, Owned
from stakazo.core.security import Sealed


class SmartLink(Owned, Base):
    """An address of ours that leads each visitor where they can listen."""

    __tablename__ = "smart_links"

    slug: Mapped[str] = mapped_column(String(60))
    """What stands behind `/l/`."""
    title: Mapped[str] = mapped_column(String(200), default="", server_default="")
    clip_id: Mapped[UUID | None]
    """The clip that it is told with; its clicks join that clip's series."""
    targets: Mapped[list[dict[str, Any]]] = mapped_column(JSONB)
    """`links.choosing.Target`, in the order in which they are tried."""
    utm: Mapped[dict[str, str]] = mapped_column(JSONB, default=dict, server_default=text("'{}'"))
    conversions: Mapped[bool] = mapped_column(default=False, server_default=text("false"))
    """Whether a click carries its proof, so that what came of it can be told back."""
    secret: Mapped[bytes] = mapped_column(Sealed())
    """Signs those proofs."""
    ended_at: Mapped[datetime | None]
    """Since when it leads nowhere. What was counted stays."""

    __table_args__ = (
        *Owned.owned_args(),
        ForeignKeyConstraint(
            ["workspace_id", "clip_id"], ["clips.workspace_id", "clips.id"], ondelete="SET NULL (clip_id)"
        ),
        Index("uq_smart_links_slug", "slug", unique=True),
        Index(None, "workspace_id", "clip_id"),
        Index(None, "workspace_id", "created_at", "id"),
        CheckConstraint("jsonb_array_length(targets) > 0", name="targets"),
    )


class LinkClick(Owned, Base):
    """One visit."""

    __tablename__ = "link_clicks"

    updated_at = None  # type: ignore[assignment]
    link_id: Mapped[UUID]
    target: Mapped[str] = mapped_column(String(40))
    """Where it led."""
    source: Mapped[str] = mapped_column(String(20))
    device: Mapped[str] = mapped_column(String(20))
    bot: Mapped[bool]
    """No person: known, and not counted."""
    visitor: Mapped[bytes] = mapped_column(LargeBinary)

    __table_args__ = (
        *Owned.owned_args(),
        ForeignKeyConstraint(["workspace_id", "link_id"], ["smart_links.workspace_id", "smart_links.id"]),
        Index(None, "workspace_id", "link_id", "created_at"),
        CheckConstraint("length(visitor) = 16", name="visitor"),
    )


class LinkConversion(Owned, Base):
    """Something that a visitor did where the link had led them, as that place says."""

    __tablename__ = "link_conversions"

    updated_at = None  # type: ignore[assignment]
    link_id: Mapped[UUID]
    click_id: Mapped[UUID]
    kind: Mapped[str] = mapped_column(String(40))
    """`presave`, `sale`, ...: once for each click."""
    value: Mapped[int | None]
    """Minor units."""
    currency: Mapped[str | None] = mapped_column(CHAR(3))

    __table_args__ = (
        *Owned.owned_args(),
        ForeignKeyConstraint(["workspace_id", "link_id"], ["smart_links.workspace_id", "smart_links.id"]),
        ForeignKeyConstraint(["workspace_id", "click_id"], ["link_clicks.workspace_id", "link_clicks.id"]),
        UniqueConstraint("workspace_id", "click_id", "kind"),
        Index(None, "workspace_id", "link_id", "created_at"),
        CheckConstraint("(value is null) = (currency is null)", name="money"),
        CheckConstraint("value >= 0", name="value"),
    )


class LinkSalt(Owned, Base):
    """What one day's visitors are hashed with."""

    __tablename__ = "link_salts"

    updated_at = None  # type: ignore[assignment]
    day: Mapped[date]
    salt: Mapped[bytes] = mapped_column(LargeBinary)
    expires_at: Mapped[datetime]

    __table_args__ = (*Owned.owned_args(), UniqueConstraint("workspace_id", "day"))
