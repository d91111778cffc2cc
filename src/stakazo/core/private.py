"""Small files that only their owner may read: keys."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from stakazo.core.errors import Unavailable


def write_private(file: Path, content: str, *, replace: bool = True) -> bool:
    """Write a file whole or not at all, durably, closed to others from its first moment.

    Returns whether it was written: with `replace=False`, of several who write at once one does, and the others find
    that one's file.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    half = file.with_name(f".{file.name}.{secrets.token_hex(8)}")
    handle = os.open(half, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as out:
            out.write(content)
            out.flush()
            os.fsync(handle)
        if replace:
            half.replace(file)
            return True
        try:
            file.hardlink_to(half)
        except FileExistsError:
            return False
        return True
    finally:
        half.unlink(missing_ok=True)


def read_private(file: Path) -> str:
    """What such a file says. Raises Unavailable where others may read it, as ssh does with its keys."""
    mode = file.stat().st_mode & 0o777
    if mode & 0o077:
        raise Unavailable(f"{file} can be read by others (mode {mode:04o}). Do: chmod 600 {file}")
    return file.read_text(encoding="utf-8")
