"""From a mix to a record: loudness to ITU-R BS.1770-4, a limiter that looks ahead, true peak."""

from __future__ import annotations

from functools import cache

import numpy as np
import scipy  # its parts are loaded at their first use
from numpy.typing import NDArray

from stakazo.sample.instruments import RATE

Stereo = NDArray[np.float32]
"""[2, samples]"""

# BS.1770's two filters at 48 kHz: the head's shelf, then the low cut.
_K_WEIGHTING = np.array(
    [
        [1.53512485958697, -2.69169618940638, 1.19839281085285, 1.0, -1.69065929318241, 0.73248077421585],
        [1.0, -2.0, 1.0, 1.0, -1.99004745483398, 0.99007225036621],
    ]
)


def integrated_loudness(mix: Stereo) -> float:
    """LUFS with both gates; -70 for silence."""
    power = scipy.signal.sosfilt(_K_WEIGHTING, mix, axis=1) ** 2
    block, hop = int(0.4 * RATE), int(0.1 * RATE)
    if mix.shape[1] < block:
        return -70.0
    total = np.concatenate([[0.0], np.cumsum(power.sum(axis=0))])
    starts = np.arange(0, mix.shape[1] - block + 1, hop)
    mean = (total[starts + block] - total[starts]) / block
    loud = mean[mean > 10 ** ((-70 + 0.691) / 10)]
    if not len(loud):
        return -70.0
    gate = loud.mean() * 10**-1.0
    return float(-0.691 + 10 * np.log10(loud[loud > gate].mean()))


@cache
def _between() -> NDArray[np.float32]:
    """The filter that finds the levels between samples."""
    return np.asarray(scipy.signal.firwin(49, 1 / 4, window=("kaiser", 6.0)), dtype=np.float32)


def _levels(mix: Stereo) -> NDArray[np.float32]:
    """The highest level around each sample, between the samples too: four times oversampled."""
    level = np.maximum(np.abs(mix[0]), np.abs(mix[1]))
    for channel in mix:
        between = np.abs(scipy.signal.resample_poly(channel, 4, 1, window=_between()))
        for phase in range(4):
            np.maximum(level, between[phase::4], out=level)
    return np.asarray(level, dtype=np.float32)


def true_peak(mix: Stereo) -> float:
    """dBTP, four times oversampled."""
    return float(20 * np.log10(max(float(_levels(mix).max()), 1e-9)))


def limited(mix: Stereo, ceiling: float, *, between: bool = True, ahead: float = 0.004) -> Stereo:
    """Keeps the wave under `ceiling` (linear): the gain goes down before a peak comes, and slowly back.

    `between`: between the samples too (true peak), which costs more.
    """
    window = int(ahead * RATE) | 1
    level = _levels(mix) if between else np.maximum(np.abs(mix[0]), np.abs(mix[1]))
    wanted = np.minimum(1.0, ceiling / np.maximum(level, 1e-9))
    held = scipy.ndimage.minimum_filter1d(wanted, 2 * window)
    # A slow release: the smallest of the held gain and an exponential return from earlier dips.
    slow = 1.0 - scipy.signal.lfilter([1.0], [1.0, -np.exp(-1 / (0.06 * RATE))], 1.0 - held) * (
        1 - np.exp(-1 / (0.06 * RATE))
    )
    gain = scipy.ndimage.uniform_filter1d(np.minimum(held, slow), window)
    return np.asarray(mix * gain, dtype=np.float32)


def mastered(mix: Stereo, loudness: float, peak: float = -1.8) -> Stereo:
    """The mix at `loudness` LUFS with peaks under `peak` dB: gentle saturation, then the limiter, until it fits."""
    low_cut = scipy.signal.butter(2, 27, "highpass", fs=RATE, output="sos")
    clean = np.asarray(scipy.signal.sosfilt(low_cut, mix, axis=1), dtype=np.float32)
    start = integrated_loudness(clean)
    if start <= -69.0:
        return clean
    ceiling = 10 ** (peak / 20)
    gain, out = loudness - start, clean
    for between in (False, True):
        driven = np.tanh(clean * np.float32(0.8 * 10 ** (gain / 20))) / np.float32(0.8)
        out = limited(driven, ceiling, between=between)
        gain += loudness - integrated_loudness(out) + 0.05
    return out
