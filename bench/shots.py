"""How well shots are found, beside PySceneDetect: `python bench/shots.py [--media DIR] [--seeds 1 2 3]`.

On films with known transitions (see `gold.py`) and on a real film whose boundaries were read off by eye. A boundary
counts as found when there is one inside the transition (for a cut: on its frame or one beside it); every other one
is false, a second one in the same transition too.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import gold
import scenedetect
from gold import Known

from stakazo import media

ROOT = Path(__file__).resolve().parents[1]
Finder = Callable[[Path], list[int]]
"""Gives the first frames of all shots but the first."""
SLACK = {"cut": 1}
"""Frames beside the transition that still count; others 4, since they have no exact ends."""


@dataclass
class Tally:
    found: Counter[str] = field(default_factory=Counter)
    there: Counter[str] = field(default_factory=Counter)
    exact: int = 0
    """Cuts found on their very frame."""
    false: int = 0

    def add(self, known: Sequence[Known], boundaries: Sequence[int]) -> None:
        used: set[int] = set()
        for transition in known:
            slack = SLACK.get(transition.kind, 4)
            self.there[transition.kind] += 1
            inside = [
                b for b in boundaries if transition.first - slack <= b <= transition.last + slack and b not in used
            ]
            if inside:
                middle = (transition.first + transition.last) / 2
                best = min(inside, key=lambda frame: abs(frame - middle))
                used.add(best)
                self.found[transition.kind] += 1
                self.exact += transition.kind == "cut" and best == transition.first
        self.false += len(set(boundaries) - used)

    def row(self, name: str) -> str:
        found, there = self.found.total(), self.there.total()
        recall, precision = found / max(there, 1), found / max(found + self.false, 1)
        score = 2 * recall * precision / max(recall + precision, 1e-9)
        kinds = " | ".join(
            f"{self.found[kind]}/{self.there[kind]}" if self.there[kind] else ""
            for kind in ("cut", "dissolve", "fade", "wipe")
        )
        return f"| {name} | {score:.3f} | {recall:.3f} | {precision:.3f} | {kinds} | {self.exact} | {self.false} |"


def ours(path: Path) -> list[int]:
    stream = media.probe(path).video
    assert stream
    found = media.see(path, stream, models=Path("nowhere")).shots
    return [round(shot.start * float(stream.frame_rate)) for shot in found[1:]]


def peer(*detectors: Callable[[], scenedetect.SceneDetector]) -> Finder:
    """PySceneDetect; of several detectors the boundaries together, none within 0.3 s of another."""

    def find(path: Path) -> list[int]:
        found: list[int] = []
        for detector in detectors:
            scenes = scenedetect.detect(str(path), detector())
            found += [
                start.frame_num for start, _ in scenes[1:] if all(abs(start.frame_num - one) > 9 for one in found)
            ]
        return sorted(found)

    return find


FINDERS: dict[str, Finder] = {
    "Stakazo": ours,
    "PySceneDetect adaptive": peer(scenedetect.AdaptiveDetector),
    "PySceneDetect adaptive, its sweep's best, 0.4 s": peer(
        lambda: scenedetect.AdaptiveDetector(adaptive_threshold=3.5, window_width=3, min_scene_len=12)
    ),
    "PySceneDetect adaptive + threshold": peer(scenedetect.AdaptiveDetector, scenedetect.ThresholdDetector),
    "PySceneDetect content": peer(scenedetect.ContentDetector),
    "PySceneDetect histogram": peer(scenedetect.HistogramDetector),
}


def judge(title: str, films: Sequence[tuple[Path, Sequence[Known]]]) -> list[str]:
    lines = [
        f"## {title}",
        "",
        "| | F1 | recall | precision | cuts | dissolves | fades | wipes | cuts exact | false |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for name, finder in FINDERS.items():
        tally = Tally()
        start = time.process_time()
        for path, known in films:
            tally.add(known, finder(path))
        lines.append(tally.row(name))
        print(lines[-1], f"{time.process_time() - start:.1f} s CPU", flush=True)
    return [*lines, ""]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--media", type=Path, default=ROOT.parent / "shared" / "media")
    parser.add_argument("--seeds", type=int, nargs="+", default=[11, 12, 13])
    parser.add_argument("--tuning", action="store_true", help="also the films that the thresholds were set on")
    parser.add_argument("--report", type=Path, default=ROOT / "bench" / "reports" / "shots.md")
    orders = parser.parse_args()
    lines = [
        "# How well shots are found",
        "",
        "Written by `bench/shots.py` on films made by `bench/gold.py`: real shots joined by known transitions, made",
        "hard by flashes, strobes, dimmed light, whip pans and shaken cameras, one minute each,",
        f"seeds {' '.join(map(str, orders.seeds))}. The judging films use shots that no threshold was set on.",
        "A cut counts within one frame; a second boundary inside one transition is false.",
        "",
    ]
    with tempfile.TemporaryDirectory() as folder:
        for judging in (True, False) if orders.tuning else (True,):
            for fast in (False, True):
                films = []
                for seed in orders.seeds:
                    path = Path(folder) / f"{judging}-{fast}-{seed}.mp4"
                    films.append((path, gold.make(orders.media, path, seed=seed, judging=judging, fast=fast)))
                title = f"{'Music videos' if fast else 'Films'}{'' if judging else ', the shots used for tuning'}"
                lines += judge(title, films)
    lines += judge(
        "bbb_full_v5.mp4, a real film of 596 s, truth by eye", [(orders.media / "bbb_full_v5.mp4", gold.bbb())]
    )
    orders.report.write_text("\n".join(lines), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
