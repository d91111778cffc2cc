"""The sandbox's own things: chance that can be repeated, and a file that keeps everything."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from tests.platforms.conftest import There

from stakazo.platforms import publishers
from stakazo.platforms.base import Account, Kind, Media, Platform, Post, Stage
from stakazo.platforms.errors import Rejected, TryLater, Unknown
from stakazo.platforms.sandbox.faults import KNOWN, SCENARIOS, Fault, Faults
from stakazo.platforms.sandbox.world import World


def met(seed: int, *, between: int = 0) -> list[bool]:
    faults = Faults(seed)
    faults.play("storm")
    found = []
    for _ in range(40):
        for _ in range(between):
            faults.strikes("lost_reply", "POST Page/videos")
        found.append(faults.strikes("lost_reply", "POST IGUser/media_publish") is not None)
    return found


def test_the_same_seed_meets_the_same_faults_whatever_happens_in_between():
    assert met(7) == met(7, between=3)
    assert met(7) != met(8)
    assert 0 < sum(met(7)) < 40


def test_a_fault_happens_where_and_as_often_as_it_was_planned():
    faults = Faults()
    faults.add(Fault("lost_reply", where="POST IGUser/*", times=2))
    assert faults.strikes("lost_reply", "GET IGUser/media") is None
    assert faults.strikes("late_reply", "POST IGUser/media") is None
    assert [faults.strikes("lost_reply", "POST IGUser/media") is not None for _ in range(3)] == [True, True, False]


def test_every_scenario_can_be_played_and_no_other():
    for name in (*SCENARIOS, *KNOWN):
        Faults().play(name)
    with pytest.raises(ValueError, match="no such scenario"):
        Faults().play("rain")
    with pytest.raises(ValueError, match="no such fault"):
        Fault("rain")


def test_everything_is_there_again_in_its_order(tmp_path: Path):
    file = tmp_path / "sandbox.db"
    world = World(clock=lambda: 1000.0, file=file)
    first, second = world.new("IGMedia", owner="1"), world.new("IGMedia", owner="2")
    world.change(first, caption="changed")
    world.drop(world.new("IGMedia", owner="3")["id"])
    world.move_on(60)
    world.close()
    again = World(clock=lambda: 1000.0, file=file)
    assert [(one["id"], one.get("caption")) for one in again.of("IGMedia")] == [
        (second["id"], None), (first["id"], "changed"),
    ]  # fmt: skip
    assert again.now() == 1060
    assert again.new("IGMedia")["id"] not in world.things
    again.close()


@pytest.mark.parametrize("platform", list(Platform))
async def test_more_accounts_see_only_what_is_theirs(there: There, film: Media, platform: Platform):
    made = (await there.http.post(f"{there.url}/sandbox/accounts", json={"platform": platform})).json()
    mine = publishers.of(there.connection, Account(platform, made["id"], made["token"]))
    handle = await mine.begin(Post(title="t"), film)
    assert (await mine.ask(handle, Post())).stage in {Stage.UPLOADING, Stage.READY}
    if platform in {Platform.INSTAGRAM, Platform.FACEBOOK}:
        stranger = there.publisher(platform)
        assert (await stranger.ask(handle, Post())).stage is Stage.FAILED
        with pytest.raises(Rejected):
            await stranger.finish(handle, Post(), film)


async def test_limits_can_be_set(there: There, film: Media):
    for limit, wanted in ((0, TryLater), (1, None)):
        said = {"limits": {"youtube": limit}, "processing": 0.5}
        answer = (await there.http.post(f"{there.url}/sandbox/settings", json=said)).json()
        assert (answer["limits"]["youtube"], there.world.processing) == (limit, 0.5)
        begin = there.publisher(Platform.YOUTUBE).begin(Post(title="t"), film)
        if wanted:
            with pytest.raises(wanted):
                await begin
        else:
            assert (await begin).upload_url
    wrong = await there.http.post(f"{there.url}/sandbox/settings", json={"processing": "slow"})
    assert wrong.status_code == 422


@pytest.mark.parametrize(("detail", "pause"), [({"seconds": 30}, 30), ({"looks": 2}, 0)])
async def test_an_effect_may_come_when_nobody_waits_for_it_any_more(
    there: There, film: Media, detail: dict[str, float], pause: float
):
    """And then to what is there by then: what was done again meanwhile isn't done twice."""
    publisher = there.publisher(Platform.INSTAGRAM)
    handle = await publisher.upload(await publisher.begin(Post(), film), film)
    there.world.move_on(there.world.processing)
    for again in (False, True):
        there.world.faults.add(Fault("late_effect", "POST IGUser/media_publish", times=1, detail=detail))
        with pytest.raises(Unknown):
            await publisher.finish(handle, Post(), film)
        if not again:
            seen = [(await publisher.ask(handle, Post())).stage for _ in range(2)]
            assert seen == [Stage.READY, Stage.READY], "not yet"
        there.world.move_on(pause)
        for _ in range(2):
            assert (await publisher.ask(handle, Post())).stage is Stage.PUBLISHED
    assert len(list(there.world.of("IGMedia"))) == 1


@pytest.mark.parametrize("platform", [Platform.TIKTOK, Platform.YOUTUBE])
async def test_so_may_tiktok_s_and_youtube_s(there: There, film: Media, platform: Platform):
    publisher, post = there.publisher(platform), Post(kind=Kind.VIDEO, title="t")
    handle = await publisher.upload(await publisher.begin(post, film), film)
    there.world.move_on(there.world.processing)
    there.world.faults.add(Fault("late_effect", "PUT *", times=1, detail={"seconds": 30}))
    with pytest.raises(Unknown):
        await publisher.finish(handle, post, film)
    assert (await publisher.ask(handle, post)).stage is Stage.READY
    there.world.move_on(30)
    there.world.catch_up()
    await asyncio.sleep(0.1)
    there.world.move_on(there.world.processing)
    assert (await publisher.ask(handle, post)).stage is Stage.PUBLISHED
