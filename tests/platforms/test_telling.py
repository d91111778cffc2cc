"""TikTok and YouTube tell by themselves what becomes of posts: when it is so, in its order, and once."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from tests.platforms.conftest import START, There, sandboxed

from stakazo.platforms.base import Handle, Kind, Media, Platform, Post, Stage
from stakazo.platforms.sandbox import world as known
from stakazo.platforms.sandbox.faults import Fault
from stakazo.platforms.sandbox.world import World
from stakazo.platforms.youtube_hub import Hub

WAIT = 30.0
TITLED = Post(kind=Kind.VIDEO, caption="Words", title="Blue")


class Ear:
    """Takes what is sent; says yes to whoever asks whether it may."""

    def __init__(self) -> None:
        self.url = ""
        self.came: asyncio.Queue[tuple[bytes, dict[str, str]]] = asyncio.Queue()

    async def tiktok(self) -> tuple[str, dict[str, Any]]:
        """The next event and its content, signed as TikTok signs."""
        body, headers = await asyncio.wait_for(self.came.get(), WAIT)
        at, sign = headers["tiktok-signature"].removeprefix("t=").split(",s=")
        secret = b"sandbox-tiktok-secret"
        assert sign == hmac.new(secret, f"{at}.".encode() + body, hashlib.sha256).hexdigest()
        said = json.loads(body)
        assert said["user_openid"] == known.CREATOR
        return said["event"], json.loads(said["content"])

    async def youtube(self) -> tuple[str, str]:
        """`new` or `gone`, and the title or the id."""
        body, headers = await asyncio.wait_for(self.came.get(), WAIT)
        assert headers["x-hub-signature"] == "sha1=" + hmac.new(b"word", body, hashlib.sha1).hexdigest()
        if gone := re.search(rb'ref="yt:video:([^"]+)"', body):
            return "gone", gone[1].decode()
        return "new", re.search(rb"<title>([^<]*)", body)[1].decode()  # type: ignore[index]


@asynccontextmanager
async def listening() -> AsyncIterator[Ear]:
    ear = Ear()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        text = dict(parse_qsl(urlsplit(first.split()[1]).query)).get("hub.challenge", "ok")
        if first.startswith("POST"):
            ear.came.put_nowait((await reader.readexactly(int(headers["content-length"])), headers))
        writer.write(f"HTTP/1.1 200 OK\r\nContent-Length: {len(text)}\r\nConnection: close\r\n\r\n{text}".encode())
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        ear.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
        yield ear


@pytest.fixture
async def ear(there: There) -> AsyncIterator[Ear]:
    async with listening() as ear:
        await there.http.post(f"{there.url}/sandbox/settings", json={"tiktok_callback": ear.url})
        yield ear


async def sent(there: There, film: Media, platform: Platform, post: Post) -> str:
    """A post that is on its way; its upload's id."""
    publisher = there.publisher(platform)
    handle = await publisher.upload(await publisher.begin(post, film), film)
    if platform is Platform.YOUTUBE:
        there.world.move_on(there.world.processing)
    await publisher.finish(handle, post, film)
    return handle.id


async def test_tiktok_tells_that_a_post_is_out_and_later_that_everybody_sees_it(there: There, ear: Ear, film: Media):
    there.world.faults.add(Fault("moderation", times=1))
    handle = await sent(there, film, Platform.TIKTOK, Post(kind=Kind.VIDEO))
    await asyncio.sleep(0.3)
    assert ear.came.empty(), "TikTok works on it still"
    there.world.move_on(there.world.processing)
    assert await ear.tiktok() == (
        "post.publish.complete", {"publish_id": handle, "publish_type": "DIRECT_PUBLISH"},
    )  # fmt: skip
    there.world.move_on(600)
    event, content = await ear.tiktok()
    assert (event, content["post_id"]) == ("post.publish.publicly_available", handle.rpartition(".")[2])


@pytest.mark.parametrize(
    ("kind", "fault", "event", "stage"),
    [
        (Kind.VIDEO, "post_failed", "post.publish.failed", Stage.FAILED),
        (Kind.INBOX, "", "post.publish.inbox_delivered", Stage.INBOX),
    ],
)
async def test_tiktok_tells_how_else_an_upload_ended(
    there: There, ear: Ear, film: Media, kind: Kind, fault: str, event: str, stage: Stage
):
    if fault:
        there.world.faults.add(Fault(fault, times=1, detail={"fail_reason": "frame_rate_check_failed"}))
    handle = await sent(there, film, Platform.TIKTOK, Post(kind=kind))
    there.world.move_on(there.world.processing)
    said, content = await ear.tiktok()
    assert (said, content["publish_id"]) == (event, handle)
    assert content.get("reason") == ("frame_rate_check_failed" if fault else None)
    asked = await there.publisher(Platform.TIKTOK).ask(Handle(handle, there.connection.now(), size=1), Post())
    assert asked.stage is stage, "asked, it says the same"


async def test_youtube_tells_of_what_everybody_sees(there: There, ear: Ear, film: Media):
    publisher = there.publisher(Platform.YOUTUBE)
    before = await sent(there, film, Platform.YOUTUBE, TITLED)
    await asyncio.sleep(0.3)
    await Hub(there.connection, live=False).subscribe(known.CHANNEL, ear.url, "word")
    handle = await publisher.upload(await publisher.begin(TITLED, film), film)
    there.world.move_on(there.world.processing)
    await asyncio.sleep(0.3)
    assert ear.came.empty(), "neither of what was there before, nor of what is private"
    await publisher.finish(handle, TITLED, film)
    assert await ear.youtube() == ("new", "Blue")
    video = there.world.things[handle.id]
    there.world.change(video, snippet={**video["snippet"], "title": "Bluer"})
    assert await ear.youtube() == ("new", "Bluer")
    await publisher.delete(handle.id)
    assert await ear.youtube() == ("gone", handle.id)
    there.world.change(there.world.things[before], status={"privacyStatus": "private"})
    assert await ear.youtube() == ("gone", before)
    assert ear.came.empty()


async def test_what_was_told_is_not_told_again_by_a_sandbox_that_goes_on(tmp_path: Path, film: Media):
    file = tmp_path / "world.db"
    async with listening() as ear:
        for first in (True, False):
            world = World(clock=lambda: START, file=file)
            world.callbacks["tiktok"] = ear.url
            async with sandboxed(world) as there:
                if first:
                    await sent(there, film, Platform.TIKTOK, Post(kind=Kind.VIDEO))
                    there.world.move_on(there.world.processing)
                    assert sorted([(await ear.tiktok())[0] for _ in range(2)]) == [
                        "post.publish.complete", "post.publish.publicly_available",
                    ]  # fmt: skip
                else:
                    await asyncio.sleep(0.3)
            world.close()
        assert ear.came.empty()
