"""The performer: a person of few strokes who walks, dances and jumps to the beat, drawn with light from one side."""

from __future__ import annotations

from dataclasses import dataclass
from math import cos, pi, sin

import cv2
import numpy as np
from numpy.typing import NDArray

from stakazo.media.types import Box
from stakazo.sample.canvas import Colour, Fill, Image, Point, dimmed, disc, ellipse, hex_colour, limb, over, polygon

MOVES = ("sway", "pump", "wave", "jump")


@dataclass(frozen=True, slots=True)
class Outfit:
    """What the performer wears."""

    skin: Colour
    hair: Colour
    jacket: Colour
    shirt: Colour
    trousers: Colour
    shoes: Colour


OUTFITS = tuple(
    Outfit(*(hex_colour(code) for code in codes))
    for codes in (
        ("#c98a63", "#1c1220", "#ff3f7f", "#fff3df", "#232a52", "#ffffff"),
        ("#8d5a3c", "#120c12", "#ffc53d", "#2a2140", "#37306b", "#ff5470"),
        ("#e3b18c", "#5a2a1a", "#25c2b8", "#f6f1e6", "#1d2440", "#ffd36e"),
    )
)


@dataclass(frozen=True, slots=True)
class Pose:
    """Where the body's ends are, in body heights: x to the right of the middle, y up from the floor."""

    hip: Point
    chest: Point
    head: Point
    feet: tuple[Point, Point]
    hands: tuple[Point, Point]
    lift: float = 0.0
    """How far both feet are off the floor."""
    facing: int = 0
    """0 towards us, 1 to the right, -1 to the left: which way knees and elbows bend."""


def pose(move: str, beat: float, *, facing: int = 1) -> Pose:
    """The body at a point of the music: `beat` counts beats, so that every move lands on them."""
    turn = beat * pi
    bounce = 0.022 * abs(cos(turn))
    side = sin(turn)
    if move == "walk":
        return _walking(beat, facing)
    hip = (0.035 * side, 0.50 - bounce)
    chest = (0.02 * side - 0.015 * sin(turn + 0.8), 0.755 - bounce)
    head = (0.012 * sin(turn + 1.2), 0.925 - bounce * 1.2)
    left = (-0.10 - 0.035 * max(0.0, -side), 0.035 * max(0.0, -sin(turn + 0.4)))
    right = (0.10 + 0.035 * max(0.0, side), 0.035 * max(0.0, sin(turn + 0.4)))
    lift = 0.0
    if move == "pump":
        hands = ((-0.17 + 0.02 * side, 0.56 + 0.02 * cos(turn)), (0.13 + 0.03 * side, 1.02 + 0.09 * abs(sin(turn))))
        if int(beat // 4) % 2:
            hands = ((-hands[1][0], hands[1][1]), (-hands[0][0], hands[0][1]))
    elif move == "wave":
        sway = 0.16 * sin(turn)
        hands = ((-0.15 + sway, 1.10 + 0.03 * cos(2 * turn)), (0.15 + sway, 1.10 - 0.03 * cos(2 * turn)))
    elif move == "jump":
        lift = 0.11 * max(0.0, sin((beat % 1.0) * pi)) ** 1.0
        hands = ((-0.22, 0.98 + 0.1 * lift), (0.22, 0.98 + 0.1 * lift))
        left, right = (-0.12, 0.02 * lift), (0.12, 0.02 * lift)
    else:
        hands = (
            (-0.20 - 0.05 * sin(turn + 0.6), 0.62 + 0.10 * sin(turn * 2)),
            (0.20 + 0.05 * sin(turn - 0.6), 0.62 - 0.10 * sin(turn * 2)),
        )
    return Pose(hip, chest, head, (left, right), hands, lift)


def _walking(beat: float, facing: int) -> Pose:
    turn = beat * pi
    bounce = 0.015 * abs(sin(turn))
    feet = []
    hands = []
    for phase in (0.0, pi):
        swing = sin(turn + phase)
        feet.append((facing * 0.15 * swing, 0.055 * max(0.0, cos(turn + phase))))
        hands.append((facing * (0.02 - 0.15 * swing), 0.53 + 0.03 * abs(swing)))
    lean = 0.02 * facing
    return Pose(
        (0.0, 0.505 + bounce),
        (lean, 0.76 + bounce),
        (lean * 1.6, 0.928 + bounce),
        (feet[0], feet[1]),
        (hands[0], hands[1]),
        facing=facing,
    )


def _joint(root: Point, end: Point, upper: float, lower: float, bend: int) -> tuple[Point, Point]:
    """Knee or elbow between root and end (and the end, pulled in where it is out of reach). `bend` +-1: which way."""
    dx, dy = end[0] - root[0], end[1] - root[1]
    away = max((dx * dx + dy * dy) ** 0.5, 1e-6)
    reach = min(away, (upper + lower) * 0.999)
    along = (upper**2 - lower**2 + reach**2) / (2 * reach)
    out = max(0.0, upper**2 - along**2) ** 0.5
    ux, uy = dx / away, dy / away
    joint = (root[0] + ux * along - uy * out * bend, root[1] + uy * along + ux * out * bend)
    return joint, (root[0] + ux * reach, root[1] + uy * reach)


@dataclass(frozen=True, slots=True)
class Light:
    """Light from the side."""

    colour: Colour
    side: int = 1
    """1: from the right, -1: from the left."""
    ambient: float = 1.0
    """How bright the body itself is, 0 (a silhouette) to 1."""


def draw(image: Image, pose_: Pose, foot: Point, height: float, outfit: Outfit, light: Light) -> Box:
    """Draws the performer with the floor under them at `foot` (pixels), `height` pixels tall; gives their box."""
    reach = round(height * 0.42)
    left, top = max(0, round(foot[0]) - reach), max(0, round(foot[1] - height * 1.34))
    right = min(image.shape[1], round(foot[0]) + reach)
    bottom = min(image.shape[0], round(foot[1] + height * 0.04))
    if left < right and top < bottom:
        layer = np.zeros((bottom - top, right - left, 4), dtype=np.uint8)
        _Body(layer, pose_, (foot[0] - left, foot[1] - top), height, outfit, light.ambient).draw()
        _rim(layer, light, height)
        over(image, layer, left, top)
    return _box(pose_, foot, height, image.shape[1], image.shape[0])


def _rim(layer: NDArray[np.uint8], light: Light, height: float) -> None:
    """Adds the edge that the light from the side touches."""
    step = max(1, round(height * 0.010))
    cover = cv2.extractChannel(layer, 3)
    shadow = np.zeros_like(cover)
    down = max(1, round(step * 0.6))
    if light.side > 0:
        shadow[down:, :-step] = cover[:-down, step:]
    else:
        shadow[down:, step:] = cover[:-down, :-step]
    edge = cv2.min(cv2.blur(cv2.subtract(cover, shadow), (3, 3)), cover)
    lit = [cv2.convertScaleAbs(edge, alpha=part / 255) for part in light.colour]
    cv2.add(layer, cv2.merge([*lit, np.zeros_like(cover)]), dst=layer)


def _box(pose_: Pose, foot: Point, height: float, width: int, tall: int) -> Box:
    """The body with its hands, as fractions, cut at the frame."""
    xs = [pose_.head[0], *(x for x, _ in pose_.hands), *(x for x, _ in pose_.feet)]
    top = max(pose_.head[1] + 0.09, *(y for _, y in pose_.hands)) + pose_.lift
    x0 = max(0.0, (foot[0] + (min(xs) - 0.06) * height) / width)
    x1 = min(1.0, (foot[0] + (max(xs) + 0.06) * height) / width)
    y0 = max(0.0, (foot[1] - top * height) / tall)
    y1 = min(1.0, (foot[1] - pose_.lift * height) / tall)
    return Box(x0, y0, max(0.0, x1 - x0), max(0.0, y1 - y0))


class _Body:
    """Strokes on a layer: colour and coverage at once."""

    def __init__(
        self, layer: NDArray[np.uint8], pose_: Pose, foot: Point, height: float, outfit: Outfit, ambient: float
    ) -> None:
        self.layer, self.pose, self.foot, self.height = layer, pose_, foot, height
        self.outfit, self.ambient = outfit, ambient

    def at(self, point: Point) -> Point:
        return self.foot[0] + point[0] * self.height, self.foot[1] - (point[1] + self.pose.lift) * self.height

    def colour(self, colour: Colour, shade: float = 1.0) -> tuple[int, int, int, int]:
        return (*dimmed(colour, self.ambient * shade), 255)

    def draw(self) -> None:
        wide = 0.06 if self.pose.facing else 0.085
        shoulders = [(self.pose.chest[0] + side * wide, self.pose.chest[1] + 0.045) for side in (-1, 1)]
        hips = [(self.pose.hip[0] + side * (0.02 if self.pose.facing else 0.05), self.pose.hip[1]) for side in (-1, 1)]
        self._arm(shoulders[0], self.pose.hands[0], -1, 0.78)
        for number, side in enumerate((-1, 1)):
            self._leg(hips[number], self.pose.feet[number], side, 0.8 if number == 0 else 1.0)
        self._torso(shoulders, hips)
        self._head()
        self._arm(shoulders[1], self.pose.hands[1], 1, 1.0)

    def _leg(self, hip: Point, foot: Point, side: int, shade: float) -> None:
        ankle = (foot[0], foot[1] + 0.045)
        knee, ankle = _joint(hip, ankle, 0.236, 0.226, self.pose.facing or side)
        trousers = self.colour(self.outfit.trousers, shade)
        self._limb(hip, knee, 0.052, 0.040, trousers)
        self._limb(knee, ankle, 0.040, 0.027, trousers)
        toes = self.pose.facing or side
        shoe = self.colour(self.outfit.shoes, shade)
        self._limb(
            (ankle[0] - 0.012 * toes, ankle[1] - 0.022), (ankle[0] + 0.045 * toes, ankle[1] - 0.027), 0.021, 0.017, shoe
        )

    def _arm(self, shoulder: Point, hand: Point, side: int, shade: float) -> None:
        elbow, wrist = _joint(shoulder, hand, 0.155, 0.145, -(self.pose.facing or side))
        sleeve = self.colour(self.outfit.jacket, shade * 0.92)
        self._limb(shoulder, elbow, 0.040, 0.031, sleeve)
        self._limb(elbow, wrist, 0.031, 0.024, sleeve)
        self._disc(wrist, 0.025, self.colour(self.outfit.skin, shade))

    def _torso(self, shoulders: list[Point], hips: list[Point]) -> None:
        (lx, ly), (rx, ry) = shoulders
        (hlx, hly), (hrx, hry) = hips
        jacket = [
            (lx - 0.03, ly),
            (lx + 0.02, ly + 0.035),
            (rx - 0.02, ry + 0.035),
            (rx + 0.03, ry),
            (hrx + 0.03, hry - 0.005),
            (hlx - 0.03, hly - 0.005),
        ]
        self._polygon(jacket, self.colour(self.outfit.jacket))
        middle = (lx + rx) / 2
        shirt = [
            (middle - 0.028, ly + 0.034),
            (middle + 0.028, ry + 0.034),
            ((hlx + hrx) / 2 + 0.02, hry),
            ((hlx + hrx) / 2 - 0.02, hly),
        ]
        self._polygon(shirt, self.colour(self.outfit.shirt, 0.92))

    def _head(self) -> None:
        x, y = self.pose.head
        neck = (self.pose.chest[0], self.pose.chest[1] + 0.06)
        self._limb(neck, (x, y - 0.03), 0.026, 0.024, self.colour(self.outfit.skin, 0.82))
        hair = self.colour(self.outfit.hair, 1.4)
        self._ellipse((x, y + 0.018), (0.062, 0.068), hair)
        self._ellipse((x, y - 0.004), (0.050, 0.062), self.colour(self.outfit.skin))
        fringe = [
            (x - 0.056, y + 0.01),
            (x - 0.05, y + 0.055),
            (x, y + 0.078),
            (x + 0.05, y + 0.055),
            (x + 0.056, y + 0.01),
            (x + 0.028, y + 0.034),
            (x - 0.022, y + 0.040),
        ]
        self._polygon(fringe, hair)
        self._disc((x - 0.045, y + 0.080), 0.030, hair)
        self._features(x, y)

    def _features(self, x: float, y: float) -> None:
        """A face that can be told from afar: brows, eyes, nose, mouth, the shadow of one cheek."""
        skin, dark = self.outfit.skin, hex_colour("#1a1016")
        self._ellipse((x - 0.030, y - 0.012), (0.016, 0.036), self.colour(skin, 0.88))
        self._ellipse((x + 0.026, y - 0.016), (0.012, 0.014), self.colour(skin, 1.12))
        for side in (-1, 1):
            eye = x + side * 0.0215
            self._limb((eye - 0.011, y + 0.0215), (eye + 0.011, y + 0.0215), 0.0022, 0.0022, self.colour(dark))
            self._ellipse((eye, y + 0.006), (0.0115, 0.0068), self.colour(hex_colour("#f4f2f2")))
            self._disc((eye, y + 0.006), 0.0062, self.colour(dark))
            self._limb((eye - 0.011, y + 0.0115), (eye + 0.011, y + 0.0115), 0.0014, 0.0014, self.colour(dark))
        self._limb((x - 0.003, y + 0.002), (x - 0.005, y - 0.014), 0.0030, 0.0055, self.colour(skin, 0.80))
        self._limb((x - 0.006, y - 0.020), (x + 0.006, y - 0.020), 0.0022, 0.0022, self.colour(skin, 0.55))
        smile = [(-0.019, -0.032), (0.0, -0.036), (0.019, -0.032), (0.011, -0.044), (0.0, -0.047), (-0.011, -0.044)]
        teeth = [(-0.014, -0.0345), (0.0, -0.0375), (0.014, -0.0345), (0.008, -0.0405), (-0.008, -0.0405)]
        for shape, colour in ((smile, hex_colour("#a8404c")), (teeth, hex_colour("#f4f0f0"))):
            self._polygon([(x + dx, y + dy) for dx, dy in shape], self.colour(colour))

    def _limb(self, a: Point, b: Point, ra: float, rb: float, colour: Fill) -> None:
        limb(self.layer, self.at(a), self.at(b), ra * self.height, rb * self.height, colour)

    def _disc(self, centre: Point, radius: float, colour: Fill) -> None:
        disc(self.layer, self.at(centre), radius * self.height, colour)

    def _ellipse(self, centre: Point, radii: tuple[float, float], colour: Fill) -> None:
        ellipse(self.layer, self.at(centre), (radii[0] * self.height, radii[1] * self.height), colour)

    def _polygon(self, points: list[Point], colour: Fill) -> None:
        polygon(self.layer, [self.at(point) for point in points], colour)
