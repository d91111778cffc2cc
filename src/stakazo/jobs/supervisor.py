"""Keeps worker processes alive."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from types import TracebackType
from typing import Self

import structlog
from sqlalchemy.exc import SQLAlchemyError

from stakazo.core.settings import Settings
from stakazo.jobs.pulse import name_of

PARENT = "STAKAZO_SUPERVISOR"
"""Environment: the process without which a worker has no reason to live."""

EARLY = 10.0
"""Seconds: a worker that ended sooner may end so again, and the next one too."""
LONGEST = 5.0
"""Seconds between the end of one worker and the start of the next, at most."""
KILLED = 2.0
"""Seconds between their starts, at most, where they are killed: by somebody, or by a job, whose tries are counted."""

log = structlog.get_logger(__name__)


def pause(code: int, lived: float, early: int) -> float:
    """Seconds before the next worker, where the last so many ended early, one after another.

    What happens once, a kill or a crash, is mended at once: its jobs wait for it. After that the pause doubles. Of one
    that is killed again and again what it lived counts, so that it works most of the time; one that ends by itself
    can't work here, however long it takes to find out.

    Args:
        code: How the last one ended; below zero, by a signal.
        lived: For how many seconds.
    """
    doubled = 0.0 if early <= 1 else 0.25 * 2.0**early
    return max(0.0, min(KILLED, doubled) - lived) if code < 0 else min(LONGEST, doubled)


class Supervisor:
    """Keeps a number of worker processes alive as long as it is entered.

        async with Supervisor(settings): ...

    They stop with it: asked to at the end, and by themselves when this process is killed.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        count: int = 1,
        argv: Sequence[str] = (sys.executable, "-m", "stakazo.worker"),
        environment: Mapping[str, str] | None = None,
        ended: Callable[[str], Awaitable[object]] | None = None,
    ) -> None:
        """`ended` is told the name of each worker that ended unasked, so that nobody waits for its heartbeats."""
        self.count, self.argv = count, tuple(argv)
        self.patience = settings.shutdown_grace + 15.0
        self._environment = {**os.environ, **(environment or {}), PARENT: str(os.getpid())}
        self._ended = ended
        self._stopping = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._telling: set[asyncio.Task[None]] = set()
        self.processes: dict[int, asyncio.subprocess.Process] = {}
        """The living workers, by their place."""

    async def __aenter__(self) -> Self:
        self._tasks = [asyncio.create_task(self._keep(place), name=f"worker {place}") for place in range(self.count)]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def stop(self) -> None:
        """Ask the workers to stop, and wait until they have; the ones that don't are killed."""
        self._stopping.set()
        for process in self.processes.values():
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
        if self._tasks:
            _done, late = await asyncio.wait(self._tasks, timeout=self.patience)
            for process in list(self.processes.values()) if late else ():
                log.error("worker_killed", pid=process.pid)
                with contextlib.suppress(ProcessLookupError):
                    process.kill()
            await asyncio.gather(*self._tasks, *self._telling)

    async def _keep(self, place: int) -> None:
        early = 0
        while not self._stopping.is_set():
            began = time.monotonic()
            process = await asyncio.create_subprocess_exec(
                *self.argv, env=self._environment, stdin=asyncio.subprocess.DEVNULL, start_new_session=True
            )
            self.processes[place] = process
            if self._stopping.is_set():
                process.terminate()
            code = await process.wait()
            del self.processes[place]
            if self._stopping.is_set():
                return
            telling = asyncio.create_task(self._tell(name_of(process.pid)))
            self._telling.add(telling)
            telling.add_done_callback(self._telling.discard)
            lived = time.monotonic() - began
            early = early + 1 if lived < EARLY else 0
            wait = pause(code, lived, early)
            log.warning("worker_ended", code=code, lived=round(lived, 1), again_in=round(wait, 2))
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), wait)

    async def _tell(self, worker: str) -> None:
        """Say that it has ended; where that can't be said, its missing heartbeats will."""
        if self._ended is not None:
            try:
                await self._ended(worker)
            except (SQLAlchemyError, OSError) as error:
                log.warning("end_of_worker_not_told", worker=worker, error=str(error).partition("\n")[0])
