"""The jobs of advertising: make a campaign, bring it to what was approved, watch what runs, stop everything."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from stakazo.ads import (
    accounts,
    comparing,
    drift,
    launching,
    outside,
    progress,
    prolonging,
    ruling,
    service,
    states,
    steering,
    watching,
)  # fmt: skip
from stakazo.ads.models import AdAccount, Campaign
from stakazo.ads.progress import Order
from stakazo.ads.states import CampaignState as S
from stakazo.ads.states import Part
from stakazo.ads.watching import Marked
from stakazo.core.db import now
from stakazo.core.security import Keyring
from stakazo.jobs import holding
from stakazo.jobs.engine import JobOptions, job
from stakazo.jobs.models import Job
from stakazo.jobs.run import NotYet, Run
from stakazo.jobs.states import ACTIVE_STATES
from stakazo.platforms.ads import Live
from stakazo.platforms.ads import Run as Wanted
from stakazo.platforms.errors import PlatformError, Reason, Rejected, TokenExpired, TryLater, Unknown
from stakazo.platforms.meta_ads import MetaAds
from stakazo.publishing.states import Trouble

QUEUE = "publish"
"""Where jobs wait for platforms, and keep nobody else waiting."""
CRASHES = 12
"""Workers that may vanish under one campaign before a person is asked; nothing is risked by going on."""
URGENT = 10
"""What stops money goes before everything else."""


async def start(session: AsyncSession, campaign: Campaign) -> Job | None:
    """Have done what the campaign's state says is under way."""
    if campaign.state not in states.UNDER_WAY or campaign.job_id is not None:
        return None
    if campaign.state is S.LAUNCHING:
        row = await launch_campaign.start(session, campaign.id)
    else:
        stops = states.TOLD[campaign.state] is not Wanted.ACTIVE
        row = await steer_campaign.using(JobOptions(priority=URGENT if stops else 0)).start(session, campaign.id)
    campaign.job_id = row.id
    await session.flush()
    return row


async def stop_everything(session: AsyncSession) -> Job:
    """Have everything paused that may run. A stop that is under way may have passed by what was let run since."""
    return await stop_ads.using(JobOptions(priority=URGENT)).start(session)


# --- launching ----------------------------------------------------------------------------------------------


@job(queue=QUEUE, max_attempts=CRASHES, timeout=3600)
async def launch_campaign(run: Run, campaign_id: UUID) -> None:
    """Make a campaign at the platform, all of it paused: whatever dies meanwhile, nothing is made twice."""
    order = await _claimed(run, campaign_id)
    if order is None:
        return
    live: dict[Part, Live] | None = None
    trouble: Trouble | None = None
    try:
        async with outside.advertiser(run.settings, order.account) as meta:
            trouble = _other_money(order, await meta.account_facts())
            if trouble is None:
                live = await launching.Launch(run, order, meta).go()
    except (NotYet, TryLater, Unknown) as later:
        if not _too_long(order):
            raise put_off(later) from later
        trouble = Trouble("too_slow", str(later), "Look at the platform's status page, then retry.")
    except TokenExpired as error:
        trouble = await _expired(run, order, error)
    except Rejected as error:
        trouble = states.refusal(error.reason, str(error), error.said.as_json())
    async with run.completion() as session:
        if live is None:
            assert trouble is not None
            await progress.not_launched(session, campaign_id, run.job_id, trouble)
        else:
            await progress.launched(session, campaign_id, run.job_id, comparing.review(live))
        await watch(session, order.account_id)  # of what failed, too, something may come late


def _other_money(order: Order, facts: tuple[str, str, str]) -> Trouble | None:
    """A budget counted in another currency than the account's could be a hundred times as much."""
    _, currency, _ = facts
    if currency == order.money.currency:
        return None
    detail = f"The ad account counts in {currency}, and is connected here as one in {order.money.currency}."
    return Trouble("currency", detail, "Disconnect it, and connect it with its own currency.")


@launch_campaign.on_end
async def _launch_ended(session: AsyncSession, row: Job, error: dict[str, Any]) -> None:
    campaign = await progress.abandoned(session, UUID(row.payload["campaign_id"]), row.id, error)
    await watch(session, campaign.account_id)


# --- letting run, and stopping ------------------------------------------------------------------------------


@job(queue=QUEUE, max_attempts=CRASHES, timeout=900)
async def steer_campaign(run: Run, campaign_id: UUID) -> None:
    """Bring a campaign to what was approved: let it run, change its budget, stop it; and have the platform say so."""
    order = await _claimed(run, campaign_id)
    if order is None:
        return
    live: dict[Part, Live] | None = None
    settled: tuple[S, Trouble] | None = None
    try:
        async with outside.advertiser(run.settings, order.account) as meta:
            try:
                live = await steering.steer(run, order, meta)
            except steering.Refused as refused:
                settled = await _refused(order, refused, meta)
            except steering.Drifting as error:
                settled = _stopped(order, error)
    except (NotYet, TryLater, Unknown) as later:
        if not _too_long(order):
            raise put_off(later) from later
        settled = S.NEEDS_HUMAN, states.doubt(str(later))
    except TokenExpired as error:
        settled = S.NEEDS_HUMAN, await _expired(run, order, error)
    except Rejected as error:
        settled = S.NEEDS_HUMAN, states.refusal(error.reason, str(error), error.said.as_json())
    async with run.completion() as session:
        if settled is not None:
            await start(session, await progress.settle(session, campaign_id, run.job_id, *settled))
            return
        assert live is not None
        await progress.arrived(session, campaign_id, run.job_id, comparing.review(live))
        await watch(session, order.account_id)


def _stopped(order: Order, error: steering.Drifting) -> tuple[S, Trouble]:
    """What isn't as approved isn't let run; where it runs already, it is stopped."""
    if error.rests:
        return S.PAUSED, drift.trouble(error.found, drift.Done.LEFT, order.money.currency)
    return S.PAUSING, drift.trouble(error.found, drift.Done.STOPPING, order.money.currency)


async def _refused(order: Order, refused: steering.Refused, meta: MetaAds) -> tuple[S, Trouble]:
    """A change is taken back; where the campaign rests, as the platform says, nothing was lost; else a person knows."""
    error = refused.error
    if comparing.is_of_change(refused.what, error.reason, changing=order.changing):
        return order.state, states.change_refused(error)
    trouble = states.refusal(error.reason, str(error), error.said.as_json())
    if error.reason is not Reason.NOT_FOUND and order.state is S.ACTIVATING:
        live = await launching.look(meta, order.ids)
        if live[Part.CAMPAIGN].status == Wanted.PAUSED:
            return S.PAUSED, trouble
    return S.NEEDS_HUMAN, trouble


@steer_campaign.on_end
async def _steering_ended(session: AsyncSession, row: Job, error: dict[str, Any]) -> None:
    await progress.abandoned(session, UUID(row.payload["campaign_id"]), row.id, error)


@job(queue=QUEUE, timeout=600)
async def stop_ads(run: Run) -> None:
    """Pause whatever may run in this workspace, each in a transaction of its own."""
    async with run.transaction() as session:
        found = select(Campaign.id).where(
            Campaign.state.in_(states.SPENDING - {S.PAUSING}), Campaign.ad_id.is_not(None)
        )
        campaign_ids = list(await session.scalars(found))
    for campaign_id in campaign_ids:
        async with run.db.transaction(run.actor) as session:
            campaign = await holding.hold_with_job(session, Campaign, campaign_id, "campaign")
            if campaign.state in states.SPENDING and campaign.state is not S.PAUSING:
                await start(session, await service.pause(session, campaign_id))


# --- watching -----------------------------------------------------------------------------------------------


async def watch(session: AsyncSession, account_id: UUID) -> None:
    """Have somebody look at the account's campaigns from now on, if nobody does yet."""
    account = await accounts.hold(session, account_id)
    if account.watch_job_id is not None:
        looking = await session.get(Job, account.watch_job_id)
        if looking is not None and looking.state in ACTIVE_STATES:
            return
    await _watch_next(session, account, 1.0)


async def watch_again(session: AsyncSession, account_id: UUID) -> None:
    """Have somebody look at an account that has come back, if there is anything to see."""
    if await watching.anything(session, account_id):
        await watch(session, account_id)


async def _watch_next(session: AsyncSession, account: AdAccount, seconds: float) -> None:
    run_at = await now(session) + timedelta(seconds=seconds)
    row = await watch_ad_account.using(JobOptions(run_at=run_at)).start(session, account.id)
    await accounts.watch(session, account, row.id)


@job(queue=QUEUE, max_attempts=CRASHES, timeout=900)
async def watch_ad_account(run: Run, account_id: UUID) -> None:
    """Compare an account's campaigns with what was approved, alarm about what differs, and set it right."""
    async with run.transaction() as session:
        round_ = await watching.begin(session, Keyring(run.settings), account_id, run.job_id)
        grant = await prolonging.due(session, Keyring(run.settings), account_id) if round_ is not None else None
    if round_ is None:
        return
    if grant is not None:
        await prolonging.prolong(run, account_id, grant, live=round_.account.live)
    try:
        async with outside.advertiser(run.settings, round_.account) as meta:
            found = await watching.look(meta, round_)
            marked = await watching.marked(meta, round_)
            found = watching.believed(round_, found, marked)
            removed = await _sweep(run, account_id, meta, marked)
    except TokenExpired as error:
        async with run.transaction() as session:
            await accounts.token_died(session, account_id, error)
        found, removed = {}, []
    except Unknown as error:
        raise NotYet(str(error), after=5.0) from error
    for campaign_id, live in found.items():
        async with run.db.transaction(run.actor) as session:
            campaign = await watching.judge(session, campaign_id, round_.seen[campaign_id], live)
            await start(session, campaign)
        async with run.db.transaction(run.actor) as session:
            await start(session, await ruling.apply(session, campaign_id))
    async with run.completion() as session:
        account = await watching.end(session, account_id, run.job_id, removed)
        if account is not None:
            await _watch_next(session, account, run.settings.ads_watch_interval)


async def _sweep(run: Run, account_id: UUID, meta: MetaAds, marked: list[Marked]) -> list[Live]:
    """Remove what came late. Asked anew before each: a launch that is retried meanwhile may take it for its own."""
    async with run.transaction() as session:
        orphans = await watching.orphans(session, account_id, marked)
    removed = list[Live]()
    for orphan in orphans:
        async with run.transaction() as session:
            still = await watching.orphans(session, account_id, [orphan])
        for _, one in still:
            await meta.remove(one.id)
            removed.append(one)
    return removed


@watch_ad_account.on_end
async def _watching_ended(session: AsyncSession, row: Job, error: dict[str, Any]) -> None:
    """A round that came to nothing is loud, and isn't the last one."""
    account = await accounts.hold(session, UUID(row.payload["account_id"]))
    if account.watch_job_id == row.id:
        await accounts.record(session, "ad_account_unwatched", account, detail=error.get("detail"))
        await _watch_next(session, account, 300.0)


# --- between ------------------------------------------------------------------------------------------------


async def _claimed(run: Run, campaign_id: UUID) -> Order | None:
    async with run.transaction() as session:
        return await progress.claim(session, Keyring(run.settings), campaign_id, run.job_id)


def _too_long(order: Order) -> bool:
    """Whether it has been put off for so long that a person should know."""
    return (datetime.now(UTC) - order.begun_at).total_seconds() > states.PATIENCE


def put_off(error: NotYet | PlatformError) -> NotYet:
    """That the job goes on when the platform lets it."""
    return error if isinstance(error, NotYet) else NotYet(str(error), after=getattr(error, "after", 5.0))


async def _expired(run: Run, order: Order, error: TokenExpired) -> Trouble:
    async with run.transaction() as session:
        await accounts.token_died(session, order.account_id, error)
    said: Mapping[str, Any] = error.said.as_json()
    return Trouble("token_expired", str(error), "Connect the ad account again, then go on with this.", dict(said))
