"""TikTok's publisher against the sandbox, and its arithmetic of pieces."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import obstore
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.platforms.conftest import There
from tests.platforms.source import FileSource, RangeSource

from stakazo.platforms.base import Audience, Kind, Media, Platform, Post, Stage
from stakazo.platforms.errors import PlatformError, Reason, Rejected, TokenExpired, TryLater, Unknown
from stakazo.platforms.sandbox.faults import Fault
from stakazo.platforms.tiktok import MiB, TikTok, chunk_size, count, pieces

POST = Post(kind=Kind.VIDEO, caption="Ça ira 🎺 #jazz", cover_at=2)


@pytest.fixture
def long_film(tmp_path: Path) -> Media:
    """Three pieces, the last one longer."""
    path = tmp_path / "long.mp4"
    with path.open("wb") as file:
        file.truncate(26 * MiB + 5)
    return Media(FileSource(path))


@given(st.integers(1, 256 * 1024**3))
def test_pieces_are_as_tiktok_wants_them(size: int):
    found = pieces(size)
    assert found[0][0] == 0
    assert found[-1][1] == size
    assert all(one[1] == two[0] for one, two in pairwise(found))
    assert len(found) == count(size) <= 1000
    if len(found) > 1:
        assert {stop - start for start, stop in found[:-1]} == {chunk_size(size)}
        assert chunk_size(size) >= 5_000_000
        assert found[-1][1] - found[-1][0] < 2 * chunk_size(size)
        if size <= 60 * 1024**3:
            assert chunk_size(size) <= 64 * MiB
    else:
        assert size < 16 * MiB


async def test_the_last_piece_is_what_publishes(there: There, long_film: Media):
    tiktok = there.publisher(Platform.TIKTOK)
    handle = await tiktok.begin(POST, long_film)
    assert (await tiktok.ask(handle, POST)).stage is Stage.UPLOADING
    await tiktok.upload(handle, long_film)
    there.world.move_on(600)
    assert (await tiktok.ask(handle, POST)).stage is Stage.READY
    assert (await tiktok.finish(handle, POST, long_film)).stage is Stage.SENT
    assert (await tiktok.ask(handle, POST)).stage is Stage.SENT
    there.world.move_on(60)
    done = await tiktok.ask(handle, POST)
    assert done.stage is Stage.PUBLISHED
    assert done.post_id
    assert done.url == f"https://www.tiktok.com/@bluenote.sandbox/video/{done.post_id}"
    [post] = there.world.of("TikTokPost")
    assert post["info"]["title"] == POST.caption
    assert post["info"]["video_cover_timestamp_ms"] == 2000
    assert post["info"]["disable_stitch"] is True, "the creator has turned it off"
    there.world.move_on(86400)
    assert (await tiktok.measure(done.post_id)).views


async def test_a_small_file_is_one_piece(there: There, film: Media):
    tiktok = there.publisher(Platform.TIKTOK)
    handle = await tiktok.upload(await tiktok.begin(POST, film), film)
    assert (await tiktok.ask(handle, POST)).stage is Stage.READY
    await tiktok.finish(handle, POST, film)
    assert there.operations("PUT") == ["PUT TikTok/upload"]


@pytest.mark.parametrize("what", ["lost_reply", "never_arrived"])
async def test_a_lost_answer_is_settled_by_asking(there: There, film: Media, what: str):
    tiktok = there.publisher(Platform.TIKTOK)
    handle = await tiktok.upload(await tiktok.begin(POST, film), film)
    there.world.faults.add(Fault(what, "PUT TikTok/upload", times=1))
    with pytest.raises(Unknown):
        await tiktok.finish(handle, POST, film)
    expected = {"lost_reply": Stage.SENT, "never_arrived": Stage.READY}[what]
    assert (await tiktok.ask(handle, POST)).stage is expected
    await tiktok.finish(handle, POST, film)
    await tiktok.finish(handle, POST, film)
    assert there.operations("PUT") == ["PUT TikTok/upload"]


async def test_an_upload_that_broke_off_is_gone_on_with(there: There, long_film: Media):
    tiktok = there.publisher(Platform.TIKTOK)
    handle = await tiktok.begin(POST, long_film)
    there.world.faults.add(Fault("never_arrived", "PUT TikTok/upload", times=1))
    with pytest.raises(TryLater):
        await tiktok.upload(handle, long_film)
    there.world.faults.add(Fault("upload_cut", times=1))
    with pytest.raises(TryLater):
        await tiktok.upload(handle, long_film)
    await tiktok.upload(handle, long_film)
    assert (await tiktok.ask(handle, POST)).stage is Stage.READY


async def test_a_draft_waits_in_the_inbox(there: There, film: Media):
    draft = Post(kind=Kind.INBOX)
    tiktok = there.publisher(Platform.TIKTOK)
    handle = await tiktok.upload(await tiktok.begin(draft, film), film)
    await tiktok.finish(handle, draft, film)
    there.world.move_on(60)
    assert (await tiktok.ask(handle, draft)).stage is Stage.INBOX


async def test_public_comes_before_its_id(there: There, film: Media):
    there.world.faults.add(Fault("moderation"))
    tiktok = there.publisher(Platform.TIKTOK)
    handle = await tiktok.upload(await tiktok.begin(POST, film), film)
    await tiktok.finish(handle, POST, film)
    there.world.move_on(60)
    early = await tiktok.ask(handle, POST)
    assert (early.stage, early.post_id) == (Stage.PUBLISHED, None)
    there.world.move_on(900)
    assert (await tiktok.ask(handle, POST)).post_id


@pytest.mark.parametrize(
    ("said", "reason"),
    [("duration_check_failed", Reason.MEDIA), ("spam_risk_text", Reason.BLOCKED), ("internal", Reason.PROCESSING)],
)
async def test_a_post_that_failed_says_why(there: There, film: Media, said: str, reason: Reason):
    there.world.faults.add(Fault("post_failed", detail={"fail_reason": said}))
    tiktok = there.publisher(Platform.TIKTOK)
    handle = await tiktok.upload(await tiktok.begin(POST, film), film)
    await tiktok.finish(handle, POST, film)
    there.world.move_on(60)
    assert (await tiktok.ask(handle, POST)).reason is reason


@pytest.mark.parametrize(
    ("fault", "kind", "reason"),
    [
        (Fault("rate_limit"), TryLater, Reason.RATE),
        (Fault("expired_token"), TokenExpired, Reason.EXPIRED),
        (Fault("error", detail={"code": "spam_risk_too_many_posts", "status": 403}), TryLater, Reason.QUOTA),
        (Fault("error", detail={"code": "scope_not_authorized", "status": 401}), Rejected, Reason.PERMISSION),
        (Fault("error"), TryLater, Reason.BUSY),
    ],
)
async def test_codes_say_what_an_error_means(
    there: There, film: Media, fault: Fault, kind: type[PlatformError], reason: Reason
):
    there.world.faults.add(fault)
    with pytest.raises(kind) as raised:
        await there.publisher(Platform.TIKTOK).begin(POST, film)
    assert raised.value.reason is reason


async def test_what_the_creator_may_not_is_refused_before_anything_is_sent(there: There, film: Media):
    tiktok = there.publisher(Platform.TIKTOK)
    with pytest.raises(Rejected, match="FOLLOWER_OF_CREATOR"):
        await tiktok.begin(Post(audience=Audience.FOLLOWERS), film)
    with pytest.raises(Rejected, match="600 seconds"):
        await tiktok.begin(POST, Media(film.source, duration=601))
    with pytest.raises(Rejected, match="bytes"):
        await tiktok.begin(POST, Media(url="https://example.com/film.mp4"))
    assert list(there.world.of("TikTokPost")) == []
    assert isinstance(tiktok, TikTok)
    assert (await tiktok.creator()).nickname == "Blue Note"


async def test_an_upload_address_lives_an_hour(there: There, film: Media):
    tiktok = there.publisher(Platform.TIKTOK)
    handle = await tiktok.begin(POST, film)
    there.world.move_on(3601)
    with pytest.raises(Rejected) as old:
        await tiktok.finish(handle, POST, film)
    assert old.value.reason is Reason.GONE
    assert old.value.reason.anew


async def test_bytes_can_come_from_anything_that_gives_ranges(there: There):
    asked: list[tuple[int, int]] = []

    async def fetch(start: int, stop: int) -> bytes:
        asked.append((start, stop))
        return bytes(stop - start)

    media = Media(RangeSource(20 * MiB, fetch))
    tiktok = there.publisher(Platform.TIKTOK)
    handle = await tiktok.upload(await tiktok.begin(POST, media), media)
    await tiktok.finish(handle, POST, media)
    assert there.world.things[handle.id.rpartition(".")[2]]["received"] == 20 * MiB
    assert max(stop - start for start, stop in asked) == 4 * MiB


async def test_bytes_can_come_from_an_object_store(there: There):
    store = obstore.store.MemoryStore()
    await obstore.put_async(store, "film.mp4", bytes(range(256)) * 40_000)
    size = (await obstore.head_async(store, "film.mp4"))["size"]

    async def fetch(start: int, stop: int) -> bytes:
        return bytes(await obstore.get_range_async(store, "film.mp4", start=start, end=stop))

    media = Media(RangeSource(size, fetch, piece=1_000_003))
    whole = b"".join([piece async for piece in RangeSource(size, fetch, piece=1_000_003).read(7, size)])
    assert whole == (bytes(range(256)) * 40_000)[7:]
    tiktok = there.publisher(Platform.TIKTOK)
    handle = await tiktok.upload(await tiktok.begin(POST, media), media)
    assert (await tiktok.finish(handle, POST, media)).stage is Stage.SENT


async def test_a_source_that_shrinks_is_noticed(film: Media, tmp_path: Path):
    path = tmp_path / "shrinks.mp4"
    path.write_bytes(b"12345678")
    source = FileSource(path)
    path.write_bytes(b"1234")
    with pytest.raises(EOFError):
        _ = [piece async for piece in source.read(0, 8)]
