"""The course of an audience: made under our mark, customers put on it, looked at until it is filled; or removed.

What is about to be made is written down before it is. Before it is made it is looked for by the mark in its
description; and what was made twice all the same, by a request that came late, is removed.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from stakazo.ads import gathered, naming, tending
from stakazo.ads.gathered import Wanted
from stakazo.ads.tending import Order
from stakazo.core.security import Keyring
from stakazo.jobs.run import NotYet, Run
from stakazo.platforms.crowds import MOST, SUBTYPES, TERMS, Crowd
from stakazo.platforms.errors import Reason, Rejected, Unknown
from stakazo.platforms.meta_people import MetaPeople
from stakazo.platforms.people import Audience, Fitness
from stakazo.publishing.states import Trouble

TRIES = 3
"""Calls that making it may take before the job rests."""


class Wrong(Exception):
    """It can't be made so."""

    def __init__(self, trouble: Trouble) -> None:
        super().__init__(trouble.detail)
        self.trouble = trouble


class Gone(Exception):
    """It was there, and is no more: somebody has removed it."""


class Gathering:
    """One attempt at one audience. `go` and `remove` may be called again after anything."""

    def __init__(self, run: Run, order: Order, meta: MetaPeople) -> None:
        self.run, self.order, self.meta = run, order, meta
        self.made, self.doubtful, self.doubted = order.external_id, order.making, order.doubted

    async def go(self) -> Audience:
        """Until it is there, with everybody on it; what the platform says of it then. Raises Gone."""
        if self.made is None:
            self.made = await self._make()
        try:
            await self._send(self.made)
            if self.doubted:
                await self._sweep(self.made)
            there = await self.meta.audience(self.made)
        except Rejected as refused:
            if refused.reason is not Reason.NOT_FOUND:
                raise
            await self.meta.require_gone(self.made)
            if self.order.external_id is None:
                raise NotYet("What was just made isn't to be seen yet.", after=10.0) from refused
            raise Gone from refused
        async with self.run.transaction() as session:
            await tending.look(session, self.order.audience_id, self.run.job_id, there, datetime.now(UTC))
        return there

    async def remove(self) -> None:
        """Whatever of it is there."""
        if self.made is not None:
            await self.meta.remove_audience(self.made)
        if self.doubted:
            await self._sweep(None)
        async with self.run.transaction() as session:
            await tending.gone(session, self.order.audience_id, self.run.job_id)

    # --- making ---------------------------------------------------------------------------------------------

    async def _make(self) -> str:
        order, job_id = self.order, self.run.job_id
        for _ in range(TRIES):
            before = self.doubtful
            every = [one async for one in self.meta.every_audience()]
            if there := [one.id for one in every if order.mark in one.description]:
                return await self._keep(min(there), found=True)
            wrong, origin = await settle(self.meta, order.wanted, order.name, every)
            if wrong:
                raise Wrong(wrong[0])
            if not before:
                async with self.run.transaction() as session:
                    await tending.begin(session, order.audience_id, job_id)
            self.doubtful = True
            params = order.wanted.params(origin.id if origin else None)
            try:
                made = await self.meta.create_audience(order.name, f"Made by Stakazo: {order.mark}", params)
            except Unknown:
                self.doubted = True
                async with self.run.transaction() as session:
                    await tending.doubt(session, order.audience_id, job_id)
                continue  # asked about by its mark
            except Rejected:
                if not before:
                    async with self.run.transaction() as session:
                        await tending.refuse(session, order.audience_id, job_id)
                raise
            return await self._keep(made, found=False)
        raise NotYet("It isn't known whether the audience was made.", after=10.0)

    async def _keep(self, made: str, *, found: bool) -> str:
        async with self.run.transaction() as session:
            await tending.keep(session, self.order.audience_id, self.run.job_id, made, found=found)
        self.doubtful = False
        return made

    async def _send(self, made: str) -> None:
        keys = Keyring(self.run.settings)
        while True:
            async with self.run.transaction() as session:
                batch = await tending.next_batch(session, keys, self.order.audience_id, self.run.job_id)
            if batch is None:
                return
            unread = await self.meta.add_customers(made, batch.people, batch.session)
            async with self.run.transaction() as session:
                await tending.sent(session, self.order.audience_id, self.run.job_id, batch, unread)

    async def _sweep(self, kept: str | None) -> None:
        twins = [one.id for one in await self.meta.audiences_marked(self.order.mark) if one.id != kept]
        for twin in twins:
            await self.meta.remove_audience(twin)
        if twins:
            async with self.run.transaction() as session:
                await tending.swept(session, self.order.audience_id, self.run.job_id, twins)


# --- whether it can be made -----------------------------------------------------------------------------------


async def settle(
    meta: MetaPeople, wanted: Wanted, name: str, every: Sequence[Audience]
) -> tuple[list[Trouble], Audience | None]:
    """What of the platform's own stands against it; and the audience that it is to be like, of a lookalike.

    Args:
        every: All audiences of the account.
    """
    wrong, kind = list[Trouble](), SUBTYPES[wanted.crowd]
    if any(one.name.casefold() == name.casefold() for one in every):
        detail = f"The ad account has an audience called {name!r} already, and campaigns name them."
        wrong.append(Trouble("name_taken", detail, "Use that one, or wish for another with another name."))
    if sum(one.kind == kind for one in every) >= MOST[kind]:
        detail = f"The ad account has {MOST[kind]} audiences of this kind, and Meta allows no more."
        wrong.append(Trouble("too_many", detail, "Remove some that no campaign needs any more, then retry."))
    terms = TERMS.get(wanted.crowd)
    if terms is not None and not (await meta.terms()).get(terms, True):
        detail = "Nobody has accepted Meta's terms for custom audiences for this ad account."
        wrong.append(Trouble("terms", detail, gathered.terms_missing(meta.id, wanted.crowd)))
    if wanted.crowd is Crowd.WEBSITE:
        wrong += await _pixel(meta, str(wanted.pixel_id))
    origin = None
    if wanted.crowd is Crowd.LOOKALIKE:
        origin, found = _origin(str(wanted.origin), every)
        wrong += found
    return wrong, origin


async def _pixel(meta: MetaPeople, pixel_id: str) -> list[Trouble]:
    try:
        await meta.require_pixel(pixel_id)
    except Rejected as refused:
        if refused.reason is not Reason.NOT_FOUND:
            raise
        detail = f"There is no pixel {pixel_id} at the platform, or this ad account doesn't see it."
        return [Trouble("not_found", detail, "Look it up in Events Manager, and name that one.")]
    return []


def _origin(words: str, every: Sequence[Audience]) -> tuple[Audience | None, list[Trouble]]:
    fits = [one for one in every if words == one.id or one.name.casefold() == words.casefold()]
    if len(fits) != 1:
        several = [f"{one.name} ({one.id})" for one in fits]
        return None, [Trouble("not_found", naming.which("audience", words, several), "Name another.")]
    (origin,) = fits
    if origin.kind == "LOOKALIKE":
        detail = f"The audience {origin.name!r} is a lookalike itself."
        return None, [Trouble("invalid", detail, "Name the one that it was made like.")]
    if origin.fitness in {Fitness.TOO_SMALL, Fitness.FLAGGED, Fitness.UNUSABLE}:
        detail = naming.why_not(origin) or ""
        return None, [Trouble("too_small", detail, "It needs at least a hundred people of the country. Name another.")]
    return origin, []
