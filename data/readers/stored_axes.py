"""Times and coordinates as a file stores them: checked, and turned into times and side lengths."""

from pathlib import Path
from typing import Any

import numpy as np

from tendency.data.readers.reader import unreadable_file

EVEN = 0.01
"""How far distances of a uniform axis may differ from their mean, as a share of it: coordinates are often float32."""


def increasing_times(path: Path, key: str, values: Any, num_snapshots: int) -> np.ndarray:
    """Times (T,), or (R, T) where they differ between trajectories, float64.

    Args:
        path: of the file.
        key: name of the array in the file.
        values: (T,) or (R, T).
        num_snapshots: T.

    Raises:
        DatasetError: another number of times, or times that are not finite or do not increase.
    """
    times = _numbers(path, key, values)
    if times.shape[-1] != num_snapshots:
        raise unreadable_file(path, f"{key}: expected {num_snapshots} times, one for each snapshot, got {times.shape}")
    steps = np.diff(times)
    if not (steps > 0).all():
        row, at = np.argwhere(np.atleast_2d(steps <= 0))[0]
        earlier, later = np.atleast_2d(times)[row, at : at + 2]
        raise unreadable_file(path, f"{key}: expected times that increase, got {later:g} after {earlier:g}")
    return _shared(times)


def is_uniform(coordinates: np.ndarray) -> bool:
    """Whether points (N,) or (R, N) of an axis lie at equal distances."""
    steps = np.diff(coordinates)
    step = steps.mean(axis=-1, keepdims=True)
    return bool((np.abs(steps - step) <= EVEN * np.abs(step)).all()) and bool((step != 0).all())


def coordinates(path: Path, key: str, values: Any, num_points: int) -> np.ndarray:
    """The coordinates of an axis, (N,) or (R, N) float64; arguments and errors as of ``side_length``."""
    points = _numbers(path, key, values)
    if points.shape[-1] != num_points or num_points < 2:
        raise unreadable_file(path, f"{key}: expected the coordinates of {num_points} points, got {points.shape}")
    return points


def side_length(path: Path, key: str, values: Any, num_points: int) -> np.ndarray:
    """The length of one side, () or (R,): the number of points times their distance.

    Args:
        path: of the file.
        key: name of the coordinates in the file.
        values: (N,) or (R, N).
        num_points: N.

    Raises:
        DatasetError: another number of points, or points that are not finite or not at equal distances.
    """
    points = coordinates(path, key, values, num_points)
    if not is_uniform(points):
        steps = np.abs(np.diff(points))
        raise unreadable_file(
            path,
            f"{key}: expected points at equal distances, as on a uniform grid, got distances from {steps.min():g} "
            f"to {steps.max():g}",
        )
    first, last = points[..., 0], points[..., -1]
    return _shared(np.abs(last - first)[..., None] / (num_points - 1) * num_points)[..., 0]


def joined_sides(sides: list[np.ndarray]) -> np.ndarray:
    """Side lengths (D,), or (R, D) where one of them differs between trajectories.

    Args:
        sides: for each axis () or (R,).
    """
    return np.stack(np.broadcast_arrays(*sides), axis=-1)


def _numbers(path: Path, key: str, values: Any) -> np.ndarray:
    numbers = np.asarray(values)
    if numbers.dtype.kind not in "fiu" or numbers.ndim not in (1, 2) or not numbers.size:
        raise unreadable_file(path, f"{key}: expected real numbers, got {numbers.dtype} {numbers.shape}")
    if not np.isfinite(numbers).all():
        raise unreadable_file(path, f"{key}: expected finite numbers, got {numbers[~np.isfinite(numbers)][0]}")
    return numbers.astype(np.float64)


def _shared(values: np.ndarray) -> np.ndarray:
    """One row where all rows are equal: an index then holds them once."""
    return values[0] if values.ndim == 2 and (values == values[0]).all() else values
