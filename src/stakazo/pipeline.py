"""The story of a video, one job after another: what is said here is what follows on what.

Files that a job makes are named after what they show and not after the attempt: a job that runs twice writes the same
file twice, and one that dies leaves nothing that the next run doesn't replace.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from stakazo import media
from stakazo.ads import audience_jobs as _audiences  # noqa: F401 (to whom)
from stakazo.ads import collecting
from stakazo.ads import jobs as _advertising  # noqa: F401 (the money behind the variants)
from stakazo.ads.jobs import steer_campaign
from stakazo.ads.models import Campaign
from stakazo.clips import service as clips
from stakazo.clips.models import Clip
from stakazo.core import outside
from stakazo.core.addresses import Allowed
from stakazo.core.errors import NotFound, OverQuota
from stakazo.core.security import Keyring
from stakazo.core.storage import Storage
from stakazo.core.workplace import enough_space
from stakazo.insights import jobs as _inbox  # noqa: F401 (what is said about it)
from stakazo.insights import measuring
from stakazo.insights.service import measurable
from stakazo.jobs.engine import JobOptions, job
from stakazo.jobs.models import Job
from stakazo.jobs.run import Run
from stakazo.media.choice import Pick, Preview
from stakazo.media.types import Span
from stakazo.notifications import jobs as _notifications  # noqa: F401 (who is told of it)
from stakazo.publishing import leaving as _leaving  # noqa: F401 (what is said to their platforms in the end)
from stakazo.publishing import service as publications
from stakazo.publishing.doubts import ask_again
from stakazo.publishing.jobs import check_publication, publish_variant
from stakazo.rules import service as rules
from stakazo.rules.models import PlatformRule
from stakazo.rules.schema import clip_rules, render_overrides
from stakazo.variants import quota as storage_quota
from stakazo.variants import recipes
from stakazo.variants import service as variants
from stakazo.variants.models import ClipVariant
from stakazo.variants.room import held
from stakazo.videos import analyses, imports
from stakazo.videos import service as videos
from stakazo.videos.arriving import in_words
from stakazo.videos.download import download
from stakazo.videos.models import VideoAsset

if TYPE_CHECKING:
    from stakazo.media.render import Rendered  # `media` loads what renders when it is first used

ROOM_LEASE = 600.0
"""Seconds for which room is held for an import whose process has died."""
THUMBNAIL_HEIGHT = 720
"""Pixels; a smaller source keeps its own height."""


async def place(
    transaction: Callable[[], AbstractAsyncContextManager[AsyncSession]],
    storage: Storage,
    received: videos.Received,
    file: Path,
    *,
    keep: bool = False,
) -> bool:
    """Give a file that has come whole its key, unless its video is here already; says whether it has it now.

    No transaction is open meanwhile: a long film is a while on its way to an object store. With `keep` the file keeps
    its old name too.
    """
    async with transaction() as session:
        if await videos.same(session, received.sha256, received.dedup_key) is not None:
            return False
    await storage.adopt(file, received.storage_key, keep=keep)
    return True


async def take_in(
    session: AsyncSession, video_id: UUID, received: videos.Received, *, placed: bool, quota: int | None
) -> tuple[VideoAsset, bool]:
    """A file that was `placed` gets its row and its analysis, together or not at all.

    Says the video, and whether it is new: the same bytes or the same key are the video that was here before, and start
    nothing. Raises OverQuota where the workspace's files would take more than `quota` bytes.
    """
    video, created = await videos.receive(session, video_id, received)
    if created:
        if not placed:
            raise NotFound(videos.DELETED_MEANWHILE)
        await storage_quota.require(session, quota)
        await cut_analysis.using(JobOptions(dedup_key=f"cut_analysis:{video.id}")).start(session, video.id)
    return video, created


@job(timeout=12 * 3600)
async def import_video(run: Run, import_id: UUID) -> None:
    """Fetch a video from the address that somebody gave; from then on it is like any that was sent."""
    async with run.transaction() as session:
        wanted = await imports.get(session, import_id)
        before = await videos.same(session, None, wanted.dedup_key) if wanted.dedup_key else None
    if before is not None:
        async with run.completion() as session:
            await imports.done(session, import_id, before, created=False)
        return

    temporary = run.storage.temporary(".import")
    try:
        async with (
            outside.client(Allowed.of(run.settings.allowed_networks)) as http,
            held(run.transaction, import_id, run.settings.storage_quota_bytes, ROOM_LEASE) as reach,
        ):
            came = await download(
                http,
                imports.url_of(wanted, Keyring(run.settings)),
                temporary,
                max_bytes=run.settings.max_upload_bytes,
                space=lambda coming: run.storage.require_room(coming, run.settings.min_free_bytes),
                room=reach,
                progress=lambda size, total: run.report(
                    size / total if total else 0.0,
                    "fetching",
                    f"{in_words(size)} of {in_words(total) if total else '?'}",
                ),
            )
        received = videos.Received(
            title=(wanted.title or Path(came.filename).stem or "Untitled")[:300],
            filename=came.filename,
            storage_key=f"{run.actor.workspace_id}/videos/{import_id}{came.container.extension}",
            size_bytes=came.size,
            sha256=came.sha256,
            content_type=came.container.content_type,
            dedup_key=wanted.dedup_key,
        )
        placed = await place(run.transaction, run.storage, received, temporary)
        try:
            async with run.completion() as session:
                video, created = await take_in(
                    session, import_id, received, placed=placed, quota=run.settings.storage_quota_bytes
                )
                await imports.done(session, import_id, video, created=created)
        except OverQuota:
            await _remove(run.storage, [received.storage_key])
            raise
        if placed and not created:
            await _remove(run.storage, [received.storage_key])
    finally:
        temporary.unlink(missing_ok=True)


@import_video.on_end
async def _import_failed(session: AsyncSession, row: Job, error: dict[str, Any]) -> None:
    await imports.failed(session, UUID(row.payload["import_id"]), error)


@job(queue="media", timeout=4 * 3600)
async def cut_analysis(run: Run, video_id: UUID) -> None:
    """Look at a video and listen to it; what was found is kept beside it, and its clips are chosen next."""
    async with run.transaction() as session:
        video = await videos.analysing(session, video_id)

    async with run.storage.fetched(video.storage_key) as source:
        analysis = await media.analyse_in_child(
            source,
            progress=lambda stage, fraction: run.report(fraction, stage),
            timeout=4 * 3600,
            within=run.storage.workshop(),
        )
    key = f"{run.actor.workspace_id}/analyses/{video_id}.json"
    await _keep(run.storage, key, lambda path: analyses.write(path, analysis))

    async with run.completion() as session:
        await videos.analysed(session, video_id, analysis, key)
        await propose_clips.using(JobOptions(dedup_key=f"propose_clips:{video_id}")).start(session, video_id)


@cut_analysis.on_end
async def _analysis_failed(session: AsyncSession, row: Job, error: dict[str, Any]) -> None:
    await videos.failed(session, UUID(row.payload["video_id"]), error)


@job(timeout=900)
async def propose_clips(run: Run, video_id: UUID) -> None:
    """Choose the clips of an analysed video by the active rule, with reasons, thumbnails and filmstrips."""
    async with run.transaction() as session:
        video = await videos.get(session, video_id)
        rule = await rules.active(session)
    run.report(0.05, "choosing")
    analysis = await _analysis(run.storage, video)
    picks = await asyncio.to_thread(media.choose, analysis, clip_rules(rule.rule))

    async with run.storage.fetched(video.storage_key) as source:
        previews = await media.preview_in_child(
            source,
            picks,
            height=THUMBNAIL_HEIGHT,
            info=analysis.info,
            progress=lambda clip, fraction: run.report(0.1 + 0.8 * fraction, "thumbnails", clip),
            timeout=900,
            within=run.storage.workshop(),
        )
    name = f"{run.actor.workspace_id}/thumbnails/{video_id}"
    pictures = [
        await _keep_preview(run.storage, name, pick, preview) for pick, preview in zip(picks, previews, strict=True)
    ]

    async with run.completion() as session:
        video = await videos.get(session, video_id)
        wanted = await variants.rendered_clips(session, video_id)
        proposal = await clips.propose(session, video, picks, rule.id, pictures, keep=wanted)
    used = {key for clip in proposal.clips for key in (clip.thumbnail_key, clip.filmstrip_key)}
    made = [key for shown in pictures for key in (shown.thumbnail_key, shown.filmstrip_key)]
    gone = [key for clip in proposal.withdrawn for key in (clip.thumbnail_key, clip.filmstrip_key)]
    await _remove(run.storage, [key for key in (*made, *gone) if key not in used])


async def _keep_preview(storage: Storage, name: str, pick: Pick, preview: Preview) -> clips.Pictures:
    start, end = (round(1000 * time) for time in (pick.window.start, pick.window.end))
    shown = clips.Pictures(f"{name}-{start}-{end}.jpg", f"{name}-{start}-{end}.strip.jpg")
    await _keep(storage, str(shown.thumbnail_key), lambda path: path.write_bytes(preview.thumbnail))
    await _keep(storage, str(shown.filmstrip_key), lambda path: path.write_bytes(preview.filmstrip))
    return shown


@job(queue="media", timeout=2 * 3600)
async def generate_variants(run: Run, clip_id: UUID) -> None:
    """Render everything that was ordered of a clip in one go; a file gets its name when it has been verified."""
    async with run.transaction() as session:
        clip = await clips.get(session, clip_id)
        video = await videos.get(session, clip.video_id)
        ordered = await variants.begin(session, clip, run.job_id)
        wanted = recipes.platforms(recipes.chosen(variant.recipe for variant in ordered))
        active = {platform: await rules.active(session, platform) for platform in wanted}
    run.storage.require_room(0, run.settings.min_free_bytes)
    analysis = await _analysis(run.storage, video)

    files = {variant.recipe: run.storage.temporary(".mp4") for variant in ordered}
    try:
        async with run.storage.fetched(video.storage_key) as source:
            made = await _render(run, source, analysis, Span(clip.start, clip.end), files, active)
        await _finish(run, clip, ordered, made, active)
    finally:
        for file in files.values():
            file.unlink(missing_ok=True)


async def _render(
    run: Run,
    source: Path,
    analysis: media.Analysis,
    span: Span,
    files: dict[str, Path],
    active: Mapping[str, PlatformRule],
) -> list[Rendered]:
    overrides = {platform: render_overrides(rule.rule) for platform, rule in active.items()}
    plans = await asyncio.to_thread(recipes.plans, source, analysis, span, files, overrides)
    made: list[Rendered] = []
    for number, plan in enumerate(plans):
        run.report(number / len(plans), "rendering")
        made += await media.render(
            plan,
            progress=lambda share, number=number: run.report((number + share) / len(plans), "rendering"),  # type: ignore[misc]
            timeout=2 * 3600,
        )
    return made


async def _finish(
    run: Run, clip: Clip, ordered: Iterable[ClipVariant], made: Iterable[Rendered], active: Mapping[str, PlatformRule]
) -> None:
    """Give every file its key, then say so in the rows, all at once."""
    by_recipe = {variant.recipe: variant for variant in ordered}
    done = []
    for one in made:
        variant = by_recipe[one.output.name]
        # The attempt's own: one that was taken for dead and wakes up must not write over what its successor verified.
        key = f"{run.actor.workspace_id}/variants/{variant.id}-{run.job_id.hex[-12:]}-{run.attempt}.mp4"
        sha256 = await asyncio.to_thread(_sha256, one.file)
        await run.storage.adopt(one.file, key)
        done.append((variant, one, key, sha256))
    replaced = []
    async with run.completion() as session:
        for variant, one, key, sha256 in done:
            rule_id = active[variant.platform].id
            replaced.append(
                await variants.rendered(
                    session, variant.id, one, storage_key=key, sha256=sha256, clip=clip, rule_id=rule_id
                )
            )
    await _remove(run.storage, replaced)


@generate_variants.on_end
async def _rendering_failed(session: AsyncSession, row: Job, error: dict[str, Any]) -> None:
    await variants.failed(session, UUID(row.payload["clip_id"]), error, row.id)


@steer_campaign.on_completion
async def _count(session: AsyncSession, row: Job) -> None:
    """What may have spent is reported from then on."""
    campaign = await session.get_one(Campaign, UUID(row.payload["campaign_id"]))
    await collecting.schedule(session, campaign.account_id)


@ask_again.on_completion
@publish_variant.on_completion
async def _measure(session: AsyncSession, row: Job) -> None:
    """What is public is measured from then on."""
    await measuring.schedule(session, await publications.get(session, UUID(row.payload["publication_id"])))


@check_publication.on_completion
async def _measure_at_once(session: AsyncSession, row: Job) -> None:
    """What a person posted may have been there for long."""
    publication = await publications.get(session, UUID(row.payload["publication_id"]))
    if measurable(publication):
        await measuring.look_now(session, publication)


@check_publication.on_end
async def _measure_all_the_same(session: AsyncSession, row: Job, error: dict[str, Any]) -> None:
    """The platform could not be asked whether it is there; it may be asked what became of it later."""
    del error
    await measuring.schedule(session, await publications.get(session, UUID(row.payload["publication_id"])))


def _sha256(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


async def _analysis(storage: Storage, video: VideoAsset) -> media.Analysis:
    """What was found in an analysed video."""
    async with storage.fetched(videos.analysed_key(video)) as kept:
        return await asyncio.to_thread(analyses.read, kept)


async def _keep(storage: Storage, key: str, write: Callable[[Path], Any]) -> None:
    """Write a file under a name of its own and give it its key once it is whole."""
    temporary = storage.temporary()
    try:
        with enough_space():
            await asyncio.to_thread(write, temporary)
        await storage.adopt(temporary, key)
    finally:
        temporary.unlink(missing_ok=True)


async def _remove(storage: Storage, keys: Iterable[str | None]) -> None:
    """Remove files that no row names any more."""
    await storage.delete(*(key for key in keys if key is not None))
