from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from stakazo import media
from stakazo.media import child
from stakazo.media.confine import Limits
from stakazo.media.errors import AnalysisFailed, MediaError, Stopped, TooBig, Unreadable

Encode = Callable[..., Path]


@pytest.fixture(scope="module")
def film(encode: Encode, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A minute that takes a while."""
    return encode(
        *("-f", "lavfi", "-i", "testsrc2=size=1280x720:rate=25:duration=60"),
        *("-c:v", "libx264", "-preset", "ultrafast", tmp_path_factory.mktemp("child") / "film.mp4"),
    )


@pytest.fixture(scope="module")
def clip(encode: Encode, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return encode(
        *("-f", "lavfi", "-i", "testsrc2=size=160x90:rate=25:duration=2", "-f", "lavfi", "-i", "sine=440:duration=2"),
        *("-c:v", "libx264", "-preset", "ultrafast", tmp_path_factory.mktemp("child") / "clip.mp4"),
    )


def children() -> set[int]:
    return {process.pid for process in psutil.Process().children(recursive=True)}


async def test_the_same_as_in_this_process(clip: Path):
    told: list[float] = []
    analysis = await media.analyse_in_child(clip, progress=lambda _, share: told.append(share), timeout=60)
    assert media.analysis_to_dict(analysis) == media.analysis_to_dict(media.analyse(clip))
    assert told[-1] == 1.0
    assert told == sorted(told)


async def test_refusals_keep_their_class_and_words(tmp_path: Path):
    path = tmp_path / "x.mp4"
    path.write_text("no film")
    with pytest.raises(Unreadable, match=r"x\.mp4 is not a video"):
        await media.analyse_in_child(path, timeout=60)


async def test_too_slow_is_stopped_and_nothing_is_left(film: Path):
    before = children()
    with pytest.raises(Stopped):
        await media.analyse_in_child(film, timeout=0.8)
    assert children() == before


async def test_cancelled_is_killed(film: Path):
    before = children()
    started = asyncio.Event()
    task = asyncio.create_task(media.analyse_in_child(film, progress=lambda *_: started.set()))
    await asyncio.wait_for(started.wait(), 60)
    assert children() - before
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert children() == before


async def test_killed_from_outside_is_an_error_and_not_a_hang(film: Path):
    before = children()
    started = asyncio.Event()
    task = asyncio.create_task(media.analyse_in_child(film, progress=lambda *_: started.set()))
    await asyncio.wait_for(started.wait(), 60)
    for pid in children() - before:
        psutil.Process(pid).kill()
    with pytest.raises(Stopped, match="SIGKILL"):
        await task


async def test_memory_has_a_limit(film: Path):
    with pytest.raises(MediaError):
        await media.analyse_in_child(film, limits=Limits(memory=60 * 1024**2), timeout=60)


@pytest.mark.parametrize(
    ("code", "left", "complaints", "kind"),
    [
        (1, b'{"error": "TooBig", "message": "It is too big."}', "", TooBig),
        (-signal.SIGSEGV, b"", "", Unreadable),
        (-signal.SIGKILL, b"", "", Stopped),
        (1, b"", "Traceback\nMemoryError", TooBig),
        (1, b"", "Traceback\nRuntimeError: odd", AnalysisFailed),
    ],
)
def test_what_an_end_stands_for(code: int, left: bytes, complaints: str, kind: type[MediaError]):
    error = child.refusal(code, left, complaints, "x.mp4")
    assert type(error) is kind
    assert str(error)


def test_an_end_that_nobody_foresaw_is_worth_another_try():
    found = child.refusal(1, b"", "Traceback (most recent call last):\nAttributeError: what?", "film.mp4")
    assert (type(found), found.retryable) == (AnalysisFailed, True)
    assert str(found) == "The analysis of film.mp4 failed: AttributeError: what?"
