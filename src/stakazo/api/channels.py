"""Channels: connected accounts of platforms."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import Query, Response
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, SecretStr

from stakazo.accounts.roles import Permission
from stakazo.api.conditions import KNOWN, Editing, Reading
from stakazo.api.deps import DB, Cursor, Here, Limit, PageOut, may
from stakazo.api.errors import responses
from stakazo.api.once import keyless
from stakazo.api.routes import Router
from stakazo.core.actor import Actor
from stakazo.core.errors import Invalid
from stakazo.platforms.base import Audience, Platform
from stakazo.publishing import allowances, channels, leaving, outside, pasted, scopes, subscriptions, tokens
from stakazo.publishing.channels import Given
from stakazo.publishing.models import Channel
from stakazo.publishing.subscriptions import Told
from stakazo.publishing.tokens import ChannelHealth

router = Router(prefix="/channels", tags=["channels"], responses=responses(401))


class SlotOut(BaseModel):
    model_config = ConfigDict(extra="forbid")
    weekday: int = Field(ge=0, le=6, description="0 is Monday.")
    at: str = Field(pattern=r"^([01]\d|2[0-3]):[0-5]\d$", examples=["18:00"], description="In the channel's time zone.")


class TroubleOut(BaseModel):
    """Why something doesn't work, and what to do about it."""

    code: str
    detail: str
    todo: str = ""
    said: dict[str, Any] | None = Field(default=None, description="The platform's own words and numbers.")


class SubscriptionOut(BaseModel):
    """Whether the platform tells by itself what happens; else it is asked on a schedule."""

    model_config = ConfigDict(from_attributes=True)
    state: Told
    since: datetime | None = Field(description="When the platform last said that it tells us.")
    error: TroubleOut | None = Field(description="Why it doesn't; of a disconnected channel, why it may go on.")
    next_at: datetime | None = Field(description="When it is asked again whether it does.")


class LackOut(BaseModel):
    """A permission that the channel's person hasn't given."""

    model_config = ConfigDict(from_attributes=True)
    scope: str = Field(examples=["instagram_manage_messages"])
    without: str = Field(description="What can't be done.")
    todo: str


class ChannelOut(BaseModel):
    id: UUID
    platform: Platform
    external_id: str = Field(description="The account's id at the platform.")
    name: str
    sandbox: bool = Field(description="An account of the sandbox: nothing there is real.")
    live: bool = Field(description="A person has let it publish for real.")
    health: ChannelHealth
    error: TroubleOut | None = Field(description="Why it must be connected again.")
    token_expires_at: datetime | None = Field(description="It is renewed ahead of that where it can be.")
    consent_ends_at: datetime | None = Field(description="When its person must connect it again. Null: never.")
    renewed_at: datetime | None = Field(description="When its token was last renewed.")
    scopes: list[str] = Field(description="What its person has allowed; empty where that isn't known.")
    missing_scopes: list[str] = Field(description="What they have not: connect it again to be asked once more.")
    lacking: list[LackOut] = Field(description="What each of these means, and what to do about it.")
    subscription: SubscriptionOut
    time_zone: str = Field(examples=["Europe/Berlin"])
    slots: list[SlotOut]
    gap_minutes: int
    per_day: int | None
    territory: str | None
    created_at: datetime
    updated_at: datetime
    disconnected_at: datetime | None


class QuotaOut(BaseModel):
    """How many posts the account may still make."""

    model_config = ConfigDict(from_attributes=True)
    used: int
    total: int
    seconds: int = Field(description="The length of the moving window.")


class AllowanceOut(BaseModel):
    """What an account may post now. Null: its platform doesn't say."""

    model_config = ConfigDict(from_attributes=True)
    quota: QuotaOut | None = Field(description="Instagram.")
    name: str | None = Field(description="TikTok: what people know the creator by, to be shown before a post.")
    audiences: list[Audience] | None = Field(description="TikTok: who may be chosen to see a post.")
    longest: float | None = Field(description="TikTok: seconds of a video.")
    comments: bool | None = Field(description="TikTok: whether the creator allows them.")
    duets: bool | None
    stitches: bool | None


class ChannelIn(BaseModel):
    """An account. Without a token it is the sandbox's account of that platform."""

    model_config = ConfigDict(extra="forbid")
    platform: Platform
    external_id: str | None = Field(
        default=None, min_length=1, max_length=200, description="The account's id at the platform."
    )
    name: str | None = Field(default=None, min_length=1, max_length=200)
    token: SecretStr | None = Field(default=None, min_length=8, max_length=4000, description="Kept sealed.")
    refresh_token: SecretStr | None = Field(default=None, max_length=4000)
    token_expires_at: AwareDatetime | None = Field(
        default=None, description="TikTok's; Meta and Google say it themselves."
    )
    scopes: list[str] = Field(
        default=[], max_length=100, description="What its person has allowed; Meta and Google say it themselves."
    )


class ChannelChange(BaseModel):
    model_config = ConfigDict(extra="forbid")
    name: str | None = Field(default=None, min_length=1, max_length=200)
    time_zone: str | None = Field(default=None, max_length=60, examples=["Europe/Berlin"])
    slots: list[SlotOut] | None = Field(default=None, max_length=200, description="When it posts, every week.")
    gap_minutes: int | None = Field(default=None, ge=0, le=10_080, description="At least, between two posts.")
    per_day: int | None = Field(default=None, ge=1, le=1000, description="At most, in any 24 hours.")
    territory: str | None = Field(default=None, description="The country whose people it addresses.", examples=["DE"])


class LiveIn(BaseModel):
    model_config = ConfigDict(extra="forbid")
    live: bool


@router.post(
    "",
    status_code=201,
    response_model=ChannelOut,
    responses=responses(409, 422, 503, also={200: {"model": ChannelOut, "description": "Connected again."}}),
)
@keyless("the same account is the same channel, however often it is connected")
async def connect(
    actor: Annotated[Actor, may(Permission.CHANNELS_WRITE)], here: Here, wanted: ChannelIn, response: Response
) -> ChannelOut:
    """Connect an account, or connect it again with a new token. Nothing is published for real before it is live.

    The platform is asked about the token first: one that is dead, or another account's, is refused and takes no other's
    place. Without a token this is the sandbox's account of the platform, where everything can be tried.
    """
    given = await pasted.looked_at(
        here.settings, _given(wanted) if wanted.token is not None else await _sandbox(here, wanted)
    )
    async with here.db.transaction(actor) as session:
        channel, created = await channels.connect(session, here.keys, given)
        await subscriptions.begin(session, channel.id)
        response.status_code = 201 if created else 200
        response.headers["Location"] = f"/channels/{channel.id}"
        return shown(channel)


def _given(wanted: ChannelIn) -> Given:
    if wanted.external_id is None or wanted.token is None:
        raise Invalid("A token is of an account: say its `external_id` too.")
    return Given(
        wanted.platform,
        wanted.external_id,
        wanted.name or "",
        wanted.token.get_secret_value(),
        wanted.refresh_token.get_secret_value() if wanted.refresh_token else None,
        wanted.token_expires_at,
        tuple(wanted.scopes),
    )


async def _sandbox(here: Here, wanted: ChannelIn) -> Given:
    offered = (await outside.sandbox_accounts(here.settings)).get(wanted.platform.value)
    if offered is None:
        raise Invalid(f"The sandbox that runs has no account of {wanted.platform.value}.")
    name = wanted.name or f"{wanted.platform.label} (sandbox)"
    account, known = wanted.external_id or str(offered["id"]), tuple(offered.get("scopes", ()))
    return Given(wanted.platform, account, name, str(offered["token"]), scopes=known)


@router.get("", response_model=PageOut[ChannelOut], responses=responses(422))
async def find(
    _: Annotated[Actor, may(Permission.CHANNELS_READ)],
    db: DB,
    platform: Platform | None = None,
    disconnected: bool = False,  # noqa: FBT001, FBT002 - a parameter of the query
    sort: Annotated[Literal["newest", "oldest"], Query()] = "newest",
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Any:
    """Channels of this workspace; disconnected ones only where they are asked for."""
    page = await channels.find(db, platform=platform, disconnected=disconnected, sort=sort, cursor=cursor, limit=limit)
    return PageOut(items=[shown(channel) for channel in page.items], next_cursor=page.next_cursor)


@router.get("/{channel_id}", response_model=ChannelOut, responses=responses(404, also=KNOWN))
async def get(
    _: Annotated[Actor, may(Permission.CHANNELS_READ)], db: DB, channel_id: UUID, reading: Reading
) -> ChannelOut | Response:
    channel = await channels.get(db, channel_id)
    found = reading.show(channel)
    return shown(channel) if isinstance(found, Channel) else found


@router.get("/{channel_id}/allowance", response_model=AllowanceOut, responses=responses(404, 409, 422, 503))
async def allowance(
    actor: Annotated[Actor, may(Permission.CHANNELS_READ)], here: Here, channel_id: UUID
) -> allowances.Allowance:
    """What the account may post now: asked of the platform, and to be shown before a post on TikTok."""
    return await allowances.ask(here.db, here.settings, here.keys, actor, channel_id)


@router.patch("/{channel_id}", response_model=ChannelOut, responses=responses(404, 412, 422))
async def change(
    _: Annotated[Actor, may(Permission.CHANNELS_WRITE)],
    db: DB,
    channel_id: UUID,
    wanted: ChannelChange,
    editing: Editing,
) -> ChannelOut:
    """Its name, time zone, weekly slots, pace and territory."""
    await editing.check(db, Channel, channel_id)
    channel = await channels.change(db, channel_id, wanted.model_dump(exclude_unset=True))
    return shown(editing.show(channel))


@router.post("/{channel_id}/live", response_model=ChannelOut, responses=responses(404, 409))
async def let_live(
    _: Annotated[Actor, may(Permission.CHANNELS_LIVE)], db: DB, channel_id: UUID, wanted: LiveIn
) -> ChannelOut:
    """Let it publish for real, or stop it. Only a signed-in person can let it, never a key."""
    return shown(await channels.let_live(db, channel_id, live=wanted.live))


@router.delete("/{channel_id}", status_code=204, responses=responses(404, 409, 412))
async def disconnect(
    _: Annotated[Actor, may(Permission.CHANNELS_WRITE)], db: DB, here: Here, channel_id: UUID, editing: Editing
) -> None:
    """Forget its tokens, and have its platform told to tell nothing more. What was published on it stays known."""
    await editing.check(db, Channel, channel_id)
    await leaving.disconnect(db, here.keys, channel_id)


def shown(channel: Channel) -> ChannelOut:
    """A channel as it is given out: without its tokens."""
    life = channels.life(channel)
    judged = {
        "health": tokens.health(life, datetime.now(UTC)),
        "missing_scopes": life.missing,
        "lacking": [LackOut.model_validate(one) for one in scopes.told(life.missing)],
        "subscription": SubscriptionOut.model_validate(subscriptions.of(channel)),
    }
    known = {name: getattr(channel, name) for name in ChannelOut.model_fields if name not in judged}
    return ChannelOut.model_validate({**known, **judged})
