from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Literal
from uuid import UUID

import pytest
from sqlalchemy import select

from stakazo.clips import service as clips
from stakazo.clips.models import Clip, ClipState
from stakazo.core.actor import Actor, new_id
from stakazo.core.db import Database
from stakazo.core.errors import Conflict, Invalid, NotFound
from stakazo.ledger.models import LedgerEvent
from stakazo.media.choice import Part, Pick, Score, Window
from stakazo.rules import service as rules
from stakazo.videos import service as videos
from stakazo.videos.models import VideoAsset


def pick(start: float, end: float, value: float = 0.5) -> Pick:
    score = Score((Part("hook", value, 3.0, "the hook is in it"), Part("motion", 0.5, 1.0, "it moves")))
    return Pick(Window(start, end, "bar", "shot"), score, ("the hook is in it",), start + 1)


@pytest.fixture
async def video(database: Database, actor: Actor) -> VideoAsset:
    return await make_video(database, actor)


async def make_video(database: Database, actor: Actor) -> VideoAsset:
    received = videos.Received("Song", "song.mp4", "somewhere/song.mp4", 1000, "ab" * 32, "video/mp4")
    async with database.transaction(actor) as session:
        made, _ = await videos.receive(session, new_id(), received)
        made.duration = 100.0
    return made


async def propose(database: Database, actor: Actor, video: VideoAsset, picks: Sequence[Pick]) -> clips.Proposal:
    async with database.transaction(actor) as session:
        rule = await rules.active(session)
        shown = [clips.Pictures(f"{index}.jpg", f"{index}.strip.jpg") for index in range(len(picks))]
        return await clips.propose(session, video, picks, rule.id, shown)


async def all_of(database: Database, actor: Actor) -> list[Clip]:
    async with database.transaction(actor) as session:
        return (await clips.find(session, sort="start")).items


async def events(database: Database, actor: Actor, clip_id: UUID) -> list[LedgerEvent]:
    async with database.transaction(actor) as session:
        found = select(LedgerEvent).where(LedgerEvent.subject_id == clip_id).order_by(LedgerEvent.id)
        return list(await session.scalars(found))


async def test_picks_become_ranked_clips_that_lead_back_to_their_source(
    database: Database, actor: Actor, video: VideoAsset
):
    await propose(database, actor, video, [pick(40, 60, 0.9), pick(10, 25)])
    first, second = sorted(await all_of(database, actor), key=lambda clip: clip.rank)
    assert (first.rank, first.start, first.end, first.starts_on, first.state) == (1, 40, 60, "bar", ClipState.PROPOSED)
    assert first.score == pytest.approx(80.0)
    assert first.score_parts[0] == {"name": "hook", "value": 0.9, "weight": 3.0, "reason": "the hook is in it"}
    assert (first.thumbnail_key, second.filmstrip_key) == ("0.jpg", "1.strip.jpg")
    (event,) = await events(database, actor, first.id)
    assert event.event == "clip_created"
    assert event.correlation_id == actor.correlation_id
    assert event.data["video_id"] == str(video.id)
    assert (event.data["start"], event.data["end"], event.data["rule_id"]) == (40, 60, str(first.rule_id))
    assert event.data["source_sha256"] == "ab" * 32
    assert event.data["score_parts"] == {"hook": 2.7, "motion": 0.5}


async def test_proposing_twice_changes_nothing(database: Database, actor: Actor, video: VideoAsset):
    picks = [pick(40, 60), pick(10, 25)]
    await propose(database, actor, video, picks)
    before = [(clip.id, clip.updated_at) for clip in await all_of(database, actor)]
    again = await propose(database, actor, video, picks)
    assert [(clip.id, clip.updated_at) for clip in await all_of(database, actor)] == before
    assert again.withdrawn == []
    assert [len(await events(database, actor, clip_id)) for clip_id, _ in before] == [1, 1]


async def test_two_runs_at_once_add_each_clip_once(database: Database, actor: Actor, video: VideoAsset):
    async with database.transaction(actor) as session:
        await rules.seed(session)
    await asyncio.gather(*(propose(database, actor, video, [pick(40, 60), pick(10, 25)]) for _ in range(3)))
    assert len(await all_of(database, actor)) == 2


async def test_a_new_choice_replaces_proposals_and_keeps_what_a_person_decided(
    database: Database, actor: Actor, video: VideoAsset
):
    made = await propose(database, actor, video, [pick(0, 10), pick(20, 30), pick(40, 50), pick(60, 70)])
    kept, refused, moved, loose = made.clips
    async with database.transaction(actor) as session:
        await clips.accept(session, kept.id)
        await clips.reject(session, refused.id)
        await clips.adjust(session, moved.id, start=41.0)
    # The new picks are the accepted and the rejected one a little later, the moved one as it was, and a new one.
    again = await propose(database, actor, video, [pick(0.5, 10.5), pick(21, 31), pick(40, 50), pick(80, 95)])
    assert [clip.id for clip in again.clips[:3]] == [kept.id, refused.id, moved.id]
    assert [clip.id for clip in again.withdrawn] == [loose.id]
    now = {clip.id: clip for clip in await all_of(database, actor)}
    assert set(now) == {kept.id, refused.id, moved.id, again.clips[3].id}
    assert (now[kept.id].start, now[kept.id].state) == (0.0, ClipState.ACCEPTED)
    assert now[refused.id].state is ClipState.REJECTED
    assert now[moved.id].start == 41.0
    assert [event.event for event in await events(database, actor, loose.id)] == ["clip_created", "clip_withdrawn"]


async def test_the_same_window_with_another_score_is_the_same_clip(database: Database, actor: Actor, video: VideoAsset):
    made = await propose(database, actor, video, [pick(0, 10), pick(20, 30)])
    again = await propose(database, actor, video, [pick(20, 30, 1.0), pick(0, 10)])
    assert [clip.id for clip in again.clips] == [made.clips[1].id, made.clips[0].id]
    best = next(clip for clip in await all_of(database, actor) if clip.rank == 1)
    assert (best.id, best.score) == (made.clips[1].id, pytest.approx(87.5))


async def test_decisions_are_recorded_once(database: Database, actor: Actor, video: VideoAsset):
    clip = (await propose(database, actor, video, [pick(0, 10)])).clips[0]
    async with database.transaction(actor) as session:
        await clips.accept(session, clip.id)
        await clips.accept(session, clip.id)
    async with database.transaction(actor) as session:
        await clips.reject(session, clip.id)
        await clips.delete(session, clip.id)
    told = await events(database, actor, clip.id)
    assert [event.event for event in told] == ["clip_created", "clip_accepted", "clip_rejected", "clip_deleted"]
    assert told[2].data["before"] == "ACCEPTED"
    assert await all_of(database, actor) == []


async def test_ends_are_moved_within_the_video(database: Database, actor: Actor, video: VideoAsset):
    clip = (await propose(database, actor, video, [pick(40, 60)])).clips[0]
    async with database.transaction(actor) as session:
        moved = await clips.adjust(session, clip.id, end=62.5)
        assert (moved.start, moved.end, moved.starts_on, moved.ends_on) == (40, 62.5, "bar", "person")
        for wanted, words in (
            ({"start": -1.0}, "must lie inside"),
            ({"end": 100.5}, "from 0 to 100.00 s"),
            ({"start": 62.0}, "at least 1 s"),
            ({"start": 70.0}, "at least 1 s"),
        ):
            with pytest.raises(Invalid, match=words):
                await clips.adjust(session, clip.id, **wanted)
        await clips.reject(session, clip.id)
        with pytest.raises(Conflict, match="rejected"):
            await clips.adjust(session, clip.id, start=41.0)
    (_, adjusted, _) = await events(database, actor, clip.id)
    assert adjusted.event == "clip_adjusted"
    assert adjusted.data["before"] == {"start": 40, "end": 60}
    assert adjusted.data["end"] == 62.5


async def test_finding_filters_and_sorts_page_by_page(database: Database, actor: Actor, video: VideoAsset):
    scores = [0.9, 0.7, 0.5, 0.3, 0.1]
    made = (await propose(database, actor, video, [pick(i * 20, i * 20 + 10, v) for i, v in enumerate(scores)])).clips
    async with database.transaction(actor) as session:
        await clips.accept(session, made[2].id)
    async with database.transaction(actor) as session:
        assert [c.id for c in (await clips.find(session, state=ClipState.ACCEPTED)).items] == [made[2].id]
        assert {c.id for c in (await clips.find(session, min_score=50.0)).items} == {c.id for c in made[:3]}
        assert (await clips.find(session, video_id=new_id())).items == []
        orders: list[tuple[Literal["newest", "score", "rank", "start"], Any]] = [
            ("score", made),
            ("rank", made),
            ("start", made),
            ("newest", made[::-1]),
        ]
        for sort, wanted in orders:
            seen: list[UUID] = []
            cursor = None
            while True:
                page = await clips.find(session, sort=sort, cursor=cursor, limit=2)
                seen += [clip.id for clip in page.items]
                cursor = page.next_cursor
                if cursor is None:
                    break
            assert seen == [clip.id for clip in wanted], sort


async def test_another_workspace_sees_nothing(database: Database, actor: Actor, other_actor: Actor, video: VideoAsset):
    clip = (await propose(database, actor, video, [pick(0, 10)])).clips[0]
    assert await all_of(database, other_actor) == []
    async with database.transaction(other_actor) as session:
        for verb in (clips.get, clips.accept, clips.reject, clips.adjust, clips.delete):
            with pytest.raises(NotFound):
                await verb(session, clip.id)


async def test_a_score_beyond_its_scale_is_kept_within_it(database: Database, actor: Actor, video: VideoAsset):
    odd = replace(pick(0, 10), score=Score((Part("hook", 1.0000001, 1.0, "rounding"),)))
    assert (await propose(database, actor, video, [odd])).clips[0].score == 100.0
