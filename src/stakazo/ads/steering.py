"""Bringing what is at the platform to what was approved: look, assign what differs, look again.

Every act is an assignment, so it may be repeated, and a lost answer costs one more look. What stops comes first, what
lets run last; before each assignment the row is asked whether it is still wanted.
"""

from __future__ import annotations

from collections.abc import Mapping

from stakazo.ads import comparing, lateness, launching, progress
from stakazo.ads.comparing import Difference
from stakazo.ads.progress import Order
from stakazo.ads.states import Part
from stakazo.jobs.run import NotYet, Run
from stakazo.platforms.ads import Live, Terms
from stakazo.platforms.ads import Run as Wanted
from stakazo.platforms.errors import PlatformError, Rejected, Unknown
from stakazo.platforms.meta_ads import MetaAds

ROUNDS = 12
"""Assignments in one attempt before the job rests."""
LOOK_AGAIN = 10.0


class Drifting(Exception):
    """It differs from what was approved in something that can't be assigned."""

    def __init__(self, found: tuple[Difference, ...], *, rests: bool) -> None:
        super().__init__(", ".join(one.what for one in found))
        self.found = found
        self.rests = rests
        """Whether the platform says that it doesn't run."""


class Refused(Exception):
    """The platform refuses to have something as it was approved."""

    def __init__(self, what: Difference, error: Rejected) -> None:
        super().__init__(str(error))
        self.what = what
        self.error = error


async def steer(run: Run, order: Order, meta: MetaAds) -> dict[Part, Live]:
    """Until the platform says what was approved. Raises its errors, NotYet, Drifting and Refused."""
    approved = order.approved
    told = approved.run is not Wanted.PAUSED  # it may say so, and a request to let it run be on its way
    owing = order.owing
    for number in range(ROUNDS):
        run.report(number / ROUNDS, "looking")
        live = await launching.look(meta, order.ids)
        if owing:
            await _note(run, order, live)
        if approved.run is Wanted.ARCHIVED and live[Part.CAMPAIGN].status == Wanted.DELETED:
            return live
        left = comparing.differences(approved, live)
        fixed = tuple(one for one in left if one.what in approved.fixed)
        if fixed and approved.run is Wanted.ACTIVE:
            raise Drifting(fixed, rests=live[Part.CAMPAIGN].status == Wanted.PAUSED)
        todo = next((one for one in left if one.what not in approved.fixed), None)
        if todo is None and not told:
            todo = Difference(Part.CAMPAIGN, "status", approved.run.value, live[Part.CAMPAIGN].status)
        if todo is None:
            return live
        told = told or todo.what == "status"
        async with run.transaction() as session:
            await progress.tell(session, order.campaign_id, run.job_id, todo)
        try:
            await _assigned(run, order, meta, todo)
        except Unknown:
            owing = True  # the next look tells
        except Rejected as error:
            raise Refused(todo, error) from error
    raise NotYet("The platform doesn't say yet what it was told.", after=LOOK_AGAIN)


async def _note(run: Run, order: Order, live: Mapping[Part, Live]) -> None:
    """What was told without an answer, and is so now, doesn't come any more."""
    async with run.transaction() as session:
        await progress.seen(session, order.campaign_id, run.job_id, live)


async def _assigned(run: Run, order: Order, meta: MetaAds, told: Difference) -> None:
    try:
        await _assign(meta, order, told)
    except Unknown:
        raise
    except PlatformError:
        await _answered(run, order, told)
        raise
    await _answered(run, order, told)


async def _answered(run: Run, order: Order, told: Difference) -> None:
    """Whether it was taken or refused, it doesn't come later."""
    if lateness.lets_spend(told):
        async with run.transaction() as session:
            await progress.answered(session, order.campaign_id, run.job_id, told)


async def _assign(meta: MetaAds, order: Order, todo: Difference) -> None:
    thing_id, terms = order.ids[todo.part], order.approved.terms
    match todo.what:
        case "status":
            await meta.set_status(thing_id, order.approved.run)
        case "budget":
            await meta.set_budget(thing_id, order.approved.budget)
        case "spend_cap":
            await meta.set_spend_cap(thing_id, int(todo.approved))
        case "targeting":
            await meta.set_terms(thing_id, Terms(targeting=terms.targeting))
        case "start":
            await meta.set_terms(thing_id, Terms(starts_at=terms.starts_at))
        case "end":
            await meta.set_terms(thing_id, Terms(ends_at=terms.ends_at))
        case "bid":
            await meta.set_terms(thing_id, Terms(bid=terms.bid, bid_amount=terms.bid_amount, min_roas=terms.min_roas))
        case "hours":
            await meta.set_terms(thing_id, Terms(hours=terms.hours))
        case "dsa":
            who = Terms(dsa_beneficiary=terms.dsa_beneficiary, dsa_payor=terms.dsa_payor)
            await meta.set_terms(thing_id, who)
