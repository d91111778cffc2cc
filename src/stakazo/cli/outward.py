"""The demo's way out: the best clip goes onto four platforms, as the sandbox plays them, and is followed there."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit

import httpx

from stakazo.cli.client import Api, Row
from stakazo.cli.output import Failure
from stakazo.cli.screen import Screen
from stakazo.core.outside import trusted
from stakazo.core.settings import Settings
from stakazo.platforms.sandbox.server import running
from stakazo.platforms.sandbox.world import World
from stakazo.report.words import plural

PUBLISHED = {"instagram_reel": "instagram", "tiktok": "tiktok", "youtube_short": "youtube", "facebook_feed": "facebook"}
"""Recipes that go out, and where."""
OVER = {"PUBLISHED", "FAILED", "NEEDS_HUMAN", "CANCELLED", "REMOVED"}
PATIENCE = 180.0
"""Seconds for a post to come out; the sandbox takes a few."""
PROCESSING = 0.5
"""Seconds that our sandbox works on a video."""


@dataclass(frozen=True, slots=True)
class Refused:
    """A variant that a platform doesn't take as it is: known beforehand, so nothing was sent."""

    variant: Row
    channel: Row
    because: str
    """Sentences."""


@asynccontextmanager
async def sandbox(settings: Settings, *, private: bool) -> AsyncIterator[str]:
    """The address of the sandbox: the one that answers already, or one that lives as long as the block.

    Args:
        private: Whether the server is ours too, and will be told where the sandbox is.
    """
    if not private and await _answers(settings.sandbox_url):
        yield settings.sandbox_url
        return
    there = urlsplit(settings.sandbox_url)
    world = World(file=settings.data_dir / "sandbox.db")  # what is public stays so when the demo runs again
    world.processing = PROCESSING
    try:
        port = 0 if private else there.port or 80
        async with running(world, "127.0.0.1" if private else there.hostname or "127.0.0.1", port) as url:
            yield url
    except OSError as error:
        raise Failure(f"No sandbox answers at {settings.sandbox_url}, and none can be started there: {error}") from None
    finally:
        world.close()


async def _answers(url: str) -> bool:
    try:
        async with httpx.AsyncClient(verify=trusted(), timeout=3, trust_env=False) as http:
            return (await http.get(f"{url}/sandbox")).is_success
    except httpx.HTTPError:
        return False


async def publish(
    api: Api, screen: Screen, settings: Settings, clip: Row, title: str
) -> tuple[list[Row], list[Refused]]:
    """Have a clip's variants published, one on each platform.

    Returns:
        The publications as they ended, each with its `account` and whether that is the `sandbox`'s; and what a
        platform's rules forbid, a film that is too short for it for instance.
    """
    await _name_callback(settings, api.url)
    wanted: list[tuple[Row, Row]] = []
    refused: list[Refused] = []
    for variant in clip["variants"]:
        platform = PUBLISHED.get(variant["recipe"])
        if platform is None:
            continue
        channel = await api.post("/channels", {"platform": platform})
        wish = {
            "variant_ids": [variant["id"]],
            "channel_ids": [channel["id"]],
            "caption": title,
            "hashtags": ["newmusic"],
            "details": {"title": title[:100]},
        }
        [plan] = (await api.post("/publications?dry_run=true", wish))["plan"]
        against = [found["sentence"] for found in plan["findings"] if found["refused"]]
        if against and not plan["existed"]:
            refused.append(Refused(variant, channel, " ".join(against)))
            screen.note(f"{platform}: not possible. {refused[-1].because}")
            continue
        [post] = (await api.post("/publications", wish))["publications"]
        if post["state"] == "AWAITING_APPROVAL":  # whoever asked for this agrees to it
            post = await api.post(f"/publications/{post['id']}/approve")
        wanted.append((post, channel))
    if not wanted:
        return [], refused
    real = "" if any(channel["live"] for _, channel in wanted) else " (the sandbox plays them: nothing is real)"
    screen.note(f"Publishing the best clip on {plural(len(wanted), 'platform')}{real} ...")
    return [
        await _over(api, screen, post) | {"account": channel["name"], "sandbox": channel["sandbox"]}
        for post, channel in wanted
    ], refused


async def _name_callback(settings: Settings, url: str) -> None:
    """Have TikTok tell what becomes of posts, as the app's settings would at the real one."""
    named = {"tiktok_callback": f"{url.rstrip('/')}/webhook/tiktok"}
    async with httpx.AsyncClient(verify=trusted(), timeout=30, trust_env=False) as http:
        (await http.post(f"{settings.sandbox_url}/sandbox/settings", json=named)).raise_for_status()


async def _over(api: Api, screen: Screen, post: Row) -> Row:
    """The publication once nothing more happens to it by itself."""
    deadline = time.monotonic() + PATIENCE
    while post["state"] not in OVER and time.monotonic() < deadline:
        await asyncio.sleep(0.3)
        post = await api.get(f"/publications/{post['id']}")
    screen.note(f"{post['platform']}: {post['state'].lower()} {post['url'] or ''}".rstrip())
    return post


def unpublished(posts: list[Row], refused: list[Refused]) -> list[str]:
    """What could be public on each of the platforms and isn't, in sentences."""
    there = {post["platform"] for post in posts} | {one.channel["platform"] for one in refused}
    faults = [f"Nothing was published on {platform}." for platform in PUBLISHED.values() if platform not in there]
    for post in posts:
        if post["state"] != "PUBLISHED" or not post["external_id"]:
            error: Row = post["error"] or {}
            faults.append(f"{post['platform']}: the post is {post['state']}. {error.get('detail', '')}".rstrip())
    return faults
