from __future__ import annotations

from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path

import pytest
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from stakazo.clips import service as clips
from stakazo.clips.models import Clip
from stakazo.core.actor import Actor, new_id
from stakazo.core.db import Database
from stakazo.core.errors import Conflict, Invalid, NotFound
from stakazo.jobs.models import Job
from stakazo.jobs.states import JobState
from stakazo.ledger.models import LedgerEvent
from stakazo.media.choice import Part, Pick, Score, Window
from stakazo.media.framing import CropKey, CropPath, CropShot, Framing
from stakazo.media.plan import Output
from stakazo.media.render import Rendered
from stakazo.media.types import Box
from stakazo.media.verify import Facts
from stakazo.variants import service as variants
from stakazo.variants.models import ClipVariant, VariantState
from stakazo.variants.recipes import RECIPES
from stakazo.videos import service as videos


@pytest.fixture
async def clip(database: Database, actor: Actor) -> Clip:
    return await make_clip(database, actor)


async def make_clip(database: Database, actor: Actor, start: float = 10.0) -> Clip:
    received = videos.Received("Song", "song.mp4", "somewhere/song.mp4", 1000, f"{int(start):02}" * 32, "video/mp4")
    score = Score((Part("hook", 0.5, 1.0, "the hook is in it"),))
    pick = Pick(Window(start, start + 20.0, "bar", "shot"), score, ("the hook is in it",), start + 1)
    async with database.transaction(actor) as session:
        video, _ = await videos.receive(session, new_id(), received)
        video.duration = 100.0
        proposal = await clips.propose(session, video, [pick])
    return proposal.clips[0]


@pytest.fixture
async def job(database: Database, actor: Actor) -> Job:
    row = Job(type="generate_variants", queue="media", payload={}, correlation_id=actor.correlation_id)
    async with database.transaction(actor) as session:
        session.add(row)
    return row


def made(name: str) -> Rendered:
    recipe = RECIPES[name]
    path = CropPath(recipe.aspect, (CropShot(10, 30, Framing.CROP, (CropKey(10, Box(0.3, 0, 0.3, 1)),), "A face."),))
    facts = Facts(
        size=5_000_000, width=recipe.width, height=recipe.height, duration=20.0, fps=Fraction(25), frames=500,
        video_codec="h264", profile="High", pixel_format="yuv420p", audio_codec="aac", sample_rate=48000, channels=2,
        loudness=-14.1, true_peak=-1.4, bitrate=2000, keyframes=(0.0,), brightness=100.0,
    )  # fmt: skip
    output = Output(name, recipe.width, recipe.height, path, Path("x.mp4"))
    return Rendered(output, facts, 2.5, 10.0, 30.0, ("-i", "source"), "n9")


async def ready(
    database: Database, actor: Actor, clip: Clip, job: Job, *names: str, key: str = "w/variants/{}.mp4"
) -> list[ClipVariant]:
    async with database.transaction(actor) as session:
        await variants.order(session, clip, names, job)
        for variant in await variants.begin(session, clip, job.id):
            file = key.format(variant.recipe)
            await variants.rendered(
                session, variant.id, made(variant.recipe), storage_key=file, sha256="ab" * 32, clip=clip
            )
        return await variants.of_clip(session, clip.id)


async def events(database: Database, actor: Actor) -> list[str]:
    async with database.transaction(actor) as session:
        found = select(LedgerEvent).where(LedgerEvent.subject_type == "variant").order_by(LedgerEvent.id)
        return [f"{event.event} {event.data['recipe']}" for event in await session.scalars(found)]


# --- ordering -----------------------------------------------------------------------------------------------


async def test_all_recipes_are_ordered_unless_some_are_named(database: Database, actor: Actor, clip: Clip):
    async with database.transaction(actor) as session:
        two = await variants.order(session, clip, ["tiktok", "instagram_reel"])
        everything = await variants.order(session, clip)
    assert [variant.recipe for variant in two] == ["instagram_reel", "tiktok"]
    assert [variant.recipe for variant in everything] == list(RECIPES)
    assert {variant.state for variant in everything} == {VariantState.PENDING}
    assert [variant.platform for variant in two] == ["instagram", "tiktok"]
    assert {variant.id for variant in two} <= {variant.id for variant in everything}
    assert len(await events(database, actor)) == len(RECIPES)


async def test_an_unknown_recipe_or_a_rejected_clip_is_refused(database: Database, actor: Actor, clip: Clip):
    async with database.transaction(actor) as session:
        with pytest.raises(Invalid, match="vine"):
            await variants.order(session, clip, ["vine"])
        await clips.reject(session, clip.id)
    async with database.transaction(actor) as session:
        rejected = await clips.get(session, clip.id)
        with pytest.raises(Conflict, match="rejected"):
            await variants.order(session, rejected)
    assert await events(database, actor) == []


async def test_ordering_again_changes_nothing_until_the_clip_changes(
    database: Database, actor: Actor, clip: Clip, job: Job
):
    await ready(database, actor, clip, job, "tiktok")
    async with database.transaction(actor) as session:
        (same,) = await variants.order(session, clip, ["tiktok"])
        assert same.state is VariantState.READY
        moved = await clips.adjust(session, clip.id, end=28.0)
        (again,) = await variants.order(session, moved, ["tiktok"])
    assert again.id == same.id
    assert again.state is VariantState.PENDING
    assert await events(database, actor) == [
        "variant_ordered tiktok", "variant_rendered tiktok", "variant_ordered tiktok"
    ]  # fmt: skip


async def test_a_clip_that_is_moved_while_it_is_rendered_is_rendered_again(
    database: Database, actor: Actor, clip: Clip, job: Job
):
    async with database.transaction(actor) as session:
        await variants.order(session, clip, ["tiktok", "instagram_reel"])
        await variants.begin(session, clip, job.id)
        assert await variants.overtaken(session, clip) == set()
        same = await variants.order(session, clip, ["tiktok"])
        assert [variant.state for variant in same] == [VariantState.RENDERING]
    async with database.transaction(actor) as session:
        moved = await clips.adjust(session, clip.id, end=28.0)
        assert await variants.overtaken(session, moved) == {job.id}
        again = await variants.order(session, moved, ["tiktok"])
    assert [(variant.recipe, variant.state, variant.clip_end) for variant in again] == [
        ("instagram_reel", VariantState.PENDING, 28.0),
        ("tiktok", VariantState.PENDING, 28.0),
    ]
    async with database.transaction(actor) as session:  # the job that renders it as it was is quicker than its end
        late = await variants.rendered(
            session, again[0].id, made("instagram_reel"), storage_key="w/variants/old.mp4", sha256="ab" * 32, clip=clip
        )
        (untouched, _) = await variants.of_clip(session, clip.id)
    assert late == "w/variants/old.mp4"
    assert (untouched.state, untouched.storage_key) == (VariantState.PENDING, None)


async def test_what_was_left_behind_by_a_job_that_has_ended_can_be_ordered(
    database: Database, actor: Actor, clip: Clip, job: Job
):
    async with database.transaction(actor) as session:
        await variants.order(session, clip, ["tiktok"])
        await variants.begin(session, clip, job.id)
        ended = await session.get_one(Job, job.id)
        ended.state, ended.finished_at = JobState.COMPLETED, datetime.now(UTC)
    async with database.transaction(actor) as session:
        (variant,) = await variants.order(session, clip, ["tiktok"])
    assert variant.state is VariantState.PENDING


# --- rendering ----------------------------------------------------------------------------------------------


async def test_a_job_begins_all_that_is_not_ready(database: Database, actor: Actor, clip: Clip, job: Job):
    await ready(database, actor, clip, job, "tiktok")
    async with database.transaction(actor) as session:
        await variants.order(session, clip, ["facebook_feed", "instagram_reel"])
    for _ in range(2):  # a second attempt takes up what the first left behind
        async with database.transaction(actor) as session:
            begun = await variants.begin(session, clip, job.id)
        assert [(variant.recipe, variant.state, variant.job_id) for variant in begun] == [
            ("instagram_reel", VariantState.RENDERING, job.id),
            ("facebook_feed", VariantState.RENDERING, job.id),
        ]


async def test_a_rendered_variant_has_the_facts_of_its_file_and_how_it_was_made(
    database: Database, actor: Actor, clip: Clip, job: Job
):
    await ready(database, actor, clip, job, "tiktok")
    async with database.transaction(actor) as session:
        (variant,) = (await variants.find(session)).items
    assert variant.state is VariantState.READY
    assert (variant.width, variant.height, variant.duration, variant.fps) == (1080, 1920, 20.0, 25.0)
    assert (variant.video_codec, variant.audio_codec) == ("h264", "aac")
    assert (variant.loudness, variant.true_peak, variant.size_bytes) == (-14.1, -1.4, 5_000_000)
    assert variant.render
    assert variant.render["ffmpeg"] == {"version": "n9", "arguments": ["-i", "source"]}
    assert variant.render["crop"]["shots"][0]["keys"] == [[10, 0.3, 0, 0.3, 1]]
    assert variant.render["source"] == {"start": 10.0, "end": 30.0}
    assert variant.render["warnings"] == []


async def test_a_new_file_says_which_one_it_replaces(database: Database, actor: Actor, clip: Clip, job: Job):
    (variant,) = await ready(database, actor, clip, job, "tiktok")
    async with database.transaction(actor) as session:
        replaced = await variants.rendered(
            session, variant.id, made("tiktok"), storage_key="w/variants/new.mp4", sha256="cd" * 32, clip=clip
        )
        same = await variants.rendered(
            session, variant.id, made("tiktok"), storage_key="w/variants/new.mp4", sha256="cd" * 32, clip=clip
        )
    assert (replaced, same) == ("w/variants/tiktok.mp4", None)


async def test_a_failure_is_told_by_what_was_to_be_rendered_and_leaves_the_rest(
    database: Database, actor: Actor, clip: Clip, job: Job
):
    await ready(database, actor, clip, job, "tiktok")
    error = {"code": "disk_full", "detail": "There is no space left.", "retryable": True}
    async with database.transaction(actor) as session:
        await variants.order(session, clip, ["instagram_reel"])
        await variants.begin(session, clip, job.id)
    for _ in range(2):
        async with database.transaction(actor) as session:
            await variants.failed(session, clip.id, error, job.id)
    async with database.transaction(actor) as session:
        reel, tiktok = await variants.of_clip(session, clip.id)
        assert (reel.state, reel.error) == (VariantState.FAILED, error)
        assert (tiktok.state, tiktok.error) == (VariantState.READY, None)
        (again,) = await variants.order(session, clip, ["instagram_reel"])
        assert (again.state, again.error) == (VariantState.PENDING, None)
    assert (await events(database, actor)).count("variant_failed instagram_reel") == 1


async def test_another_jobs_failure_is_not_this_ones(database: Database, actor: Actor, clip: Clip, job: Job):
    async with database.transaction(actor) as session:
        await variants.order(session, clip, ["tiktok"])
        await variants.begin(session, clip, job.id)
        await variants.failed(session, clip.id, {"code": "x", "detail": "y"}, new_id())
        (variant,) = await variants.of_clip(session, clip.id)
    assert variant.state is VariantState.RENDERING


# --- finding and forgetting ---------------------------------------------------------------------------------


async def test_variants_are_found_by_clip_video_state_recipe_and_platform(
    database: Database, actor: Actor, clip: Clip, job: Job
):
    other = await make_clip(database, actor, 50.0)
    await ready(database, actor, clip, job, "tiktok", "instagram_reel")
    async with database.transaction(actor) as session:
        await variants.order(session, other, ["instagram_feed", "tiktok"])

        async def found(**filters: object) -> list[str]:
            return [variant.recipe for variant in (await variants.find(session, **filters)).items]  # type: ignore[arg-type]

        assert len(await found()) == 4
        assert sorted(await found(clip_id=clip.id)) == ["instagram_reel", "tiktok"]
        assert sorted(await found(video_id=other.video_id)) == ["instagram_feed", "tiktok"]
        assert sorted(await found(state=VariantState.READY)) == ["instagram_reel", "tiktok"]
        assert await found(recipe="instagram_feed") == ["instagram_feed"]
        assert sorted(await found(platform="instagram")) == ["instagram_feed", "instagram_reel"]
        first = await variants.find(session, limit=3)
        rest = await variants.find(session, limit=3, cursor=first.next_cursor)
        assert len(first.items) == 3
        assert len(rest.items) == 1
        assert rest.next_cursor is None


async def test_a_deleted_variant_names_its_file_and_is_gone(database: Database, actor: Actor, clip: Clip, job: Job):
    (variant,) = await ready(database, actor, clip, job, "tiktok")
    async with database.transaction(actor) as session:
        assert await variants.delete(session, variant.id) == ["w/variants/tiktok.mp4"]
    async with database.transaction(actor) as session:
        with pytest.raises(NotFound):
            await variants.get(session, variant.id)
        with pytest.raises(NotFound):
            await variants.delete(session, variant.id)
    assert (await events(database, actor))[-1] == "variant_deleted tiktok"


async def test_what_is_being_rendered_is_not_deleted(database: Database, actor: Actor, clip: Clip, job: Job):
    async with database.transaction(actor) as session:
        await variants.order(session, clip, ["tiktok"])
        (variant,) = await variants.begin(session, clip, job.id)
        with pytest.raises(Conflict, match="being rendered"):
            await variants.delete(session, variant.id)


async def test_another_workspace_sees_none_of_it(
    database: Database, actor: Actor, other_actor: Actor, clip: Clip, job: Job
):
    (variant,) = await ready(database, actor, clip, job, "tiktok")
    async with database.transaction(other_actor) as session:
        assert (await variants.find(session)).items == []
        with pytest.raises(NotFound):
            await variants.get(session, variant.id)
        with pytest.raises(NotFound):
            await variants.delete(session, variant.id)
        assert await variants.of_clip(session, clip.id) == []
    with pytest.raises(IntegrityError):
        async with database.transaction(other_actor) as session:
            session.add(ClipVariant(clip_id=clip.id, recipe="tiktok", platform="tiktok"))
