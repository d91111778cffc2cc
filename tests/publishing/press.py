"""A whole house for publishing: API, worker and sandbox, each real, over HTTP; and the things one publishes."""

from __future__ import annotations

import asyncio
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any
from uuid import UUID, uuid4

import httpx
import psycopg
from sqlalchemy.ext.asyncio import AsyncSession
from tests.api.serving import House, running

from stakazo.clips.models import Clip, ClipState
from stakazo.core import postgres
from stakazo.core.actor import new_id
from stakazo.core.security import Keyring
from stakazo.core.settings import Settings
from stakazo.core.storage import DiskStorage
from stakazo.insights.hearing import ItemKind
from stakazo.insights.models import InboxItem
from stakazo.ledger import service as ledger
from stakazo.platforms.base import Platform
from stakazo.platforms.http import METERS
from stakazo.platforms.sandbox.server import running as sandbox_running
from stakazo.platforms.sandbox.world import World
from stakazo.publishing import channels, subscriptions
from stakazo.publishing.channels import Given
from stakazo.variants.models import ClipVariant, VariantState
from stakazo.videos.models import VideoAsset, VideoState
from stakazo.worker.process import run_worker

SHAPES = {
    "instagram_reel": ("instagram", 1080, 1920),
    "instagram_feed": ("instagram", 1080, 1350),
    "facebook_feed": ("facebook", 1080, 1080),
    "tiktok": ("tiktok", 1080, 1920),
    "youtube_short": ("youtube", 1080, 1920),
    "landscape": ("web", 1920, 1080),
}
OVER = {"PUBLISHED", "FAILED", "NEEDS_HUMAN", "CANCELLED", "REMOVED"}


@contextmanager
def on_a_loop(work: Callable[[asyncio.Event, Callable[[Any], None]], Any]) -> Iterator[Any]:
    """Run something in a thread with a loop of its own until the block ends; gives what it says when it is up."""
    up, said = threading.Event(), []
    ends: list[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = []

    async def run() -> None:
        stop = asyncio.Event()
        ends.append((asyncio.get_running_loop(), stop))

        def ready(value: Any) -> None:
            said.append(value)
            up.set()

        await work(stop, ready)

    thread = threading.Thread(target=lambda: asyncio.run(run()))
    thread.start()
    assert up.wait(60)
    try:
        yield said[0]
    finally:
        loop, stop = ends[0]
        loop.call_soon_threadsafe(stop.set)
        thread.join(60)
        assert not thread.is_alive()


@contextmanager
def a_sandbox(world: World) -> Iterator[str]:
    async def serve(stop: asyncio.Event, ready: Callable[[Any], None]) -> None:
        async with sandbox_running(world) as url:
            ready(url)
            await stop.wait()

    with on_a_loop(serve) as url:
        yield url


@contextmanager
def a_worker(settings: Settings, urls: postgres.Urls, *queues: str) -> Iterator[None]:
    """A worker in this process, which its watchdog must not end because the machine is busy."""
    patient = settings.model_copy(update={"stalled_after": 600.0})

    async def work(stop: asyncio.Event, ready: Callable[[Any], None]) -> None:
        ready(None)
        await run_worker(patient, urls, queues, stop=stop)

    with on_a_loop(work):
        yield


@contextmanager
def a_house(
    server: Any,
    world: World,
    *,
    queues: tuple[str, ...] = ("publish", "measure"),
    worker: Mapping[str, Any] = MappingProxyType({}),
    **more: Any,
) -> Iterator[House]:
    """API, worker and sandbox on a database of their own; the sandbox has seen nothing that Meta wouldn't take.

    Args:
        queues: What the worker takes; everything where none is named.
        worker: Settings of the worker's own.
    """
    name = f"t_{uuid4().hex}"
    urls = server.create(name)
    with a_sandbox(world) as sandbox_url:
        settings = Settings(
            _env_file=None,
            database_url=urls.owner,
            app_database_url=urls.app,
            database_pool_size=5,
            password_memory_kib=8,
            password_passes=1,
            limit_spend="1000000/minute",
            min_free_bytes=1,
            sandbox_url=sandbox_url,
            **more,
        )
        with running(settings, urls) as house, a_worker(house.settings.model_copy(update=worker), urls, *queues):
            yield house
    server.drop(name)
    assert world.violations == []


class Desk:
    """Somebody who publishes, with a key, in a workspace of their own."""

    def __init__(self, site: Any, world: World | None, http: httpx.Client) -> None:
        self.site, self.http = site, http
        self.world = world or World()
        self.video_id = new_id()

    def channel(self, platform: str, *, unseen: str | None = None, **changes: Any) -> str:
        """A channel of the sandbox; one that nobody has looked at where its account's id is given."""
        if unseen:
            channel = self.unseen(platform, unseen, "sandbox-unseen")
        else:
            made = self.http.post("/channels", json={"platform": platform})
            assert made.status_code in {200, 201}, made.text
            channel = str(made.json()["id"])
        if changes:
            self.http.patch(f"/channels/{channel}", json=changes).raise_for_status()
        return channel

    def unseen(self, platform: str, external_id: str, token: str) -> str:
        """A channel as if its platform had been asked about its token: a real one, or one where no sandbox runs."""
        given = Given(Platform(platform), external_id, f"{platform} {external_id}", token)

        async def connect(session: AsyncSession) -> str:
            channel, _ = await channels.connect(session, Keyring(self.site.settings), given)
            await subscriptions.begin(session, channel.id)
            return str(channel.id)

        return self.site.within(connect)

    def variants(self, *recipes: str, duration: float = 8.0, count: int = 1) -> list[str]:
        """Variants as a worker would have rendered them: of each of so many clips one by each recipe."""
        storage = DiskStorage(self.site.settings.storage_dir)
        made: list[UUID] = []

        async def make(session: AsyncSession) -> None:
            if await session.get(VideoAsset, self.video_id) is None:
                session.add(
                    VideoAsset(
                        id=self.video_id,
                        title="Blue",
                        filename="b.mp4",
                        storage_key=f"k{self.video_id}",
                        size_bytes=1,
                        sha256=uuid4().hex * 2,
                        content_type="video/mp4",
                        state=VideoState.READY,
                        duration=300.0,
                    )
                )
                await session.flush()
                await ledger.record(
                    session,
                    "video_uploaded",
                    subject=("video", self.video_id),
                    filename="b.mp4",
                    size_bytes=1,
                    sha256="0",
                )
            for rank in range(count):
                clip = Clip(
                    id=new_id(),
                    video_id=self.video_id,
                    rank=rank + 1,
                    start=10.0 * rank,
                    end=10.0 * rank + duration,
                    starts_on="bar",
                    ends_on="bar",
                    score=50,
                    score_parts=[],
                    reasons=[],
                    state=ClipState.PROPOSED,
                )
                session.add(clip)
                await session.flush()
                await ledger.record(
                    session,
                    "clip_accepted",
                    subject=("clip", clip.id),
                    video_id=str(self.video_id),
                    start=clip.start,
                    end=clip.end,
                )
                for recipe in recipes:
                    platform, width, height = SHAPES[recipe]
                    variant_id = new_id()
                    key = f"{self.site.workspace_id}/variants/{variant_id}.mp4"
                    temporary = storage.temporary(".mp4")
                    temporary.write_bytes(variant_id.bytes * 2000)
                    await storage.adopt(temporary, key)
                    session.add(
                        ClipVariant(
                            id=variant_id,
                            clip_id=clip.id,
                            recipe=recipe,
                            platform=platform,
                            state=VariantState.READY,
                            clip_start=clip.start,
                            clip_end=clip.end,
                            storage_key=key,
                            sha256="0" * 64,
                            size_bytes=32_000,
                            width=width,
                            height=height,
                            duration=duration,
                            fps=30.0,
                            video_codec="h264",
                            audio_codec="aac",
                        )
                    )
                    made.append(variant_id)

        self.site.within(make)
        return [str(variant_id) for variant_id in made]

    def said(self, channel: str, text: str = "Nice!") -> str:
        """A comment in the inbox; its path."""
        item = new_id()

        async def say(session: AsyncSession) -> None:
            who = {"external_id": item.hex, "author": "bob", "author_id": "7"}
            now = datetime.now(UTC)
            session.add(
                InboxItem(id=item, channel_id=UUID(channel), kind=ItemKind.COMMENT, text=text, said_at=now, **who)
            )

        self.site.within(say)
        return f"/inbox/{item}"

    def want(self, variants: list[str], channels: list[str], **said: Any) -> list[dict[str, Any]]:
        answer = self.http.post("/publications", json={"variant_ids": variants, "channel_ids": channels, **said})
        assert answer.status_code == 201, answer.text
        return list(answer.json()["publications"])

    def show(self, publication: str | dict[str, Any]) -> dict[str, Any]:
        publication_id = publication if isinstance(publication, str) else publication["id"]
        answer = self.http.get(f"/publications/{publication_id}")
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    def until(
        self, publication: str | dict[str, Any], *states: str, patience: float = 120.0, hurry: bool = False
    ) -> dict[str, Any]:
        """The publication once it is in one of these states, or over; with `hurry` its job's pauses are cut short."""
        deadline = time.monotonic() + patience
        while True:
            found = self.show(publication)
            if found["state"] in (states or OVER):
                return found
            assert time.monotonic() < deadline, found
            assert states or found["state"] not in OVER
            if hurry:
                self._now(found["job_id"])
            time.sleep(0.2)

    def wake(self, publication: dict[str, Any]) -> None:
        """Let the job of a publication run now, whatever it and its account were told to wait for."""
        self.hurry(self.show(publication)["job_id"])

    def hurry(self, job_id: str) -> None:
        """Let a job run now that was told to wait, whatever it and its account were told to wait for."""

        def waiting() -> bool:
            return bool(self.http.get(f"/jobs/{job_id}").json()["state"] == "RETRY")

        self.eventually(waiting)
        METERS.clear()
        self._now(job_id)

    def run(self, job_id: str) -> None:
        """Let a job run now that isn't due yet."""
        self._now(job_id)

    def _now(self, job_id: str) -> None:
        with psycopg.connect(postgres.conninfo(self.site.urls.owner), autocommit=True) as owner:
            owner.execute(
                "update procrastinate_jobs set scheduled_at = now()"
                " where args->>'job_id' = %s and status = 'todo' and scheduled_at > now()",
                [job_id],
            )

    def eventually(self, happens: Callable[[], object], patience: float = 120.0) -> None:
        deadline = time.monotonic() + patience
        while not happens():
            assert time.monotonic() < deadline
            time.sleep(0.2)

    def events(self, publication: dict[str, Any]) -> list[str]:
        query: dict[str, str | int] = {"subject": f"publication/{publication['id']}", "sort": "oldest", "limit": 200}
        found = self.http.get("/ledger/events", params=query)
        assert found.status_code == 200, found.text
        return [event["event"] for event in found.json()["items"]]


def public(world: World) -> Counter[str]:
    """How many posts with each caption anybody can see at the sandbox, on whatever platform."""
    things = list(world.things.values())
    return Counter(
        [
            *(one["caption"] for one in things if one["kind"] == "IGMedia"),
            *(one["description"] for one in things if one["kind"] == "AdVideo" and one["finished"] is not None),
            *(one["info"]["title"] for one in things if one["kind"] == "TikTokPost" and one["done"]),
            *(
                one["snippet"]["description"]
                for one in things
                if one["kind"] == "YouTubeVideo" and one["status"]["privacyStatus"] == "public"
            ),
        ]
    )
