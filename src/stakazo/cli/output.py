"""How the program speaks: results on stdout, everything on the way on stderr, refusals in one sentence."""

from __future__ import annotations

import errno
import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console

OK, FAILED, USAGE, INTERRUPTED = 0, 1, 2, 130
"""The exit codes: done, could not be done, not understood, Ctrl-C."""


UNSEEN = 160
"""Columns of what is written to a file or to another program, where no terminal says it."""
DATA = "The data folder (STAKAZO_DATA_DIR)"


class Failure(Exception):
    """What the program could not do, in a sentence that says what to do next."""

    def __init__(self, message: str, code: int = FAILED) -> None:
        super().__init__(message)
        self.code = code


def trouble(error: OSError) -> str:
    """What the system refused, as a sentence."""
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return "The disk is full. Make room, then do this again."
    reason = error.strerror or str(error) or type(error).__name__
    return f"{error.filename}: {reason}." if error.filename else f"{reason}."


def made(folder: Path, what: str = "The folder") -> Path:
    """The folder, made where it wasn't there. Raises Failure."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise Failure(f"{what} {folder} can't be made: {error.strerror}.") from None
    return folder


def console(*, stderr: bool = False) -> Console:
    from rich.console import Console

    seen = sys.stdout.isatty()
    width = None if seen or "COLUMNS" in os.environ else UNSEEN
    return Console(stderr=stderr, highlight=False, soft_wrap=not seen, width=width)


def say(message: str) -> None:
    """A line for the person who waits."""
    sys.stderr.write(message + "\n")
    sys.stderr.flush()


def print_json(value: Any) -> None:
    """The result for a program."""
    json.dump(value, sys.stdout, indent=2, ensure_ascii=False, default=str, allow_nan=False)
    sys.stdout.write("\n")
    sys.stdout.flush()


def clock(seconds: float) -> str:
    """Seconds as a person reads them: 1:02.4."""
    tenths = round(seconds * 10)
    minutes, rest = divmod(tenths, 600)
    return f"{minutes}:{rest // 10:02}.{rest % 10}"


def size(count: float) -> str:
    for unit in ("B", "KB", "MB", "GB"):
        if count < 1024:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1024
    return f"{count:.1f} TB"
