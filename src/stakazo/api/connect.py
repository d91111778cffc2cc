"""Connecting accounts through their platform's own sign-in page: the browser goes there and comes back."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import Query, Request, Response
from fastapi.responses import RedirectResponse
from pydantic import BaseModel, ConfigDict, Field

from stakazo.accounts.roles import Permission
from stakazo.api.channels import ChannelOut, TroubleOut, shown
from stakazo.api.deps import DB, SECRET, Here, may, open_to_all
from stakazo.api.errors import responses
from stakazo.api.routes import Router
from stakazo.core.actor import Actor
from stakazo.core.errors import StakazoError
from stakazo.core.limits import Kind
from stakazo.platforms.base import Platform
from stakazo.publishing import consents, scopes, subscriptions
from stakazo.publishing.models import ChannelConsent

router = Router(prefix="/channels", tags=["connect"])

PAGE = "/account"
"""Where the browser ends up."""


class ConnectIn(BaseModel):
    model_config = ConfigDict(extra="forbid")
    platform: Platform = Field(
        description="Instagram and Facebook have one sign-in: both kinds of account are offered."
    )
    live: bool = Field(default=False, description="At the real platform, with an app of yours; else in the sandbox.")
    again: bool = Field(default=False, description="Ask once more for what was declined before.")


class OfferedOut(BaseModel):
    """An account that may be connected."""

    platform: Platform
    external_id: str = Field(description="The account's id at the platform.")
    name: str


class OfferedAdsOut(BaseModel):
    """An ad account that may be connected: `POST /ad-accounts` with `consent_id` and `receipt`."""

    external_id: str = Field(description="The account's id at Meta, without `act_`.")
    name: str
    currency: str
    time_zone: str


class ConsentOut(BaseModel):
    """Somebody who was sent to a platform to say yes there."""

    id: UUID
    platform: Platform
    live: bool
    url: str | None = Field(default=None, description="What to open in a browser; said once, where it is begun.")
    returned_at: datetime | None = Field(description="When the browser came back.")
    accounts: list[OfferedOut] | None = Field(description="What may be connected; null before the browser is back.")
    ad_accounts: list[OfferedAdsOut] | None = Field(
        description="Meta's ad accounts that came with the same yes: connect them before the channels are chosen."
    )
    scopes: list[str] | None = Field(description="What was allowed.")
    missing_scopes: list[str] = Field(description="What was declined: begin anew with `again` to be asked once more.")
    error: TroubleOut | None = Field(description="Why nothing came of it.")
    chosen_at: datetime | None
    expires_at: datetime = Field(description="Until when it can be ended.")


class ChosenIn(BaseModel):
    model_config = ConfigDict(extra="forbid")
    platform: Platform
    external_id: str = Field(min_length=1, max_length=200)


class ChooseIn(BaseModel):
    model_config = ConfigDict(extra="forbid")
    receipt: str = Field(
        max_length=100, description="The code that the browser showed.", examples=["ABCD-2345-EFGH-6789"]
    )
    accounts: list[ChosenIn] = Field(min_length=1, max_length=200)


class ConnectedOut(BaseModel):
    channels: list[ChannelOut]


@router.post(
    "/connect", status_code=201, response_model=ConsentOut, responses=responses(401, 422), dependencies=[SECRET]
)
async def begin(
    _: Annotated[Actor, may(Permission.CHANNELS_WRITE)], db: DB, here: Here, wanted: ConnectIn, response: Response
) -> ConsentOut:
    """Connect accounts by signing in at their platform: open `url` in a browser, and say yes there.

    Then the browser shows a code; with it `POST /channels/connect/{consent_id}/choose` connects accounts. Until a
    person switches a channel to live, nothing is published on it for real.
    """
    consent, url = await consents.ask(
        db, here.keys, here.settings, wanted.platform, live=wanted.live, again=wanted.again
    )
    response.headers["Location"] = f"/channels/connect/{consent.id}"
    return _out(consent, url)


@router.get("/callback", status_code=302, response_class=RedirectResponse)
async def callback(
    _: Annotated[None, open_to_all(Kind.LOGIN)],
    request: Request,
    here: Here,
    state: Annotated[str, Query(max_length=500)] = "",  # noqa: ARG001 - read with what else the platform says
    code: Annotated[str, Query(max_length=4000)] = "",  # noqa: ARG001 - likewise
) -> Response:
    """Where platforms send the browser back to; goes on to a page that says what to do next."""
    try:
        back = await consents.come_back(here.db, here.keys, here.settings, request.query_params)
        ending = f"connected={back.receipt}"
    except StakazoError as error:
        ending = f"not-connected={error.code}"
    return RedirectResponse(f"{PAGE}#{ending}", 302, headers={"Cache-Control": "no-store"})


@router.get("/connect/{consent_id}", response_model=ConsentOut, responses=responses(401, 404))
async def get(_: Annotated[Actor, may(Permission.CHANNELS_WRITE)], db: DB, consent_id: UUID) -> ConsentOut:
    """How far it is, and which accounts may be connected."""
    return _out(await consents.get(db, consent_id))


@router.post("/connect/{consent_id}/choose", response_model=ConnectedOut, responses=responses(401, 404, 409, 422))
async def choose(
    _: Annotated[Actor, may(Permission.CHANNELS_WRITE)], db: DB, here: Here, consent_id: UUID, wanted: ChooseIn
) -> ConnectedOut:
    """Connect these accounts. Only who has begun it can, with the code that the browser showed."""
    chosen = [(one.platform, one.external_id) for one in wanted.accounts]
    found = await consents.choose(db, here.keys, consent_id, wanted.receipt, chosen)
    for channel in found:
        await subscriptions.begin(db, channel.id)
    return ConnectedOut(channels=[shown(channel) for channel in found])


def _out(consent: ChannelConsent, url: str | None = None) -> ConsentOut:
    known: dict[str, Any] = {
        name: getattr(consent, name)
        for name in ("id", "platform", "live", "returned_at", "error", "chosen_at", "expires_at")
    }
    offered = consents.offered(consent)
    return ConsentOut(
        **known,
        url=url,
        accounts=[OfferedOut.model_validate(one) for one in offered[0]] if offered is not None else None,
        ad_accounts=[OfferedAdsOut.model_validate(one) for one in offered[1]] if offered is not None else None,
        scopes=consent.granted,
        missing_scopes=list(scopes.declined(consent.granted or (), consent.scopes)),
    )
