"""Writes the corpus of hostile files: `python -m tests.media.hostile.make FOLDER`."""

from __future__ import annotations

import sys
from pathlib import Path

from tests.media.hostile import bombs, broken, odd, redirects
from tests.media.hostile.kit import HOSTILE, Kit, written

__all__ = ["HOSTILE", "THEMES", "Kit", "written"]

THEMES = (redirects, bombs, broken, odd)

if __name__ == "__main__":
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for one, path in written(Kit(folder.resolve(), "127.0.0.1:9")):
        sys.stdout.write(f"{path.stat().st_size:>12} {one.name}\n")
