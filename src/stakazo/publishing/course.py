"""The course of one publication at its platform: intent, inert upload, the one act, and questions after every doubt.

Each step outside stands between two transactions: what is about to happen is written before it, what came of it after.
Whatever dies in between, the next run finds a row that says what may have happened, and asks the platform.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from stakazo.core.security import Keyring
from stakazo.jobs.run import NotYet, Run
from stakazo.platforms.base import Handle, Media, Publisher, Stage, Status
from stakazo.platforms.errors import Reason, Rejected, TokenExpired, TryLater, Unknown
from stakazo.publishing import discarding, progress, states
from stakazo.publishing.progress import Order
from stakazo.publishing.states import Act, Known, Next
from stakazo.publishing.states import PublicationState as S

LINGER = 20.0
"""Seconds that a job waits for a platform by itself; for longer it makes room for others."""
FULL = 900.0
"""Seconds before an account that has posted as much as it may in a day is looked at again."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How it ended."""

    next: Next
    status: Status


class Course:
    """One attempt to bring one publication to its end. `go` may be called again after anything."""

    def __init__(self, run: Run, keys: Keyring, order: Order, publisher: Publisher, media: Media) -> None:
        self.run, self.keys, self.order, self.publisher, self.media = run, keys, order, publisher, media
        self.handle = order.handle
        self.acted = order.acted
        self.begins = order.begins
        self.uploaded = False
        self.refusal: Rejected | None = None
        self.doubted = order.acted
        self._since = time.monotonic()
        self._looks = 0

    async def go(self) -> Outcome:
        """Until it is public, failed, or only a person can tell.

        Raises NotYet and TryLater for what takes longer, TokenExpired, Rejected (`acted` says what that leaves open),
        and whatever nobody foresaw.
        """
        if self.handle is None:
            await self._begin()
        while True:
            status = await self._ask()
            following = states.after(self._known(), status)
            match following.act:
                case Act.BEGIN:
                    await self._begin()
                case Act.UPLOAD:
                    await self._upload()
                case Act.WAIT:
                    await self._to(following.state)
                    await self._wait(status)
                case Act.FINISH:
                    done = await self._finish()
                    if done is not None and done.stage is Stage.PUBLISHED:
                        return Outcome(Next(Act.DONE, S.PUBLISHED), done)
                case Act.FAIL if self.refusal is not None:
                    trouble = states.refusal(self.refusal.reason, str(self.refusal), self.refusal.said.as_json())
                    return Outcome(replace(following, trouble=trouble), status)
                case _:
                    return Outcome(following, status)

    def _known(self) -> Known:
        return Known(
            acted=self.acted,
            uploaded=self.uploaded,
            refused=self.refusal is not None,
            doubted=self.doubted,
            begins=self.begins,
            seconds=(datetime.now(UTC) - self.order.begun_at).total_seconds(),
        )

    async def _begin(self) -> None:
        async with self.run.transaction() as session:
            publication = await progress.mine(session, self.order.publication_id, self.run.job_id)
            left = discarding.left_by(self.keys, publication)
            await progress.begin(session, self.order.publication_id, self.run.job_id)
            await discarding.leave(session, self.keys, publication, left)
        self.acted, self.uploaded, self.refusal, self.doubted = False, False, None, False
        self.run.report(0.1, "beginning")
        await self._keep(await self.publisher.begin(self.order.post, self.media))
        self.begins += 1
        await self._upload()

    async def _keep(self, handle: Handle) -> None:
        if handle == self.handle:
            return
        async with self.run.transaction() as session:
            await progress.keep(session, self.keys, self.order.publication_id, self.run.job_id, handle)
        self.handle = handle

    async def _upload(self) -> None:
        assert self.handle is not None
        self.run.report(0.2, "uploading")
        await self._keep(await self.publisher.upload(self.handle, self.media))
        self.uploaded = True

    async def _ask(self) -> Status:
        assert self.handle is not None
        return await self.publisher.ask(self.handle, self.order.post, taken=self.order.taken)

    async def _finish(self) -> Status | None:
        """The one act. None where only a question can tell what came of it."""
        assert self.handle is not None
        first = not self.acted
        if first:
            await self._require_room()
            async with self.run.transaction() as session:
                await progress.act(session, self.order.publication_id, self.run.job_id)
            self.acted = True
        self.run.report(0.9, "publishing")
        try:
            return await self.publisher.finish(self.handle, self.order.post, self.media)
        except Unknown:
            self.doubted = True
            return None
        except Rejected as refused:
            self.refusal = refused  # or it was public already: the next question tells
            return None
        except TryLater as later:
            if first:
                await self._did_not()
            await self._wait(Status(Stage.READY, look_again=later.after), later)
            return None
        except TokenExpired:
            if first:
                await self._did_not()
            raise

    async def _did_not(self) -> None:
        """The platform says that nothing happened, and no earlier call can still be on its way: that is believed."""
        async with self.run.transaction() as session:
            await progress.did_not_act(session, self.order.publication_id, self.run.job_id)
        self.acted = False

    async def _require_room(self) -> None:
        quota = await self.publisher.quota()
        if quota is not None and quota.used >= quota.total:
            raise TryLater(
                f"The account has made {quota.used} of {quota.total} posts in {quota.seconds / 3600:g} hours.",
                Reason.QUOTA,
                after=FULL,
            )

    async def _to(self, state: S) -> None:
        async with self.run.transaction() as session:
            await progress.move(session, self.order.publication_id, self.run.job_id, state)

    async def _wait(self, status: Status, why: TryLater | None = None) -> None:
        """A while here, then by making room for others."""
        self.run.report(0.5, status.stage.value)
        most = status.look_again
        delay = most if why is not None else states.pause(self._looks, most)
        self._looks += 1
        if time.monotonic() - self._since + delay > LINGER:
            if why is not None:
                raise why
            raise NotYet(f"The platform says: {status.stage.value}.", after=most)
        await asyncio.sleep(delay)
