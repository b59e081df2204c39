"""Smooth functions of trajectory, time, channel and each coordinate: any transposition, reversal or shift of them
shows.
"""

from collections.abc import Sequence

import numpy as np


def cells(count: int, length: float, start: float = 0.0) -> np.ndarray:
    """(count,) left edges of the cells of a periodic axis: start + k length / count."""
    return start + np.arange(count) * (length / count)


def centres(count: int, length: float, start: float = 0.0) -> np.ndarray:
    """(count,) centres of cells: start + (k + 1/2) length / count."""
    return start + (np.arange(count) + 0.5) * (length / count)


def waves(
    trajectories: int, times: np.ndarray, shape: Sequence[int], channels: int = 1, first: int = 0, ends: bool = False
) -> np.ndarray:
    """c + 1 + A ⋅ exp(-τ) ⋅ Σ_d 2^-d sin(2π (d + 1) (s_d - τ/4) + φ), with s in [0, 1) along each axis: between 0.2 and
    C + 1.

    τ runs from 0 to 1 over the times, A depends on the trajectory, φ on trajectory, channel and axis.

    Args:
        trajectories: n.
        times: (T,), increasing.
        shape: N of each axis.
        channels: C.
        first: number of the first trajectory, so that those of several files differ.
        ends: each axis includes both its ends, so that the last point of a periodic one repeats the first.

    Returns:
        (n, T, C, *N), float64.
    """
    dims = len(shape)
    number = (first + np.arange(trajectories, dtype=float)).reshape(-1, *[1] * (dims + 2))
    span = float(times[-1] - times[0]) if len(times) > 1 else 1.0
    time = ((np.asarray(times, dtype=float) - float(times[0])) / span).reshape(1, -1, *[1] * (dims + 1))
    channel = np.arange(channels, dtype=float).reshape(1, 1, -1, *[1] * dims)
    total = np.zeros((trajectories, len(times), channels, *shape))
    for axis, count in enumerate(shape):
        along = (np.arange(count) / (count - 1 if ends else count)).reshape(
            [-1 if d == axis else 1 for d in range(dims)]
        )
        phase = 0.37 * number + 0.9 * channel + 0.5 * axis
        total = total + np.sin(2 * np.pi * (axis + 1) * (along - time / 4) + phase) / 2**axis
    return channel + 1 + 0.2 * (1 + number / (4 + number)) * np.exp(-time) * total


def still(trajectories: int, shape: Sequence[int], channels: int = 1, first: int = 50) -> np.ndarray:
    """(n, C, *N): ``waves`` at one time, of trajectories that no other file holds."""
    return waves(trajectories, np.zeros(1), shape, channels, first)[:, 0]
