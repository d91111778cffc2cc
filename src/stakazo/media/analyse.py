"""The whole analysis of a file: probed, watched and listened to at the same time."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from pathlib import Path

from stakazo.media.errors import MediaError, NothingToHear, NothingToSee
from stakazo.media.opening import DEFAULT_LIMITS, Limits
from stakazo.media.probe import probe
from stakazo.media.types import Analysis, MediaInfo, Pictures, Progress, Sound

PICTURES_SHARE = 0.8
"""The share of the work that watching is, where there are both pictures and sound."""


def analyse(
    path: Path,
    *,
    models: Path | None = None,
    limits: Limits = DEFAULT_LIMITS,
    progress: Progress | None = None,
    probed: Callable[[MediaInfo], None] | None = None,
) -> Analysis:
    """Everything that the choice of clips needs to know about a file.

    `models` is the folder of the model files (default: `models.folder()`); `probed` hears what the file is before the
    long work on it begins. Pictures or sound that turn out not to
    decode are left out with a note as long as the other is there. Raises MediaError.
    """
    tell = _Teller(progress)
    tell("probing", 0.0)
    info = probe(path, limits=limits)
    if probed:
        probed(info)
    tell.expect(pictures=info.video is not None, sound=info.audio is not None)
    notes: list[str] = []
    _load(info)
    with ThreadPoolExecutor(1, thread_name_prefix="hear") as threads:
        listening = threads.submit(_hear, path, info, tell.sound) if info.audio else None
        pictures: Pictures | None = None
        unseen: MediaError | None = None
        try:
            pictures = _see(path, info, models, tell.pictures)
        except NothingToSee as error:
            unseen = error
            notes.append(str(error))
        sound: Sound | None = None
        if listening:
            try:
                sound = listening.result()
            except NothingToHear as error:
                notes.append(str(error))
    if pictures is None and sound is None:
        raise unseen or NothingToHear(f"Nothing in {path.name} can be seen or heard.")
    tell("done", 1.0)
    return Analysis(info=info, pictures=pictures, sound=sound, notes=tuple(notes))


def _load(info: MediaInfo) -> None:
    """Import what will be needed, and no more: a sound file needs no OpenCV.

    Before there are two threads: OpenCV changes `sys.path` while it is imported, and what then looks for modules anew
    (coverage does) may take those out of `sys.modules` that another thread is just importing.
    """
    if info.audio is not None:
        import_module("stakazo.media.sound")
    if info.video is not None:
        import_module("stakazo.media.see")


def _see(path: Path, info: MediaInfo, models: Path | None, progress: Callable[[float], None]) -> Pictures | None:
    if info.video is None:
        return None
    from stakazo.media.see import see  # noqa: PLC0415 - see _load

    return see(path, info.video, models=models, progress=progress)


def _hear(path: Path, info: MediaInfo, progress: Callable[[float], None]) -> Sound:
    from stakazo.media.sound import hear  # noqa: PLC0415 - see _load

    return hear(path, info, progress=progress)


class _Teller:
    """Turns the progress of two threads into one that never falls."""

    def __init__(self, progress: Progress | None) -> None:
        self._progress = progress
        self._lock = threading.Lock()
        self._shares = {"pictures": 0.0, "sound": 0.0}
        self._weights = {"pictures": 0.0, "sound": 0.0}
        self._stage = "probing"
        self._told = -1.0

    def expect(self, *, pictures: bool, sound: bool) -> None:
        self._weights = {
            "pictures": (PICTURES_SHARE if sound else 1.0) if pictures else 0.0,
            "sound": (1 - PICTURES_SHARE if pictures else 1.0) if sound else 0.0,
        }
        self._stage = " and ".join(word for word, yes in (("watching", pictures), ("listening", sound)) if yes)

    def pictures(self, share: float) -> None:
        self._part("pictures", share)

    def sound(self, share: float) -> None:
        self._part("sound", share)

    def _part(self, name: str, share: float) -> None:
        with self._lock:
            self._shares[name] = max(self._shares[name], share)
            done = sum(self._weights[part] * self._shares[part] for part in self._shares)
        self(self._stage, 0.01 + 0.98 * done)

    def __call__(self, stage: str, share: float) -> None:
        with self._lock:
            if self._progress is None or share <= self._told:
                return
            self._told = share
            self._progress(stage, min(share, 1.0))
