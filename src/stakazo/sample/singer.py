"""The singer, close: a face with soft shading that blinks, looks and sings; big headphones, because it is music."""

from __future__ import annotations

from dataclasses import dataclass
from math import sin

import cv2
import numpy as np
from numpy.typing import NDArray

from stakazo.media.types import Box
from stakazo.sample.canvas import Colour, Image, Mask, dimmed, disc, ellipse, hex_colour, mixed, over, polygon

SIZE = 640
"""Pixels of the square that the singer is painted in once; the frame gets it moved and scaled."""


@dataclass(frozen=True, slots=True)
class Looks:
    """A singer's colours."""

    skin: Colour
    shade: Colour
    light: Colour
    hair: Colour
    lips: Colour
    eyes: Colour
    jacket: Colour
    phones: Colour


LOOKS = tuple(
    Looks(*(hex_colour(code) for code in codes))
    for codes in (
        ("#d39a72", "#8f5540", "#f4c9a2", "#1f1420", "#b6414f", "#5a3a22", "#ff3f7f", "#f4f1ff"),
        ("#a26a47", "#5f3524", "#d79b70", "#120c14", "#8e2f3f", "#3b2414", "#ffc53d", "#35d6e6"),
        ("#e8bd9c", "#a8745d", "#ffe3c6", "#6b2f1c", "#c4525c", "#3c6a6e", "#25c2b8", "#2b1b4a"),
    )
)


class Singer:
    """A painted singer: the face once, the eyes and the mouth in the few states that they have."""

    def __init__(self, looks: Looks, rim: Colour) -> None:
        self.looks = looks
        self.rim = rim
        self.base, self.cover = self._painted()
        self._states: dict[tuple[int, bool, int], NDArray[np.uint8]] = {}

    def draw(
        self,
        image: Image,
        centre: tuple[float, float],
        size: float,
        *,
        mouth: float,
        blink: bool,
        look: float,
        tilt: float,
    ) -> Box:
        """Draws the head with its middle at `centre` (pixels), the whole square `size` pixels; gives the head's box.

        `mouth` 0 (closed) to 1, `look` -1 (left) to 1, `tilt` in degrees.
        """
        state = (round(min(max(mouth, 0.0), 1.0) * 4), blink, round(min(max(look, -1.0), 1.0) * 2))
        if state not in self._states:
            self._states[state] = self._with_face(*state)
        scale = size / SIZE
        turn = cv2.getRotationMatrix2D((SIZE / 2, SIZE * 0.62), tilt, scale)
        side = round(size * 1.06)
        turn[:, 2] += np.array([side / 2 - SIZE / 2, side / 2 - SIZE * 0.62 + 0.12 * size])
        left, top = round(centre[0] - side / 2), round(centre[1] - 0.42 * side)
        height, width = image.shape[:2]
        cut = max(0, -top)
        turn[1, 2] -= cut
        visible = (side, max(1, min(side, height - top) - cut))
        moved = cv2.warpAffine(self._states[state], turn, visible, flags=cv2.INTER_LINEAR)
        over(image, np.asarray(moved, dtype=np.uint8), left, top + cut)
        x0, y0 = max(0.0, (centre[0] - 0.19 * size) / width), max(0.0, (centre[1] - 0.26 * size) / height)
        x1, y1 = min(1.0, (centre[0] + 0.19 * size) / width), min(1.0, (centre[1] + 0.26 * size) / height)
        return Box(x0, y0, max(0.0, x1 - x0), max(0.0, y1 - y0))

    # --- painting, in a square of SIZE whose face has its middle at (320, 270) ------------------------------

    def _painted(self) -> tuple[Image, Mask]:
        layer = np.zeros((SIZE, SIZE, 3), dtype=np.uint8)
        cover = np.zeros((SIZE, SIZE), dtype=np.uint8)
        looks = self.looks
        back = mixed(looks.hair, (0, 0, 0), 0.25)
        for target, fill in ((layer, back), (cover, 255)):
            ellipse(target, (320, 262), (158, 190), fill)
            polygon(target, [(168, 270), (150, 470), (215, 520), (425, 520), (490, 470), (472, 270)], fill)
        for target, fill in ((layer, looks.jacket), (cover, 255)):
            polygon(
                target,
                [(250, 486), (120, 530), (52, 600), (30, 640), (610, 640), (588, 600), (520, 530), (390, 486)],
                fill,
            )
        self._shaded(layer, [(30, 640), (60, 590), (130, 535), (200, 560), (170, 640)], dimmed(looks.jacket, 0.55), 14)
        polygon(layer, [(268, 350), (262, 500), (320, 560), (378, 500), (372, 350)], looks.skin)
        self._shaded(layer, [(272, 380), (368, 380), (368, 440), (320, 466), (272, 440)], looks.shade, 9)
        self._collar(layer)
        self._face(layer)
        self._hair(layer)
        self._phones(layer, cover)
        moved = np.zeros_like(cover)
        moved[5:, :-9] = cover[:-5, 9:]
        edge = cv2.subtract(cover, moved)
        edge = cv2.min(cv2.GaussianBlur(edge, (0, 0), 2.5), cover)
        for part in range(3):
            layer[:, :, part] = cv2.add(layer[:, :, part], cv2.convertScaleAbs(edge, alpha=self.rim[part] / 255))
        soft = np.asarray(cv2.GaussianBlur(cover, (0, 0), 0.8), dtype=np.uint8)
        return np.asarray(cv2.multiply(layer, cv2.cvtColor(soft, cv2.COLOR_GRAY2BGR), scale=1 / 255), np.uint8), soft

    def _shaded(
        self, layer: Image, shape: list[tuple[float, float]], colour: Colour, blur: float, level: float = 1.0
    ) -> None:
        """A soft patch of another colour."""
        patch = np.zeros(layer.shape[:2], dtype=np.uint8)
        polygon(patch, shape, 255)
        self._tinted(layer, patch, colour, blur, level)

    def _spot(
        self, layer: Image, centre: tuple[float, float], radii: tuple[float, float], colour: Colour, level: float
    ) -> None:
        """A soft round patch."""
        patch = np.zeros(layer.shape[:2], dtype=np.uint8)
        ellipse(patch, centre, radii, 255)
        self._tinted(layer, patch, colour, max(radii) * 0.45, level)

    def _tinted(self, layer: Image, patch: Mask, colour: Colour, blur: float, level: float) -> None:
        x, y, wide, high = cv2.boundingRect(patch)
        edge = int(3 * blur) + 1
        rows, columns = slice(max(0, y - edge), y + high + edge), slice(max(0, x - edge), x + wide + edge)
        share = cv2.GaussianBlur(patch[rows, columns], (0, 0), blur).astype(np.float32)[:, :, None] * np.float32(
            level / 255
        )
        place = layer[rows, columns]
        place[:] = (place * (1 - share) + np.asarray(colour, dtype=np.float32) * share).astype(np.uint8)

    def _collar(self, layer: Image) -> None:
        dark = dimmed(self.looks.jacket, 0.72)
        polygon(layer, [(246, 470), (222, 500), (300, 620), (318, 560)], dark)
        polygon(layer, [(394, 470), (418, 500), (340, 620), (322, 560)], dark)

    def _face(self, layer: Image) -> None:
        looks = self.looks
        face = np.zeros((SIZE, SIZE), dtype=np.uint8)
        ellipse(face, (320, 252), (112, 132), 255)
        polygon(
            face,
            [
                (210, 262),
                (222, 330),
                (252, 378),
                (292, 408),
                (320, 414),
                (348, 408),
                (388, 378),
                (418, 330),
                (430, 262),
            ],
            255,
        )
        rounded = cv2.GaussianBlur(face, (0, 0), 9).astype(np.float32) / 255
        face = (255 * np.clip((rounded - 0.5) * 7 + 0.5, 0, 1)).astype(np.uint8)
        paint = np.empty_like(layer)
        paint[:] = looks.skin
        self._shaded(
            paint, [(200, 150), (236, 190), (246, 300), (300, 400), (240, 420), (190, 300)], looks.shade, 20, 0.75
        )
        self._shaded(paint, [(380, 400), (418, 330), (432, 270), (450, 420)], looks.shade, 14, 0.5)
        self._spot(paint, (330, 170), (70, 34), looks.light, 0.75)
        self._spot(paint, (384, 296), (34, 24), looks.light, 0.7)
        self._spot(paint, (258, 300), (30, 22), mixed(looks.skin, looks.lips, 0.35), 0.6)
        self._spot(paint, (390, 312), (30, 18), mixed(looks.skin, looks.lips, 0.4), 0.5)
        self._spot(paint, (320, 396), (26, 12), looks.light, 0.5)
        for x in (268, 372):
            self._spot(paint, (x, 236), (38, 20), looks.shade, 0.65)
        self._shaded(paint, [(306, 236), (298, 300), (290, 318), (312, 322), (312, 240)], looks.shade, 5, 0.6)
        self._shaded(paint, [(318, 230), (328, 230), (332, 304), (318, 308)], looks.light, 4, 0.7)
        self._spot(paint, (320, 322), (30, 8), looks.shade, 0.6)
        for x in (306, 336):
            ellipse(paint, (x, 321), (7, 3.4), dimmed(looks.shade, 0.55))
        share = face.astype(np.float32)[:, :, None] / 255
        layer[:] = (layer * (1 - share) + paint * share).astype(np.uint8)
        for sign, x in ((-1, 268), (1, 372)):
            brow = [
                (x - 34 * sign, 199), (x - 8 * sign, 192), (x + 20 * sign, 194), (x + 40 * sign, 208),
                (x + 18 * sign, 202), (x - 8 * sign, 201), (x - 32 * sign, 208),
            ]  # fmt: skip
            polygon(layer, brow, mixed(looks.hair, looks.shade, 0.25))

    def _hair(self, layer: Image) -> None:
        looks = self.looks
        fringe = [
            (196, 300),
            (186, 210),
            (214, 130),
            (280, 84),
            (350, 80),
            (420, 112),
            (456, 190),
            (446, 300),
            (430, 250),
            (420, 196),
            (384, 160),
            (352, 146),
            (300, 178),
            (240, 196),
            (216, 240),
        ]
        polygon(layer, fringe, looks.hair)
        shine = mixed(looks.hair, looks.light, 0.4)
        self._shaded(layer, [(330, 92), (400, 112), (436, 170), (424, 176), (390, 132), (330, 106)], shine, 5, 0.8)
        self._shaded(layer, [(230, 140), (290, 98), (300, 106), (244, 152)], shine, 5, 0.5)

    def _phones(self, layer: Image, cover: Mask) -> None:
        colour = self.looks.phones
        for target, fill in ((layer, dimmed(colour, 0.8)), (cover, 255)):
            ellipse(target, (320, 250), (160, 186), fill, arc=(190, 350), thickness=20)
        for x, level in ((172, 0.6), (468, 1.0)):
            for target, fill in ((layer, dimmed(colour, level)), (cover, 255)):
                ellipse(target, (x, 272), (34, 56), fill)
            ellipse(layer, (x, 272), (20, 38), dimmed(colour, level * 0.55))

    def _with_face(self, mouth: int, blink: bool, look: int) -> NDArray[np.uint8]:  # noqa: FBT001 - a state, not an option
        layer = self.base.copy()
        for x in (268, 372):
            self._eye(layer, x, 240, closed=blink, look=look)
        self._mouth(layer, mouth / 4)
        return np.dstack([layer, self.cover])

    def _eye(self, layer: Image, x: float, y: float, *, closed: bool, look: int) -> None:
        looks = self.looks
        lid = dimmed(looks.hair, 0.8)
        if closed:
            ellipse(layer, (x, y - 6), (30, 16), lid, arc=(20, 160), thickness=5)
            return
        almond = [
            (x - 31, y + 3),
            (x - 16, y - 11),
            (x + 2, y - 15),
            (x + 18, y - 11),
            (x + 31, y),
            (x + 16, y + 10),
            (x - 4, y + 12),
            (x - 18, y + 9),
        ]
        patch, white = layer.copy(), np.zeros((SIZE, SIZE), dtype=np.uint8)
        polygon(white, almond, 255)
        polygon(patch, almond, (236, 236, 240))
        centre = (x + 7.0 * look, y - 1.0)
        disc(patch, centre, 13.5, looks.eyes)
        disc(patch, centre, 6.5, (12, 8, 10))
        disc(patch, (centre[0] + 5, centre[1] - 5), 3.4, (255, 255, 255))
        cv2.copyTo(patch, white, layer)
        upper = [*almond[:5], (x + 36, y - 6), (x + 18, y - 16), (x + 2, y - 20), (x - 17, y - 16)]
        polygon(layer, upper, lid)

    def _mouth(self, layer: Image, opened: float) -> None:
        x, y = 320.0, 356.0
        looks = self.looks
        wide, gap = 38.0 - 6 * opened, 22.0 * opened
        if gap > 1:
            ellipse(layer, (x, y + gap * 0.5), (wide * 0.8, gap * 0.72 + 2), (28, 16, 46))
            polygon(
                layer,
                [
                    (x - wide * 0.55, y - 1),
                    (x + wide * 0.55, y - 1),
                    (x + wide * 0.45, y + gap * 0.3),
                    (x - wide * 0.45, y + gap * 0.3),
                ],
                (232, 236, 240),
            )
        upper = [
            (x - wide, y + gap * 0.3),
            (x - 16, y - 9),
            (x - 6, y - 11),
            (x, y - 8),
            (x + 6, y - 11),
            (x + 16, y - 9),
            (x + wide, y + gap * 0.3),
            (x + 14, y + 1),
            (x, y + 2),
            (x - 14, y + 1),
        ]
        polygon(layer, upper, dimmed(looks.lips, 0.86))
        low = y + gap
        lower = [
            (x - wide, y + gap * 0.3),
            (x - 16, low + 1),
            (x, low + 2),
            (x + 16, low + 1),
            (x + wide, y + gap * 0.3),
            (x + 18, low + 13),
            (x, low + 17),
            (x - 18, low + 13),
        ]
        polygon(layer, lower, looks.lips)
        ellipse(layer, (x + 5, low + 8), (11, 3), mixed(looks.lips, (255, 255, 255), 0.35))


def blinking(time: float, seed: int) -> bool:
    """A blink of an eighth of a second every three seconds or so."""
    return (time + seed % 7 * 0.37) % (2.6 + 0.8 * sin(seed)) < 0.12
