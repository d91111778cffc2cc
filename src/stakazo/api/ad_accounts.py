"""Ad accounts: connected advertising accounts, and what a workspace may spend with them."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import Query, Response
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, SecretStr
from sqlalchemy.ext.asyncio import AsyncSession

from stakazo.accounts.roles import Permission
from stakazo.ads import accounts, audiences, jobs, pasted, policy, ruling
from stakazo.ads.accounts import Came, Given
from stakazo.ads.guardrails import Limits
from stakazo.ads.models import AdAccount, AdPolicy
from stakazo.ads.rules import Action, Metric, Rule
from stakazo.api.channels import LiveIn, TroubleOut
from stakazo.api.conditions import KNOWN, Editing, Reading
from stakazo.api.deps import DB, Cursor, Here, Limit, PageOut, may
from stakazo.api.errors import responses
from stakazo.api.once import keyless
from stakazo.api.routes import Router
from stakazo.core.actor import Actor
from stakazo.core.errors import Invalid
from stakazo.publishing import consents
from stakazo.publishing.outside import sandbox_accounts
from stakazo.publishing.service import author
from stakazo.publishing.tokens import ChannelHealth

router = Router(tags=["ad accounts"], responses=responses(401))

CURRENCY = r"^[A-Z]{3}$"
MOST = 2**62
"""Minor units."""


class AdAccountOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)
    id: UUID
    platform: str = Field(examples=["meta"])
    external_id: str = Field(description="The account's id at the platform, without `act_`.")
    name: str
    sandbox: bool = Field(description="An account of the sandbox: no money is there.")
    live: bool = Field(description="A person has let it spend real money.")
    currency: str = Field(examples=["EUR"])
    time_zone: str = Field(description="In which its days begin and end.", examples=["Europe/Berlin"])
    page_id: str = Field(description="The Page in whose name it advertises.")
    instagram_id: str | None
    pixel_id: str | None
    health: ChannelHealth
    token_expires_at: datetime | None = Field(
        description="While its campaigns are watched more time is asked for; where Meta gives none, connect it anew."
    )
    scopes: list[str] = Field(description="What its person has allowed; empty where that isn't known.")
    missing_scopes: list[str] = Field(description="What they have not: connect it with a token that has them.")
    error: TroubleOut | None = Field(description="Why it must be connected again.")
    watched_at: datetime | None = Field(description="When its campaigns were last compared with what was approved.")
    created_at: datetime
    updated_at: datetime
    disconnected_at: datetime | None


class AdAccountIn(BaseModel):
    """An ad account: with a token, or as a sign-in offered it. Without both it is the sandbox's."""

    model_config = ConfigDict(extra="forbid")
    consent_id: UUID | None = Field(default=None, description="The sign-in that offered it: POST /channels/connect.")
    receipt: str | None = Field(default=None, max_length=100, description="The code that the browser showed then.")
    external_id: str | None = Field(default=None, min_length=1, max_length=200, description="`act_` may be left out.")
    token: SecretStr | None = Field(default=None, min_length=8, max_length=4000, description="Kept sealed.")
    token_expires_at: AwareDatetime | None = Field(default=None, description="Where no app is set up to ask Meta.")
    scopes: list[str] = Field(default=[], max_length=100, description="Likewise.")
    name: str | None = Field(default=None, min_length=1, max_length=200)
    currency: str | None = Field(
        default=None, pattern=CURRENCY, description="Meta says it; where you do too, it must be the same."
    )
    time_zone: str | None = Field(
        default=None, max_length=60, description="Likewise: Meta says it.", examples=["Europe/Berlin"]
    )
    page_id: str | None = Field(default=None, min_length=1, max_length=200)
    instagram_id: str | None = Field(default=None, min_length=1, max_length=200)
    pixel_id: str | None = Field(default=None, min_length=1, max_length=200)


class AdAccountChange(BaseModel):
    model_config = ConfigDict(extra="forbid")
    name: str | None = Field(default=None, min_length=1, max_length=200)
    page_id: str | None = Field(default=None, min_length=1, max_length=200)
    instagram_id: str | None = Field(default=None, min_length=1, max_length=200)
    pixel_id: str | None = Field(default=None, min_length=1, max_length=200)


class LimitsBody(BaseModel):
    """What may be spent in one currency, in its minor units (cents; whole yen); null: no limit of this kind."""

    model_config = ConfigDict(extra="forbid", from_attributes=True)
    campaign: int | None = Field(default=None, ge=0, le=MOST, description="One campaign, for its whole time.")
    at_once: int | None = Field(default=None, ge=0, le=MOST, description="All that may still spend, together.")
    day: int | None = Field(default=None, ge=0, le=MOST, description="All campaigns on one day, at worst.")
    month: int | None = Field(default=None, ge=0, le=MOST, description="All campaigns in a calendar month, at worst.")
    second_person_above: int | None = Field(
        default=None,
        ge=0,
        le=MOST,
        description="A campaign that may cost more is let run by another than who planned it.",
    )
    step_percent: int = Field(default=50, ge=0, le=1000, description="How much more a budget may become at once.")
    stop_loss: int | None = Field(
        default=None, ge=1, le=MOST, description="What has cost this much without one click is paused."
    )


class AdPolicyBody(BaseModel):
    """What the workspace may spend. In a currency that isn't named nothing is let run."""

    model_config = ConfigDict(extra="forbid")
    limits: dict[Annotated[str, Field(pattern=CURRENCY)], LimitsBody] = Field(max_length=50, examples=[{"EUR": {}}])


class AdPolicyOut(AdPolicyBody):
    stopped_at: datetime | None = Field(description="When everything was stopped; null while money may flow.")
    stopped_by: str | None


BETWEEN = "Days between two decisions about a campaign. What pauses or puts away doesn't wait for a refused raise."


class RuleBody(BaseModel):
    """A rule by which campaigns are paused, scaled, revived or put away; money in minor units."""

    model_config = ConfigDict(extra="forbid")
    name: str = Field(min_length=1, max_length=100)
    action: Action
    metric: Metric = Field(
        description="Costs are minor units for one result; `click_rate` (clicks per impression) and `hold_rate` "
        "(ThruPlays per play) are 0 to 1; `roas` is what purchases were worth for each unit spent, 0 without any."
    )
    above: float | None = Field(default=None, allow_inf_nan=False, description="It applies where it is more ...")
    below: float | None = Field(default=None, allow_inf_nan=False, description="... and less than this.")
    days: int = Field(default=3, ge=1, le=365, description="How many it looks back.")
    least_spend: int = Field(default=0, ge=0, le=MOST, description="In these days; with less it doesn't apply.")
    percent: int = Field(default=20, ge=1, le=1000, description="How much more money, of `scale`.")
    least_age: int = Field(default=0, ge=0, le=3650, description="Days since the first spending, of `sunset`.")
    pause_between: int = Field(default=1, ge=1, le=365, description=BETWEEN)

    def rule(self) -> Rule:
        return Rule(**self.model_dump())


class RulesBody(BaseModel):
    """Rules, in the order in which they are asked; the first that applies decides."""

    model_config = ConfigDict(extra="forbid")
    rules: list[RuleBody] = Field(max_length=50)


class StopIn(BaseModel):
    model_config = ConfigDict(extra="forbid")
    stopped: bool = True


@router.post(
    "/ad-accounts",
    status_code=201,
    response_model=AdAccountOut,
    responses=responses(
        403, 404, 409, 422, 503, also={200: {"model": AdAccountOut, "description": "Connected again."}}
    ),
)
@keyless("the same account is the same ad account, however often it is connected")
async def connect(
    actor: Annotated[Actor, may(Permission.CHANNELS_WRITE)], here: Here, wanted: AdAccountIn, response: Response
) -> AdAccountOut:
    """Connect an ad account, or connect it again with a new token. It spends no real money before it is live.

    Meta is asked about the token first, and for the account's currency and time zone: one that is dead, or doesn't open
    this account, is refused and takes no other's place. Without a token this is the sandbox's, where everything can be
    tried. With `consent_id` and `receipt` it is one that a sign-in at Meta offered.
    """
    given = None
    if wanted.consent_id is None and wanted.receipt is None:
        asked = _given(wanted) if wanted.token is not None else await _sandbox(here, wanted)
        given = await pasted.looked_at(here.settings, asked)
    async with here.db.transaction(actor) as session:
        given = given or await _offered(session, here, wanted)
        account, came = await accounts.connect(session, here.keys, given)
        if came is Came.BACK:
            await jobs.watch_again(session, account.id)
        response.status_code = 201 if came is Came.NEW else 200
        response.headers["Location"] = f"/ad-accounts/{account.id}"
        return AdAccountOut.model_validate(account)


async def _offered(session: AsyncSession, here: Here, wanted: AdAccountIn) -> Given:
    if not (wanted.consent_id and wanted.receipt and wanted.external_id and wanted.page_id) or wanted.token:
        raise Invalid("With a sign-in say its consent_id and receipt, external_id and page_id, and no token.")
    account, page = wanted.external_id.removeprefix("act_"), wanted.page_id
    found = await consents.advertiser(session, here.keys, wanted.consent_id, wanted.receipt, account, page)
    pasted.require_same(_said(wanted, found.token), found.currency, found.time_zone)
    return replace(
        _said(wanted, found.token), name=wanted.name or found.name, currency=found.currency, time_zone=found.time_zone,
        token_expires_at=found.token_expires_at, scopes=found.scopes,
    )  # fmt: skip


def _given(wanted: AdAccountIn) -> Given:
    if not (wanted.external_id and wanted.token and wanted.page_id):
        raise Invalid("With a token say its external_id and page_id too.")
    return _said(wanted, wanted.token.get_secret_value())


def _said(wanted: AdAccountIn, token: str) -> Given:
    return Given(
        external_id=wanted.external_id or "",
        token=token,
        name=wanted.name or "",
        currency=wanted.currency or "",
        time_zone=wanted.time_zone or "",
        page_id=wanted.page_id or "",
        instagram_id=wanted.instagram_id,
        pixel_id=wanted.pixel_id,
        token_expires_at=wanted.token_expires_at,
        scopes=tuple(wanted.scopes),
    )


async def _sandbox(here: Here, wanted: AdAccountIn) -> Given:
    offered = (await sandbox_accounts(here.settings))["meta_ads"]
    return Given(
        external_id=str(offered["id"]),
        token=str(offered["token"]),
        name=wanted.name or "",
        page_id=str(offered["page_id"]),
        instagram_id=str(offered["instagram_id"]),
        pixel_id=str(offered["pixel_id"]),
    )


@router.get("/ad-accounts", response_model=PageOut[AdAccountOut], responses=responses(422))
async def find(
    _: Annotated[Actor, may(Permission.CAMPAIGNS_READ)],
    db: DB,
    disconnected: bool = False,  # noqa: FBT001, FBT002 - a parameter of the query
    sort: Annotated[Literal["newest", "oldest"], Query()] = "newest",
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Any:
    """Ad accounts of this workspace; disconnected ones only where they are asked for."""
    return await accounts.find(db, disconnected=disconnected, sort=sort, cursor=cursor, limit=limit)


@router.get("/ad-accounts/{ad_account_id}", response_model=AdAccountOut, responses=responses(404, also=KNOWN))
async def get(
    _: Annotated[Actor, may(Permission.CAMPAIGNS_READ)], db: DB, ad_account_id: UUID, reading: Reading
) -> AdAccount | Response:
    return reading.show(await accounts.get(db, ad_account_id))


@router.patch("/ad-accounts/{ad_account_id}", response_model=AdAccountOut, responses=responses(404, 412, 422))
async def change(
    _: Annotated[Actor, may(Permission.CHANNELS_WRITE)],
    db: DB,
    ad_account_id: UUID,
    wanted: AdAccountChange,
    editing: Editing,
) -> AdAccount:
    """Its name, Page, Instagram account and pixel, for what is launched from now on."""
    await editing.check(db, AdAccount, ad_account_id)
    said = {name: value for name, value in wanted.model_dump(exclude_unset=True).items() if value is not None}
    return editing.show(await accounts.change(db, ad_account_id, said))


@router.post("/ad-accounts/{ad_account_id}/live", response_model=AdAccountOut, responses=responses(404, 409))
async def let_live(
    _: Annotated[Actor, may(Permission.CHANNELS_LIVE)], db: DB, ad_account_id: UUID, wanted: LiveIn
) -> AdAccount:
    """Let it spend real money, or stop that. Only a signed-in person can let it, never a key."""
    return await accounts.let_live(db, ad_account_id, live=wanted.live)


@router.delete("/ad-accounts/{ad_account_id}", status_code=204, responses=responses(404, 409, 412))
async def disconnect(
    _: Annotated[Actor, may(Permission.CHANNELS_WRITE)], db: DB, ad_account_id: UUID, editing: Editing
) -> None:
    """Forget its token. Refused while something of it may be running: nobody could stop that any more.

    Customers who wait for being put on a list are forgotten with it.
    """
    await audiences.cut_off_all(db, ad_account_id)
    await editing.check(db, AdAccount, ad_account_id)
    await accounts.disconnect(db, ad_account_id)


# --- what may be spent --------------------------------------------------------------------------------------


@router.get("/ads/policy", response_model=AdPolicyOut, responses=KNOWN)
async def get_policy(
    _: Annotated[Actor, may(Permission.CAMPAIGNS_READ)], db: DB, reading: Reading
) -> AdPolicyOut | Response:
    """What this workspace may spend; where nobody has said anything, nothing."""
    return reading.show(_policy(await policy.get(db)))


@router.put("/ads/policy", response_model=AdPolicyOut, responses=responses(412, 422))
async def say(
    _: Annotated[Actor, may(Permission.CAMPAIGNS_LIMIT)], db: DB, wanted: AdPolicyBody, editing: Editing
) -> AdPolicyOut:
    """Say what may be spent, from now on. It holds for the worst case: see the guide."""
    limits = {currency: Limits(**said.model_dump()) for currency, said in wanted.limits.items()}
    editing.require(_policy(await policy.hold(db)))
    return editing.show(_policy(await policy.say(db, limits)))


@router.get("/ads/rules", response_model=RulesBody, responses=KNOWN)
async def get_rules(
    _: Annotated[Actor, may(Permission.CAMPAIGNS_READ)], db: DB, reading: Reading
) -> RulesBody | Response:
    return reading.show(_rules(await policy.get(db)))


@router.put("/ads/rules", response_model=RulesBody, responses=responses(412, 422))
async def say_rules(
    _: Annotated[Actor, may(Permission.CAMPAIGNS_LIMIT)], db: DB, wanted: RulesBody, editing: Editing
) -> RulesBody:
    """Say by which rules campaigns are handled. `POST /campaigns/{id}/simulate` tries them on what has happened."""
    editing.require(_rules(await policy.hold(db)))
    return editing.show(_rules(await ruling.say(db, [one.rule() for one in wanted.rules])))


def _rules(found: AdPolicy | None) -> RulesBody:
    return RulesBody(rules=[RuleBody(**one) for one in (found.rules if found is not None else [])])


@router.post("/ads/stop", response_model=AdPolicyOut)
async def stop(
    _: Annotated[Actor, may(Permission.CAMPAIGNS_SPEND)], db: DB, wanted: StopIn | None = None
) -> AdPolicyOut:
    """Stop everything: nothing is let run any more, and a job pauses what may run. `{"stopped": false}` releases it."""
    stopped = wanted is None or wanted.stopped
    found = await policy.stop(db, by=await author(db) if stopped else None)
    if stopped:
        await jobs.stop_everything(db)
    return _policy(found)


def _policy(found: AdPolicy | None) -> AdPolicyOut:
    if found is None:
        return AdPolicyOut(limits={}, stopped_at=None, stopped_by=None)
    limits = {currency: LimitsBody(**said) for currency, said in found.limits.items()}
    return AdPolicyOut(limits=limits, stopped_at=found.stopped_at, stopped_by=found.stopped_by)
