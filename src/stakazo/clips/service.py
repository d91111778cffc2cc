"""What can be done with clips: propose them, say yes or no, move their ends."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from stakazo.clips.models import Clip, ClipState
from stakazo.core import rows
from stakazo.core.errors import Conflict, Invalid
from stakazo.core.paging import Page, page
from stakazo.ledger import service as ledger
from stakazo.media.choice import LEAST, Pick
from stakazo.videos import service as videos
from stakazo.videos.models import VideoAsset

Sort = Literal["newest", "score", "rank", "start"]

SAME = 0.05
"""Seconds: two clips whose ends lie closer together than this are one."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """What a proposal came to."""

    clips: list[Clip]
    """The clips of the picks, in their order: new ones, and those that were there."""
    withdrawn: list[Clip]
    """Proposals of before that are gone; their files are the caller's to remove once this has committed."""


@dataclass(frozen=True, slots=True)
class Pictures:
    """Where the pictures of a clip lie in storage."""

    thumbnail_key: str | None = None
    filmstrip_key: str | None = None


async def propose(
    session: AsyncSession,
    video: VideoAsset,
    picks: Sequence[Pick],
    rule_id: UUID | None = None,
    pictures: Sequence[Pictures] = (),
    *,
    keep: Collection[UUID] = (),
) -> Proposal:
    """Make these picks the video's proposals, ranked in their order. Running it twice changes nothing.

    Proposals of before that are not among them go; what a person accepted, rejected or moved stays, and is not
    proposed again. `pictures`, where given, are those of the picks in the same order. Proposals in
    `keep` don't go either: files were made of them.
    """
    # Two runs at once would each add the same clips: they wait for each other on the video's row.
    await session.execute(select(VideoAsset.id).where(VideoAsset.id == video.id).with_for_update())
    before = list(await session.scalars(select(Clip).where(Clip.video_id == video.id).order_by(Clip.rank, Clip.id)))
    clips: list[Clip] = []
    for rank, pick in enumerate(picks, start=1):
        shown = pictures[rank - 1] if rank <= len(pictures) else Pictures()
        known = next((clip for clip in before if _same(clip, pick)), None)
        if known is None:
            clips.append(await _create(session, video, rank, pick, rule_id, shown))
        elif known not in clips:
            if not _decided(known):
                _describe(known, rank, pick, rule_id, shown)
            clips.append(known)
    withdrawn = [clip for clip in before if not _decided(clip) and clip not in clips and clip.id not in keep]
    for clip in withdrawn:
        await session.delete(clip)
        await _record(session, "clip_withdrawn", clip, reason="a new choice")
    await session.flush()
    return Proposal(clips, withdrawn)


def _decided(clip: Clip) -> bool:
    """Whether a person had a hand in it."""
    return clip.state is not ClipState.PROPOSED or "person" in {clip.starts_on, clip.ends_on}


def _same(clip: Clip, pick: Pick) -> bool:
    """Whether a pick is a clip that is there: the same ends, or mostly one that a person has decided on."""
    window = pick.window
    if abs(clip.start - window.start) < SAME and abs(clip.end - window.end) < SAME:
        return True
    shared = min(clip.end, window.end) - max(clip.start, window.start)
    return _decided(clip) and shared > 0.5 * min(clip.end - clip.start, window.end - window.start)


async def _create(
    session: AsyncSession, video: VideoAsset, rank: int, pick: Pick, rule_id: UUID | None, pictures: Pictures
) -> Clip:
    clip = Clip(
        video_id=video.id,
        start=pick.window.start,
        end=pick.window.end,
        starts_on=pick.window.starts_on,
        ends_on=pick.window.ends_on,
        state=ClipState.PROPOSED,
    )
    _describe(clip, rank, pick, rule_id, pictures)
    session.add(clip)
    await session.flush()
    await _record(
        session,
        "clip_created",
        clip,
        rank=rank,
        score=round(clip.score, 2),
        score_parts={part["name"]: round(part["value"] * part["weight"], 4) for part in clip.score_parts},
        source_sha256=video.sha256,
    )
    return clip


def _describe(clip: Clip, rank: int, pick: Pick, rule_id: UUID | None, pictures: Pictures) -> None:
    clip.rank = rank
    clip.score = min(max(pick.score.total, 0.0), 100.0)
    clip.score_parts = [
        {"name": part.name, "value": part.value, "weight": part.weight, "reason": part.reason}
        for part in pick.score.parts
    ]
    clip.reasons = list(pick.reasons)
    clip.rule_id = rule_id
    clip.thumbnail_key = pictures.thumbnail_key or clip.thumbnail_key
    clip.filmstrip_key = pictures.filmstrip_key or clip.filmstrip_key


async def get(session: AsyncSession, clip_id: UUID) -> Clip:
    return await rows.get(session, Clip, clip_id, "clip")


async def hold(session: AsyncSession, clip_id: UUID) -> Clip:
    """The clip as it is now; nobody changes it until the transaction ends."""
    return await rows.hold(session, Clip, clip_id, "clip")


async def find(
    session: AsyncSession,
    *,
    video_id: UUID | None = None,
    state: ClipState | None = None,
    min_score: float | None = None,
    sort: Sort = "newest",
    cursor: str | None = None,
    limit: int = 50,
) -> Page[Clip]:
    """Clips: the newest first, the best scored first, by rank in their video, or in order of the film."""
    found = select(Clip)
    if video_id is not None:
        found = found.where(Clip.video_id == video_id)
    if state is not None:
        found = found.where(Clip.state == state)
    if min_score is not None:
        found = found.where(Clip.score >= min_score)
    orders: dict[Sort, list[Any]] = {
        "newest": [Clip.created_at.desc(), Clip.id.desc()],
        "score": [Clip.score.desc(), Clip.id.desc()],
        "rank": [Clip.rank, Clip.id],
        "start": [Clip.start, Clip.id],
    }
    return await page(session, found, keys=orders[sort], cursor=cursor, limit=limit)


async def accept(session: AsyncSession, clip_id: UUID) -> Clip:
    """A person wants this clip."""
    return await _decide(session, clip_id, ClipState.ACCEPTED, "clip_accepted")


async def reject(session: AsyncSession, clip_id: UUID) -> Clip:
    """A person doesn't want this clip: it isn't proposed again."""
    return await _decide(session, clip_id, ClipState.REJECTED, "clip_rejected")


async def _decide(session: AsyncSession, clip_id: UUID, state: ClipState, event: str) -> Clip:
    clip = await hold(session, clip_id)
    if clip.state is not state:
        before, clip.state = clip.state, state
        await session.flush()
        await _record(session, event, clip, before=before.value)
    return clip


async def adjust(session: AsyncSession, clip_id: UUID, *, start: float | None = None, end: float | None = None) -> Clip:
    """Move the start or the end, in seconds of the source. Score and reasons stay those of the proposal."""
    clip = await hold(session, clip_id)
    video = await videos.get(session, clip.video_id)
    before = (clip.start, clip.end)
    wanted = (clip.start if start is None else start, clip.end if end is None else end)
    if wanted == before:
        return clip
    if clip.state is ClipState.REJECTED:
        raise Conflict("This clip was rejected; accept it before moving its ends.")
    if wanted[0] < 0 or (video.duration is not None and wanted[1] > video.duration + 1e-3):
        lasts = f"from 0 to {video.duration:.2f} s" if video.duration is not None else "from 0 s"
        raise Invalid(f"A clip must lie inside its video, which goes {lasts}.")
    if wanted[1] - wanted[0] < LEAST:
        raise Invalid(f"A clip needs at least {LEAST:g} s; this one would have {wanted[1] - wanted[0]:.2f} s.")
    clip.start, clip.end = wanted
    clip.starts_on = "person" if clip.start != before[0] else clip.starts_on
    clip.ends_on = "person" if clip.end != before[1] else clip.ends_on
    await session.flush()
    await _record(session, "clip_adjusted", clip, before={"start": before[0], "end": before[1]})
    return clip


async def delete(session: AsyncSession, clip_id: UUID) -> Clip:
    """Forget a clip with its variants; the caller removes the files once this has committed."""
    clip = await hold(session, clip_id)
    await session.delete(clip)
    await _record(session, "clip_deleted", clip)
    await session.flush()
    return clip


async def _record(session: AsyncSession, event: str, clip: Clip, **data: Any) -> None:
    """In the ledger, with what leads back to the source: its video, the frames' times, the rule."""
    await ledger.record(
        session,
        event,
        subject=("clip", clip.id),
        video_id=str(clip.video_id),
        start=clip.start,
        end=clip.end,
        rule_id=str(clip.rule_id) if clip.rule_id else None,
        **data,
    )
