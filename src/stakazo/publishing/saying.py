"""Words below a post have no inert form: they are written at most once, and after a doubt only looked for.

there = await saying.once(write, look, text, tried=tried)      its id; None where that is in doubt
after = states.ask_after(looks)                                ... and when it is worth looking again
await saying.is_given_up(session, job_id)                      it was not written, and put off for long enough
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from datetime import timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from stakazo.core.db import now
from stakazo.jobs.models import Job
from stakazo.platforms.base import Comment
from stakazo.platforms.errors import PlatformError, Unknown

PATIENCE = timedelta(days=1)
"""For so long a platform may put off what is to be said; then it is given up, and a person told."""

ADVICE = (
    "Look under the post. Is it there, nothing is to be done; is it not, have it written again and say that you have "
    "looked. Meanwhile it is looked for by itself, and never written a second time."
)


async def once(
    write: Callable[[], Awaitable[str]], look: Callable[[], Awaitable[Iterable[Comment]]], text: str, *, tried: bool
) -> str | None:
    """The id of what we said; None where it isn't known whether it is there: look again later.

    Raises TryLater, TokenExpired and Rejected where it was not written, and may be.

    Args:
        write: Says it, and gives its id.
        look: What is said there now.
        text: The words.
        tried: Whether it may have been written before: then it is only looked for.
    """
    if not tried:
        try:
            return await write()
        except Unknown:
            pass
    try:
        return among(await look(), text)
    except PlatformError:
        return None


async def is_given_up(session: AsyncSession, job_id: UUID) -> bool:
    """Whether the platform, which has just put off what this job is to say, has done so for too long.

    What counts is when it did so first: a job may have waited long before for a worker, or for its turn.
    """
    moment, row = await now(session), await session.get_one(Job, job_id)
    row.put_off_at = row.put_off_at or moment
    return moment - row.put_off_at > PATIENCE


def among(said: Iterable[Comment], text: str) -> str | None:
    """Which of them our words are. Platforms change the space around and between words."""
    return next((one.id for one in said if one.text.split() == text.split()), None)
