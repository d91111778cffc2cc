"""Films with known transitions, put together from real shots: the ground truth for `shots.py`.

Each film is a random walk through shots of the reference videos, joined by cuts, dissolves, fades, wipes and flashes
that hide a cut. In between it is made hard on purpose: flashes, strobes, dimmed light, whip pans, shaken cameras.
"Tuning" films and "judging" films use different shots; thresholds were set on the former only.
"""

from __future__ import annotations

import json
import random
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from numpy.typing import NDArray

WIDTH, HEIGHT, RATE = 480, 270, 30
Film = NDArray[np.float32]
"""[frames, rows, columns, 3]: RGB, 0 to 255."""
TRUTH = Path(__file__).parent / "truth" / "bbb_full_v5.json"

TUNING = [
    *(("vtest.avi", 0, 8), ("mpy-chaplin.mp4", 0, 9), ("movie-hello.mp4", 0, 8), ("carphone_pristine.mp4", 0, 3.9)),
    *(("gradio-world.mp4", 0, 20), ("bikes.mp4", 1.3, 3.0), ("bikes.mp4", 3.1, 5.4), ("mb-transparency.webm", 0, 8)),
]
JUDGING = [
    *(("psychopy-jwpIntro.mp4", 0, 5.7), ("nasa_13013.mp4", 0, 4.8), ("nasa_13013.mp4", 6.2, 7.9)),
    *(("bikes.mp4", 5.6, 7.4), ("bikes.mp4", 7.6, 9.6), ("mpy-smpte-2997.mp4", 0, 9), ("bigbuckbunny.mp4", 0, 5)),
    *(("tree.avi", 0, 20), ("VID_20191220_170832.mp4", 0.2, 1.5)),
]
"""Single shots: file, first and last second."""

CALM = {"cut": 0.55, "dissolve": 0.22, "fade": 0.12, "flash": 0.06, "wipe": 0.05}
FAST = {"cut": 0.72, "dissolve": 0.12, "fade": 0.06, "flash": 0.08, "wipe": 0.02}
"""How often each transition comes: in a film, in a music video."""


@dataclass(frozen=True)
class Known:
    """One transition: its kind, its first and its last frame (of a cut: the first frame of the new shot)."""

    kind: str
    first: int
    last: int


@dataclass
class Gold:
    """A film under construction."""

    frames: list[Film] = field(default_factory=list)
    known: list[Known] = field(default_factory=list)
    decoys: int = 0


def bbb() -> list[Known]:
    """The transitions of the real film, by eye."""
    told: dict[str, Any] = json.loads(TRUTH.read_text(encoding="utf-8"))
    return [*(Known("cut", cut, cut) for cut in told["cuts"]), *(Known(*soft) for soft in told["gradual"])]


def make(media: Path, path: Path, *, seed: int, judging: bool, fast: bool, seconds: float = 60) -> list[Known]:
    """Put one film together and encode it."""
    chance = random.Random(seed)
    gold = Gold()
    sources = _sources(judging)
    chance.shuffle(sources)
    place = 0
    while len(gold.frames) < seconds * RATE:
        name, first, last = sources[place % len(sources)]
        place += 1
        length = min(_length(chance, fast=fast), last - first)
        if length < 0.4:
            continue
        shot = _clip(media / name, chance.uniform(first, last - length), length)
        if len(shot) < 11:
            continue
        if fast and chance.random() < 0.35:
            _shake(chance, shot)
        _join(gold, shot, chance, FAST if fast else CALM, decoys=0.4 if fast else 0.25)
    _write(gold.frames, path)
    return gold.known


def _sources(judging: bool) -> list[tuple[str, float, float]]:  # noqa: FBT001 - the one thing it is told
    cuts = [known.first for known in bbb() if known.kind == "cut" and known.first < 11700]
    gaps = [(one / 24 + 0.05, other / 24 - 0.05) for one, other in pairwise(cuts) if other - one > 30]
    soft = [(known.first / 24, known.last / 24) for known in bbb() if known.kind != "cut"]
    gaps = [gap for gap in gaps if not any(gap[0] < last and first < gap[1] for first, last in soft)]
    half = len(gaps) // 2
    own = gaps[half:] if judging else gaps[:half]
    return [*(("bbb_full_v5.mp4", first, last) for first, last in own), *(JUDGING if judging else TUNING)]


def _length(chance: random.Random, *, fast: bool) -> float:
    if fast:
        return chance.choice([chance.uniform(0.4, 0.8), chance.uniform(0.5, 1.6), chance.uniform(1, 3)])
    return chance.uniform(2, 5)


def _clip(path: Path, start: float, length: float) -> Film:
    """Frames of a piece at RATE, filling WIDTH x HEIGHT."""
    wanted = round(length * RATE)
    taken: list[NDArray[np.uint8]] = []
    with av.open(str(path)) as container:
        stream = max(container.streams.video, key=lambda stream: stream.width)
        stream.thread_type = "AUTO"
        base = stream.time_base
        assert base
        origin = (stream.start_time or 0) * base
        container.seek(int((max(0.0, start - 0.5) + origin) / base), stream=stream)
        for frame in container.decode(stream):
            time = float((frame.pts or 0) * base - origin)
            shown = None
            while len(taken) < wanted and time + 1e-3 >= start + len(taken) / RATE:
                shown = _fill(frame.to_ndarray(format="rgb24")) if shown is None else shown
                taken.append(shown)
            if len(taken) >= wanted:
                break
    return np.array(taken, np.float32)


def _fill(picture: NDArray[Any]) -> NDArray[np.uint8]:
    rows, columns = picture.shape[:2]
    scale = max(WIDTH / columns, HEIGHT / rows)
    size = max(WIDTH, round(columns * scale)), max(HEIGHT, round(rows * scale))
    large = cv2.resize(picture, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    x, y = (large.shape[1] - WIDTH) // 2, (large.shape[0] - HEIGHT) // 2
    return np.asarray(large[y : y + HEIGHT, x : x + WIDTH], np.uint8)


# --- transitions --------------------------------------------------------------------------------------------


def _join(gold: Gold, shot: Film, chance: random.Random, kinds: dict[str, float], *, decoys: float) -> None:
    frames, count = gold.frames, len(gold.frames)
    (kind,) = chance.choices(list(kinds), list(kinds.values()))
    since = count - (gold.known[-1].last if gold.known else 0)
    room = min(since, len(shot)) // 2 - 2
    length = min(chance.randint(*{"dissolve": (8, 45), "fade": (6, 24), "wipe": (8, 20)}.get(kind, (0, 0))), room)
    if not frames or kind in {"cut", "flash"} or length < 6:
        if frames:
            gold.known.append(Known("cut", count, count))
        if kind == "flash" and frames:
            lit = chance.choice([1, 2, 3])
            shot[:lit] = shot[:lit] * 0.2 + 255 * 0.8
        elif chance.random() < decoys:
            gold.decoys += _decoy(chance, shot)
        frames.extend(shot)
        return
    shares = (np.arange(length) + 1) / (length + 1)
    start = count - length
    if kind == "fade":
        colour, hold = (0.0 if chance.random() < 0.75 else 255.0), chance.randint(0, 14)
        for index in range(length):
            share = (index + 1) / length
            frames[start + index] = frames[start + index] * (1 - share) + colour * share
            shot[index] = shot[index] * share + colour * (1 - share)
        frames.extend(np.full((hold, HEIGHT, WIDTH, 3), colour, np.float32))
        gold.known.append(Known("fade", start, start + 2 * length + hold - 1))
        frames.extend(shot)
        return
    for index, share in enumerate(shares):
        if kind == "dissolve":
            frames[start + index] = frames[start + index] * (1 - share) + shot[index] * share
        else:
            edge = int(WIDTH * share)
            frames[start + index] = np.hstack([shot[index][:, :edge], frames[start + index][:, edge:]])
    gold.known.append(Known(kind, start, count - 1))
    frames.extend(shot[length:])


# --- what makes it hard -------------------------------------------------------------------------------------


def _decoy(chance: random.Random, shot: Film) -> int:
    """Something in the middle of a shot that isn't the end of it."""
    if len(shot) < 24:
        return 0
    start = chance.randrange(8, len(shot) - 12)
    kind = chance.random()
    if kind < 0.5:  # a flash, white or coloured
        length, share = chance.choice([1, 1, 2, 3, 4]), chance.uniform(0.6, 1)
        bright = [chance.choice([255, 80]) for _ in range(3)] if chance.random() < 0.4 else [255, 255, 255]
        shot[start : start + length] = shot[start : start + length] * (1 - share) + np.array(bright, np.float32) * share
    elif kind < 0.7:  # a strobe
        period = chance.choice([2, 3, 4])
        for index in range(start, min(len(shot) - 3, start + 24)):
            if (index - start) // period % 2 == 0:
                shot[index] = np.clip(shot[index] * 2.2 + 40, 0, 255)
    elif kind < 0.85:  # the light goes down
        shot[start:] *= chance.uniform(0.25, 0.6)
    else:  # a whip pan
        length = chance.randint(8, 12)
        for index in range(start, len(shot)):
            shot[index] = np.roll(shot[index], int(min(index - start + 1, length) * WIDTH * 0.9 / length), 1)
    return 1


def _shake(chance: random.Random, shot: Film) -> None:
    strength = chance.uniform(4, 14)
    for index, frame in enumerate(shot):
        zoom = 1 + 0.08 * abs(float(np.sin(index * 0.4)))
        x = chance.gauss(0, strength / 2) - (zoom - 1) * WIDTH / 2
        y = chance.gauss(0, strength / 2) - (zoom - 1) * HEIGHT / 2
        move = np.array([[zoom, 0, x], [0, zoom, y]], np.float32)
        shot[index] = cv2.warpAffine(frame, move, (WIDTH, HEIGHT), borderMode=cv2.BORDER_REFLECT)


def _write(frames: list[Film], path: Path) -> None:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=RATE, options={"crf": "24", "preset": "veryfast"})
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        for frame in frames:
            picture = av.VideoFrame.from_ndarray(np.clip(frame, 0, 255).astype(np.uint8), format="rgb24")
            container.mux(stream.encode(picture))
        container.mux(stream.encode())
