"""The program as a process that was forked from one which has its modules."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import NoReturn

from stakazo import cli, main, pipeline  # noqa: F401 - what commands import when they are called, here and below
from stakazo.backup import restoring, taking, verifying  # noqa: F401
from stakazo.cli import checkup, processing, server  # noqa: F401


def forked(argv: list[str], folder: Path, environment: dict[str, str], out: Path, err: Path) -> NoReturn:
    """Be `stakazo` with these arguments, in this folder and environment; its output goes into files."""
    os.setsid()
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = argv
    handles = os.open(os.devnull, os.O_RDONLY), _written(out), _written(err)
    for number, handle in enumerate(handles):
        os.dup2(handle, number)
    cli.main()


def _written(path: Path) -> int:
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
