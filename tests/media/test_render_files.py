"""The files that rendering makes and leaves behind."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Literal

import av
import numpy as np
import psutil
import pytest
from tests.media.films import (
    film,
    halves,
    names,
    plan,
    tone,
)

from stakazo.media.errors import Damaged, MediaError, NotAsOrdered, RenderFailed, ToolMissing
from stakazo.media.plan import Encoding
from stakazo.media.render import render
from stakazo.media.types import Hdr, Span


async def test_variants_with_the_same_pixels_are_encoded_once(tmp_path: Path):
    noise = np.random.default_rng(1)
    pictures = [noise.integers(20, 230, (180, 320)).astype(np.uint8) for _ in range(25)]
    source = film(tmp_path / "in.mkv", pictures, sound=tone(1.0))
    results = await render(plan(source, Span(0, 1), reel=64, tiktok=128, short=256), thorough=True)

    def packets(file: Path, kind: Literal["video", "audio"]) -> list[bytes]:
        with av.open(str(file)) as container:
            stream = container.streams.best(kind)
            assert stream
            return [bytes(packet) for packet in container.demux(stream)]

    reel, tiktok, short = (result.file for result in results)
    assert packets(reel, "video") == packets(tiktok, "video") == packets(short, "video")
    sizes = [sum(map(len, packets(file, "audio"))) for file in (reel, tiktok, short)]
    assert sizes == sorted(sizes)
    assert sizes[0] < sizes[1]


async def test_nothing_of_the_source_is_written_beside_its_pictures_and_sound(tmp_path: Path):
    secret = {"title": "SECRET-1", "artist": "SECRET-2", "comment": "SECRET-3", "location": "+48.1SECRET-4/"}
    source = film(tmp_path / "in.mkv", [halves(90, 90)] * 25, sound=tone(1.0), metadata=secret)
    assert b"SECRET" in source.read_bytes()
    (result,) = await render(plan(source, Span(0, 1)))
    data = result.file.read_bytes()
    assert b"SECRET" not in data
    assert b"in.mkv" not in data
    assert b"Lavf" not in data
    assert str(tmp_path) not in " ".join(result.arguments)


async def test_names_with_strange_signs_are_files_like_others(tmp_path: Path):
    folder = tmp_path / "it's [a] strange|name, 100% ; \\o/"
    folder.mkdir()
    source = film(folder / "in 'put|.mp4", [halves(90, 90)] * 10)
    results = await render(plan(source, Span(0, 0.4), one=64, two=128))
    assert names(folder) == ["in 'put|.mp4", "one.mp4", "two.mp4"]
    assert [result.facts.frames for result in results] == [10, 10]


async def test_a_failed_rendering_leaves_no_file(tmp_path: Path):
    source = film(tmp_path / "in.mp4", [halves(90, 90)] * 25)
    broken = plan(source, Span(0, 1))
    broken = replace(
        broken,
        outputs=(broken.outputs[0], replace(broken.outputs[0], name="bad", file=tmp_path / "no" / "bad.mp4", width=90)),
    )
    with pytest.raises(RenderFailed):
        await render(broken)
    assert names(tmp_path) == ["in.mp4"]


async def test_a_span_beyond_the_source_is_not_as_ordered(tmp_path: Path):
    source = film(tmp_path / "in.mp4", [halves(90, 90)] * 25)
    with pytest.raises((NotAsOrdered, RenderFailed)):
        await render(plan(source, Span(0.5, 4.0)))
    assert names(tmp_path) == ["in.mp4"]


@pytest.mark.parametrize("span", [Span(1, 2), Span(0, 2)], ids=["all of it", "its end"])
async def test_what_can_not_be_decoded_is_said_to_be_damaged_and_where(tmp_path: Path, span: Span):
    noise = np.random.default_rng(1)
    pictures = [noise.integers(20, 230, (90, 90)).astype(np.uint8) for _ in range(50)]
    source = film(tmp_path / "in.mp4", pictures)
    ordered = plan(source, span)
    data = bytearray(source.read_bytes())
    spoilt = slice(len(data) // 3, data.rindex(b"moov") - 4)
    data[spoilt] = bytes(spoilt.stop - spoilt.start)
    source.write_bytes(data)
    with pytest.raises(Damaged, match=f"damaged between {span.start:.1f} and 2.0 s. .*NAL") as caught:
        await render(ordered)
    assert not caught.value.retryable
    assert names(tmp_path) == ["in.mp4"]


async def test_a_cancelled_rendering_leaves_no_file_and_no_process(tmp_path: Path):
    source = film(tmp_path / "in.mp4", [halves(90, 90)] * 50)
    slow = plan(source, Span(0, 2))
    outputs = tuple(
        replace(slow.outputs[0], name=f"o{n}", file=tmp_path / f"o{n}.mp4", width=1080 + 2 * n, height=1920,
                encoding=Encoding(preset="veryslow"))
        for n in range(6)
    )  # fmt: skip
    before = psutil.Process().children()  # another test's server of forks
    running = asyncio.ensure_future(render(replace(slow, outputs=outputs)))
    while names(tmp_path) == ["in.mp4"]:  # noqa: ASYNC110 - another process makes them
        await asyncio.sleep(0.01)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert psutil.Process().children() == before
    assert names(tmp_path) == ["in.mp4"]


async def test_media_errors_are_told_to_the_caller(tmp_path: Path):
    source = film(tmp_path / "in.mp4", [halves(90, 90)] * 25)
    gone = plan(source, Span(0, 1))
    source.unlink()
    with pytest.raises(MediaError):
        await render(gone)


async def test_hdr_is_refused_where_the_program_can_not_map_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    program = tmp_path / "ffmpeg"
    program.write_text("#!/bin/sh\necho ' .. scale V->V Scale'\n")
    program.chmod(0o755)
    sdr = plan(film(tmp_path / "in.mp4", [halves(90, 90)] * 25), Span(0, 1))
    hdr = replace(sdr, info=replace(sdr.info, video=replace(sdr.video, hdr=Hdr.PQ)))
    monkeypatch.setenv("STAKAZO_FFMPEG", str(program))
    with pytest.raises(ToolMissing, match="lacks zscale or tonemap"):
        await render(hdr)
