"""Places: the city at dusk, a rooftop, a road into the sun, the sea at night."""

from __future__ import annotations

from math import pi, sin

import cv2
import numpy as np

from stakazo.media.types import Box
from stakazo.sample import dancer
from stakazo.sample.canvas import (
    Colour,
    Image,
    Mask,
    dimmed,
    disc,
    ellipse,
    glow,
    gradient,
    hex_colour,
    limb,
    mixed,
    paste,
    polygon,
    ramp,
)
from stakazo.sample.scenes import Moment, Setting, ease


def _sun(image: Image, centre: tuple[float, float], radius: float, top: Colour, low: Colour, *, bars: bool) -> None:
    """A disc with a gradient; `bars`: cut into stripes downwards, as on a record sleeve."""
    x, y, reach = round(centre[0]), round(centre[1]), round(radius)
    size = 2 * reach + 3
    layer = gradient(size, size, [top, low])
    mask = np.zeros((size, size), dtype=np.uint8)
    disc(mask, (reach + 1, reach + 1), radius, 255)
    if bars:
        for number in range(7):
            at = reach + 1 + radius * (0.02 + 0.15 * number)
            cv2.rectangle(mask, (0, round(at)), (size, round(at + radius * (0.022 + 0.016 * number))), 0, -1)
    x0, y0, x1, y1 = (
        max(0, x - reach),
        max(0, y - reach),
        min(image.shape[1], x + reach),
        min(image.shape[0], y + reach),
    )
    piece = layer[y0 - y + reach : y1 - y + reach, x0 - x + reach : x1 - x + reach]
    share = mask[y0 - y + reach : y1 - y + reach, x0 - x + reach : x1 - x + reach, None].astype(np.float32) / 255
    place = image[y0:y1, x0:x1]
    place[:] = (place * (1 - share) + piece * share).astype(np.uint8)


def _stars(image: Image, dice: object, share: float, count: int) -> None:
    numbers = np.random.default_rng(dice.randrange(1 << 30))  # type: ignore[attr-defined]
    height, width = image.shape[:2]
    for x, y, level in zip(
        numbers.uniform(0, width, count),
        numbers.uniform(0, height * share, count),
        numbers.uniform(0.2, 1, count),
        strict=True,
    ):
        glow(image, (x, y), 2 + 3 * level, (255, 235, 220), level * (1 - y / (height * share)))


class City:
    """A skyline in three depths that pass at different speeds; someone walks along a roof in front of it."""

    def __init__(self, setting: Setting, *, near: bool) -> None:
        self.setting, self.near = setting, near
        dice = setting.dice()
        width, height = setting.width, setting.height
        self.wide = int(width * 1.3)
        palette = setting.palette
        self.sky = gradient(self.wide, height, [palette.top, palette.top, palette.middle, palette.low])
        _stars(self.sky, dice, 0.55, 90)
        self.sun = (self.wide * dice.uniform(0.42, 0.58), height * (0.52 if near else 0.56))
        glow(self.sky, self.sun, height * 0.75, palette.low, 0.6)
        _sun(self.sky, self.sun, height * (0.27 if near else 0.22), palette.accent, palette.second, bars=True)
        self.layers = [self._buildings(depth, dice.randrange(1 << 30)) for depth in range(3)]
        self.direction = dice.choice((-1, 1))
        self.outfit = dancer.OUTFITS[dice.randrange(3)]
        self.floor = height * (0.93 if near else 0.90)
        self.roof = self._roof()

    def _buildings(self, depth: int, seed: int) -> tuple[Image, Mask]:
        numbers = np.random.default_rng(seed)
        height, palette = self.setting.height, self.setting.palette
        layer = np.zeros((height, self.wide, 3), dtype=np.uint8)
        mask = np.zeros((height, self.wide), dtype=np.uint8)
        colour = mixed(palette.middle, palette.dark, (0.35, 0.65, 0.9)[depth])
        lamp = mixed(palette.accent, palette.low, 0.3)
        x = -0.02 * height
        while x < self.wide:
            width = height * numbers.uniform(0.06, 0.13) * (1 + 0.25 * depth)
            top = height * (numbers.uniform(0.36, 0.62) + 0.09 * depth)
            box = (int(x), int(top), int(x + width), height)
            cv2.rectangle(mask, box[:2], box[2:], 255, -1)
            shade = gradient(max(1, box[2] - box[0] + 1), height - box[1], [colour, dimmed(colour, 0.55)])
            left = max(0, box[0])
            right = min(self.wide, box[2] + 1)
            layer[box[1] :, left:right] = shade[:, left - box[0] : right - box[0]]
            if numbers.random() < 0.35:
                mast = int(x + width / 2)
                cv2.line(mask, (mast, int(top)), (mast, int(top - height * 0.07)), 255, max(1, height // 360))
                cv2.line(layer, (mast, int(top)), (mast, int(top - height * 0.07)), colour, max(1, height // 360))
            self._windows(layer, box, lamp, (0.16, 0.26, 0.3)[depth], numbers)
            x += width * numbers.uniform(0.98, 1.25)
        return layer, mask

    def _windows(
        self, layer: Image, box: tuple[int, int, int, int], lamp: Colour, share: float, numbers: np.random.Generator
    ) -> None:
        step = max(5, self.setting.height // 48)
        for row in range(box[1] + step // 2, box[3], step):
            for column in range(box[0] + step // 2, box[2] - step // 2, step):
                if numbers.random() < share:
                    colour = dimmed(lamp, numbers.uniform(0.35, 1.0))
                    cv2.rectangle(layer, (column, row), (column + step // 2 - 1, row + step // 2), colour, -1)

    def _roof(self) -> tuple[Image, Mask]:
        width, height, palette = self.setting.width, self.setting.height, self.setting.palette
        layer = np.zeros((height, width, 3), dtype=np.uint8)
        mask = np.zeros((height, width), dtype=np.uint8)
        floor = round(self.floor)
        layer[floor:] = gradient(width, height - floor, [mixed(palette.dark, palette.middle, 0.25), palette.dark])
        mask[floor:] = 255
        layer[floor : floor + max(1, height // 240)] = mixed(palette.low, palette.accent, 0.3)
        return layer, mask

    def draw(self, at: Moment) -> tuple[Image, Box | None]:
        width, height = self.setting.width, self.setting.height
        pan = at.shot if self.direction > 0 else 1 - at.shot
        room = self.wide - width
        start = round(room * (0.35 + 0.3 * pan))
        frame = self.sky[:, start : start + width].copy()
        glow(
            frame, (self.sun[0] - start, self.sun[1]), height * 0.5, self.setting.palette.second, 0.15 + 0.25 * at.kick
        )
        for (layer, mask), speed in zip(self.layers, (0.4, 0.7, 1.0), strict=True):
            start = round(room * (0.5 + (pan - 0.5) * speed))
            paste(frame, layer[:, start : start + width], mask[:, start : start + width])
        paste(frame, *self.roof)
        x = 0.18 + 0.64 * (at.shot if self.direction > 0 else 1 - at.shot)
        size = height * (0.62 if self.near else 0.34)
        light = dancer.Light(self.setting.palette.accent, -self.direction, 0.7)
        pose = dancer.pose("walk", at.beat, facing=self.direction)
        return frame, dancer.draw(frame, pose, (x * width, self.floor + height * 0.005), size, self.outfit, light)


class Road:
    """A road of light into the sun; a car weaves ahead of us."""

    def __init__(self, setting: Setting) -> None:
        self.setting = setting
        dice = setting.dice()
        width, height, palette = setting.width, setting.height, setting.palette
        self.horizon = round(height * 0.52)
        self.top = gradient(width, self.horizon, [palette.top, palette.middle, palette.low])
        _stars(self.top, dice, 0.8, 60)
        glow(self.top, (width / 2, self.horizon), height * 0.6, palette.low, 0.55)
        _sun(
            self.top,
            (width / 2, self.horizon - height * 0.09),
            height * 0.24,
            palette.accent,
            palette.second,
            bars=True,
        )
        self._mountains(dice.randrange(1 << 30))
        rows, columns = max(8, (height - self.horizon) // 2), max(8, width // 2)
        deep = np.linspace(0.02, 1.0, rows, dtype=np.float32)[:, None]
        across = np.linspace(-1, 1, columns, dtype=np.float32)[None, :] * (width / height) / deep * 1.1
        near = np.abs(across - np.rint(across)) * deep
        self.lanes = np.asarray(np.clip(1 - near / 0.018, 0, 1) * np.clip(deep * 2.2, 0, 1), dtype=np.float32)
        self.far = 1.0 / deep
        self.deep = deep
        self.colours = ramp([palette.dark, mixed(palette.dark, palette.middle, 0.45), palette.second, (255, 255, 255)])
        self.start = dice.uniform(0, 2 * pi)
        self.paint = hex_colour(dice.choice(("#ff3f7f", "#25c2b8", "#ffc53d", "#7f6bff")))

    def _mountains(self, seed: int) -> None:
        numbers = np.random.default_rng(seed)
        width, palette = self.setting.width, self.setting.palette
        for depth, share in ((0, 0.5), (1, 0.85)):
            points: list[tuple[float, float]] = [(0, self.horizon + 1)]
            for x in np.linspace(0, width, 22):
                middle = abs(x / width - 0.5) * 2
                rise = self.horizon * (0.04 + (0.26 - 0.08 * depth) * middle * numbers.uniform(0.45, 1.0))
                points.append((float(x), self.horizon - rise))
            points.append((width, self.horizon + 1))
            polygon(self.top, points, mixed(palette.middle, palette.dark, share))

    def draw(self, at: Moment) -> tuple[Image, Box | None]:
        width, height = self.setting.width, self.setting.height
        travelled = at.time * 1.6 + 0.5 * at.beat
        cross = (self.far * 0.7 + travelled) % 1.0
        lines = np.clip(1 - np.abs(cross - 0.5) / (0.035 * np.clip(self.far * 0.25, 0.6, 6)), 0, 1) * np.clip(
            self.deep * 3, 0, 1
        )
        haze = np.clip(0.42 - self.deep, 0, 1) * 0.8
        field = np.maximum(self.lanes, lines) * (0.62 + 0.3 * at.kick) + haze
        grid = cv2.applyColorMap(np.asarray(np.clip(field, 0, 1) * 255, dtype=np.uint8), self.colours)
        frame = np.empty((height, width, 3), dtype=np.uint8)
        frame[: self.horizon] = self.top
        frame[self.horizon :] = cv2.resize(grid, (width, height - self.horizon), interpolation=cv2.INTER_LINEAR)
        x = width * (0.5 + 0.27 * sin(self.start + at.time * 1.35))
        lean = sin(self.start + at.time * 1.35 + pi / 2)
        y = height * (0.865 + 0.004 * sin(at.time * 31))
        return frame, self._car(frame, x, y, height * 0.30, lean, at)

    def _car(self, frame: Image, x: float, y: float, size: float, lean: float, at: Moment) -> Box:
        """Seen from behind."""
        palette = self.setting.palette
        tilt = 0.03 * lean * size
        dark = dimmed(self.paint, 0.4)
        ellipse(frame, (x, y + 0.01 * size), (0.66 * size, 0.075 * size), dimmed(palette.dark, 0.6))
        for side in (-1, 1):
            cx = x + side * 0.42 * size
            polygon(
                frame,
                [
                    (cx - 0.1 * size, y - 0.16 * size),
                    (cx + 0.1 * size, y - 0.16 * size),
                    (cx + 0.09 * size, y),
                    (cx - 0.09 * size, y),
                ],
                (16, 12, 14),
            )
        body = [(-0.58, -0.12), (-0.60, -0.30), (-0.50, -0.42), (0.50, -0.42), (0.60, -0.30), (0.58, -0.12)]
        polygon(frame, [(x + bx * size, y + by * size + bx * tilt) for bx, by in body], dimmed(self.paint, 0.75))
        cabin = [(-0.46, -0.41), (-0.31, -0.64), (0.31, -0.64), (0.46, -0.41)]
        polygon(frame, [(x + bx * size, y + by * size + bx * tilt) for bx, by in cabin], self.paint)
        glass = [(-0.37, -0.43), (-0.265, -0.60), (0.265, -0.60), (0.37, -0.43)]
        polygon(
            frame,
            [(x + bx * size, y + by * size + bx * tilt) for bx, by in glass],
            mixed(palette.dark, palette.middle, 0.5),
        )
        shine = [(-0.20, -0.43), (-0.10, -0.60), (0.02, -0.60), (-0.06, -0.43)]
        polygon(
            frame,
            [(x + bx * size, y + by * size + bx * tilt) for bx, by in shine],
            mixed(palette.middle, palette.low, 0.6),
        )
        limb(
            frame,
            (x - 0.52 * size, y - 0.17 * size - 0.52 * tilt),
            (x + 0.52 * size, y - 0.17 * size + 0.52 * tilt),
            0.03 * size,
            0.03 * size,
            dark,
        )
        for side in (-1, 1):
            a = (x + side * 0.50 * size, y - 0.31 * size + side * 0.5 * tilt)
            b = (x + side * 0.26 * size, y - 0.31 * size + side * 0.26 * tilt)
            limb(frame, a, b, 0.04 * size, 0.03 * size, (70, 60, 255))
            glow(frame, ((a[0] + b[0]) / 2, a[1]), size * (0.3 + 0.22 * at.snare), (60, 40, 255), 0.7 + 0.3 * at.snare)
        width, height = self.setting.width, self.setting.height
        return Box((x - 0.62 * size) / width, (y - 0.66 * size) / height, 1.24 * size / width, 0.68 * size / height)


class Sea:
    """The sea at night under a moon; a balloon with a lamp drifts over it."""

    def __init__(self, setting: Setting) -> None:
        self.setting = setting
        dice = setting.dice()
        width, height, palette = setting.width, setting.height, setting.palette
        self.horizon = round(height * 0.62)
        self.sky = gradient(
            width, self.horizon, [palette.top, palette.top, palette.middle, mixed(palette.middle, palette.low, 0.7)]
        )
        _stars(self.sky, dice, 0.85, 120)
        self.moon = (width * dice.uniform(0.25, 0.75), height * 0.24)
        glow(self.sky, self.moon, height * 0.6, mixed(palette.low, palette.accent, 0.4), 0.5)
        _sun(self.sky, self.moon, height * 0.085, (255, 255, 255), palette.accent, bars=False)
        rows = height - self.horizon
        self.water = gradient(width, rows, [mixed(palette.middle, palette.low, 0.45), palette.top, palette.dark])
        self.waves = [self._waves(dice.randrange(1 << 30), rows) for _ in range(2)]
        x = np.arange(width, dtype=np.float32)[None, :]
        deep = np.linspace(0, 1, rows, dtype=np.float32)[:, None]
        path = np.exp(-(((x - self.moon[0]) / (height * (0.07 + 0.3 * deep))) ** 2))
        self.path = np.asarray(60 + 195 * path, dtype=np.uint8)
        self.tint = mixed(palette.low, palette.accent, 0.55)
        self.direction = dice.choice((-1, 1))
        self.skin = hex_colour(dice.choice(("#ff5f6d", "#ffb347", "#ff6fb5")))
        self.sparks = [(dice.random(), dice.random(), dice.uniform(0.3, 1)) for _ in range(26)]

    def _waves(self, seed: int, rows: int) -> Mask:
        """Flat crests that are larger towards us; twice the width, so that it can be pulled along."""
        width = self.setting.width * 2
        noise = np.random.default_rng(seed).random((rows, width // 4), dtype=np.float32)
        smooth = np.empty_like(noise)
        bands = 6
        for band in range(bands):
            a, b = rows * band // bands, rows * (band + 1) // bands
            soft = cv2.GaussianBlur(
                noise, (0, 0), sigmaX=2.0 + 3.0 * band, sigmaY=0.5 + 0.55 * band, borderType=cv2.BORDER_REFLECT
            )
            piece = soft[a:b]
            smooth[a:b] = (piece - piece.mean()) / max(float(piece.std()), 1e-6)
        crests = np.clip(smooth * 0.5 + 0.25, 0, 1) ** 1.5
        return np.asarray(cv2.resize(np.asarray(crests * 255, dtype=np.uint8), (width, rows)), dtype=np.uint8)

    def draw(self, at: Moment) -> tuple[Image, Box | None]:
        width, height = self.setting.width, self.setting.height
        frame = np.empty((height, width, 3), dtype=np.uint8)
        frame[: self.horizon] = self.sky
        a = round(width * 0.5 + at.time * width * 0.02) % width
        b = round(width * 0.9 - at.time * width * 0.014) % width
        crest = cv2.multiply(self.waves[0][:, a : a + width], self.waves[1][:, b : b + width], scale=1 / 140)
        crest = cv2.multiply(crest, self.path, scale=1 / 255)
        lit = cv2.merge([cv2.convertScaleAbs(crest, alpha=part / 255) for part in self.tint])
        frame[self.horizon :] = cv2.add(self.water, lit)
        share = at.shot if self.direction > 0 else 1 - at.shot
        x = width * (0.2 + 0.6 * share)
        y = height * (0.34 - 0.03 * sin(at.beat * pi / 4) + 0.02 * sin(at.time))
        for sx, sy, level in self.sparks:
            place = ((sx + 0.02 * at.time * level) % 1.0 * width, (1 - (sy + 0.05 * at.time * level) % 1.0) * height)
            glow(
                frame,
                place,
                height * 0.012 * (1 + level),
                self.setting.palette.accent,
                0.5 * level * (0.6 + 0.4 * sin(at.time * 3 + 9 * sx)),
            )
        return frame, self._balloon(frame, x, y, height * 0.20, at)

    def _balloon(self, frame: Image, x: float, y: float, size: float, at: Moment) -> Box:
        height, width = frame.shape[:2]
        glow(frame, (x, y), size * 1.9, self.skin, 0.5 + 0.15 * at.kick)
        for shift, share in ((-0.0, 1.0), (0.0, 0.66), (0.0, 0.30)):
            colour = mixed(dimmed(self.skin, 0.75), (190, 240, 255), 0.55 * (1 - share))
            points = []
            for number in range(33):
                turn = 2 * pi * number / 32
                px, py = sin(turn), -np.cos(turn)
                narrow = 1.0 if py < 0.2 else 1.0 - 0.62 * ((py - 0.2) / 0.8) ** 1.4
                points.append((x + (px * narrow * share + shift) * size * 0.78, y + float(py) * size))
            polygon(frame, points, colour)
        for side in (-1, 1):
            limb(
                frame,
                (x + side * size * 0.24, y + size * 0.99),
                (x + side * size * 0.12, y + size * 1.28),
                size * 0.012,
                size * 0.012,
                (30, 24, 30),
            )
        polygon(
            frame,
            [
                (x - size * 0.15, y + size * 1.27),
                (x + size * 0.15, y + size * 1.27),
                (x + size * 0.12, y + size * 1.5),
                (x - size * 0.12, y + size * 1.5),
            ],
            (34, 52, 96),
        )
        glow(frame, (x, y + size * 1.08), size * (0.34 + 0.1 * ease(at.kick)), (150, 220, 255), 0.9)
        return Box((x - 0.8 * size) / width, (y - size) / height, 1.6 * size / width, 2.5 * size / height)
