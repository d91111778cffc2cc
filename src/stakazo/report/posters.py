"""What a player shows before it plays: the clip's thumbnail, cut as the variant is. Bytes in, bytes out. Pure."""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from stakazo.media.framing import Framing
from stakazo.media.types import Box
from stakazo.report.crops import at_time
from stakazo.report.data import ReportClip, ReportVariant

HEIGHT = 480
"""Pixels of a poster's longer side, at most."""


def poster_of(clip: ReportClip, variant: ReportVariant) -> bytes | None:
    """A JPEG of the variant's shape; None without a thumbnail that can be read."""
    if clip.thumbnail is None:
        return None
    box, whole = Box(0, 0, 1, 1), False
    if variant.crop is not None:
        time = clip.thumbnail_time if clip.thumbnail_time is not None else (clip.start + clip.end) / 2
        found = at_time(variant.crop, time)
        if found is not None:
            whole, box = found[0].framing is Framing.FIT, found[1]
    scale = HEIGHT / max(variant.width, variant.height)
    size = (max(2, round(variant.width * scale)), max(2, round(variant.height * scale)))
    return _cut(clip.thumbnail, box, whole, size)


@lru_cache(maxsize=64)
def _cut(thumbnail: bytes, box: Box, whole: bool, size: tuple[int, int]) -> bytes | None:  # noqa: FBT001 - a cached key
    decoded = cv2.imdecode(np.frombuffer(thumbnail, dtype=np.uint8), cv2.IMREAD_COLOR)
    if decoded is None:
        return None
    picture = np.asarray(decoded, dtype=np.uint8)
    high, wide = picture.shape[:2]
    left, top = round(box.x * wide), round(box.y * high)
    cut = picture[
        top : max(top + 1, round((box.y + box.height) * high)), left : max(left + 1, round((box.x + box.width) * wide))
    ]
    shown = _filled(cut, size)
    if whole:
        soft = cv2.GaussianBlur(shown, (0, 0), size[1] / 24)
        shown = np.asarray(cv2.convertScaleAbs(soft, alpha=0.6), dtype=np.uint8)
        inner = cv2.resize(
            cut,
            (size[0], max(1, min(size[1], round(size[0] * cut.shape[0] / cut.shape[1])))),
            interpolation=cv2.INTER_AREA,
        )
        start = (size[1] - inner.shape[0]) // 2
        shown[start : start + inner.shape[0]] = inner
    _, jpeg = cv2.imencode(".jpg", shown, [cv2.IMWRITE_JPEG_QUALITY, 80, cv2.IMWRITE_JPEG_OPTIMIZE, 1])
    return bytes(jpeg)


def _filled(picture: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
    """The middle of a picture in another shape."""
    high, wide = picture.shape[:2]
    scale = max(size[0] / wide, size[1] / high)
    large = cv2.resize(
        picture, (max(size[0], round(wide * scale)), max(size[1], round(high * scale))), interpolation=cv2.INTER_AREA
    )
    left, top = (large.shape[1] - size[0]) // 2, (large.shape[0] - size[1]) // 2
    return np.ascontiguousarray(large[top : top + size[1], left : left + size[0]])
