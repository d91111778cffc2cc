"""Where a video's whole analysis is kept: JSON in storage, since it is read as one and never searched."""

from __future__ import annotations

import json
from pathlib import Path

from stakazo import media


def write(path: Path, analysis: media.Analysis) -> None:
    """Write an analysis as one JSON text."""
    written = media.analysis_to_dict(analysis)
    path.write_text(json.dumps(written, separators=(",", ":"), allow_nan=False), encoding="utf-8")


def read(path: Path) -> media.Analysis:
    """The analysis that `write` left."""
    return media.analysis_from_dict(json.loads(path.read_text(encoding="utf-8")))
