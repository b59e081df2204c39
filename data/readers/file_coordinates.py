"""Times and coordinates of files: checked, in float64, and turned into side lengths."""

from pathlib import Path

import numpy as np

from tendency.data.readers.array_source import ArraySource
from tendency.data.readers.reader import unreadable_file

MOST_VALUES = 10**8
"""Times or coordinates in one file; a larger array is no coordinate, and would fill the memory."""
UNEVEN = 0.01
"""Relative difference between distances of neighbouring points above which a note says that they differ."""


def numbers_of(source: ArraySource, name: str) -> np.ndarray:
    """All values of a small array: coordinates, times or parameters.

    Args:
        source: that holds it.
        name: of the array.

    Raises:
        DatasetError: it is missing, not of real numbers, too large for coordinates, or holds what is not finite.
    """
    size = int(np.prod(source.array(name).shape, dtype=np.float64))
    if size > MOST_VALUES:
        raise unreadable_file(source.path, f"{name}: expected at most {MOST_VALUES} values, got {size}")
    values = source.values(name)
    if not np.isfinite(values).all():
        raise unreadable_file(source.path, f"{name}: expected finite numbers, got {_first_not_finite(values)}")
    return values if values.dtype.kind == "f" else values.astype(np.float64)


def times_of(source: ArraySource, name: str, num_snapshots: int) -> np.ndarray:
    """The times of snapshots, (T,) or (R, T) float64; (T,) where all trajectories have the same.

    Args:
        source: that holds them.
        name: of the array, whose last axis counts snapshots; one entry more than there are snapshots is left out.
        num_snapshots: T.

    Raises:
        DatasetError: as of ``numbers_of``, there are more or fewer, or they do not increase.
    """
    values = numbers_of(source, name)
    if values.ndim not in (1, 2) or values.shape[-1] not in (num_snapshots, num_snapshots + 1):
        raise unreadable_file(
            source.path, f"{name}: expected the times of {num_snapshots} snapshots, got shape {values.shape}"
        )
    return increasing(source.path, name, values[..., :num_snapshots])


def increasing(path: Path, name: str, times: np.ndarray) -> np.ndarray:
    """Times (T,) or (R, T) as ``times_of`` returns them.

    Raises:
        DatasetError: they do not increase, or are not finite.
    """
    steps = np.diff(times.astype(np.float64), axis=-1)
    if not (steps > 0).all():
        place = tuple(np.argwhere(~(steps > 0))[0])
        at = f" of trajectory {place[0]}" if times.ndim == 2 else ""
        raise unreadable_file(
            path,
            f"{name}: expected times that increase, got {times[place]:g} and then "
            f"{times[(*place[:-1], place[-1] + 1)]:g} at snapshot {place[-1] + 1}{at}",
        )
    if times.ndim == 2 and len(times) and (times == times[:1]).all():
        times = times[0]
    return evenly_spaced(times)


def evenly_spaced(values: np.ndarray) -> np.ndarray:
    """Values in float64, without the rounding of float32 where they are evenly spaced but for it."""
    exact = values.astype(np.float64)
    if values.dtype == np.float64 or values.shape[-1] < 3:
        return exact
    error = _rounding(values) * np.abs(exact).max()
    count = values.shape[-1]
    start = _shortened(exact[..., 0], error)
    step = _shortened((exact[..., -1] - exact[..., 0]) / (count - 1), error / (count - 1))
    even = start[..., None] + step[..., None] * np.arange(count)
    return even if np.abs(even - exact).max() <= error else exact


def side_length(source: ArraySource, name: str, num_points: int) -> tuple[np.ndarray, tuple[str, ...]]:
    """The length of one axis: the number of its points times their distance, () or (R,); and notes on it.

    Args:
        source: that holds the coordinates.
        name: of the array, (n,) or (R, n).
        num_points: n that fields have along the axis.

    Raises:
        DatasetError: as of ``numbers_of``, there are more or fewer, they do not increase, or there is only one.
    """
    x = numbers_of(source, name)
    if x.ndim not in (1, 2) or x.shape[-1] != num_points:
        raise unreadable_file(
            source.path, f"{name}: expected {num_points} coordinates, as fields have points, got shape {x.shape}"
        )
    return length_of(source.path, name, x)


def length_of(path: Path, name: str, x: np.ndarray) -> tuple[np.ndarray, tuple[str, ...]]:
    """As ``side_length``, of coordinates (n,) or (R, n) that were read.

    Raises:
        DatasetError: they do not increase, or there is only one.
    """
    steps = np.diff(x.astype(np.float64), axis=-1)
    if steps.shape[-1] < 1 or not (steps > 0).all():
        what = "a single one" if steps.shape[-1] < 1 else "such that do not"
        raise unreadable_file(path, f"{name}: expected coordinates that increase, got {what}")
    if x.ndim == 2 and (x == x[:1]).all():
        x, steps = x[0], steps[0]
    mean = steps.mean(-1)
    length = mean * x.shape[-1]
    error = 2 * _rounding(x) * np.abs(x).max()
    uneven = (np.abs(steps - mean[..., None]) - error > UNEVEN * mean[..., None]).any()
    notes = (f"the points of {name} are not evenly spaced; they are read as if they were",) if uneven else ()
    return _shortened(length, error), notes


def _rounding(values: np.ndarray) -> float:
    """Relative error that a few operations in the precision of some values have left in them."""
    return 4 * float(np.finfo(values.dtype).eps)


def _shortened(values: np.ndarray, error: float) -> np.ndarray:
    """Each value, or the number of six digits that it differs from by at most an error: 1 in place of 0.99999994."""
    flat = np.atleast_1d(np.asarray(values, dtype=np.float64))
    short = np.array([float(f"{value:.6g}") for value in flat.ravel()]).reshape(flat.shape)
    return np.where(np.abs(short - flat) <= error, short, flat).reshape(np.shape(values))


def _first_not_finite(values: np.ndarray) -> str:
    place = np.argwhere(~np.isfinite(values))[0]
    return f"{values[tuple(place)]} at index {', '.join(map(str, place))}"
