"""What this machine has to keep children apart with: each way is tried once, for real."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
from dataclasses import replace
from functools import cache
from pathlib import Path

from stakazo.media import confine, seccomp
from stakazo.media.confine import Access, Limits, Means

BUBBLEWRAP = "STAKAZO_BWRAP"
"""The environment variable that names another bubblewrap program; empty: none."""
TRIAL = Limits(memory=2 * confine.GB)


@cache
def bare() -> Means:
    """The guard alone, untried."""
    if os.name != "posix":
        return Means()
    path = Path(__file__).with_name("guard.py").resolve()
    return Means(
        linux=sys.platform == "linux",
        machine=platform.machine(),
        python=sys.executable,
        guard=str(path),
        trees=(sys.base_prefix, sys.prefix, str(path.parent)),
        root=os.geteuid() == 0,
    )


@cache
def here() -> Means:
    """The best that works here (about 0.3 s; remembered)."""
    found = bare()
    if not found.linux:
        return found
    from stakazo.media import guard  # noqa: PLC0415 - it has Linux's names

    for way in (
        {"filter": found.machine in seccomp.MACHINES},
        {"landlock": guard.landlock_version()},
        {"namespaces": True},
        {"bubblewrap": shutil.which(os.environ.get(BUBBLEWRAP, "bwrap") or "/nowhere") or ""},
    ):
        better = replace(found, **way)
        if better != found and works(better):
            found = better
    return found


def works(candidate: Means) -> bool:
    """Whether a Python starts and ends in such a confinement."""
    access = Access(programs=python())
    argv = [*confine.prefix(access, TRIAL, candidate, parent=os.getpid()), sys.executable, "-I", "-c", "import json"]
    try:
        done = subprocess.run(
            argv,
            env=confine.environment(os.environ, Path("/")),
            cwd="/",
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=20,
            check=False,
        )
    except (OSError, subprocess.SubprocessError):
        return False
    return done.returncode == 0


@cache
def python() -> tuple[Path, ...]:
    """The folders that a Python of ours needs: the interpreter's, its environment's, this package's, its libraries'."""
    libraries = (Path(entry) for entry in sys.path if Path(entry).name in {"site-packages", "dist-packages"})
    ours = Path(__file__).resolve().parents[2]
    folders = [Path(sys.base_prefix), Path(sys.prefix), Path(sys.executable).resolve().parent, ours, *libraries]
    return tuple(dict.fromkeys(folders))
