"""The search itself, for a child: `search(target, folder, seconds)`; what breaks the target is left in the folder."""

from __future__ import annotations

import importlib.util
import sys
import time
import traceback
from pathlib import Path

import av
from tests.fuzz.mutate import MOST, mutated

SLOW = 60
"""Seconds after which one file counts as a hang."""


def search(target: str, folder: Path, seconds: int) -> int:
    """Led by coverage where atheris is installed; gives the exit code, if it comes back at all."""
    av.logging.set_level(None)
    if importlib.util.find_spec("atheris"):
        return led_by_coverage(target, folder, seconds)
    return at_random(target, folder, seconds)


def led_by_coverage(target: str, folder: Path, seconds: int) -> int:
    import atheris  # type: ignore[import-not-found,import-untyped,unused-ignore]  # noqa: PLC0415 - it need not be there

    with atheris.instrument_imports(include=["stakazo", "python_multipart"]):
        from tests.fuzz.targets import TARGETS  # noqa: PLC0415 - what is measured is imported here
    options = [f"-max_total_time={seconds}", f"-timeout={SLOW}", "-rss_limit_mb=6000", f"-max_len={MOST}"]
    options += ["-print_final_stats=1", "-verbosity=0", f"-artifact_prefix={folder}/"]
    atheris.Setup(["fuzz", *options, str(folder / "corpus")], TARGETS[target])
    atheris.Fuzz()
    return 0


def at_random(target: str, folder: Path, seconds: int) -> int:
    from tests.fuzz.targets import TARGETS  # noqa: PLC0415 - as above

    known = [path.read_bytes() for path in sorted((folder / "corpus").iterdir())]
    begun = time.monotonic()
    number = first = time.time_ns()
    now = folder / "crash-now"
    while time.monotonic() < begun + seconds:
        number += 1
        data = mutated(known, number)
        now.write_bytes(data)  # should the decoder take us along, this is what did it
        try:
            TARGETS[target](data)
        except Exception:  # noqa: BLE001 - whatever it is, it is what is looked for
            traceback.print_exc()
            now.rename(folder / f"crash-{number}")
            return 1
        now.unlink()
    sys.stderr.write(f"stat::number_of_executed_units: {number - first}\n")
    return 0
