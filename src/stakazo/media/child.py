"""The analysis in a process of its own, so that a decoder that crashes, hangs or eats memory takes nothing with it.

The child's side is `python -m stakazo.media` (see `__main__.py`).
"""

from __future__ import annotations

import contextlib
import json
import signal
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from stakazo.media import errors, ffmpeg
from stakazo.media.codec import analysis_from_dict
from stakazo.media.confine import Access, Limits, Means
from stakazo.media.errors import AnalysisFailed, MediaError, Stopped, Unreadable
from stakazo.media.means import python
from stakazo.media.models import folder
from stakazo.media.types import Analysis

LIMITS = Limits()
"""What an analysis may use."""


async def analyse_in_child(
    path: Path,
    *,
    progress: Callable[[str, float], None] | None = None,
    timeout: float | None = 3600.0,  # noqa: ASYNC109 - the child must be killed first: the caller can't
    models: Path | None = None,
    limits: Limits = LIMITS,
    means: Means | None = None,
) -> Analysis:
    """`analyse` in a child process that is killed when this is cancelled or takes longer than `timeout` seconds.

    The child sees the file, the models and its own folder, within `limits`, by the means of this machine or those
    given. Raises MediaError: whatever refused the file, Stopped after the time limit, Unreadable when the decoder
    crashed.
    """
    with tempfile.TemporaryDirectory(prefix="stakazo-analysis-") as own:
        result = Path(own) / "result.json"
        access = _access(path, models or folder(), Path(own))
        file, kept = map(str, access.reads)
        argv = [sys.executable, "-P", "-m", "stakazo.media", file, "--models", kept, "--result", str(result)]

        def line(text: str) -> None:
            with contextlib.suppress(ValueError, TypeError):
                stage, share = json.loads(text)
                if progress:
                    progress(str(stage), float(share))

        ended = await ffmpeg.child(argv, access=access, limits=limits, means=means, line=line, timeout=timeout)
        if ended.code == 0 and result.is_file():
            return analysis_from_dict(json.loads(result.read_bytes()))
        raise refusal(ended.code, result.read_bytes() if result.is_file() else b"", ended.stderr, path.name)


def _access(path: Path, models: Path, own: Path) -> Access:
    return Access(programs=python(), reads=(path.absolute(), models.absolute()), writes=(own,))


def refusal(code: int, left: bytes, complaints: str, name: str) -> MediaError:
    """The error a child stands for that ended without an analysis: what it left, or how it ended."""
    if left:
        told = json.loads(left)
        kind = {cls.__name__: cls for cls in _classes(MediaError)}.get(told["error"], MediaError)
        return kind(told["message"])
    if code < 0:
        word = signal.Signals(-code).name if -code in set(signal.Signals) else str(-code)
        if -code == signal.SIGXCPU:
            return Stopped(f"The analysis of {name} used up its limit of processor time.")
        if -code == signal.SIGKILL:
            return Stopped(f"The analysis of {name} was killed from outside ({word}); often that is a lack of memory.")
        return Unreadable(f"{name} crashes its decoder ({word}); it is damaged or made to do so.")
    if "MemoryError" in complaints or "Cannot allocate memory" in complaints:
        return errors.TooBig(f"{name} needs more memory than an analysis may use.")
    last = complaints.splitlines()[-1] if complaints else f"code {code}"
    return AnalysisFailed(f"The analysis of {name} failed: {last}")


def _classes(root: type[MediaError]) -> list[type[MediaError]]:
    return [root, *(deeper for child in root.__subclasses__() for deeper in _classes(child))]
