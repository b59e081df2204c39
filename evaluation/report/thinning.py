"""Which snapshots and points of a rollout the page's player keeps, and the values that are left of it."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from tendency.evaluation.report.space import Space

MOST_READ = 4_000_000
"""Values that are read at a time."""
FEW_FRAMES = 60
"""With fewer frames than this, points are given up before frames are."""
FEW_POINTS = 64
"""Points along an axis; no image is made coarser than this for the sake of more frames."""


@dataclass(frozen=True)
class Thinning:
    """How rollouts are thinned.

    Args:
        snapshots: (T,) indices of the snapshots that are kept.
        pooling: number of points along each axis that are averaged into one.
    """

    snapshots: np.ndarray
    pooling: int


def choose_thinning(num_snapshots: int, shape: tuple[int, ...], most_values: float) -> Thinning:
    """The thinning of one field of one trajectory that keeps a number of values.

    Args:
        num_snapshots: number of snapshots that there are.
        shape: shape of one snapshot.
        most_values: number of values that may be kept.
    """
    pooling = 1
    while True:
        points = math.prod(-(-n // pooling) for n in shape)
        room = int(most_values / points)
        fine_enough = room >= min(num_snapshots, FEW_FRAMES) or max(shape) / pooling <= FEW_POINTS
        if (fine_enough and room >= 2) or points == 1:
            count = min(max(room, 2), num_snapshots)
            return Thinning(np.unique(np.linspace(0, num_snapshots - 1, count).round().astype(int)), pooling)
        pooling *= 2


def read_thinned(
    read: Callable[[np.ndarray], np.ndarray], thinning: Thinning, space: Space, shape: tuple[int, ...]
) -> np.ndarray:
    """The values (T, *M) that are kept, pooled while they are read, so that memory holds few of them in full.

    Args:
        read: function that reads the snapshots (t, *N) of some indices (t,).
        thinning: snapshots and points that are kept.
        space: geometry of the values.
        shape: shape N of one snapshot.
    """
    at_once = max(MOST_READ // math.prod(shape), 1)
    parts = np.array_split(thinning.snapshots, -(-len(thinning.snapshots) // at_once))
    return np.concatenate([pool(read(snapshots), thinning.pooling, space) for snapshots in parts])


def pool(values: np.ndarray, pooling: int, space: Space) -> np.ndarray:
    """Averages (T, *N) over blocks of points; of scattered nodes, which have no order, one in ``pooling`` is kept.

    Args:
        values: (T, *N) values.
        pooling: number of points along each axis that are averaged into one.
        space: geometry of the values.
    """
    if pooling == 1:
        return values
    if not space.is_grid:
        return values[:, ::pooling]
    for axis in range(1, values.ndim):
        n = values.shape[axis]
        padded = np.concatenate([values, np.repeat(np.take(values, [-1], axis), -n % pooling, axis)], axis)
        split = (*values.shape[:axis], -(-n // pooling), pooling, *values.shape[axis + 1 :])
        with np.errstate(all="ignore"):
            values = padded.reshape(split).mean(axis + 1)
    return values
