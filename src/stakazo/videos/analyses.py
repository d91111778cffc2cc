"""Where a video's whole analysis is kept: JSON in storage, since it is read as one and never searched."""

from __future__ import annotations

import json
from pathlib import Path

from stakazo.media import Analysis, analysis_from_dict, analysis_to_dict


def write(path: Path, analysis: Analysis) -> None:
    """Write an analysis as one JSON text."""
    path.write_text(json.dumps(analysis_to_dict(analysis), separators=(",", ":"), allow_nan=False), encoding="utf-8")


def read(path: Path) -> Analysis:
    """The analysis that `write` left."""
    return analysis_from_dict(json.loads(path.read_text(encoding="utf-8")))
