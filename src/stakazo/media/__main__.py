"""The analysis as a program: `python -m stakazo.media FILE` prints it as JSON.

With --result it is the child's side of `child.py`: progress goes to stdout as JSON lines, and the analysis or the
refusal into a file. Exit code 1 is a refusal, 2 a wrong call.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from stakazo.media.errors import MediaError

Progress = Callable[[str, float], None]


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m stakazo.media", description="Analyse a video or a sound file.")
    parser.add_argument("file", type=Path)
    parser.add_argument("--models", type=Path, help="folder of the model files")
    parser.add_argument("--result", type=Path, help="file for the analysis; progress then goes to stdout")
    orders = parser.parse_args(arguments)
    code, found = _analyse(orders.file, orders.models, _tell if orders.result else None)
    text = json.dumps(found, separators=(",", ":"))
    if orders.result:
        orders.result.write_text(text, encoding="utf-8")
    elif code:
        sys.stderr.write(f"{found['message']}\n")
    else:
        sys.stdout.write(text + "\n")
    sys.stdout.flush()
    return code


def _analyse(file: Path, models: Path | None, progress: Progress | None) -> tuple[int, dict[str, Any]]:
    import av  # noqa: PLC0415 - after the limits are set

    from stakazo.media.analyse import analyse  # noqa: PLC0415
    from stakazo.media.codec import analysis_to_dict  # noqa: PLC0415

    av.logging.set_level(None)
    try:
        return 0, analysis_to_dict(analyse(file, models=models, progress=progress))
    except MediaError as error:
        return 1, {"error": type(error).__name__, "message": str(error)}


def _tell(stage: str, share: float) -> None:
    sys.stdout.write(json.dumps([stage, round(share, 4)]) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    # Everything is written; taking the interpreter and its libraries' threads down in order would only cost time.
    os._exit(main(sys.argv[1:]))
