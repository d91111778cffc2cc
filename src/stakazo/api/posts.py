"""What publications look like over HTTP: as they are wanted, as they are, as they would be."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, HttpUrl

from stakazo.api.channels import TroubleOut
from stakazo.platforms.base import Audience, Kind, Platform, Trial
from stakazo.publishing import states
from stakazo.publishing.models import Publication
from stakazo.publishing.planning import Planned
from stakazo.publishing.states import PublicationState

LATE = 120.0
"""Seconds after its time at which something that hasn't begun is shown as overdue."""


class Details(BaseModel):
    """What else a platform is told; each reads what it knows, and a finding names what it doesn't."""

    model_config = ConfigDict(extra="forbid")
    title: str | None = Field(default=None, max_length=300, description="Facebook, YouTube.")
    tags: list[str] | None = Field(default=None, max_length=100, description="YouTube.")
    cover_at: float | None = Field(default=None, ge=0, allow_inf_nan=False, description="Seconds: Instagram, TikTok.")
    cover_url: HttpUrl | None = Field(default=None, description="A JPEG that the platform fetches: Instagram.")
    audience: Audience | None = Field(default=None, description="TikTok, YouTube.")
    made_with_ai: bool | None = None
    paid_partnership: bool | None = Field(default=None, description="Instagram, TikTok.")
    promotes_own: bool | None = Field(default=None, description="TikTok.")
    collaborators: list[str] | None = Field(default=None, max_length=10, description="Instagram.")
    share_to_feed: bool | None = Field(default=None, description="Instagram.")
    trial: Trial | None = Field(default=None, description="Instagram: strangers see it first.")
    audio_name: str | None = Field(default=None, max_length=200, description="Instagram.")
    location_id: str | None = Field(default=None, max_length=100, description="Instagram, Facebook's Reels.")
    comments: bool | None = Field(default=None, description="TikTok.")
    duets: bool | None = Field(default=None, description="TikTok.")
    stitches: bool | None = Field(default=None, description="TikTok.")
    category: str | None = Field(default=None, max_length=10, description="YouTube's number; 10 is music.")
    for_kids: bool | None = Field(default=None, description="YouTube.")


class PublicationsIn(BaseModel):
    """Every one of these variants on every one of these channels that it was made for."""

    model_config = ConfigDict(extra="forbid")
    variant_ids: list[UUID] = Field(min_length=1, max_length=200)
    channel_ids: list[UUID] = Field(min_length=1, max_length=50)
    at: AwareDatetime | None = Field(default=None, description="Not before; null: as soon as it can be.")
    queue: bool = Field(default=False, description="In the channel's next free weekly slots.")
    draft: bool = Field(default=False, description="Write it down, but do nothing before it is handed in.")
    kind: Kind | None = Field(default=None, description="Null: what the file is by its shape.")
    caption: str = Field(default="", max_length=65_000)
    hashtags: list[str] = Field(default=[], max_length=100, description="Added to the caption where it lacks them.")
    first_comment: str = Field(default="", max_length=8000)
    details: Details = Details()
    intent_key: str | None = Field(
        default=None,
        min_length=1,
        max_length=100,
        description="The same variant on the same channel is one publication; to post it once more, name the intent.",
    )


class PublicationOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)
    id: UUID
    variant_id: UUID
    channel_id: UUID | None = Field(description="Null where a person posted it on an account that isn't connected.")
    platform: Platform
    kind: Kind
    state: PublicationState
    due_at: datetime
    overdue: bool = Field(description="Its time has come, and nobody has begun it: does a worker run?")
    caption: str
    first_comment: str
    details: dict[str, Any]
    author: str = Field(description="Who wanted it: `user/...`, `api_key/...`.")
    approved_by: str | None
    approved_at: datetime | None
    by_hand: bool = Field(description="A person posted it and told us.")
    checked_at: datetime | None = Field(description="When the platform last said that it is there.")
    job_id: UUID | None
    asks: int = Field(description="How often the platform was asked again since it is in doubt what became of it.")
    ask_at: datetime | None = Field(
        description="When it is asked next, by itself. Null: not any more, or there is no doubt."
    )
    handle: str | None = Field(description="The platform's id of the upload that nobody sees.")
    external_id: str | None = Field(description="The platform's id of what is public.")
    url: str | None
    published_at: datetime | None
    removed_at: datetime | None
    error: TroubleOut | None = Field(description="Why it didn't go out, and what to do.")
    comment_id: str | None = Field(description="The platform's id of the first comment, once it is there.")
    comment_error: TroubleOut | None = Field(
        description="Why the first comment isn't there, or may not be, and what to do."
    )
    created_at: datetime
    updated_at: datetime


class FindingOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)
    code: str = Field(examples=["embargo"])
    sentence: str
    refused: bool = Field(description="False: it works, but not as one may think.")


class PlannedOut(BaseModel):
    """One publication as it is, or would be."""

    variant_id: UUID
    channel_id: UUID
    kind: Kind
    due_at: datetime
    caption: str
    findings: list[FindingOut]
    offers: list[UUID] = Field(description="Other variants of the clip that may be published there.")
    publication_id: UUID | None = Field(description="Null in a dry run.")
    existed: bool = Field(description="The same was wanted before: nothing new was written down.")


class PublicationsOut(BaseModel):
    publications: list[PublicationOut]
    plan: list[PlannedOut]


class PublicationChange(BaseModel):
    model_config = ConfigDict(extra="forbid")
    at: AwareDatetime | None = None
    caption: str | None = Field(default=None, max_length=65_000)
    first_comment: str | None = Field(default=None, max_length=8000)
    details: Details | None = None


class CancelIn(BaseModel):
    model_config = ConfigDict(extra="forbid")
    looked: bool = Field(default=False, description="A person has looked at the account, and it isn't there.")


class RetryIn(BaseModel):
    model_config = ConfigDict(extra="forbid")
    looked: bool = Field(default=False, description="A person has looked at the account, and it isn't there.")


class CommentAgainIn(BaseModel):
    model_config = ConfigDict(extra="forbid")
    looked: bool = Field(default=False, description="A person has looked under the post, and it isn't there.")


class ConfirmIn(BaseModel):
    """A person posted it: which variant, where, and what it is called there."""

    model_config = ConfigDict(extra="forbid")
    variant_id: UUID
    platform: Platform
    channel_id: UUID | None = Field(default=None, description="Where the account is connected, it is checked.")
    external_id: str | None = Field(default=None, min_length=1, max_length=300)
    url: HttpUrl | None = None
    published_at: AwareDatetime | None = None
    caption: str = Field(default="", max_length=65_000)


def planned(one: Planned, publication: Publication | None) -> PlannedOut:
    """A publication of a plan; `publication` is None in a dry run."""
    return PlannedOut(
        variant_id=one.variant.id,
        channel_id=one.channel.id,
        kind=one.kind,
        due_at=one.due_at,
        caption=one.caption,
        findings=[FindingOut.model_validate(found) for found in one.findings],
        offers=list(one.offers),
        publication_id=publication.id if publication else one.existing.id if one.existing else None,
        existed=one.existing is not None,
    )


def out(publication: Publication) -> PublicationOut:
    """A publication as it is."""
    known = {
        name: getattr(publication, name) for name in PublicationOut.model_fields if name not in {"overdue", "handle"}
    }
    late = (datetime.now(UTC) - publication.due_at).total_seconds() > LATE
    waits = publication.state in states.EDITABLE - {PublicationState.DRAFT}
    return PublicationOut.model_validate({**known, "handle": publication.handle_id, "overdue": late and waits})
