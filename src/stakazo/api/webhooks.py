"""Outgoing webhooks: who is told of what happens here, and what became of each message."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from fastapi import Query, Response
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, model_validator

from stakazo.accounts.roles import Permission
from stakazo.api.conditions import KNOWN, Editing, Reading
from stakazo.api.deps import DB, SECRET, Cursor, Here, Limit, PageOut, may
from stakazo.api.errors import responses
from stakazo.api.routes import Router
from stakazo.core.actor import Actor
from stakazo.core.addresses import MAX_URL, Allowed
from stakazo.notifications import deliveries, endpoints, jobs
from stakazo.notifications.models import DeliveryState, WebhookEndpoint

router = Router(prefix="/webhooks", tags=["webhooks"], responses=responses(401))

Patterns = Annotated[
    list[Annotated[str, Field(min_length=1, max_length=130)]],
    Field(min_length=1, max_length=50, examples=[["publication.*", "job.processing_failed"]]),
]


class WebhookOut(BaseModel):
    id: UUID
    url: str
    description: str
    events: list[str] = Field(description="Types as patterns; `*` stands for anything.")
    enabled: bool
    health: Literal["ok", "failing", "off"] = Field(description="Whether it takes what it is sent.")
    failing_since: datetime | None = Field(description="Since when it took nothing.")
    disabled_at: datetime | None
    disabled_why: str | None = Field(description="Null where a person switched it off.")
    old_secret_until: datetime | None = Field(description="Until then the secret before this one signs too.")
    created_at: datetime
    updated_at: datetime


class WebhookMade(BaseModel):
    webhook: WebhookOut
    secret: str = Field(description="What signs. Shown this once.", examples=["whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"])


class WebhookIn(BaseModel):
    model_config = ConfigDict(extra="forbid")
    url: str = Field(min_length=1, max_length=MAX_URL, examples=["https://hooks.example.com/stakazo"])
    events: Patterns = ["*"]
    description: str = Field(default="", max_length=200)


class WebhookChange(BaseModel):
    model_config = ConfigDict(extra="forbid")
    url: str | None = Field(default=None, min_length=1, max_length=MAX_URL)
    events: Patterns | None = None
    description: str | None = Field(default=None, max_length=200)
    enabled: bool | None = Field(default=None, description="On: it is told what happens from then on.")


class DeliveryOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)
    id: UUID
    event_id: UUID = Field(description="The event in the ledger; sent as `webhook-id`, the same every time.")
    type: str = Field(examples=["publication.published"])
    state: DeliveryState
    attempts: int
    due_at: datetime = Field(description="While it waits: when it is sent next.")
    tried_at: datetime | None
    delivered_at: datetime | None
    status: int | None = Field(description="Of the last answer.")
    answer: str | None = Field(description="Its beginning, or why there was none.")
    created_at: datetime


class ReplayIn(BaseModel):
    """One delivery, or all that happened in a time."""

    model_config = ConfigDict(extra="forbid")
    delivery_id: UUID | None = None
    since: AwareDatetime | None = None
    until: AwareDatetime | None = Field(default=None, description="Null: until now.")
    events: Patterns | None = Field(default=None, description="In place of the webhook's own.")
    dead_only: bool = Field(default=False, description="Only what every attempt was in vain for.")

    @model_validator(mode="after")
    def _one_or_a_time(self) -> Self:
        if (self.delivery_id is None) == (self.since is None):
            raise ValueError("say either `delivery_id` or `since`")
        return self


class Replayed(BaseModel):
    deliveries: int = Field(description="How many are sent again.")


@router.post("", status_code=201, response_model=WebhookMade, responses=responses(409, 422), dependencies=[SECRET])
async def add(
    _: Annotated[Actor, may(Permission.WEBHOOKS_WRITE)], db: DB, here: Here, wanted: WebhookIn, response: Response
) -> WebhookMade:
    """Have an address told what happens here from now on, signed by the Standard Webhooks specification."""
    made = await endpoints.add(db, here.keys, _allowed(here), wanted.url, wanted.events, wanted.description)
    response.headers["Location"] = f"/webhooks/{made.endpoint.id}"
    return WebhookMade(webhook=_out(made.endpoint), secret=made.secret)


@router.get("", response_model=PageOut[WebhookOut], responses=responses(422))
async def find(
    _: Annotated[Actor, may(Permission.WEBHOOKS_READ)],
    db: DB,
    disabled: bool | None = None,  # noqa: FBT001 - a parameter of the query
    sort: Annotated[Literal["newest", "oldest"], Query()] = "newest",
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Any:
    """The webhooks of this workspace."""
    page = await endpoints.find(db, disabled=disabled, sort=sort, cursor=cursor, limit=limit)
    return PageOut(items=[_out(one) for one in page.items], next_cursor=page.next_cursor)


@router.get("/{webhook_id}", response_model=WebhookOut, responses=responses(404, also=KNOWN))
async def get(
    _: Annotated[Actor, may(Permission.WEBHOOKS_READ)], db: DB, webhook_id: UUID, reading: Reading
) -> WebhookOut | Response:
    endpoint = await endpoints.get(db, webhook_id)
    shown = reading.show(endpoint)
    return _out(endpoint) if isinstance(shown, WebhookEndpoint) else shown


@router.patch("/{webhook_id}", response_model=WebhookOut, responses=responses(404, 412, 422))
async def change(
    _: Annotated[Actor, may(Permission.WEBHOOKS_WRITE)],
    db: DB,
    here: Here,
    webhook_id: UUID,
    wanted: WebhookChange,
    editing: Editing,
) -> WebhookOut:
    """Another address, other events, off or on. What happened while it was off comes with a replay."""
    await editing.check(db, WebhookEndpoint, webhook_id)
    changes = wanted.model_dump(exclude_unset=True, exclude_none=True)
    return _out(editing.show(await endpoints.change(db, _allowed(here), webhook_id, changes)))


@router.delete("/{webhook_id}", status_code=204, responses=responses(404, 412))
async def remove(
    _: Annotated[Actor, may(Permission.WEBHOOKS_WRITE)], db: DB, webhook_id: UUID, editing: Editing
) -> None:
    """Forget it and what it was sent."""
    await editing.check(db, WebhookEndpoint, webhook_id)
    await endpoints.remove(db, webhook_id)


@router.post("/{webhook_id}/rotate", response_model=WebhookMade, responses=responses(404), dependencies=[SECRET])
async def rotate(
    _: Annotated[Actor, may(Permission.WEBHOOKS_WRITE)], db: DB, here: Here, webhook_id: UUID
) -> WebhookMade:
    """Give it a new secret. For 24 hours every message carries two signatures, so that nothing is lost meanwhile."""
    made = await endpoints.rotate(db, here.keys, webhook_id)
    return WebhookMade(webhook=_out(made.endpoint), secret=made.secret)


@router.post("/{webhook_id}/test", status_code=202, response_model=DeliveryOut, responses=responses(404, 409))
async def test(_: Annotated[Actor, may(Permission.WEBHOOKS_WRITE)], db: DB, webhook_id: UUID) -> Any:
    """Send it `webhook.tested`, whatever it is told else. What came of it is in its deliveries a moment later."""
    delivery = await deliveries.test(db, webhook_id)
    await jobs.start(db, webhook_id)
    return delivery


@router.get("/{webhook_id}/deliveries", response_model=PageOut[DeliveryOut], responses=responses(404, 422))
async def find_deliveries(
    _: Annotated[Actor, may(Permission.WEBHOOKS_READ)],
    db: DB,
    webhook_id: UUID,
    state: DeliveryState | None = None,
    event_id: UUID | None = None,
    sort: Annotated[Literal["newest", "oldest"], Query()] = "newest",
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Any:
    """What it was sent in the last 30 days, and what is still to be sent; `state=DEAD` are the dead letters."""
    await endpoints.get(db, webhook_id)
    return await deliveries.find(db, webhook_id, state=state, event_id=event_id, sort=sort, cursor=cursor, limit=limit)


@router.post("/{webhook_id}/replay", status_code=202, response_model=Replayed, responses=responses(404, 409, 422))
async def replay(
    _: Annotated[Actor, may(Permission.WEBHOOKS_WRITE)], db: DB, webhook_id: UUID, wanted: ReplayIn
) -> Replayed:
    """Send again: one delivery, or everything of a time, out of the ledger. Each keeps its `webhook-id`."""
    if wanted.delivery_id is not None:
        count = await deliveries.repeat(db, webhook_id, wanted.delivery_id)
    else:
        assert wanted.since is not None
        count = await deliveries.replay(
            db, webhook_id, wanted.since, wanted.until, events=wanted.events, dead_only=wanted.dead_only
        )
    if count:
        await jobs.start(db, webhook_id)
    return Replayed(deliveries=count)


def _allowed(here: Here) -> Allowed:
    return Allowed.of(here.settings.allowed_networks)


def _out(endpoint: WebhookEndpoint) -> WebhookOut:
    off, until = endpoint.disabled_at is not None, endpoint.old_secret_until
    return WebhookOut.model_validate(
        {
            **{name: getattr(endpoint, name, None) for name in WebhookOut.model_fields},
            "enabled": not off,
            "health": "off" if off else "failing" if endpoint.failures else "ok",
            "old_secret_until": until if until and until > datetime.now(UTC) else None,
        }
    )
