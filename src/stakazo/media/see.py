"""One decode pass over the pictures, and everything that is learned from it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from stakazo.media import subjects
from stakazo.media.compare import Comparer
from stakazo.media.errors import ToolMissing
from stakazo.media.frames import Frame, Watched, watch
from stakazo.media.models import locate
from stakazo.media.shots import find_shots
from stakazo.media.types import Curve, Face, Focus, Pictures, VideoStream

Floats = NDArray[np.float32]

CURVES = 10.0
"""Samples per second of motion, brightness and colour."""
DETAIL = 5.0
"""Samples per second of sharpness."""
LOOKS = 2.5
"""How often per second the focus is sought, and faces where some are, besides once at every probable cut."""
FACES_IDLE = 1.25
"""How often per second faces are sought where the last look found none."""
LOOKS_AT_MOST = 6.0
SLACK = 0.05
"""Seconds by which a look may come early, so that frames that don't fall on it aren't always one too late."""
BEFORE = 0.1
"""Seconds between the two frames whose difference is a subject's movement."""
FINGERPRINT = (16, 9)


def see(
    path: Path,
    stream: VideoStream,
    *,
    models: Path | None = None,
    progress: Callable[[float], None] | None = None,
) -> Pictures:
    """Watch the whole stream once. `models` is the folder of the model files (default: `models.folder()`).

    Raises NothingToSee when no frame decodes. A missing face model is a note, not an error.
    """
    watched = Watched()
    watcher = _Watcher(stream, models)
    step = max(1, stream.frames // 200)
    last_pts = 0
    last = 0.0
    with _single_threaded():
        for frame in watch(path, stream, watched):
            watcher.take(frame)
            last_pts, last = frame.pts, frame.time
            if progress and frame.index % step == 0:
                progress(min(1.0, frame.time / stream.duration) if stream.duration else 0.0)
    notes = list(watcher.notes)
    if watched.broken:
        notes.append(f"{watched.broken} packets of the pictures didn't decode and were left out.")
    if watched.disordered:
        notes.append(f"{watched.disordered} frames came without a time or out of order and were left out.")
    end = max(stream.duration, last)
    held = round((end - last) / stream.time_base)
    return watcher.pictures(end, last_pts + max(held, 1), notes)


@contextmanager
def _single_threaded() -> Iterator[None]:
    """OpenCV on one thread: small pictures gain nothing from more, and the decoder's threads need the cores."""
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        yield
    finally:
        cv2.setNumThreads(threads)


class _Watcher:
    """Takes each frame once and keeps only numbers."""

    def __init__(self, stream: VideoStream, models: Path | None) -> None:
        self.stream = stream
        self.notes: list[str] = []
        self.comparer = Comparer()
        self.turn = subjects.Turn(stream.rotation)
        self.focus_finder = subjects.FocusFinder()
        self.face_finder: subjects.FaceFinder | None = None
        try:
            self.face_finder = subjects.FaceFinder(locate("yunet", models))
        except ToolMissing as missing:
            self.notes.append(f"Faces weren't sought: {missing}")
        self.faces: list[Face] = []
        self.focus: list[Focus] = []
        self.prints: list[Floats] = []
        self.motion = _Sampled(CURVES)
        self.brightness = _Sampled(CURVES)
        self.colour = _Sampled(CURVES)
        self.detail = _Sampled(DETAIL)
        self.before: deque[tuple[float, NDArray[np.uint8]]] = deque()
        self.usual = 0.0
        self.looked = -1.0
        self.sought = -1.0

    def take(self, frame: Frame) -> None:
        time, luma = frame.time, frame.luma
        self.comparer.add(time, frame.pts, luma, frame.chroma)
        change = 0.0
        if self.before:
            change = cv2.norm(luma, self.before[-1][1], cv2.NORM_L1) / luma.size / 255
        jump = change > 0.05 and change > 4 * self.usual
        if not jump:
            self.usual += 0.2 * (change - self.usual)
            # A jump is a cut or a flash, not movement.
            self.motion.add(time, change)
        else:
            self.before.clear()
        if self.brightness.due(time):
            self.brightness.add(time, float(cv2.mean(luma)[0]) / 255)
            away = frame.chroma.astype(np.float32) - 128
            self.colour.add(time, float(np.sqrt((away * away).sum(0)).mean()) / 128)
        if self.detail.due(time):
            self.detail.add(time, sharpness(frame.larger_luma()))
        if time >= len(self.prints):
            self.fingerprint(frame)
        since = time - self.looked
        if self.looked < 0 or since >= 1 / (LOOKS_AT_MOST if jump else LOOKS):
            self.look(frame, fresh=jump or self.looked < 0)
        self.before.append((time, luma))
        while len(self.before) > 1 and self.before[1][0] <= time - BEFORE:
            self.before.popleft()

    def look(self, frame: Frame, *, fresh: bool) -> None:
        self.looked = frame.time
        before = self.before[0][1] if self.before and not fresh else None
        found = self.focus_finder.find(frame.luma, before, frame.small_colour(), frame.time, fresh=fresh)
        self.focus.append(Focus(found.time, self.turn.box(found.box), found.weight))
        if not self.face_finder:
            return
        seen = bool(self.faces) and self.faces[-1].time == self.sought
        if fresh or seen or frame.time - self.sought >= 1 / FACES_IDLE - SLACK:
            self.sought = frame.time
            self.faces += self.face_finder.find(frame.upright(self.stream), frame.time)

    def fingerprint(self, frame: Frame) -> None:
        made = fingerprint(frame.luma, frame.chroma)
        while len(self.prints) <= frame.time:
            self.prints.append(made)

    def pictures(self, end: float, end_pts: int, notes: list[str]) -> Pictures:
        found = find_shots(self.comparer.changes(end, end_pts))
        detail = self.detail.curve(end)
        best = float(np.percentile(detail.values, 99)) if len(detail.values) else 1.0
        return Pictures(
            shots=found,
            motion=self.motion.curve(end),
            sharpness=Curve(detail.rate, np.clip(detail.values / max(best, 1e-6), 0, 1).astype(np.float32)),
            brightness=self.brightness.curve(end),
            colour=self.colour.curve(end),
            faces=subjects.follow(self.faces, found),
            focus=tuple(self.focus),
            fingerprints=np.stack(self.prints) if self.prints else np.zeros((0, 0), np.float32),
            notes=tuple(notes),
        )


class _Sampled:
    """An even curve from values at uneven times: the mean of what falls into each step, held over the gaps."""

    def __init__(self, rate: float) -> None:
        self.rate = rate
        self._sums: list[float] = []
        self._counts: list[int] = []

    def due(self, time: float) -> bool:
        return int(time * self.rate) >= len(self._sums)

    def add(self, time: float, value: float) -> None:
        place = int(time * self.rate)
        missing = place + 1 - len(self._sums)
        if missing > 0:
            self._sums += [0.0] * missing
            self._counts += [0] * missing
        self._sums[place] += value
        self._counts[place] += 1

    def curve(self, end: float) -> Curve:
        wanted = max(1, int(np.ceil(end * self.rate - 1e-6)))
        counts = np.array(self._counts[:wanted], np.float32)
        values = np.array(self._sums[:wanted], np.float32) / np.maximum(counts, 1)
        if not counts.any():
            return Curve(self.rate, np.zeros(wanted, np.float32))
        known = np.flatnonzero(counts)
        nearest = known[np.clip(np.searchsorted(known, np.arange(wanted), side="right") - 1, 0, len(known) - 1)]
        return Curve(self.rate, values[nearest].astype(np.float32))


def sharpness(luma: NDArray[np.uint8]) -> float:
    """How much fine detail there is: the mean strength of the Laplacian."""
    return float(cv2.norm(cv2.Laplacian(luma, cv2.CV_16S), cv2.NORM_L1) / luma.size)


def fingerprint(luma: NDArray[np.uint8], chroma: NDArray[np.uint8]) -> Floats:
    """A picture as a vector of length 1: light without its mean, and colour. Look-alikes have a product near 1."""
    light = cv2.resize(luma, FINGERPRINT, interpolation=cv2.INTER_AREA).astype(np.float32)
    light -= light.mean()
    colour = np.stack([cv2.resize(plane, (8, 5), interpolation=cv2.INTER_AREA) for plane in chroma]).astype(np.float32)
    vector = np.concatenate([light.ravel(), 2.0 * (colour - 128).ravel()])
    return (vector / max(float(np.linalg.norm(vector)), 1e-6)).astype(np.float32)
