"""The film as frames: every shot's scene drawn at its moments, with transitions, flashes and fades between them."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator

import cv2
import numpy as np

from stakazo.media.types import Box, Transition
from stakazo.sample.arrangement import Arrangement, Drum, Note
from stakazo.sample.canvas import Image, bloom, vignette
from stakazo.sample.dreams import Kaleidoscope, Tunnel
from stakazo.sample.places import City, Road, Sea
from stakazo.sample.plan import Plan, ShotPlan
from stakazo.sample.scenes import Moment, Scene, Setting, mood
from stakazo.sample.shows import Portrait, Poster, Stage

ENERGY = {"intro": 0.2, "verse": 0.45, "chorus": 0.85, "break": 0.25, "build": 0.6, "drop": 1.0, "outro": 0.25}


#: Every scene by the name that the timetable calls it.
SCENES: dict[str, Callable[[Setting], Scene]] = {
    "skyline": lambda setting: City(setting, near=False),
    "rooftop": lambda setting: City(setting, near=True),
    "road": Road,
    "sea": Sea,
    "stage": lambda setting: Stage(setting, close=False),
    "stage_close": lambda setting: Stage(setting, close=True),
    "poster": Poster,
    "portrait": lambda setting: Portrait(setting, night=False),
    "portrait_night": lambda setting: Portrait(setting, night=True),
    "tunnel": Tunnel,
    "kaleidoscope": Kaleidoscope,
}


def frames(plan: Plan, arrangement: Arrangement) -> Iterator[tuple[Image, Box | None]]:
    """Every frame of the film in order, and where its subject is."""
    music = _Music(plan, arrangement)
    spec = plan.spec
    built: dict[int, Scene] = {}
    shade = vignette(spec.width, spec.height, 0.55)
    flashes = {flash.frame + step for flash in plan.flashes for step in range(flash.frames)}
    for number in range(spec.frames):
        seen = [index for index, shot in enumerate(plan.shots) if shot.first <= number < shot.last]
        for index in [index for index in built if index not in seen]:
            del built[index]
        drawn: list[tuple[Image, Box | None]] = []
        for index in seen:
            shot = plan.shots[index]
            if index not in built:
                setting = Setting(spec.width, spec.height, mood(shot.label, index), shot.variant, shot.label)
                built[index] = SCENES[shot.truth.scene](setting)
            drawn.append(built[index].draw(music.at(number, shot)))
        image, box = _together(drawn, [plan.shots[index] for index in seen], number)
        bloom(image, 0.55)
        cv2.multiply(image, shade, dst=image, scale=1 / 255)
        if number in flashes:
            image = np.asarray(cv2.addWeighted(image, 0.18, np.full_like(image, 255), 0.82, 0), dtype=np.uint8)
        level = min(1.0, (number + 0.5) / plan.fade_in, (spec.frames - number - 0.5) / plan.fade_out)
        if level < 1.0:
            image = np.asarray(cv2.convertScaleAbs(image, alpha=level), dtype=np.uint8)
        yield image, _inside(box)


def _inside(box: Box | None) -> Box | None:
    """What of a box the frame shows."""
    if box is None:
        return None
    x0, y0 = min(max(box.x, 0.0), 1.0), min(max(box.y, 0.0), 1.0)
    x1, y1 = min(max(box.x + box.width, x0), 1.0), min(max(box.y + box.height, y0), 1.0)
    return Box(x0, y0, x1 - x0, y1 - y0)


def _together(drawn: list[tuple[Image, Box | None]], shots: list[ShotPlan], number: int) -> tuple[Image, Box | None]:
    """One picture of the two that a gradual transition shows at once."""
    if len(drawn) == 1:
        return drawn[0]
    later = shots[1]
    share = (number - later.first + 0.5) / max(1, 2 * (later.truth.frame - later.first))
    box = drawn[0][1] if share < 0.5 else drawn[1][1]
    if later.truth.transition is Transition.FADE:
        near = drawn[0][0] if share < 0.5 else drawn[1][0]
        return np.asarray(cv2.convertScaleAbs(near, alpha=abs(2 * share - 1)), dtype=np.uint8), box
    return np.asarray(cv2.addWeighted(drawn[0][0], 1 - share, drawn[1][0], share, 0), dtype=np.uint8), box


class _Music:
    """The music as pictures feel it."""

    def __init__(self, plan: Plan, arrangement: Arrangement) -> None:
        self.plan = plan
        self.kicks = arrangement.times(Drum.KICK)
        self.snares = arrangement.times(Drum.SNARE)
        self.melody = arrangement.melody()
        self.starts = [note.time for note in self.melody]

    def at(self, number: int, shot: ShotPlan) -> Moment:
        spec = self.plan.spec
        time = number / spec.fps
        section = self.plan.section_at(time)
        rise = (time - section.start) / (section.end - section.start) if section.label == "build" else 0.0
        return Moment(
            time=time,
            beat=(time - spec.lead_in) / spec.beat,
            shot=(number - shot.first) / max(1, shot.last - shot.first - 1),
            age=(number - shot.first) / spec.fps,
            kick=_since(self.kicks, time, 0.13),
            snare=_since(self.snares, time, 0.10),
            mouth=self._mouth(time),
            energy=ENERGY[section.label],
            rise=rise,
        )

    def _mouth(self, time: float) -> float:
        index = bisect_right(self.starts, time) - 1
        if index < 0:
            return 0.0
        note: Note = self.melody[index]
        age = time - note.time
        if age < note.length:
            return min(1.0, 0.35 + age / 0.08) * (0.95 - 0.25 * min(1.0, age / 0.4))
        return max(0.0, 0.6 - (age - note.length) / 0.1)


def _since(times: tuple[float, ...], time: float, decay: float) -> float:
    index = bisect_right(times, time + 1e-9) - 1
    return float(np.exp(-(time - times[index]) / decay)) if index >= 0 else 0.0
