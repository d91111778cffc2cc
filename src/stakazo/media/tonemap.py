"""HDR pictures on an ordinary screen: the same curve that rendering uses (Hable, 100 nits white). Pure."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from stakazo.media.types import Hdr

NOMINAL_PEAK = 100.0
"""Nits that become 1.0 before the curve: `npl` of the renderer's zscale."""
HLG_PEAK = 1000.0
"""Nits of the display that HLG is shown for (ITU-R BT.2100)."""

BT2020_TO_BT709 = np.array(
    [[1.6605, -0.5876, -0.0728], [-0.1246, 1.1329, -0.0083], [-0.0182, -0.1006, 1.1187]], dtype=np.float32
)
"""Linear light, ITU-R BT.2087."""


def bgr_from_hdr(picture: NDArray[np.uint16], hdr: Hdr) -> NDArray[np.uint8]:
    """A non-linear BT.2020 RGB picture of 16 bits [rows, columns, 3] as BT.709 BGR of 8 bits."""
    signal = picture.astype(np.float32) / 65535.0
    nits = _pq(signal) if hdr is Hdr.PQ else _hlg(signal)
    light = np.maximum((nits / NOMINAL_PEAK) @ BT2020_TO_BT709.T, 0.0)
    brightest = np.maximum(light.max(axis=2, keepdims=True), 1e-6)
    peak = np.float32(HLG_PEAK / NOMINAL_PEAK)
    mapped = np.clip(light * (_hable(brightest) / _hable(peak) / brightest), 0.0, 1.0)
    coded = np.where(mapped < 0.018, 4.5 * mapped, 1.099 * np.power(mapped, 0.45) - 0.099)
    return np.asarray(np.round(coded[:, :, ::-1] * 255), dtype=np.uint8)


def _pq(signal: NDArray[np.float32]) -> NDArray[np.float32]:
    """Nits of a PQ signal (SMPTE ST 2084)."""
    power = np.power(signal, np.float32(1 / 78.84375))
    ratio = np.maximum(power - 0.8359375, 0.0) / (18.8515625 - 18.6875 * power)
    return np.asarray(10000.0 * np.power(ratio, np.float32(1 / 0.1593017578125)), dtype=np.float32)


def _hlg(signal: NDArray[np.float32]) -> NDArray[np.float32]:
    """Nits of an HLG signal on its nominal display (ITU-R BT.2100, system gamma 1.2)."""
    scene = np.where(signal <= 0.5, signal**2 / 3, (np.exp((signal - 0.55991073) / 0.17883277) + 0.28466892) / 12)
    luma = scene @ np.array([0.2627, 0.6780, 0.0593], dtype=np.float32)
    return np.asarray(HLG_PEAK * scene * np.power(np.maximum(luma, 1e-6), 0.2)[:, :, None], dtype=np.float32)


def _hable(light: NDArray[np.float32] | np.float32) -> NDArray[np.float32]:
    """Hable's filmic curve with FFmpeg's constants."""
    a, b, c, d, e, f = 0.15, 0.50, 0.10, 0.20, 0.02, 0.30
    return np.asarray((light * (light * a + b * c) + d * e) / (light * (light * a + b) + d * f) - e / f, np.float32)
