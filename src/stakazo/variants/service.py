"""What can be done with variants: order them, say how their rendering went, find and forget them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from stakazo.clips.models import Clip, ClipState
from stakazo.core.errors import Conflict, NotFound
from stakazo.core.paging import Page, page
from stakazo.jobs.models import Job
from stakazo.jobs.states import ACTIVE_STATES
from stakazo.ledger import service as ledger
from stakazo.media.framing import path_to_dict
from stakazo.media.render import Rendered
from stakazo.variants import recipes
from stakazo.variants.models import ClipVariant, VariantState

SAME = 1e-3
"""Seconds by which a clip's ends may differ and its variants still show it."""


async def order(
    session: AsyncSession, clip: Clip, names: Sequence[str] | None = None, job: Job | None = None
) -> list[ClipVariant]:
    """The clip's variants by these recipes (all for None), what isn't there as it should be waiting to be rendered.

    A variant that is ready and shows the clip as it is stays as it is: ordering twice changes nothing. Raises
    Invalid for an unknown recipe, Conflict for a clip that was rejected.
    """
    wanted = recipes.chosen(names)
    # Two orders at once would each add the same variants: they wait for each other on the clip's row.
    await session.execute(select(Clip.id).where(Clip.id == clip.id).with_for_update())
    if clip.state is ClipState.REJECTED:
        raise Conflict("This clip was rejected: accept it before ordering variants of it.")
    there = {variant.recipe: variant for variant in await of_clip(session, clip.id)}
    found = []
    for recipe in wanted:
        variant = there.get(recipe.name)
        if variant is None:
            variant = ClipVariant(clip_id=clip.id, recipe=recipe.name, platform=recipe.platform)
            session.add(variant)
        elif variant.state is not VariantState.PENDING and not _shows(variant, clip):
            variant.state, variant.error = VariantState.PENDING, None
        else:
            found.append(variant)
            continue
        variant.state = VariantState.PENDING
        variant.job_id = job.id if job else None
        await session.flush()
        await _record(session, "variant_ordered", variant, start=clip.start, end=clip.end)
        found.append(variant)
    return found


def _shows(variant: ClipVariant, clip: Clip) -> bool:
    """Whether a variant is, or is becoming, what the clip is now."""
    if variant.state is VariantState.RENDERING:
        return True
    if variant.state is not VariantState.READY or not variant.render:
        return False
    return _same(variant.render["clip"]["start"], clip.start) and _same(variant.render["clip"]["end"], clip.end)


def _same(one: float, other: float) -> bool:
    return abs(one - other) < SAME


async def begin(session: AsyncSession, clip_id: UUID, job_id: UUID) -> list[ClipVariant]:
    """The clip's variants that this job renders from now on: what waits, what was its own, what another left behind.

    What another job is rendering just now stays with it.
    """
    there = await of_clip(session, clip_id)
    holders = {variant.job_id for variant in there if variant.job_id not in {None, job_id}}
    busy = set(await session.scalars(select(Job.id).where(Job.id.in_(holders), Job.state.in_(ACTIVE_STATES))))
    found = [
        variant
        for variant in there
        if variant.state is VariantState.PENDING
        or (variant.state is VariantState.RENDERING and variant.job_id not in busy)
        or (variant.state is VariantState.FAILED and variant.job_id == job_id)
    ]
    for variant in found:
        variant.state, variant.job_id, variant.error = VariantState.RENDERING, job_id, None
    await session.flush()
    return found


async def rendered(
    session: AsyncSession,
    variant_id: UUID,
    made: Rendered,
    *,
    storage_key: str,
    sha256: str,
    clip: Clip,
    rule_id: UUID | None = None,
) -> str | None:
    """A variant is ready: its file, and the facts of the file. Says the key of the file that it replaces, if any."""
    variant = await _locked(session, variant_id)
    before = variant.storage_key
    facts = made.facts
    recipe = recipes.RECIPES[variant.recipe]
    variant.state, variant.error = VariantState.READY, None
    variant.storage_key, variant.sha256, variant.size_bytes = storage_key, sha256, facts.size
    variant.width, variant.height = facts.width, facts.height
    variant.duration, variant.fps = facts.duration, float(facts.fps)
    variant.video_codec, variant.audio_codec = facts.video_codec, facts.audio_codec
    variant.loudness, variant.true_peak = facts.loudness, facts.true_peak
    variant.render = {
        "clip": {"start": clip.start, "end": clip.end},
        "source": {"start": made.start, "end": made.end},
        "ffmpeg": {"version": made.ffmpeg_version, "arguments": list(made.arguments)},
        "gain": made.gain,
        "crop": path_to_dict(made.output.path),
        "bitrate": facts.bitrate,
        "rule_id": str(rule_id) if rule_id else None,
        "warnings": recipes.warnings(recipe, duration=facts.duration, size=facts.size),
    }
    await session.flush()
    await _record(
        session,
        "variant_rendered",
        variant,
        sha256=sha256,
        video_id=str(clip.video_id),
        start=made.start,
        end=made.end,
        rule_id=str(rule_id) if rule_id else None,
    )
    return before if before != storage_key else None


async def failed(session: AsyncSession, clip_id: UUID, error: dict[str, Any], job_id: UUID | None = None) -> None:
    """What was to be rendered of this clip (by this job, if one is named) can't be, and why."""
    for variant in await of_clip(session, clip_id):
        if variant.state is VariantState.READY or variant.state is VariantState.FAILED:
            continue
        if job_id is not None and variant.job_id not in {job_id, None}:
            continue
        variant.state, variant.error = VariantState.FAILED, error
        await session.flush()
        await _record(session, "variant_failed", variant, error=error.get("code"), detail=error.get("detail"))


async def get(session: AsyncSession, variant_id: UUID) -> ClipVariant:
    variant = await session.get(ClipVariant, variant_id)
    if variant is None:
        raise NotFound(f"There is no variant {variant_id}.")
    return variant


async def of_clip(session: AsyncSession, clip_id: UUID) -> list[ClipVariant]:
    """A clip's variants, in the recipes' order."""
    found = select(ClipVariant).where(ClipVariant.clip_id == clip_id).with_for_update()
    names = list(recipes.RECIPES)
    rows = await session.scalars(found.execution_options(populate_existing=True))
    return sorted(rows, key=lambda row: names.index(row.recipe) if row.recipe in names else len(names))


async def rendered_clips(session: AsyncSession, video_id: UUID) -> set[UUID]:
    """The video's clips of which variants were ordered: somebody wants them."""
    found = select(ClipVariant.clip_id).join(
        Clip, (Clip.workspace_id == ClipVariant.workspace_id) & (Clip.id == ClipVariant.clip_id)
    )
    return set(await session.scalars(found.where(Clip.video_id == video_id)))


async def find(
    session: AsyncSession,
    *,
    clip_id: UUID | None = None,
    video_id: UUID | None = None,
    state: VariantState | None = None,
    recipe: str | None = None,
    platform: str | None = None,
    cursor: str | None = None,
    limit: int = 50,
) -> Page[ClipVariant]:
    """Variants, newest first."""
    found = select(ClipVariant)
    if clip_id is not None:
        found = found.where(ClipVariant.clip_id == clip_id)
    if video_id is not None:
        found = found.where(ClipVariant.clip_id.in_(select(Clip.id).where(Clip.video_id == video_id)))
    if state is not None:
        found = found.where(ClipVariant.state == state)
    if recipe is not None:
        found = found.where(ClipVariant.recipe == recipe)
    if platform is not None:
        found = found.where(ClipVariant.platform == platform)
    keys: list[Any] = [ClipVariant.created_at.desc(), ClipVariant.id.desc()]
    return await page(session, found, keys=keys, cursor=cursor, limit=limit)


async def delete(session: AsyncSession, variant_id: UUID) -> list[str]:
    """Forget a variant; says the keys of files that the caller removes once this has committed."""
    variant = await _locked(session, variant_id)
    if variant.state is VariantState.RENDERING:
        raise Conflict("This variant is being rendered: cancel its job first, or wait for its end.")
    await session.delete(variant)
    await _record(session, "variant_deleted", variant, sha256=variant.sha256)
    await session.flush()
    return files([variant])


def files(variants: Iterable[ClipVariant]) -> list[str]:
    """The storage keys of these variants' files."""
    return [variant.storage_key for variant in variants if variant.storage_key]


async def _locked(session: AsyncSession, variant_id: UUID) -> ClipVariant:
    found = select(ClipVariant).where(ClipVariant.id == variant_id).with_for_update()
    variant = (await session.scalars(found.execution_options(populate_existing=True))).one_or_none()
    if variant is None:
        raise NotFound(f"There is no variant {variant_id}.")
    return variant


async def _record(session: AsyncSession, event: str, variant: ClipVariant, **data: Any) -> None:
    """In the ledger, with what leads back to its clip and the job."""
    await ledger.record(
        session,
        event,
        subject=("variant", variant.id),
        clip_id=str(variant.clip_id),
        recipe=variant.recipe,
        job_id=str(variant.job_id) if variant.job_id else None,
        **data,
    )
