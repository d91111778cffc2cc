"""A camera's path on one axis: the least movement, change of speed and jerk that keeps the subject. Pure."""

from __future__ import annotations

import numpy as np
import scipy  # its parts are loaded at their first use: a quarter of the start-up of every API and worker otherwise
from numpy.typing import NDArray

STEP = 0.1
"""Seconds from one point of a path to the next."""
SPEED = 0.45
"""Frames (widths or heights) per second that a window moves at most."""
MOVE, TURN, JERK, LOSE = 1.0, 0.25, 0.05, 60.0
"""What a path costs: per frame of way, per change of speed, per change of that, and per frame and second by which
the subject is further off than it may be. Ways and changes cost so little beside losing the subject that it's lost
only where the speed doesn't suffice."""


def least_movement(low: NDArray[np.float64], high: NDArray[np.float64]) -> NDArray[np.float64]:
    """A path through the tube between `low` and `high` (points STEP apart), as still and as even as it can be.

    A linear program: the sum of absolute speeds, accelerations and jerks is smallest, so that most of them are
    exactly zero: holds, even moves, and even changes between both. The tube may be left, at a price, where the
    speed limit asks for it.
    """
    count = len(low)
    if count < 4:
        middle = float((low.max() + high.min()) / 2)
        return np.full(count, middle)
    # Variables: path, then the absolute differences of first to third order, then the distance outside the tube.
    differences = [_difference(count, order) for order in (1, 2, 3)]
    prices = [MOVE, TURN, JERK * STEP]
    sizes = [count, *(matrix.shape[0] for matrix in differences), count]
    offsets = np.concatenate([[0], np.cumsum(sizes)])
    rows, limits = [], []
    for number, matrix in enumerate(differences, 1):
        for sign in (1.0, -1.0):
            rows.append(_row({0: sign * matrix, number: -_one(sizes[number])}, sizes))
            limits.append(np.zeros(sizes[number]))
    rows += [_row({0: -_one(count), 4: -_one(count)}, sizes), _row({0: _one(count), 4: -_one(count)}, sizes)]
    limits += [-low, high]
    cost = np.concatenate(
        [np.full(size, price) for size, price in zip(sizes, [0.0, *prices, LOSE * STEP], strict=True)]
    )
    bounds = np.zeros((offsets[-1], 2))
    bounds[:, 1] = np.inf
    bounds[offsets[1] : offsets[2], 1] = SPEED * STEP
    solved = scipy.optimize.linprog(
        cost, A_ub=scipy.sparse.vstack(rows), b_ub=np.concatenate(limits), bounds=bounds, method="highs-ds"
    )
    if solved.x is None:
        return np.full(count, float(np.median((low + high) / 2)))
    return np.asarray(solved.x[:count], dtype=np.float64)


def eased(path: NDArray[np.float64]) -> NDArray[np.float64]:
    """The same path, its corners rounded over half a second: that little smoothing costs nothing of the subject."""
    weights = np.hanning(7)[1:-1]
    reach = len(weights) // 2
    return np.convolve(np.pad(path, reach, mode="edge"), weights / weights.sum(), mode="valid")


def _one(size: int) -> scipy.sparse.csr_array:
    return scipy.sparse.csr_array(scipy.sparse.diags_array(np.ones(size)))


def _difference(count: int, order: int) -> scipy.sparse.csr_array:
    """The matrix that takes differences of an order, in the units of one step."""
    weights = {1: [-1.0, 1.0], 2: [1.0, -2.0, 1.0], 3: [-1.0, 3.0, -3.0, 1.0]}[order]
    size = count - order
    return scipy.sparse.csr_array(
        scipy.sparse.diags_array(
            [np.full(size, w) for w in weights], offsets=list(range(order + 1)), shape=(size, count)
        )
    )


def _row(blocks: dict[int, scipy.sparse.csr_array], sizes: list[int]) -> scipy.sparse.csr_array:
    height = next(iter(blocks.values())).shape[0]
    return scipy.sparse.csr_array(
        scipy.sparse.hstack(
            [blocks.get(number, scipy.sparse.csr_array((height, size))) for number, size in enumerate(sizes)]
        )
    )


def simplified(
    times: NDArray[np.float64], path: NDArray[np.float64], tolerance: float = 0.0008
) -> list[tuple[float, float]]:
    """The few points of a path between which it is straight, to within a tolerance; one where it stands still."""
    if float(path.max() - path.min()) <= tolerance * 4:
        return [(float(times[0]), float(np.median(path)))]
    keep = {0, len(path) - 1}
    pending = [(0, len(path) - 1)]
    while pending:
        first, last = pending.pop()
        if last - first < 2:
            continue
        line = np.interp(times[first : last + 1], [times[first], times[last]], [path[first], path[last]])
        off = np.abs(path[first : last + 1] - line)
        worst = int(np.argmax(off))
        if off[worst] > tolerance:
            keep.add(first + worst)
            pending += [(first, first + worst), (first + worst, last)]
    return [(float(times[index]), float(path[index])) for index in sorted(keep)]
