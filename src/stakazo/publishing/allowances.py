"""What an account may do now, as its platform says: how many posts are left, and what its creator allows."""

from __future__ import annotations

from dataclasses import dataclass

from stakazo.core.settings import Settings
from stakazo.platforms import publishers
from stakazo.platforms.base import Account, Audience, Quota
from stakazo.platforms.tiktok import PRIVACY, Creator, TikTok
from stakazo.publishing import outside


@dataclass(frozen=True, slots=True)
class Allowance:
    """None stands for what the platform doesn't say."""

    quota: Quota | None = None
    name: str | None = None
    """What people know its creator by. TikTok wants it shown before every post, and what follows too."""
    audiences: tuple[Audience, ...] | None = None
    """Who may be chosen to see a post."""
    longest: float | None = None
    """Seconds of a video."""
    comments: bool | None = None
    duets: bool | None = None
    stitches: bool | None = None


async def ask(settings: Settings, account: Account) -> Allowance:
    """Ask the platform, for somebody who waits for the answer.

    Raises Conflict where the token isn't taken any more, Invalid for what the platform refuses, Unavailable where it
    doesn't answer now.
    """
    with outside.waited_for("channel", "what may be posted"):
        async with outside.connected(settings) as connection:
            publisher = publishers.of(connection, account)
            if isinstance(publisher, TikTok):
                return of(await publisher.creator())
            return Allowance(quota=await publisher.quota())


def of(creator: Creator) -> Allowance:
    """In our words. Pure."""
    return Allowance(
        name=creator.nickname or creator.name,
        audiences=tuple(audience for audience, theirs in PRIVACY.items() if theirs in creator.privacy),
        longest=float(creator.longest) if creator.longest else None,
        comments=creator.comments,
        duets=creator.duets,
        stitches=creator.stitches,
    )
