"""What campaigns brought and cost: asked of the platform as a report, kept as it was said, and found again.

Reports speak of days of the ad account's, and correct them for about four weeks. What is said anew of a day is another
row; what is said again is none.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.ext.asyncio import AsyncSession

from stakazo.ads import accounts, service, states
from stakazo.ads.models import AdMetric, Campaign
from stakazo.core.actor import new_id
from stakazo.core.db import now
from stakazo.core.security import Keyring
from stakazo.jobs.engine import JobOptions, job
from stakazo.jobs.models import Job
from stakazo.jobs.run import Run
from stakazo.jobs.states import JobState
from stakazo.ledger import service as ledger
from stakazo.platforms.errors import Reason, Rejected
from stakazo.platforms.meta_reports import MetaReports, Progress, Row, Wanted
from stakazo.publishing import outside
from stakazo.variants.models import ClipVariant

QUEUE = "measure"
RESTATED_FOR = timedelta(days=28)
"""How long a day's numbers are corrected."""
RUNNING, RESTING = timedelta(hours=1), timedelta(days=1)
"""How far apart reports are asked for, while something may spend and afterwards."""
FIRST_LOOK, LONGEST_WAIT = 1.0, 30.0
"""Seconds between two looks at a report in the making; it may take an hour."""
TOLD = ("spend", "impressions", "clicks", "views", "conversions")
"""What the ledger is told of a campaign, over all its days as they were last said."""
PURCHASES = ("omni_purchase", "purchase", "offsite_conversion.fb_pixel_purchase")
"""The same purchases under several names: the first that is there counts, never their sum."""


# --- asking -------------------------------------------------------------------------------------------------


async def schedule(session: AsyncSession, account_id: UUID) -> Job | None:
    """Have an account's report asked for when it is next worth it; None where nothing can change any more.

    The moments are on a grid, so whoever asks for the next one asks for the same job.
    """
    moment = await now(session)
    advertised = select(Campaign).where(Campaign.account_id == account_id, Campaign.activated_at.is_not(None))
    campaigns = (await session.scalars(advertised)).all()
    if not campaigns:
        return None
    running = any(campaign.state in states.SPENDING for campaign in campaigns)
    if not running and max(campaign.updated_at for campaign in campaigns) < moment - RESTATED_FOR:
        return None
    apart = RUNNING if running else RESTING
    at = datetime.fromtimestamp((moment.timestamp() // apart.total_seconds() + 1) * apart.total_seconds(), UTC)
    options = JobOptions(dedup_key=f"{account_id}:{at.isoformat()}", run_at=at)
    return await collect_ad_metrics.using(options).start(session, account_id)


async def collect_now(session: AsyncSession, account_id: UUID) -> Job:
    """Ask for an account's report at once."""
    options = JobOptions(dedup_key=f"{account_id}:now", priority=1)
    return await collect_ad_metrics.using(options).start(session, account_id)


@job(queue=QUEUE, timeout=2 * 3600)
async def collect_ad_metrics(run: Run, account_id: UUID) -> None:
    """Ask what an account's campaigns brought and cost in the last four weeks, and keep what is new."""
    async with run.transaction() as session:
        account = await accounts.get(session, account_id)
        if account.token is None:
            return
        moment = await now(session)
        known = select(Campaign.external_id, Campaign.id).where(
            Campaign.account_id == account_id, Campaign.external_id.is_not(None)
        )
        campaigns = {str(external_id): campaign_id for external_id, campaign_id in await session.execute(known)}
        opened = accounts.opened(account, Keyring(run.settings))
        until = accounts.day(account, moment)
    rows: list[Row] = []
    if campaigns:
        async with outside.connected(run.settings) as connection:
            wanted = Wanted(since=until - RESTATED_FOR, until=until, level="campaign", only=tuple(sorted(campaigns)))
            rows = await _report(MetaReports(connection, opened), wanted)
    async with run.completion() as session:
        kept = await keep(session, campaigns, rows)
        await ledger.record(
            session, "ad_metrics_collected", subject=("ad_account", account_id), until=until.isoformat(),
            rows=len(rows), new=kept,
        )  # fmt: skip
        await schedule(session, account_id)


@collect_ad_metrics.on_end
async def _collect_again(session: AsyncSession, row: Job, error: dict[str, Any]) -> None:
    del error
    if row.state is JobState.FAILED:
        await schedule(session, UUID(row.payload["account_id"]))


async def _report(reports: MetaReports, wanted: Wanted) -> list[Row]:
    """A report, made by a job at the platform; in halves where that finds it too much."""
    try:
        run_id, pause = await reports.start(wanted), FIRST_LOOK
        while await reports.look(run_id) is not Progress.DONE:
            await asyncio.sleep(pause)
            pause = min(LONGEST_WAIT, 2 * pause)
        return [row async for row in reports.results(run_id, wanted.level)]
    except Rejected as refused:
        if refused.reason is not Reason.TOO_MUCH_DATA or wanted.since == wanted.until:
            raise
    earlier, later = halves(wanted)
    return [*await _report(reports, earlier), *await _report(reports, later)]


def halves(wanted: Wanted) -> tuple[Wanted, Wanted]:
    """The same in two ranges that neither overlap nor leave a day out."""
    middle = wanted.since + (wanted.until - wanted.since) // 2
    shared = {"level": wanted.level, "only": wanted.only, "windows": wanted.windows}
    return (
        Wanted(since=wanted.since, until=middle, **shared),  # type: ignore[arg-type]
        Wanted(since=middle + timedelta(days=1), until=wanted.until, **shared),  # type: ignore[arg-type]
    )


# --- keeping ------------------------------------------------------------------------------------------------


async def keep(session: AsyncSession, campaigns: dict[str, UUID], said: Sequence[Row]) -> int:
    """Write down what is said anew of a campaign's day, and in the ledger of each campaign; says how many rows."""
    known = {(one.campaign_id, one.day): one for one in await latest(session, list(campaigns.values()))}
    moment, new = await now(session), Counter[UUID]()
    for row in said:
        campaign_id = campaigns.get(row.id)
        if campaign_id is None:
            continue
        numbers = figures(row)
        old = known.get((campaign_id, row.day))
        if old is None or any(getattr(old, name) != value for name, value in numbers.items()):
            found = AdMetric(
                id=new_id(), campaign_id=campaign_id, day=row.day, sampled_at=moment, raw=dict(row.raw), **numbers
            )
            session.add(found)
            known[campaign_id, row.day] = found
            new[campaign_id] += 1
    await session.flush()
    for campaign_id, days in new.items():
        rows = [one for (owner, _), one in known.items() if owner == campaign_id]
        total = {name: sum(getattr(one, name) for one in rows) for name in TOLD}
        campaign = await service.get(session, campaign_id)
        await service.record(session, "campaign_measured", campaign, days=days, currency=campaign.currency, **total)
    return new.total()


def figures(row: Row) -> dict[str, Any]:
    """A row of a report in our words. All money is in minor units, as budgets are."""
    purchases = next((row.actions[name] for name in PURCHASES if name in row.actions), 0)
    return {
        "impressions": row.impressions,
        "reach": row.reach,
        "clicks": row.link_clicks,
        "views": row.plays,
        "thruplays": row.thruplays,
        "conversions": purchases,
        "value": next((row.values[name] for name in PURCHASES if name in row.values), None),
        "spend": row.spend,
        "currency": row.currency,
    }


# --- finding ------------------------------------------------------------------------------------------------


async def latest(session: AsyncSession, campaign_ids: Sequence[UUID], since: date | None = None) -> list[AdMetric]:
    """Of each of these campaigns, and every day, what was last said; in the order of days."""
    found = select(AdMetric).ext(distinct_on(AdMetric.day, AdMetric.campaign_id))
    found = found.where(AdMetric.campaign_id.in_(campaign_ids))
    if since is not None:
        found = found.where(AdMetric.day >= since)
    return list(await session.scalars(found.order_by(AdMetric.day, AdMetric.campaign_id, AdMetric.sampled_at.desc())))


async def of_clip(session: AsyncSession, clip_id: UUID) -> list[AdMetric]:
    """Of every campaign that shows a clip, and every day, what was last said."""
    shows = select(Campaign.id).join(ClipVariant, ClipVariant.id == Campaign.variant_id)
    return await latest(session, list(await session.scalars(shows.where(ClipVariant.clip_id == clip_id))))
