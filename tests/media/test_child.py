from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable, Coroutine
from functools import partial
from pathlib import Path
from typing import Any

import psutil
import pytest
from tests.media.films import names

from stakazo import media
from stakazo.media import child
from stakazo.media.choice import Pick, Score, Window
from stakazo.media.confine import Limits
from stakazo.media.errors import AnalysisFailed, DiskFull, MediaError, Stopped, TooBig, Unreadable
from stakazo.media.thumbnails import preview
from stakazo.media.types import MediaInfo, Span

Encode = Callable[..., Path]
Begin = Callable[..., Coroutine[Any, Any, object]]


@pytest.fixture(scope="module")
def film(encode: Encode, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A minute that takes a while."""
    folder = tmp_path_factory.mktemp("child")
    once = encode(
        *("-f", "lavfi", "-i", "testsrc2=size=1280x720:rate=25:duration=5"),
        *("-c:v", "libx264", "-preset", "ultrafast", folder / "once.mp4"),
    )
    return encode("-stream_loop", "11", "-i", once, "-c", "copy", folder / "film.mp4")


@pytest.fixture(scope="module")
def clip(encode: Encode, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return encode(
        *("-f", "lavfi", "-i", "testsrc2=size=160x90:rate=25:duration=2", "-f", "lavfi", "-i", "sine=440:duration=2"),
        *("-c:v", "libx264", "-preset", "ultrafast", tmp_path_factory.mktemp("child") / "clip.mp4"),
    )


def children() -> set[int]:
    return {process.pid for process in psutil.Process().children(recursive=True)}


def picks(*times: float) -> list[Pick]:
    return [Pick(Window(time, time + 1.0, "shot", "shot"), Score(()), (), time) for time in times]


@pytest.fixture(params=["analysis", "preview"])
def begin(request: pytest.FixtureRequest, film: Path, tmp_path: Path) -> Begin:
    """Starts work on the film that takes a while, in a child that leaves what it leaves in `tmp_path`."""
    if request.param == "analysis":
        return partial(media.analyse_in_child, film, within=tmp_path)
    many = picks(*(index / 20 for index in range(1000)))
    return partial(media.preview_in_child, film, many, height=720, info=media.probe(film), within=tmp_path)


async def test_the_same_as_in_this_process(clip: Path):
    told: list[float] = []
    analysis = await media.analyse_in_child(clip, progress=lambda _, share: told.append(share), timeout=60)
    assert media.analysis_to_dict(analysis) == media.analysis_to_dict(media.analyse(clip))
    assert told[-1] == 1.0
    assert told == sorted(told)


async def test_previews_are_the_same_as_in_this_process(clip: Path, tmp_path: Path):
    info = media.probe(clip)
    told: list[tuple[str, float]] = []
    made = await media.preview_in_child(
        clip, picks(0.2, 0.9), height=54, info=info, within=tmp_path, progress=lambda *said: told.append(said)
    )
    assert made == [preview(clip, time, Span(time, time + 1.0), height=54, info=info) for time in (0.2, 0.9)]
    assert told == [("clip 1 of 2", 0.0), ("clip 2 of 2", 0.5)]
    assert names(tmp_path) == []


async def test_of_no_clip_there_is_no_preview(tmp_path: Path):
    info = MediaInfo("mp4", 1, 1.0, None, None, (), ())
    assert await media.preview_in_child(tmp_path / "nothing.mp4", [], height=54, info=info) == []


async def test_refusals_keep_their_class_and_words(tmp_path: Path):
    path = tmp_path / "x.mp4"
    path.write_text("no film")
    with pytest.raises(Unreadable, match=r"x\.mp4 is not a video"):
        await media.analyse_in_child(path, timeout=60)


@pytest.fixture
def half(clip: Path, tmp_path: Path) -> Path:
    torn = tmp_path / "half.mp4"
    torn.write_bytes(clip.read_bytes()[:2000])
    return torn


async def test_a_file_that_was_cut_off_since_gives_no_preview_but_a_refusal(clip: Path, half: Path):
    with pytest.raises(Unreadable, match="is not a video or sound file"):
        await media.preview_in_child(half, picks(0.5), height=54, info=media.probe(clip))


async def test_too_slow_is_stopped_and_nothing_is_left(begin: Begin, tmp_path: Path):
    before = children()
    with pytest.raises(Stopped):
        await begin(timeout=0.8)
    assert children() == before
    assert names(tmp_path) == []


async def test_cancelled_is_killed_and_nothing_is_left(begin: Begin, tmp_path: Path):
    before = children()
    started = asyncio.Event()
    task = asyncio.create_task(begin(progress=lambda *_: started.set()))
    await asyncio.wait_for(started.wait(), 60)
    assert children() - before
    assert len(names(tmp_path)) == 1
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert children() == before
    assert names(tmp_path) == []


@pytest.mark.parametrize(
    ("end", "kind", "words"),
    [(signal.SIGKILL, Stopped, "killed from outside"), (signal.SIGSEGV, Unreadable, "crashed its decoder")],
)
async def test_a_child_that_dies_is_an_error_and_no_hang(
    begin: Begin, tmp_path: Path, end: signal.Signals, kind: type[MediaError], words: str
):
    before = children()
    started = asyncio.Event()
    task = asyncio.create_task(begin(progress=lambda *_: started.set()))
    await asyncio.wait_for(started.wait(), 60)
    for pid in children() - before:
        os.kill(pid, end)
    with pytest.raises(kind, match=rf"film\.mp4 was {words}|film\.mp4 {words}"):
        await task
    assert names(tmp_path) == []


async def test_memory_has_a_limit(film: Path):
    with pytest.raises(MediaError):
        await media.analyse_in_child(film, limits=Limits(memory=60 * 1024**2), timeout=60)


@pytest.mark.parametrize(
    ("code", "left", "complaints", "kind"),
    [
        (1, b'{"error": "TooBig", "message": "It is too big."}', "", TooBig),
        (-signal.SIGSEGV, b"", "", Unreadable),
        (-signal.SIGKILL, b"", "", Stopped),
        (-signal.SIGKILL, b'{"version": 1, "inf', "", Stopped),
        (-signal.SIGKILL, b'{"version": 1}', "", Stopped),
        (1, b"", "Traceback\nMemoryError", TooBig),
        (1, b'{"version"', "Traceback\nOSError: [Errno 28] No space left on device", DiskFull),
        (1, b"", "Traceback\nRuntimeError: odd", AnalysisFailed),
    ],
)
def test_what_an_end_stands_for(code: int, left: bytes, complaints: str, kind: type[MediaError]):
    error = child.refusal(code, left, complaints, "The analysis of x.mp4")
    assert type(error) is kind
    assert str(error)


def test_an_end_that_nobody_foresaw_is_worth_another_try():
    complaints = "Traceback (most recent call last):\nAttributeError: what?"
    found = child.refusal(1, b"", complaints, "The analysis of film.mp4")
    assert (type(found), found.retryable) == (AnalysisFailed, True)
    assert str(found) == "The analysis of film.mp4 failed: AttributeError: what?"


def test_what_a_child_says_is_fit_for_a_terminal():
    told = b'{"error": "TooBig", "message": "\\u001b]0;title\\u0007 <b> ' + b"x" * 5000 + b'"}'
    found = child.refusal(1, told, "", "The analysis of x.mp4")
    assert str(found).startswith("?]0;title? <b> xxx")
    assert len(str(found)) == 600


def test_a_result_that_leads_elsewhere_is_none(tmp_path: Path):
    (tmp_path / "secret").write_text("{}")
    (tmp_path / "result.json").symlink_to(tmp_path / "secret")
    assert child._left(tmp_path / "result.json") == b""
