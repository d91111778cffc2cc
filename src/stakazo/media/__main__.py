"""The analysis as a program: `python -m stakazo.media FILE` prints it as JSON.

With --result it is the child's side of `child.py`: progress goes to stdout as JSON lines, and what was found or the
refusal into a file; with --wanted that is what a JSON file asks for in place of an analysis. Exit code 1 is a refusal,
2 a wrong call.
"""

from __future__ import annotations

import argparse
import base64
import json
import math
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av

from stakazo.media.errors import MediaError
from stakazo.media.types import Progress


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m stakazo.media", description="Analyse a video or a sound file.")
    parser.add_argument("file", type=Path)
    parser.add_argument("--models", type=Path, help="folder of the model files")
    parser.add_argument("--wanted", type=Path, help="JSON file of other work on the file")
    parser.add_argument("--result", type=Path, help="file for what was found; progress then goes to stdout")
    orders = parser.parse_args(arguments)
    av.logging.set_level(None)
    tell = _tell if orders.result else _silent
    code, found = 0, {}
    try:
        if orders.wanted:
            wanted = json.loads(orders.wanted.read_bytes())
            found = WORK[wanted["work"]](orders.file, wanted, tell)
        else:
            found = _analysis(orders.file, orders.models, tell)
    except MediaError as error:
        code, found = 1, {"error": type(error).__name__, "message": str(error)}
    text = json.dumps(found, separators=(",", ":"))
    if orders.result:
        orders.result.write_text(text, encoding="utf-8")
    elif code:
        sys.stderr.write(f"{found['message']}\n")
    else:
        sys.stdout.write(text + "\n")
    sys.stdout.flush()
    return code


def _analysis(file: Path, models: Path | None, progress: Progress) -> dict[str, Any]:
    from stakazo.media.analyse import analyse  # noqa: PLC0415 - each kind of work imports what it needs
    from stakazo.media.codec import analysis_to_dict  # noqa: PLC0415
    from stakazo.media.opening import probing_seconds, watching_seconds  # noqa: PLC0415

    allow = _allowance()
    allow(probing_seconds(file.stat().st_size if file.is_file() else 0))
    found = analyse(file, models=models, progress=progress, probed=lambda info: allow(watching_seconds(info)))
    return analysis_to_dict(found)


def _allowance() -> Callable[[int], None]:
    """What gives us so many more seconds of processor time, within the limit we came with.

    When they are used up the kernel ends us (SIGXCPU): a small file that is made to take hours takes minutes.
    """
    if sys.platform == "win32":
        return lambda _: None
    import resource  # noqa: PLC0415 - exists on Unix only

    given, most = resource.getrlimit(resource.RLIMIT_CPU)

    def allow(seconds: int) -> None:
        used = resource.getrusage(resource.RUSAGE_SELF)
        until = math.ceil(used.ru_utime + used.ru_stime) + seconds
        resource.setrlimit(resource.RLIMIT_CPU, (until if given == resource.RLIM_INFINITY else min(until, given), most))

    return allow


def _preview(file: Path, wanted: dict[str, Any], progress: Progress) -> dict[str, Any]:
    """Per clip its thumbnail and its filmstrip, in base64."""
    from stakazo.media.codec import info_from_dict  # noqa: PLC0415 - likewise
    from stakazo.media.thumbnails import preview  # noqa: PLC0415
    from stakazo.media.types import Span  # noqa: PLC0415

    info, clips = info_from_dict(wanted["info"]), wanted["clips"]
    made = []
    for number, (thumbnail, start, end) in enumerate(clips):
        progress(f"clip {number + 1} of {len(clips)}", number / len(clips))
        shown = preview(file, thumbnail, Span(start, end), height=wanted["height"], info=info)
        made.append([base64.b64encode(jpeg).decode("ascii") for jpeg in (shown.thumbnail, shown.filmstrip)])
    return {"clips": made}


def _verification(_file: Path, wanted: dict[str, Any], _progress: Progress) -> dict[str, Any]:
    """The facts of rendered files, if they are as ordered."""
    from stakazo.media.codec import record_from_dict, record_to_dict  # noqa: PLC0415 - likewise
    from stakazo.media.verify import Order, verify  # noqa: PLC0415

    return {
        "facts": [
            record_to_dict(verify(Path(file), record_from_dict(Order, order), thorough=wanted["thorough"]))
            for file, order in wanted["files"]
        ]
    }


WORK: dict[str, Callable[[Path, dict[str, Any], Progress], dict[str, Any]]] = {
    "preview": _preview,
    "verification": _verification,
}


def _tell(stage: str, share: float) -> None:
    sys.stdout.write(json.dumps([stage, round(share, 4)]) + "\n")
    sys.stdout.flush()


def _silent(_stage: str, _share: float) -> None:
    """Nobody asked."""


if __name__ == "__main__":
    # Everything is written; taking the interpreter and its libraries' threads down in order would only cost time.
    os._exit(main(sys.argv[1:]))
