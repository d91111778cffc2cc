"""What FFmpeg says of itself, and which refusal a failed run stands for."""

from __future__ import annotations

import re
import signal

from stakazo.media.errors import Damaged, DiskFull, MediaError, RenderFailed, Stopped, TooBig, Unreadable

KEPT = 60
"""Lines of a program's complaints: the first half of them says why, the last how it ended."""
_SOURCE = re.compile(r"\[(?:in#|[vas]ist#|dec:)[^\n]*(?:\[error\]|\[fatal\]|corrupt)")
"""A complaint of FFmpeg's opening, reading or decoding side."""
_NOTHING_CAME = ("Could not open encoder before EOF", "received no packets", "Error during demuxing")


def keep(lines: list[str], line: str) -> None:
    """Hear one more line, and forget one in the middle when there are too many."""
    lines.append(line)
    if len(lines) > KEPT:
        del lines[KEPT // 2]


def failure(code: int, stderr: str) -> MediaError:
    """The error that a failed run stands for; a negative code is the signal that ended it."""
    if limit := _limit(code, stderr):
        return limit
    text = telling(stderr)
    if code < 0:
        name = signal.Signals(-code).name if -code in set(signal.Signals) else str(-code)
        return RenderFailed(f"FFmpeg was ended by {name}. {text}".strip())
    if "Invalid data found when processing input" in stderr and "Error opening input" in stderr:
        return Unreadable(f"FFmpeg can't read the file: {text}")
    if spoilt(stderr) and any(words in stderr for words in _NOTHING_CAME):
        return Damaged(f"Nothing that is wanted of the file can be decoded: {text}")
    return RenderFailed(text or f"FFmpeg ended with code {code}.")


def _limit(code: int, stderr: str) -> MediaError | None:
    if "received signal 24" in stderr or code == -signal.SIGXCPU:
        return Stopped("FFmpeg used up its limit of processor time.")
    if code == -signal.SIGXFSZ or "File too large" in stderr:
        return TooBig("The output is longer than a file of a rendering may be.")
    if "No space left on device" in stderr or "Disk quota exceeded" in stderr:
        return DiskFull("There is no space left for the output.")
    return None


def spoilt(stderr: str) -> bool:
    """Whether some of the source couldn't be read or decoded."""
    return bool(_SOURCE.search(stderr))


def telling(stderr: str, limit: int = 4) -> str:
    """The lines that say why: the first errors, without FFmpeg's addresses and repetitions."""
    found: list[str] = []
    for raw in stderr.splitlines():
        if "[error]" not in raw and "[fatal]" not in raw:
            continue
        text = raw.rsplit("]", 1)[-1].strip()
        if (
            text
            and text not in found
            and not text.startswith(("Error opening input file", "Error opening output file"))
        ):
            found.append(text)
    return " ".join(found[:limit]) if found else " ".join(stderr.splitlines()[-2:])
