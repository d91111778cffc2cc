"""What can be done with variants: order them, say how their rendering went, find and forget them."""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence
from typing import TYPE_CHECKING, Any, Literal
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from stakazo.clips import service as clips
from stakazo.clips.models import Clip, ClipState
from stakazo.core import rows
from stakazo.core.errors import Conflict
from stakazo.core.paging import Key, Page, page
from stakazo.jobs.models import Job
from stakazo.jobs.states import ACTIVE_STATES
from stakazo.ledger import service as ledger
from stakazo.media.framing import path_to_dict
from stakazo.variants import recipes
from stakazo.variants.models import ClipVariant, VariantState

if TYPE_CHECKING:
    from stakazo.media.render import Rendered  # whoever renders has loaded it

SAME = 1e-3
"""Seconds by which a clip's ends may differ and its variants still show it."""


async def order(
    session: AsyncSession, clip: Clip, names: Sequence[str] | None = None, job: Job | None = None
) -> list[ClipVariant]:
    """The clip's variants by these recipes (all for None), what isn't there as it should be waiting to be rendered.

    A variant that shows the clip as it is, or is just becoming so, stays as it is: ordering twice changes nothing. What
    is being rendered of the clip as it was before somebody moved it is ordered again, whoever ordered it. Raises
    Invalid for an unknown recipe, Conflict for a clip that was rejected.
    """
    # Two orders at once would each add the same variants: they wait for each other on the clip's row.
    clip = await clips.hold(session, clip.id)
    if clip.state is ClipState.REJECTED:
        raise Conflict("This clip was rejected: accept it before ordering variants of it.")
    there = {variant.recipe: variant for variant in await of_clip(session, clip.id)}
    busy = await _busy(session, there.values())
    overtaken = {variant.recipe for variant in there.values() if _overtaken(variant, clip)}
    found = []
    for recipe in recipes.chosen(None if names is None else {*names, *overtaken}):
        variant = there.get(recipe.name)
        if variant is None:
            variant = ClipVariant(clip_id=clip.id, recipe=recipe.name, platform=recipe.platform)
            session.add(variant)
        elif variant.state is VariantState.PENDING or _will_do(variant, clip, busy):
            found.append(variant)
            continue
        variant.state, variant.error, variant.job_id = VariantState.PENDING, None, job.id if job else None
        variant.clip_start, variant.clip_end = clip.start, clip.end
        await session.flush()
        await _record(session, "variant_ordered", variant, start=clip.start, end=clip.end)
        found.append(variant)
    return found


async def overtaken(session: AsyncSession, clip: Clip) -> set[UUID]:
    """The jobs that are rendering the clip as it was before somebody moved it."""
    rows = await session.scalars(select(ClipVariant).where(ClipVariant.clip_id == clip.id))
    return {variant.job_id for variant in rows if variant.job_id is not None and _overtaken(variant, clip)}


def _overtaken(variant: ClipVariant, clip: Clip) -> bool:
    return variant.state is VariantState.RENDERING and not _shows(variant, clip)


def _will_do(variant: ClipVariant, clip: Clip, busy: Container[UUID | None]) -> bool:
    """Whether a variant is what the clip is now, or is in the hands of a job that makes it so."""
    made = variant.state is VariantState.READY
    making = variant.state is VariantState.RENDERING and variant.job_id in busy
    return (made or making) and _shows(variant, clip)


def _shows(variant: ClipVariant, clip: Clip) -> bool:
    """Whether a variant's ends are the clip's."""
    if variant.clip_start is None or variant.clip_end is None:
        return False
    return abs(variant.clip_start - clip.start) < SAME and abs(variant.clip_end - clip.end) < SAME


async def _busy(session: AsyncSession, there: Iterable[ClipVariant]) -> set[UUID]:
    """Those of the variants' jobs that have not ended."""
    holders = {variant.job_id for variant in there if variant.job_id is not None}
    return set(await session.scalars(select(Job.id).where(Job.id.in_(holders), Job.state.in_(ACTIVE_STATES))))


async def begin(session: AsyncSession, clip: Clip, job_id: UUID) -> list[ClipVariant]:
    """The clip's variants that this job renders from now on: what waits, what was its own, what another left behind.

    What another job is rendering just now stays with it.
    """
    there = await of_clip(session, clip.id)
    others = await _busy(session, there) - {job_id}
    found = [
        variant
        for variant in there
        if variant.state is VariantState.PENDING
        or (variant.state is VariantState.RENDERING and variant.job_id not in others)
        or (variant.state is VariantState.FAILED and variant.job_id == job_id)
    ]
    for variant in found:
        variant.state, variant.job_id, variant.error = VariantState.RENDERING, job_id, None
        variant.clip_start, variant.clip_end = clip.start, clip.end
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
    """A variant is ready: its file, and the facts of the file. Says the key of the file that is needed no more, if any.

    That is the one which it replaces; or the new one, where the clip was moved meanwhile and the variant ordered anew.
    """
    variant = await _locked(session, variant_id)
    before = variant.storage_key
    if not _shows(variant, clip):
        return storage_key if storage_key != before else None
    facts = made.facts
    recipe = recipes.RECIPES[variant.recipe]
    variant.state, variant.error = VariantState.READY, None
    variant.storage_key, variant.sha256, variant.size_bytes = storage_key, sha256, facts.size
    variant.width, variant.height = facts.width, facts.height
    variant.duration, variant.fps = facts.duration, float(facts.fps)
    variant.video_codec, variant.audio_codec = facts.video_codec, facts.audio_codec
    variant.loudness, variant.true_peak = facts.loudness, facts.true_peak
    variant.render = {
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
        platform=variant.platform,
        sha256=sha256,
        size_bytes=facts.size,
        width=facts.width,
        height=facts.height,
        duration=facts.duration,
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
    return await rows.get(session, ClipVariant, variant_id, "variant")


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
    sort: Literal["newest", "oldest"] = "newest",
    cursor: str | None = None,
    limit: int = 50,
) -> Page[ClipVariant]:
    """Variants, filtered and sorted."""
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
    keys: list[Key] = [ClipVariant.created_at, ClipVariant.id]
    if sort == "newest":
        keys = [ClipVariant.created_at.desc(), ClipVariant.id.desc()]
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
    return await rows.hold(session, ClipVariant, variant_id, "variant")


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
