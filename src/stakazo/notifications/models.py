"""The tables of telling others: endpoints of webhooks, and what each of them gets."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    BigInteger,
    CheckConstraint,
    Enum,
    ForeignKeyConstraint,
    Index,
    String,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from stakazo.core.db import Base, Owned
from stakazo.core.security import Sealed
from stakazo.ledger import models as _ledger  # noqa: F401 (a delivery points at its event)


class WebhookEndpoint(Owned, Base):
    """An address of somebody's that is told what happens here."""

    __tablename__ = "webhook_endpoints"

    url: Mapped[str] = mapped_column(Text)
    description: Mapped[str] = mapped_column(String(200), default="", server_default="")
    events: Mapped[list[str]] = mapped_column(ARRAY(Text))
    """Which ones, as patterns: `publication.*`."""
    secret: Mapped[bytes] = mapped_column(Sealed())
    """What signs."""
    old_secret: Mapped[bytes | None] = mapped_column(Sealed())
    """What signs too, for a while after it was changed."""
    old_secret_until: Mapped[datetime | None]
    position: Mapped[int] = mapped_column(BigInteger)
    """The place in the ledger's tree from which on nothing was looked at yet."""
    failures: Mapped[int] = mapped_column(default=0, server_default="0")
    """Rounds of attempts, one after the other, of which it took nothing."""
    failing_since: Mapped[datetime | None]
    """When the first of these was."""
    rests_until: Mapped[datetime | None]
    """Until then nothing is sent to it."""
    disabled_at: Mapped[datetime | None]
    """Since when it gets nothing."""
    disabled_why: Mapped[str | None] = mapped_column(Text)
    """Null where a person switched it off."""

    __table_args__ = (
        *Owned.owned_args(),
        Index(None, "workspace_id", "created_at", "id"),
        CheckConstraint("position >= 0", name="position"),
        CheckConstraint("failures >= 0", name="failures"),
        CheckConstraint("(old_secret is null) = (old_secret_until is null)", name="old_secret"),
        CheckConstraint("disabled_why is null or disabled_at is not null", name="disabled"),
    )


class DeliveryState(StrEnum):
    WAITING = "WAITING"
    """For its first attempt, or another one."""
    DELIVERED = "DELIVERED"
    DEAD = "DEAD"
    """Every attempt came to nothing, or the endpoint was switched off: it can be sent again by hand."""


class WebhookDelivery(Owned, Base):
    """One event for one endpoint. What is sent is made of the event, which never changes."""

    __tablename__ = "webhook_deliveries"

    endpoint_id: Mapped[UUID]
    event_id: Mapped[UUID]
    type: Mapped[str] = mapped_column(String(130))
    """What the event is called outside."""
    state: Mapped[DeliveryState] = mapped_column(
        Enum(DeliveryState, name="delivery_state"), default=DeliveryState.WAITING, server_default="WAITING"
    )
    attempts: Mapped[int] = mapped_column(default=0, server_default="0")
    due_at: Mapped[datetime]
    """When it is sent next."""
    tried_at: Mapped[datetime | None]
    delivered_at: Mapped[datetime | None]
    status: Mapped[int | None]
    """Of the last answer."""
    answer: Mapped[str | None] = mapped_column(Text)
    """Its beginning, or why there was none."""

    __table_args__ = (
        *Owned.owned_args(),
        ForeignKeyConstraint(
            ["workspace_id", "endpoint_id"],
            ["webhook_endpoints.workspace_id", "webhook_endpoints.id"],
            ondelete="CASCADE",
        ),
        ForeignKeyConstraint(["workspace_id", "event_id"], ["ledger_events.workspace_id", "ledger_events.id"]),
        UniqueConstraint("workspace_id", "endpoint_id", "event_id"),
        Index(None, "workspace_id", "event_id"),
        Index(None, "workspace_id", "endpoint_id", "created_at", "id"),
        Index(
            "ix_webhook_deliveries_waiting",
            "workspace_id",
            "endpoint_id",
            "due_at",
            postgresql_where=text("state = 'WAITING'"),
        ),
        CheckConstraint("attempts >= 0", name="attempts"),
        CheckConstraint("(delivered_at is not null) = (state = 'DELIVERED')", name="delivered"),
    )
