"""Notifications: what went wrong and waits for somebody; each person reads it for themselves."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import Query, Response
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from stakazo.accounts.roles import Permission
from stakazo.api.conditions import KNOWN, Editing, Reading
from stakazo.api.deps import DB, Cursor, Here, Limit, PageOut, may
from stakazo.api.errors import responses
from stakazo.api.once import keyless
from stakazo.api.routes import Router
from stakazo.core.actor import Actor
from stakazo.core.addresses import MAX_URL, Allowed
from stakazo.core.errors import Forbidden
from stakazo.notifications import hearing, noticing, webpush
from stakazo.notifications.notices import Urgency
from stakazo.notifications.noticing import Seen
from stakazo.notifications.webpush import Receiver

router = Router(prefix="/notifications", tags=["notifications"], responses=responses(401))

Reader = Annotated[Actor, may(Permission.NOTIFICATIONS_READ)]


class NotificationOut(BaseModel):
    id: UUID
    kind: str = Field(examples=["publication.needs_human"])
    urgency: Urgency
    title: str
    detail: str = Field(description="Why.")
    todo: str = Field(description="What to do.")
    subject_type: str = Field(examples=["publication"])
    subject_id: UUID
    happened_at: datetime
    read: bool = Field(description="By whoever asks; a key has read nothing.")
    created_at: datetime


class ReadIn(BaseModel):
    model_config = ConfigDict(extra="forbid")
    read: bool


class ReadAllIn(BaseModel):
    model_config = ConfigDict(extra="forbid")
    until: AwareDatetime | None = Field(default=None, description="What came by then; null: all there is.")


class ReadAllOut(BaseModel):
    read: int = Field(description="How many were unread.")


class SettingsOut(BaseModel):
    """How somebody hears of things in this workspace, beside this list."""

    model_config = ConfigDict(from_attributes=True)
    email: bool = Field(description="A letter a day, where there is something to tell.")
    hour: int = Field(description="When it goes out, by the clock of the time zone.")
    time_zone: str = Field(examples=["Europe/Berlin"])
    push: bool = Field(description="To the browsers that were subscribed.")
    push_daily: bool = Field(description="Browsers are told once a day, at the letter's hour, and not at once.")
    muted: list[str] = Field(description="Kinds of which they hear in this list only, as patterns.")
    next_at: datetime | None = Field(description="When the next letter or daily push goes out.")


class SettingsIn(BaseModel):
    model_config = ConfigDict(extra="forbid")
    email: bool = False
    hour: int = Field(default=8, ge=0, le=23)
    time_zone: str = Field(default="UTC", min_length=1, max_length=60, examples=["Europe/Berlin"])
    push: bool = True
    push_daily: bool = False
    muted: list[Annotated[str, Field(min_length=1, max_length=130)]] = Field(
        default=[], max_length=50, examples=[["job.*"]]
    )


class PushKeyOut(BaseModel):
    public_key: str = Field(description="`applicationServerKey` for `pushManager.subscribe()`.")


class Keys(BaseModel):
    model_config = ConfigDict(extra="ignore")
    p256dh: str = Field(min_length=80, max_length=100)
    auth: str = Field(min_length=20, max_length=30)


class SubscriptionIn(BaseModel):
    """What `pushManager.subscribe()` gives, and a name for it."""

    model_config = ConfigDict(extra="ignore")
    endpoint: str = Field(min_length=1, max_length=MAX_URL, examples=["https://push.example.com/send/..."])
    keys: Keys
    name: str = Field(default="", max_length=200, examples=["Firefox at home"])


class SubscriptionOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)
    id: UUID
    name: str
    service: str = Field(description="The host that brings its messages.")
    pushed_at: datetime | None = Field(description="When it last took one.")
    created_at: datetime


# --- how one hears of them ----------------------------------------------------------------------------------


@router.get("/settings", response_model=SettingsOut, responses=responses(403, also=KNOWN))
async def settings(actor: Reader, db: DB, reading: Reading) -> SettingsOut | Response:
    """How you hear of things in this workspace, beside this list."""
    return reading.show(SettingsOut.model_validate(await hearing.settings_of(db, _person(actor))))


@router.put("/settings", response_model=SettingsOut, responses=responses(403, 412, 422))
async def set_settings(actor: Reader, db: DB, wanted: SettingsIn, editing: Editing) -> SettingsOut:
    """Have a letter a day, at your hour; be told by your browsers, at once or once a day, or not; mute kinds."""
    person = _person(actor)
    editing.require(SettingsOut.model_validate(await hearing.hold_settings(db, person)))
    return editing.show(SettingsOut.model_validate(await hearing.set_settings(db, person, wanted.model_dump())))


@router.get("/push-key", response_model=PushKeyOut)
async def push_key(_: Reader, db: DB, here: Here) -> PushKeyOut:
    """The key by which a browser knows that messages are this workspace's (VAPID)."""
    return PushKeyOut(public_key=webpush.written(webpush.point(await hearing.push_key(db, here.keys))))


@router.post(
    "/subscriptions",
    status_code=201,
    response_model=SubscriptionOut,
    responses=responses(403, 409, 422, also={200: {"model": SubscriptionOut, "description": "It was known."}}),
)
@keyless("the same browser is the same subscription, however often it is sent")
async def subscribe(actor: Reader, db: DB, here: Here, wanted: SubscriptionIn, response: Response) -> Any:
    """Have a browser of yours told at once. Messages are sealed: the service that brings them can't read them."""
    receiver = Receiver.of(wanted.endpoint, wanted.keys.p256dh, wanted.keys.auth)
    allowed = Allowed.of(here.settings.allowed_networks)
    row, new = await hearing.subscribe(db, here.keys, allowed, _person(actor), receiver, wanted.name)
    response.status_code = 201 if new else 200
    return row


@router.get("/subscriptions", response_model=PageOut[SubscriptionOut], responses=responses(403, 422))
async def find_subscriptions(
    actor: Reader,
    db: DB,
    service: Annotated[str | None, Query(max_length=253, description="The host that brings its messages.")] = None,
    sort: Annotated[Literal["newest", "oldest"], Query()] = "newest",
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Any:
    """Your browsers that are told at once."""
    return await hearing.find_subscriptions(db, _person(actor), service=service, sort=sort, cursor=cursor, limit=limit)


@router.delete("/subscriptions/{subscription_id}", status_code=204, responses=responses(403, 404))
async def unsubscribe(actor: Reader, db: DB, subscription_id: UUID) -> None:
    """Tell a browser nothing more."""
    await hearing.unsubscribe(db, subscription_id, _person(actor))


# --- the list -----------------------------------------------------------------------------------------------


@router.get("", response_model=PageOut[NotificationOut], responses=responses(422))
async def find(
    actor: Reader,
    db: DB,
    unread: bool = False,  # noqa: FBT001, FBT002 - a parameter of the query
    kind: Annotated[str | None, Query(max_length=130)] = None,
    sort: Annotated[Literal["newest", "oldest"], Query()] = "newest",
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Any:
    """What went wrong or waits for somebody, as far as you may see it."""
    page = await noticing.find(
        db, _reader(actor), actor.permissions, unread=unread, kind=kind, sort=sort, cursor=cursor, limit=limit
    )
    return PageOut(items=[_out(seen) for seen in page.items], next_cursor=page.next_cursor)


@router.post("/read", response_model=ReadAllOut, responses=responses(403, 422))
@keyless("what is read is read")
async def read_all(actor: Reader, db: DB, wanted: ReadAllIn | None = None) -> ReadAllOut:
    """Have read all of it."""
    until = wanted.until if wanted else None
    return ReadAllOut(read=await noticing.mark_all(db, _person(actor), actor.permissions, until))


@router.get("/{notification_id}", response_model=NotificationOut, responses=responses(404, also=KNOWN))
async def get(actor: Reader, db: DB, notification_id: UUID, reading: Reading) -> NotificationOut | Response:
    return reading.show(_out(await noticing.get(db, _reader(actor), actor.permissions, notification_id)))


@router.patch("/{notification_id}", response_model=NotificationOut, responses=responses(403, 404, 412, 422))
async def read(actor: Reader, db: DB, notification_id: UUID, wanted: ReadIn, editing: Editing) -> NotificationOut:
    """Have read it, or not (any more). What others have read is theirs."""
    person = _person(actor)
    editing.require(_out(await noticing.get(db, person, actor.permissions, notification_id)))
    await noticing.mark(db, person, notification_id, read=wanted.read)
    return editing.show(_out(await noticing.get(db, person, actor.permissions, notification_id)))


def _reader(actor: Actor) -> UUID | None:
    """Who reads; a key is nobody."""
    return UUID(actor.id) if actor.kind == "user" else None


def _person(actor: Actor) -> UUID:
    person = _reader(actor)
    if person is None:
        raise Forbidden("This is about a person: sign in, a key is nobody.")
    return person


def _out(seen: Seen) -> NotificationOut:
    known = {name: getattr(seen.notification, name) for name in NotificationOut.model_fields if name != "read"}
    return NotificationOut.model_validate({**known, "read": seen.read})
