"""The tables of telling others: webhooks and what each of them gets, and what people hear of and how."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    BigInteger,
    CheckConstraint,
    Enum,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    LargeBinary,
    String,
    Text,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from stakazo.accounts import models as _accounts  # noqa: F401 (whoever hears of something)
from stakazo.core.db import Base, Owned
from stakazo.core.security import Sealed
from stakazo.ledger import models as _ledger  # noqa: F401 (a delivery points at its event)
from stakazo.notifications.notices import Urgency


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
    told_from: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    """When it was added, or switched on again: of what happened before it is told nothing by itself."""
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


# --- people -------------------------------------------------------------------------------------------------


class Lookout(Owned, Base):
    """How far a workspace's ledger has been looked through for what people should hear of."""

    __tablename__ = "lookouts"

    position: Mapped[int] = mapped_column(BigInteger)
    """The place in the ledger's tree from which on nothing was looked at yet."""
    push_key: Mapped[bytes | None] = mapped_column(Sealed())
    """The private key with which the workspace shows browsers who sends; made when somebody wants push."""

    __table_args__ = (
        *Owned.owned_args(),
        UniqueConstraint("workspace_id"),
        CheckConstraint("position >= 0", name="position"),
    )


class Notification(Owned, Base):
    """Something that people should hear of: `notifications.notices.Notice`."""

    __tablename__ = "notifications"

    event_id: Mapped[UUID]
    kind: Mapped[str] = mapped_column(String(130))
    urgency: Mapped[Urgency] = mapped_column(
        Enum(Urgency, name="urgency", values_callable=lambda given: [one.value for one in given])
    )
    title: Mapped[str] = mapped_column(String(200))
    detail: Mapped[str] = mapped_column(Text, default="", server_default="")
    todo: Mapped[str] = mapped_column(Text, default="", server_default="")
    needs: Mapped[str] = mapped_column(String(60))
    """The permission without which nobody hears of it."""
    subject_type: Mapped[str] = mapped_column(String(40))
    subject_id: Mapped[UUID]
    happened_at: Mapped[datetime]

    __table_args__ = (
        *Owned.owned_args(),
        ForeignKeyConstraint(["workspace_id", "event_id"], ["ledger_events.workspace_id", "ledger_events.id"]),
        UniqueConstraint("workspace_id", "event_id"),
        Index(None, "workspace_id", "created_at", "id"),
    )


class NotificationRead(Owned, Base):
    """Somebody has read one."""

    __tablename__ = "notification_reads"

    notification_id: Mapped[UUID]
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)

    __table_args__ = (
        *Owned.owned_args(),
        ForeignKeyConstraint(
            ["workspace_id", "notification_id"], ["notifications.workspace_id", "notifications.id"], ondelete="CASCADE"
        ),
        UniqueConstraint("workspace_id", "notification_id", "user_id"),
    )


class NotificationSettings(Owned, Base):
    """How somebody wants to hear of things beside the list; without a row not at all."""

    __tablename__ = "notification_settings"

    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    email: Mapped[bool] = mapped_column(default=False, server_default=text("false"))
    """A letter a day, where there is something to tell."""
    hour: Mapped[int] = mapped_column(default=8, server_default="8")
    time_zone: Mapped[str] = mapped_column(String(60), default="UTC", server_default="UTC")
    push: Mapped[bool] = mapped_column(default=True, server_default=text("true"))
    """To the browsers that they have subscribed."""
    push_daily: Mapped[bool] = mapped_column(default=False, server_default=text("false"))
    """Not at once, but when the letter goes out, and all of it as one."""
    muted: Mapped[list[str]] = mapped_column(ARRAY(Text), default=list, server_default=text("'{}'"))
    """Kinds of which they hear in the list only, as patterns."""
    told_until: Mapped[datetime]
    """What was there by then was in a letter, or before they wanted any."""
    next_at: Mapped[datetime | None]
    """When the next letter goes out, or what browsers are told instead."""

    __table_args__ = (
        *Owned.owned_args(),
        UniqueConstraint("workspace_id", "user_id"),
        CheckConstraint("hour between 0 and 23", name="hour"),
        CheckConstraint("(email or push_daily) = (next_at is not null)", name="next_at"),
    )


class PushSubscription(Owned, Base):
    """A browser of somebody's that is told, at once or once a day."""

    __tablename__ = "push_subscriptions"

    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    receiver: Mapped[bytes] = mapped_column(Sealed())
    """Its URL and keys as JSON; whoever knows them can write to it."""
    fingerprint: Mapped[bytes] = mapped_column(LargeBinary)
    """SHA-256 of the URL: the same browser subscribes once."""
    service: Mapped[str] = mapped_column(String(253))
    """The host that brings its messages."""
    name: Mapped[str] = mapped_column(String(200), default="", server_default="")
    """What they call it."""
    pushed_at: Mapped[datetime | None]
    """When its service last took a message."""

    __table_args__ = (
        *Owned.owned_args(),
        UniqueConstraint("workspace_id", "user_id", "fingerprint"),
        CheckConstraint("length(fingerprint) = 32", name="fingerprint"),
    )
