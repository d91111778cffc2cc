"""Shows: the stage with its wall of light, the poster, the singer close."""

from __future__ import annotations

from math import cos, pi, sin

import cv2
import numpy as np

from stakazo.media.types import Box
from stakazo.sample import dancer, singer
from stakazo.sample.canvas import Image, Mask, dimmed, disc, glow, gradient, limb, mixed, paste, polygon, ramp
from stakazo.sample.scenes import Moment, Setting, ease


class Stage:
    """A dancer before a wall of lamps that shows the music; beams from above, a crowd in front (not when close)."""

    COLUMNS, ROWS = 32, 12

    def __init__(self, setting: Setting, *, close: bool) -> None:
        self.setting, self.close = setting, close
        dice = setting.dice()
        width, height, palette = setting.width, setting.height, setting.palette
        self.floor = round(height * (0.80 if not close else 1.0))
        self.base = gradient(width, height, [palette.dark, mixed(palette.dark, palette.middle, 0.35), palette.dark])
        self.wall = (round(width * 0.06), round(height * 0.10), round(width * 0.94), round(height * 0.70))
        if close:
            self.wall = (0, 0, width, height)
        self.lamps = self._lamps()
        self.colours = ramp([palette.dark, palette.middle, palette.second, palette.accent])
        self.beams = [
            (
                dice.uniform(0.05, 0.95),
                dice.uniform(0, 2 * pi),
                dice.uniform(0.5, 1.0),
                palette.second if n % 2 else palette.low,
            )
            for n in range(6)
        ]
        self.crowd = [] if close else [self._crowd(depth, dice.randrange(1 << 30)) for depth in range(2)]
        self.outfit = dancer.OUTFITS[dice.randrange(3)]
        self.move = dice.choice(("pump", "wave", "sway", "jump") if not close else ("pump", "wave", "sway"))
        self.from_, self.to = dice.choice(((0.30, 0.70), (0.72, 0.34), (0.25, 0.55), (0.70, 0.45)))
        self.phase = dice.uniform(0, 9)

    def _lamps(self) -> Image:
        """Which part of each cell is lamp: to multiply with."""
        x0, y0, x1, y1 = self.wall
        mask = np.zeros((y1 - y0, x1 - x0), dtype=np.uint8)
        wide, high = (x1 - x0) / self.COLUMNS, (y1 - y0) / self.ROWS
        for row in range(self.ROWS):
            for column in range(self.COLUMNS):
                disc(mask, ((column + 0.5) * wide, (row + 0.5) * high), min(wide, high) * 0.40, 255)
        if self.close:
            mask = np.asarray(cv2.GaussianBlur(mask, (0, 0), self.setting.height * 0.012), dtype=np.uint8)
        return np.repeat(mask[:, :, None], 3, axis=2)

    def _crowd(self, depth: int, seed: int) -> tuple[Image, Mask]:
        """Heads and raised arms from behind."""
        numbers = np.random.default_rng(seed)
        width, height, palette = self.setting.width, self.setting.height, self.setting.palette
        high = round(height * 0.34)
        layer = np.zeros((high, width, 3), dtype=np.uint8)
        mask = np.zeros((high, width), dtype=np.uint8)
        colour = mixed(palette.dark, palette.middle, 0.22 if depth == 0 else 0.04)
        size = height * (0.030 + 0.012 * depth)
        x = -size
        while x < width + size:
            y = high * (0.46 + 0.14 * depth) + numbers.uniform(-0.4, 0.4) * size
            for target, fill in ((layer, colour), (mask, 255)):
                disc(target, (x, y), size, fill)
                polygon(
                    target,
                    [
                        (x - size * 1.9, high),
                        (x - size * 1.5, y + size * 1.6),
                        (x - size * 0.5, y + size),
                        (x + size * 0.5, y + size),
                        (x + size * 1.5, y + size * 1.6),
                        (x + size * 1.9, high),
                    ],
                    fill,
                )
            if numbers.random() < 0.55:
                side = numbers.choice((-1, 1))
                hand = (x + side * size * numbers.uniform(0.8, 2.0), y - size * numbers.uniform(2.0, 4.2))
                for target, fill in ((layer, colour), (mask, 255)):
                    limb(target, (x + side * size * 1.3, y + size * 1.8), hand, size * 0.42, size * 0.30, fill)
                    disc(target, hand, size * 0.42, fill)
            x += size * numbers.uniform(2.4, 3.4)
        return layer, mask

    def draw(self, at: Moment) -> tuple[Image, Box | None]:
        width, height = self.setting.width, self.setting.height
        frame = self.base.copy()
        self._show(frame, at)
        self._light(frame, at)
        if not self.close:
            self._reflect(frame)
        x = width * (self.from_ + (self.to - self.from_) * ease(at.shot))
        x += width * 0.012 * sin(at.beat * pi)
        light = dancer.Light(self.setting.palette.accent, 1 if self.to > self.from_ else -1, 0.95)
        pose = dancer.pose(self.move, at.beat)
        foot, size = (x, self.floor + height * 0.06), height * 0.56
        if self.close:
            foot, size = (x, height * 1.62), height * 1.45
        else:
            glow(frame, (x, self.floor - height * 0.2), height * 0.5, self.setting.palette.middle, 0.5 + 0.3 * at.kick)
        box = dancer.draw(frame, pose, foot, size, self.outfit, light)
        for depth, (layer, mask) in enumerate(self.crowd):
            lift = round(height * 0.02 * abs(sin((at.beat + 0.25 * depth) * pi)))
            high = layer.shape[0]
            top = height - high + round(height * (0.06 + 0.06 * depth)) - lift
            paste(frame[top:height], layer[: height - top], mask[: height - top])
        return frame, box

    def _show(self, frame: Image, at: Moment) -> None:
        """The wall: a spectrum, a travelling wave, and the kick in all of it."""
        columns = np.arange(self.COLUMNS)
        middle = np.abs(columns - (self.COLUMNS - 1) / 2) / (self.COLUMNS / 2)
        high = (
            0.25
            + 0.45 * at.kick * (1 - middle)
            + 0.3 * np.abs(np.sin(columns * 0.9 + at.beat * 0.5 * pi + self.phase)) * (0.4 + at.mouth)
        )
        rows = np.arange(self.ROWS)[:, None] / self.ROWS
        bars = np.clip((high[None, :] - (1 - rows)) * 6 + 0.6, 0, 1)
        wave = 0.5 + 0.5 * np.sin(columns[None, :] * 0.35 - at.beat * pi / 2 + rows * 4)
        level = np.clip(0.62 * bars + 0.28 * wave + 0.12 * at.snare, 0.06, 1)
        small = cv2.applyColorMap(np.asarray(level * 235, dtype=np.uint8), self.colours)
        x0, y0, x1, y1 = self.wall
        large = cv2.resize(
            small, (x1 - x0, y1 - y0), interpolation=cv2.INTER_NEAREST if not self.close else cv2.INTER_LINEAR
        )
        place = frame[y0:y1, x0:x1]
        cv2.add(place, cv2.multiply(large, self.lamps, scale=(0.75 if not self.close else 0.6) / 255), dst=place)

    def _light(self, frame: Image, at: Moment) -> None:
        """Beams from the ceiling, drawn small and soft, then enlarged."""
        width, height = self.setting.width // 4, self.setting.height // 4
        light = np.zeros((height, width, 3), dtype=np.uint8)
        for place, phase, speed, colour in self.beams:
            beam = np.zeros_like(light)
            swing = 0.55 * sin(phase + at.beat * speed * pi / 4)
            x = place * width
            ends = x + swing * height
            polygon(
                beam,
                [(x - 1.5, -4), (x + 1.5, -4), (ends + 0.13 * height, height), (ends - 0.13 * height, height)],
                dimmed(colour, 0.24 + 0.16 * at.kick),
            )
            cv2.add(light, beam, dst=light)
        soft = cv2.GaussianBlur(light, (0, 0), max(0.8, height / 60))
        cv2.add(
            frame,
            cv2.resize(soft, (self.setting.width, self.setting.height), interpolation=cv2.INTER_LINEAR),
            dst=frame,
        )

    def _reflect(self, frame: Image) -> None:
        """The floor is polished."""
        height = self.setting.height
        deep = height - self.floor
        mirrored = cv2.flip(frame[self.floor - deep : self.floor], 0)
        frame[self.floor :] = cv2.convertScaleAbs(cv2.blur(mirrored, (9, 5)), alpha=0.42)


class Poster:
    """A pop poster: rays, a disc that beats, a dancer large in front, two shadows beside."""

    def __init__(self, setting: Setting) -> None:
        self.setting = setting
        dice = setting.dice()
        palette = setting.palette
        self.back, self.ray, self.plate = dice.choice(
            (
                (palette.second, mixed(palette.second, palette.top, 0.45), palette.accent),
                (palette.middle, mixed(palette.middle, palette.top, 0.6), palette.accent),
                (palette.low, mixed(palette.low, palette.middle, 0.5), palette.accent),
            )
        )
        self.outfit = dancer.OUTFITS[dice.randrange(3)]
        self.move = dice.choice(("pump", "wave", "jump"))
        self.from_, self.to = dice.choice(((0.32, 0.68), (0.68, 0.32), (0.5, 0.66), (0.5, 0.34)))
        self.spin = dice.choice((-1, 1)) * 0.16
        self.shadow = dimmed(palette.dark, 1.6)
        self.dots = self._dots()

    def _dots(self) -> Image:
        """Halftone: dots that grow towards the bottom, to multiply with."""
        width, height = self.setting.width, self.setting.height
        dots = np.full((height, width), 255, dtype=np.uint8)
        step = max(6, height // 36)
        for row, y in enumerate(range(round(height * 0.45), height + step, step)):
            size = step * 0.48 * ease((y / height - 0.45) / 0.6)
            for x in range(-step, width + step, step):
                disc(dots, (x + (step / 2 if row % 2 else 0), y), size, 205)
        return np.repeat(dots[:, :, None], 3, axis=2)

    def draw(self, at: Moment) -> tuple[Image, Box | None]:
        width, height = self.setting.width, self.setting.height
        half = np.empty((height // 2, width // 2, 3), dtype=np.uint8)
        half[:] = self.back
        middle = (width / 4, height * 0.23)
        reach = width * 0.4
        for number in range(14):
            turn = 2 * pi * number / 14 + self.spin * at.age
            edges = [(middle[0] + reach * cos(edge), middle[1] + reach * sin(edge)) for edge in (turn, turn + pi / 14)]
            polygon(half, [middle, *edges], self.ray)
        frame = np.asarray(cv2.resize(half, (width, height), interpolation=cv2.INTER_LINEAR), dtype=np.uint8)
        middle = (width / 2, height * 0.46)
        disc(frame, middle, height * (0.33 + 0.045 * at.kick), self.plate)
        disc(frame, middle, height * (0.28 + 0.03 * at.kick), mixed(self.plate, self.back, 0.35))
        cv2.multiply(frame, self.dots, dst=frame, scale=1 / 255)
        x = width * (self.from_ + (self.to - self.from_) * ease(at.shot))
        pose = dancer.pose(self.move, at.beat)
        ghost = dancer.Outfit(*(self.shadow,) * 6)
        dark = dancer.Light(self.shadow, 1, 1.0)
        for side in (-1, 1):
            dancer.draw(
                frame,
                dancer.pose(self.move, at.beat - 0.12),
                (x + side * width * 0.17, height * 1.0),
                height * 0.62,
                ghost,
                dark,
            )
        light = dancer.Light((255, 255, 255), 1 if self.to > self.from_ else -1, 1.0)
        return frame, dancer.draw(frame, pose, (x, height * 1.05), height * 0.86, self.outfit, light)


class Portrait:
    """The singer before lights out of focus."""

    def __init__(self, setting: Setting, *, night: bool) -> None:
        self.setting, self.night = setting, night
        dice = setting.dice()
        width, height, palette = setting.width, setting.height, setting.palette
        self.back = gradient(width, height, [palette.top, mixed(palette.middle, palette.dark, 0.35), palette.dark])
        self.lights = [
            (
                dice.random(),
                dice.random(),
                dice.uniform(0.04, 0.13),
                dice.choice((palette.low, palette.second, palette.accent, palette.middle)),
                dice.uniform(0.2, 0.6),
            )
            for _ in range(18)
        ]
        self.singer = singer.Singer(singer.LOOKS[dice.randrange(3)], palette.second)
        self.seed = dice.randrange(1000)
        self.from_, self.to = dice.choice(((0.30, 0.40), (0.70, 0.60), (0.36, 0.64), (0.62, 0.34)))
        self.size = dice.uniform(1.15, 1.35)
        self.rain = [(dice.random(), dice.random(), dice.uniform(0.5, 1)) for _ in range(70)] if night else []

    def draw(self, at: Moment) -> tuple[Image, Box | None]:
        width, height = self.setting.width, self.setting.height
        frame = self.back.copy()
        small = np.zeros((height // 4, width // 4, 3), dtype=np.uint8)
        for x, y, size, colour, level in self.lights:
            place = ((x + 0.012 * at.age * (1 - 2 * y)) * width / 4, (y + 0.01 * sin(at.time + 9 * x)) * height / 4)
            spot = np.zeros_like(small)
            disc(spot, place, size * height / 4 * (1 + 0.12 * at.kick), dimmed(colour, level))
            cv2.add(small, spot, dst=small)
        soft = cv2.GaussianBlur(small, (0, 0), 1.2)
        cv2.add(frame, cv2.resize(soft, (width, height), interpolation=cv2.INTER_LINEAR), dst=frame)
        for x, y, speed in self.rain:
            top = ((y + at.time * speed * 0.9) % 1.1) * height
            cv2.line(
                frame,
                (round(x * width), round(top)),
                (round(x * width - 0.004 * width), round(top + 0.06 * height * speed)),
                mixed(self.setting.palette.middle, (255, 255, 255), 0.35),
                max(1, height // 540),
                cv2.LINE_AA,
            )
        x = width * (self.from_ + (self.to - self.from_) * ease(at.shot))
        y = height * (0.47 + 0.008 * abs(sin(at.beat * pi / 2)))
        size = height * self.size * (1 + 0.04 * at.shot)
        look = sin(at.time * 0.7 + self.seed) * 1.2
        box = self.singer.draw(
            frame,
            (x, y),
            size,
            mouth=at.mouth,
            blink=singer.blinking(at.time, self.seed),
            look=look,
            tilt=3.5 * sin(at.beat * pi / 2 + self.seed),
        )
        return frame, box
