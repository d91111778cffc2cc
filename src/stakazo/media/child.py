"""Decoding a stranger's file in a process of its own: one that crashes, hangs or eats memory takes nothing with it.

The child's side is `python -m stakazo.media` (see `__main__.py`). What it leaves is a JSON file in a folder of its own,
which is removed afterwards; it lies where the caller says, so that after a `kill -9` the caller's own sweep finds it.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import signal
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stakazo.media import ffmpeg
from stakazo.media.choice import Pick, Preview
from stakazo.media.codec import analysis_from_dict, info_to_dict, record_from_dict, record_to_dict
from stakazo.media.confine import GB, Access, Limits, Means
from stakazo.media.errors import AnalysisFailed, DiskFull, MediaError, Stopped, TooBig, Unreadable
from stakazo.media.means import python
from stakazo.media.models import folder
from stakazo.media.types import Analysis, MediaInfo, Progress
from stakazo.media.verify import Facts, Order

LIMITS = Limits(memory=(2 * GB + min(os.cpu_count() or 1, 16) * GB // 4), file=256 * 1024**2)
"""What a child may use. Twice what 8K takes, which is more with every processor that decodes; an analysis of twelve
hours is a tenth of that file."""


async def analyse_in_child(
    path: Path,
    *,
    progress: Progress | None = None,
    timeout: float | None = 3600.0,  # noqa: ASYNC109 - the child must be killed first: the caller can't
    models: Path | None = None,
    limits: Limits = LIMITS,
    means: Means | None = None,
    within: Path | None = None,
) -> Analysis:
    """`analyse` in a child process that is killed when this is cancelled or takes longer than `timeout` seconds.

    The child sees the file, the models and its own folder, within `limits`, by the means of this machine or those
    given. That folder is made in `within` (default: where the system has temporary files). Raises MediaError: whatever
    refused the file, Stopped after the time limit, Unreadable when the decoder crashed.
    """
    work = _Work("analysis", path, models=models or folder())
    return analysis_from_dict(await work.done(progress, timeout, limits, means, within))


async def preview_in_child(
    path: Path,
    picks: Sequence[Pick],
    *,
    height: int,
    info: MediaInfo,
    progress: Progress | None = None,
    timeout: float | None = 900.0,  # noqa: ASYNC109 - likewise
    limits: Limits = LIMITS,
    means: Means | None = None,
    within: Path | None = None,
) -> list[Preview]:
    """Thumbnail (of this height or less) and filmstrip of every pick, made by one child process for all of them.

    The rest as in `analyse_in_child`.
    """
    if not picks:
        return []
    clips = [[pick.thumbnail, pick.window.start, pick.window.end] for pick in picks]
    work = _Work("preview", path, wanted={"info": info_to_dict(info), "height": height, "clips": clips})
    found = await work.done(progress, timeout, limits, means, within)
    return [Preview(*(base64.b64decode(jpeg) for jpeg in pictures)) for pictures in found["clips"]]


async def verify_in_child(
    files: Sequence[tuple[Path, Order]],
    *,
    thorough: bool = False,
    timeout: float | None = 900.0,  # noqa: ASYNC109 - likewise
    limits: Limits = LIMITS,
    means: Means | None = None,
    within: Path | None = None,
) -> list[Facts]:
    """The facts of rendered files, all in one child: what FFmpeg made of a stranger's file is a stranger's too.

    Raises NotAsOrdered for the first that isn't; the rest as in `analyse_in_child`.
    """
    wanted = {"files": [[str(_absolute(file)), record_to_dict(order)] for file, order in files], "thorough": thorough}
    work = _Work("verification", files[0][0], beside=[file for file, _ in files[1:]], wanted=wanted)
    found = await work.done(None, timeout, limits, means, within)
    return [record_from_dict(Facts, facts) for facts in found["facts"]]


def _absolute(file: Path) -> Path:
    return file.absolute()


@dataclass(frozen=True, slots=True)
class _Work:
    """What one child does."""

    what: str
    path: Path
    beside: Sequence[Path] = ()
    """More files that it reads."""
    models: Path | None = None
    wanted: dict[str, Any] | None = None
    """What it is to do, where that isn't an analysis."""

    async def done(
        self,
        progress: Progress | None,
        timeout: float | None,  # noqa: ASYNC109 - likewise
        limits: Limits,
        means: Means | None,
        within: Path | None,
    ) -> dict[str, Any]:
        """What it found."""

        def line(text: str) -> None:
            with contextlib.suppress(ValueError, TypeError):
                stage, share = json.loads(text)
                if progress:
                    progress(str(stage), float(share))

        with tempfile.TemporaryDirectory(prefix=f"{self.what}-", dir=within) as own:
            result = Path(own, "result.json")
            argv, access = self._order(result)
            ended = await ffmpeg.child(argv, access=access, limits=limits, means=means, line=line, timeout=timeout)
            left = _left(result)
        if ended.code == 0 and left:
            found: dict[str, Any] = json.loads(left)
            return found
        raise refusal(ended.code, left, ended.stderr, f"The {self.what} of {self.path.name}")

    def _order(self, result: Path) -> tuple[list[str], Access]:
        """The command, and the files that it can see."""
        file, own = self.path.absolute(), result.parent.absolute()
        reads = [file, *(path.absolute() for path in self.beside)]
        argv = [sys.executable, "-P", "-m", "stakazo.media", str(file), "--result", str(own / result.name)]
        if self.models:
            reads.append(self.models.absolute())
            argv += ["--models", str(reads[-1])]
        if self.wanted:
            wanted = own / "wanted.json"
            wanted.write_text(json.dumps({"work": self.what, **self.wanted}), encoding="utf-8")
            argv += ["--wanted", str(wanted)]
        return argv, Access(programs=python(), reads=tuple(reads), folder=own)


def _left(result: Path) -> bytes:
    return result.read_bytes() if result.is_file() and not result.is_symlink() else b""


def refusal(code: int, left: bytes, complaints: str, work: str) -> MediaError:
    """The error a child stands for that ended without a result: what it left, or how it ended."""
    with contextlib.suppress(ValueError, KeyError, TypeError):  # it may have died while it wrote
        told = json.loads(left)
        kind = {cls.__name__: cls for cls in _classes(MediaError)}.get(told["error"], MediaError)
        return kind(str(told["message"]))
    if code < 0:
        return _ended_by(-code, work)
    if "MemoryError" in complaints or "Cannot allocate memory" in complaints:
        return TooBig(f"{work} needs more memory than it may use.")
    if "No space left on device" in complaints:
        return DiskFull(f"{work} found no space for what it had to write.")
    last = complaints.splitlines()[-1] if complaints else f"code {code}"
    return AnalysisFailed(f"{work} failed: {last}")


def _ended_by(number: int, work: str) -> MediaError:
    """The error that a signal stands for."""
    word = signal.Signals(number).name if number in set(signal.Signals) else str(number)
    if number == signal.SIGXCPU:
        return Stopped(f"{work} used up its limit of processor time.")
    if number == signal.SIGKILL:
        return Stopped(f"{work} was killed from outside ({word}); often that is a lack of memory.")
    return Unreadable(f"{work} crashed its decoder ({word}): the file is damaged or made to do so.")


def _classes(root: type[MediaError]) -> list[type[MediaError]]:
    return [root, *(deeper for child in root.__subclasses__() for deeper in _classes(child))]
