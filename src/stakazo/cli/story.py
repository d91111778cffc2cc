"""`stakazo process`: one video through the real system, followed from a terminal.

upload -> look and listen -> choose -> accept -> render (-> publish) -> files in a folder, with a report
"""

from __future__ import annotations

import asyncio
import shutil
import time
from collections.abc import Iterable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from stakazo.cli import aftermath, outward
from stakazo.cli.aftermath import Aftermath
from stakazo.cli.client import Api, Row, connected, running
from stakazo.cli.output import Failure, made
from stakazo.cli.outward import Refused
from stakazo.cli.private import private_server
from stakazo.cli.proving import take_away
from stakazo.cli.screen import Screen
from stakazo.cli.verification import LEDGER
from stakazo.cli.watch import Waiting, Watch
from stakazo.core.settings import Settings


@dataclass(frozen=True, slots=True)
class Order:
    """What the person wants."""

    video: Path
    out: Path
    recipes: tuple[str, ...] | None = None
    """Names of recipes; None for all."""
    clips: int | None = None
    """How many of the best; None for all that were proposed."""
    title: str | None = None
    server: str | None = None
    ledger: bool = False
    """Whether the ledger is taken away too, to be verified."""
    publish: bool = False
    """Whether the best clip goes out too, at the sandbox."""


@dataclass(slots=True)
class Done:
    """What came of it."""

    video: Row
    analysis: Row
    clips: list[Row] = field(default_factory=list)
    """Each with `variants` (each with its `path`), `thumbnail` and `filmstrip` paths."""
    seconds: dict[str, float] = field(default_factory=dict)
    """Of each stage."""
    rules: list[Row] = field(default_factory=list)
    """The versions of rules that chose and shaped the clips."""
    posts: list[Row] = field(default_factory=list)
    """The best clip's publications; where it was to be published."""
    refused: list[Refused] = field(default_factory=list)
    """Of its variants those that a platform doesn't take."""
    after: Aftermath | None = None
    """What came of the posts; None where nothing is public."""
    life: list[Row] = field(default_factory=list)
    """Of the best clip, as the ledger tells it; where the ledger was asked for."""
    failed: list[tuple[str, str]] = field(default_factory=list)
    """What could not be rendered: the clip's id, and a sentence."""

    @property
    def failures(self) -> list[str]:
        return [sentence for _, sentence in self.failed]

    def failures_of(self, clip_id: str) -> list[str]:
        return [sentence for clip, sentence in self.failed if clip == clip_id]

    def as_json(self) -> Row:
        return {"video": self.video, "clips": self.clips, "seconds": self.seconds, "failures": self.failures}


async def process(settings: Settings, order: Order, screen: Screen) -> Done:
    """The whole way. Ctrl-C (a cancellation) stops the jobs it began."""
    _refuse_what_cannot_work(order)
    private = order.server is None and await running(settings) is None
    async with AsyncExitStack() as around:
        if order.publish:
            url = await around.enter_async_context(outward.sandbox(settings, private=private))
            settings = settings.model_copy(update={"sandbox_url": url})
        if private:
            screen.note(f"Starting a private Stakazo on {settings.data_dir} ...")
            await around.enter_async_context(private_server(settings))
        return await _with_server(settings, order, screen)


def _refuse_what_cannot_work(order: Order) -> None:
    if not order.video.is_file():
        raise Failure(f"{order.video} is not a file." if order.video.exists() else f"There is no file {order.video}.")
    if order.video.stat().st_size == 0:
        raise Failure(f"{order.video} is empty.")
    made(order.out)


async def _with_server(settings: Settings, order: Order, screen: Screen) -> Done:
    async with connected(settings, order.server) as api:
        watch = Watch(api, screen.job)
        async with watch.listening():
            try:
                return await _story(api, watch, order, screen, settings)
            except asyncio.CancelledError:
                screen.note("Stopping what was begun ...")
                await watch.cancel_all()
                raise


async def _story(api: Api, watch: Watch, order: Order, screen: Screen, settings: Settings) -> Done:
    stages = _Stages()
    size = order.video.stat().st_size
    uploaded = await api.upload(order.video, title=order.title, sent=lambda sent: screen.upload(sent, size))
    screen.upload(size, size)
    stages.end("upload")
    video_id: str = uploaded["video"]["id"]
    watch.video_id = video_id

    await _look(api, watch, screen, uploaded)
    stages.end("analysis")
    clips = await _choose(api, watch, screen, video_id)
    stages.end("clips")
    chosen = [clip for clip in clips if clip["state"] != "REJECTED"][: order.clips]
    if not chosen:
        raise Failure("Every clip of this video was rejected before; there is nothing to render.")
    variants = await _render(api, watch, screen, chosen, order.recipes)
    stages.end("render")

    done = Done(video=await api.get(f"/videos/{video_id}"), analysis=await api.get(f"/videos/{video_id}/analysis"))
    await _fetch(api, order.out, chosen, variants, done)
    stages.end("download")
    if order.publish:
        done.posts, done.refused = await outward.publish(api, screen, settings, done.clips[0], done.video["title"])
        stages.end("publish")
        done.after = await aftermath.follow(api, screen, settings, done.posts)
        stages.end("aftermath")
    if order.ledger:
        await take_away(api, order.out / LEDGER)
        done.life = (await api.get(f"/ledger/trace/{done.clips[0]['id']}"))["steps"]
        stages.end("ledger")
    done.seconds = stages.seconds
    return done


async def _look(api: Api, watch: Watch, screen: Screen, uploaded: Row) -> None:
    """Wait until the video was analysed; one that failed before, or whose analysis was stopped, is tried again."""
    video, job = uploaded["video"], uploaded["job"]
    if not uploaded["created"]:
        screen.note("This video is here already; what is known of it is used.")
        if video["state"] == "READY":
            return
        if job is None or job["state"] not in {"PENDING", "PROCESSING", "RETRY"}:
            job = await api.post("/jobs", {"type": "cut_analysis", "video_id": video["id"]})
    watch.correlations.add(job["correlation_id"])
    watch.add(job)
    await _ended(watch, screen, [job["id"]])


async def _choose(api: Api, watch: Watch, screen: Screen, video_id: str) -> list[Row]:
    """The video's clips, best first, once they were proposed."""
    if not watch.correlations:  # the video was here before
        clips = await api.every("/clips", video_id=video_id, sort="rank")
        if clips:
            return clips
        job = await api.post("/jobs", {"type": "propose_clips", "video_id": video_id})
        watch.correlations.add(job["correlation_id"])
        watch.add(job)
    await watch.until(lambda: bool(watch.of("propose_clips")))
    await _ended(watch, screen, [watch.of("propose_clips")[-1]["id"]])
    clips = await api.every("/clips", video_id=video_id, sort="rank")
    if not clips:
        raise Failure("No clip was found in this video.")
    return clips


async def _render(
    api: Api, watch: Watch, screen: Screen, clips: list[Row], recipes: Iterable[str] | None
) -> dict[str, list[Row]]:
    """Accept the clips and have their variants made; gives them by clip."""
    ordered: dict[str, list[str]] = {}
    jobs: list[str] = []
    for clip in clips:
        if clip["state"] != "ACCEPTED":
            await api.post(f"/clips/{clip['id']}/accept")
        answer = await api.post(f"/clips/{clip['id']}/variants", {"recipes": list(recipes)} if recipes else None)
        ordered[clip["id"]] = [variant["id"] for variant in answer["variants"]]
        if answer["job"] is not None:
            screen.name(answer["job"]["id"], f"Render clip {clip['rank']}")
            watch.add(answer["job"])
            jobs.append(answer["job"]["id"])
    await _ended(watch, screen, jobs, all_must_succeed=False)
    found: dict[str, list[Row]] = {}
    for clip_id, wanted in ordered.items():
        rows = await api.every("/variants", clip_id=clip_id)
        found[clip_id] = sorted((row for row in rows if row["id"] in wanted), key=lambda row: wanted.index(row["id"]))
    return found


async def _ended(watch: Watch, screen: Screen, jobs: list[str], *, all_must_succeed: bool = True) -> None:
    waiting = Waiting()

    def ended() -> bool:
        rows = [watch.jobs[job] for job in jobs]
        if waiting.too_long(rows):
            screen.note("No worker takes the work. Is one running? `stakazo doctor` looks; `stakazo worker` adds one.")
        return all(row["state"] in {"COMPLETED", "FAILED", "CANCELLED"} for row in rows)

    await watch.until(ended)
    for row in (watch.jobs[job] for job in jobs):
        if all_must_succeed and row["state"] != "COMPLETED":
            raise Failure(_why(row))


def _why(row: Row) -> str:
    if row["state"] == "CANCELLED":
        return f"The job {row['type']} was cancelled."
    error = row.get("error") or {}
    return str(error.get("detail") or f"The job {row['type']} failed.")


async def _fetch(api: Api, out: Path, clips: list[Row], variants: dict[str, list[Row]], done: Done) -> None:
    """Bring every file here: `out/clip-01/instagram_reel.mp4`, beside its thumbnail and filmstrip."""
    fetched: dict[str, Path] = {}
    for clip in clips:
        folder = out / f"clip-{clip['rank']:02}"
        folder.mkdir(parents=True, exist_ok=True)
        row: Row = await api.get(f"/clips/{clip['id']}")
        for picture in ("thumbnail", "filmstrip"):
            path = folder / f"{picture}.jpg"
            await api.download(f"/clips/{clip['id']}/{picture}", path)
            row[picture] = str(path)
        row["variants"] = []
        for variant in variants[clip["id"]]:
            if variant["state"] != "READY":
                error: dict[str, Any] = variant.get("error") or {}
                reason = error.get("detail") or variant["state"].lower()
                done.failed.append((clip["id"], f"Clip {clip['rank']}, {variant['recipe']}: {reason}"))
                continue
            path = folder / f"{variant['recipe']}.mp4"
            await _fetch_once(api, variant, path, fetched)
            row["variants"].append(await api.get(f"/variants/{variant['id']}") | {"path": str(path)})
        done.clips.append(row)
    used = {clip["rule_id"] for clip in done.clips}
    used |= {variant["render"].get("rule_id") for clip in done.clips for variant in clip["variants"]}
    done.rules = [await api.get(f"/rules/{rule}") for rule in sorted(filter(None, used))]


async def _fetch_once(api: Api, variant: Row, path: Path, fetched: dict[str, Path]) -> None:
    """Variants that share their pixels are one file on the server: it is fetched once and copied here."""
    before = fetched.get(variant["sha256"])
    if before is not None and before != path:
        await asyncio.to_thread(shutil.copyfile, before, path)
    else:
        await api.download(f"/variants/{variant['id']}/file", path, sha256=variant["sha256"])
        fetched[variant["sha256"]] = path


class _Stages:
    """How long each stage took."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._since = time.monotonic()

    def end(self, stage: str) -> None:
        now = time.monotonic()
        self.seconds[stage] = round(now - self._since, 2)
        self._since = now
