"""The tables of publishing: channels, publications, the rights to recordings, and who must agree."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    CHAR,
    CheckConstraint,
    Enum,
    ForeignKeyConstraint,
    Index,
    String,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects import postgresql
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from stakazo.core.db import Base, Owned
from stakazo.core.security import Sealed
from stakazo.jobs import models as _jobs  # noqa: F401 (a publication points at its job)
from stakazo.jobs.models import WorkedOn
from stakazo.platforms.base import Kind, Platform
from stakazo.publishing.preflight import ContentId
from stakazo.publishing.states import Approval, PublicationState
from stakazo.variants import models as _variants  # noqa: F401 (and at its variant)


def _value_of(values: type[StrEnum], name: str) -> Enum:
    """A column of these values, written as they are outside: `reel`, not `REEL`."""
    return Enum(values, name=name, values_callable=lambda given: [one.value for one in given])


PLATFORM = _value_of(Platform, "platform")


class PublishingPolicy(Owned, Base):
    """What a workspace demands before something is published; without a row nothing."""

    __tablename__ = "publishing_policies"

    approval: Mapped[Approval] = mapped_column(_value_of(Approval, "publishing_approval"), default=Approval.NONE)

    __table_args__ = (*Owned.owned_args(), UniqueConstraint("workspace_id"))


class VideoRights(Owned, Base):
    """What may be done with a video's recording; without a row everything."""

    __tablename__ = "video_rights"

    video_id: Mapped[UUID]
    isrc: Mapped[str] = mapped_column(String(12), default="", server_default="")
    artist: Mapped[str] = mapped_column(String(300), default="", server_default="")
    embargo_until: Mapped[datetime | None]
    territories: Mapped[list[str] | None] = mapped_column(ARRAY(Text))
    """ISO 3166-1 alpha-2; null: everywhere."""
    content_id: Mapped[ContentId] = mapped_column(_value_of(ContentId, "content_id_policy"), default=ContentId.NONE)

    __table_args__ = (
        *Owned.owned_args(),
        ForeignKeyConstraint(
            ["workspace_id", "video_id"], ["video_assets.workspace_id", "video_assets.id"], ondelete="CASCADE"
        ),
        UniqueConstraint("workspace_id", "video_id"),
        CheckConstraint("isrc ~ '^([A-Z]{2}[A-Z0-9]{3}[0-9]{7})?$'", name="isrc"),
    )


class Channel(Owned, Base):
    """A connected account of a platform."""

    __tablename__ = "channels"

    platform: Mapped[Platform] = mapped_column(PLATFORM)
    external_id: Mapped[str] = mapped_column(String(200))
    """The account's id at the platform."""
    name: Mapped[str] = mapped_column(String(200))
    sandbox: Mapped[bool]
    """Whether its token is of the sandbox, where nothing is real."""
    live: Mapped[bool] = mapped_column(default=False, server_default=text("false"))
    """Whether a person has let it publish for real. Never of the sandbox."""
    token: Mapped[bytes | None] = mapped_column(Sealed())
    """Null once it is disconnected."""
    token_expires_at: Mapped[datetime | None]
    """Of Meta's accounts when the person's token ends, with which theirs is got."""
    refresh_token: Mapped[bytes | None] = mapped_column(Sealed())
    """With what a fresh token is got: TikTok's and Google's refresh token, the Meta person's own token."""
    consent_ends_at: Mapped[datetime | None]
    """When the person must say yes again; null: never by itself."""
    renewed_at: Mapped[datetime | None]
    renewing_since: Mapped[datetime | None]
    """Since when somebody asks for a fresh token: nobody else may meanwhile."""
    warned_at: Mapped[datetime | None]
    """When it was said that the person must say yes again soon."""
    look_at: Mapped[datetime | None]
    """When something is to be done about the token next, by `tokens.look_at`."""
    scopes: Mapped[list[str]] = mapped_column(ARRAY(Text), default=list, server_default=text("'{}'"))
    error: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    """Why it must be connected again; null while its token is believed to work."""
    subscribed_at: Mapped[datetime | None]
    """When its platform last said that it tells us what happens; null while it doesn't."""
    subscription_error: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    """Why it doesn't: code, detail, todo."""
    subscribe_at: Mapped[datetime | None]
    """When the platform is asked next whether it does; null: never, it has nothing to ask for."""
    leaving_since: Mapped[datetime | None]
    """Since when the platform is to be told to stop; null once it has stopped, or never told."""
    leaving_token: Mapped[bytes | None] = mapped_column(Sealed())
    """With what it is told so, when nothing else is done with the account any more. Gone with that, or after days."""
    disconnected_at: Mapped[datetime | None]
    allowance: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    """What its platform let it post when it was asked last: fields of `preflight.Allows` by name."""
    allowance_at: Mapped[datetime | None]
    """When that was."""

    time_zone: Mapped[str] = mapped_column(String(60), default="UTC", server_default="UTC")
    slots: Mapped[list[dict[str, Any]]] = mapped_column(JSONB, default=list, server_default=text("'[]'"))
    """Moments of the week in that time zone: `{"weekday": 4, "at": "18:00"}`, 0 is Monday."""
    gap_minutes: Mapped[int] = mapped_column(default=0, server_default="0")
    """At least, between two posts."""
    per_day: Mapped[int | None]
    """At most, in any 24 hours; null: what the platform takes."""
    territory: Mapped[str | None] = mapped_column(CHAR(2))
    """The country whose people it addresses."""

    __table_args__ = (
        *Owned.owned_args(),
        Index(
            "uq_channels_account",
            "workspace_id",
            "platform",
            "external_id",
            unique=True,
            postgresql_where=text("disconnected_at is null"),
        ),
        Index(None, "workspace_id", "created_at", "id"),
        Index(None, "look_at", postgresql_where=text("look_at is not null")),
        Index(None, "subscribe_at", postgresql_where=text("subscribe_at is not null")),
        CheckConstraint("not (sandbox and live)", name="live"),
        CheckConstraint("(token is null) = (disconnected_at is not null)", name="token"),
        CheckConstraint("leaving_since is null or token is null", name="leaving"),
        CheckConstraint("leaving_token is null or leaving_since is not null", name="leaving_token"),
        CheckConstraint("gap_minutes >= 0", name="gap_minutes"),
        CheckConstraint("per_day > 0", name="per_day"),
    )


class ChannelConsent(Owned, Base):
    """A person who was sent to a platform to say yes there, until they have chosen what to connect."""

    __tablename__ = "channel_consents"

    platform: Mapped[Platform] = mapped_column(PLATFORM)
    live: Mapped[bool]
    """Whether at the real platform, not in the sandbox."""
    author: Mapped[str] = mapped_column(String(120))
    """Who wants it: only they may end it."""
    scopes: Mapped[list[str]] = mapped_column(ARRAY(Text))
    """What is asked for."""
    state_hash: Mapped[bytes]
    """SHA-256 of what the browser must bring back, once."""
    verifier: Mapped[bytes] = mapped_column(Sealed())
    expires_at: Mapped[datetime]
    returned_at: Mapped[datetime | None]
    """When the browser came back."""
    receipt_hash: Mapped[bytes | None]
    """SHA-256 of what was shown in that browser: who has it is who was there."""
    granted: Mapped[list[str] | None] = mapped_column(ARRAY(Text))
    offered: Mapped[list[dict[str, Any]] | None] = mapped_column(JSONB(none_as_null=True))
    """The accounts that may be connected: platform, external_id, name; of ad accounts currency and time_zone instead of
    the platform."""
    given: Mapped[bytes | None] = mapped_column(Sealed())
    """The same with their tokens."""
    error: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    chosen_at: Mapped[datetime | None]

    __table_args__ = (
        *Owned.owned_args(),
        Index(None, "expires_at"),
        CheckConstraint("given is null or (receipt_hash is not null and offered is not null)", name="given"),
        CheckConstraint("chosen_at is null or given is null", name="chosen"),
    )


class Publication(Owned, WorkedOn):
    """A variant on a channel, or on its way there. The row is the intent and stands before anything is sent."""

    __tablename__ = "publications"

    variant_id: Mapped[UUID]
    channel_id: Mapped[UUID | None]
    """Null only of what a person posted on an account that isn't connected."""
    platform: Mapped[Platform] = mapped_column(PLATFORM)
    kind: Mapped[Kind] = mapped_column(_value_of(Kind, "post_kind"))
    state: Mapped[PublicationState] = mapped_column(Enum(PublicationState, name="publication_state"))
    intent_key: Mapped[str] = mapped_column(String(300))
    """What makes this intent the same as another: of those that aren't over, one in a workspace has it."""
    due_at: Mapped[datetime]
    """When it goes out."""

    caption: Mapped[str] = mapped_column(Text, default="", server_default="")
    """With its hashtags and mentions."""
    first_comment: Mapped[str] = mapped_column(Text, default="", server_default="")
    details: Mapped[dict[str, Any]] = mapped_column(JSONB, default=dict, server_default=text("'{}'"))
    """What else the platform is told: fields of `platforms.base.Post` by name."""

    author: Mapped[str] = mapped_column(String(120))
    """Who wanted it, as `kind/id`; of what a person's key did, that person."""
    approved_by: Mapped[str | None] = mapped_column(String(120))
    approved_at: Mapped[datetime | None]
    by_hand: Mapped[bool] = mapped_column(default=False, server_default=text("false"))
    """A person posted it and told us."""
    checked_at: Mapped[datetime | None]
    """When the platform last said that it is there."""

    begins: Mapped[int] = mapped_column(default=0, server_default="0")
    """How often an upload was begun."""
    begun_at: Mapped[datetime | None]
    handle_id: Mapped[str | None] = mapped_column(String(300))
    """The platform's id of the inert upload."""
    handle: Mapped[bytes | None] = mapped_column(Sealed())
    """All that leads back to it, kept before anything is made public; addresses of uploads are keys."""
    left_uploads: Mapped[bytes | None] = mapped_column(Sealed())
    """What leads back to uploads that it has let go of, until they are known to be gone."""
    acted_at: Mapped[datetime | None]
    """When the intent to make it public was written: from then on it may be public, until the platform says no."""
    asks: Mapped[int] = mapped_column(default=0, server_default="0")
    """How often the platform was asked again since it is in doubt what became of it."""
    ask_at: Mapped[datetime | None]
    """When it is asked next, whoever else has been told; null: not any more, or there is no doubt."""
    external_id: Mapped[str | None] = mapped_column(String(300))
    """The platform's id of what is public."""
    aliases: Mapped[list[str]] = mapped_column(postgresql.ARRAY(Text), default=list, server_default=text("'{}'"))
    """What else the platform calls the same post: a Page's video is also `<page>_<post>`."""
    url: Mapped[str | None] = mapped_column(Text)
    published_at: Mapped[datetime | None]
    removed_at: Mapped[datetime | None]
    commented_at: Mapped[datetime | None]
    """When the first comment was about to be written: it is never tried a second time unless nothing happened."""
    comment_id: Mapped[str | None] = mapped_column(String(300))
    """The platform's id of the first comment, once it is there."""
    comment_looks: Mapped[int] = mapped_column(default=0, server_default="0")
    """How often it was looked for in vain since it is in doubt whether it is there."""
    comment_error: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    """Why it isn't there, or may not be, and what to do: code, detail, todo."""
    error: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    """Why it didn't go out, and what to do: code, detail, todo."""

    __table_args__ = (
        *Owned.owned_args(),
        ForeignKeyConstraint(
            ["workspace_id", "variant_id"], ["clip_variants.workspace_id", "clip_variants.id"], ondelete="RESTRICT"
        ),
        ForeignKeyConstraint(
            ["workspace_id", "channel_id"], ["channels.workspace_id", "channels.id"], ondelete="RESTRICT"
        ),
        ForeignKeyConstraint(
            ["workspace_id", "job_id"], ["jobs.workspace_id", "jobs.id"], ondelete="SET NULL (job_id)"
        ),
        Index(
            "uq_publications_intent",
            "workspace_id",
            "intent_key",
            unique=True,
            postgresql_where=text("state not in ('FAILED', 'CANCELLED', 'REMOVED')"),
        ),
        Index(
            "uq_publications_external_id",
            "workspace_id",
            "platform",
            "external_id",
            unique=True,
            postgresql_where=text("external_id is not null"),
        ),
        Index(None, "workspace_id", "variant_id"),
        Index(None, "workspace_id", "job_id"),
        Index(None, "aliases", postgresql_using="gin"),
        Index(None, "workspace_id", "channel_id", "due_at"),
        Index(None, "workspace_id", "due_at", "id"),
        Index(None, "workspace_id", "state", "due_at", "id"),
        Index(None, "workspace_id", "created_at", "id"),
        CheckConstraint(
            "(published_at is not null) = (state in ('PUBLISHED', 'REMOVING', 'REMOVED'))", name="published"
        ),
        CheckConstraint("(removed_at is not null) = (state = 'REMOVED')", name="removed"),
        CheckConstraint("(handle is null) = (handle_id is null)", name="handle"),
        CheckConstraint("state <> 'PUBLISHING' or (acted_at is not null and handle is not null)", name="acted"),
        CheckConstraint("state not in ('FAILED', 'NEEDS_HUMAN') or error is not null", name="says_why"),
        CheckConstraint("channel_id is not null or by_hand", name="channel"),
    )
