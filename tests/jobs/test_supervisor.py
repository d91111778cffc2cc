"""How soon a worker that has ended is replaced."""

from __future__ import annotations

import asyncio
import sys

from stakazo.core.settings import Settings
from stakazo.jobs.supervisor import KILLED, LONGEST, Supervisor, pause


def test_once_is_mended_at_once_and_again_and_again_less_and_less_eagerly():
    waits = [pause(1, 9.0, early) for early in range(12)]
    assert waits[:2] == [0.0, 0.0]
    assert waits == sorted(waits)
    assert waits[2] > 0
    assert waits[-1] == LONGEST


def test_one_that_is_killed_every_other_second_works_most_of_the_time():
    assert max(pause(-9, 1.5, early) for early in range(12)) == KILLED - 1.5
    assert pause(-9, 3.0, 12) == 0.0


async def test_a_killed_worker_is_replaced():
    idle = (sys.executable, "-S", "-c", "import signal; signal.pause()")
    async with Supervisor(Settings(_env_file=None), argv=idle) as supervisor, asyncio.timeout(60):
        first = await _at(supervisor)
        first.kill()
        await first.wait()
        assert (await _at(supervisor, but=first.pid)).returncode is None


async def _at(supervisor: Supervisor, *, but: int = 0) -> asyncio.subprocess.Process:
    """The worker that lives, once one does that isn't this one."""
    while not (found := supervisor.processes.get(0)) or found.pid == but:  # noqa: ASYNC110 (it lives elsewhere)
        await asyncio.sleep(0.01)
    return found
