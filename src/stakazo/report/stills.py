"""Frames for the timeline: about one per shot, spread over the film."""

from __future__ import annotations

from pathlib import Path

from stakazo.media.thumbnails import extract_frames
from stakazo.media.types import Analysis
from stakazo.report.data import Still

HEIGHT = 84
"""Pixels: half as much again as they are shown, for sharp screens."""
MOST = 48


def still_times(analysis: Analysis, most: int = MOST) -> tuple[float, ...]:
    """A little after each shot's start; where there are more shots than room, those nearest to an even spread."""
    if analysis.pictures is None or not analysis.pictures.shots:
        return ()
    shots = analysis.pictures.shots
    times = [shot.start + min(0.4, (shot.end - shot.start) / 2) if len(shots) > 1 else shot.start for shot in shots]
    gap = analysis.duration / most
    kept: list[float] = []
    for time, shot in zip(times, shots, strict=True):
        if not kept or time - kept[-1] >= gap * 0.8:
            kept.append(time)
        # A long shot is shown more than once.
        while shot.end - kept[-1] > 4 * gap:
            kept.append(kept[-1] + 2.5 * gap)
    return tuple(kept)


def stills_of(path: Path, analysis: Analysis, most: int = MOST) -> tuple[Still, ...]:
    """Small frames of the source at those times. Raises `MediaError` when the file can't be read."""
    times = still_times(analysis, most)
    if not times:
        return ()
    pictures = extract_frames(path, times, height=HEIGHT, info=analysis.info)
    return tuple(Still(time, jpeg) for time, jpeg in zip(times, pictures, strict=True))
