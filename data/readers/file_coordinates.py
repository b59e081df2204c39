"""Times and coordinates of files: checked, in float64, and turned into side lengths."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tendency.data.readers.array_source import ArraySource
from tendency.data.readers.reader import unreadable_file

MOST_VALUES = 10**8
"""Times or coordinates in one file; a larger array is no coordinate, and would fill the memory."""
Side = tuple[np.ndarray | None, tuple[str, ...]]
"""The length of an axis, () or (R,), None where it is not known; and notes on it."""
UNEVEN = 0.01
"""Relative difference between distances of neighbouring points above which they are not even."""


def numbers(path: Path, name: str, values: Any) -> np.ndarray:
    """Coordinates, times or parameters that were read, as they are or in float64.

    Args:
        path: of the file.
        name: of them in the file.
        values: of any shape.

    Raises:
        DatasetError: they are no real numbers, or not finite.
    """
    found = np.asarray(values)
    if found.dtype.kind not in "fiub":
        raise unreadable_file(path, f"{name}: expected real numbers, got {found.dtype} {found.shape}")
    if not np.isfinite(found).all():
        raise unreadable_file(path, f"{name}: expected finite numbers, got {_first_not_finite(found)}")
    return found if found.dtype.kind == "f" else found.astype(np.float64)


def numbers_of(source: ArraySource, name: str) -> np.ndarray:
    """As ``numbers``, of all values of a small array.

    Args:
        source: that holds it.
        name: of the array.

    Raises:
        DatasetError: as of ``numbers``, or it is missing, or too large for coordinates.
    """
    size = int(np.prod(source.array(name).shape, dtype=np.float64))
    if size > MOST_VALUES:
        raise unreadable_file(source.path, f"{name}: expected at most {MOST_VALUES} values, got {size}")
    return numbers(source.path, name, source.values(name))


def increasing_times(path: Path, name: str, values: Any, num_snapshots: int) -> np.ndarray:
    """The times of snapshots, (T,) or (R, T) float64; (T,) where all trajectories have the same.

    Args:
        path: of the file.
        name: of the times in the file.
        values: (T,) or (R, T).
        num_snapshots: T.

    Raises:
        DatasetError: as of ``numbers``, there are more or fewer, or they do not increase.
    """
    times = numbers(path, name, values)
    if times.ndim not in (1, 2) or times.shape[-1] != num_snapshots:
        raise unreadable_file(
            path, f"{name}: expected {num_snapshots} times, one for each snapshot, got shape {times.shape}"
        )
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


def side_length(path: Path, name: str, values: Any, num_points: int) -> Side:
    """The length of one axis: the number of its points times their distance; and notes on it.

    Where distances differ the length is None, so that the user is asked for it.

    Args:
        path: of the file.
        name: of the coordinates in the file.
        values: (N,) or (R, N).
        num_points: N that fields have along the axis.

    Raises:
        DatasetError: as of ``numbers``, there are more or fewer, they do not increase, or there is only one.
    """
    length, even = _length(path, name, values, num_points)
    if even:
        return length, ()
    return None, (f"the points of {name} do not lie at equal distances; its side length is not said",)


def side_length_by_index(path: Path, name: str, values: Any, num_points: int) -> tuple[np.ndarray, tuple[str, ...]]:
    """As ``side_length``, of a format whose users read points at other distances as if these were equal."""
    length, even = _length(path, name, values, num_points)
    return length, () if even else (f"the points of {name} are not evenly spaced; they are read as if they were",)


def joined_sides(sides: Sequence[Side]) -> tuple[np.ndarray | None, tuple[str, ...]]:
    """Side lengths (D,), or (R, D) where one of them differs between trajectories; None where one is not known.

    Args:
        sides: of each axis.
    """
    known = [length for length, _ in sides if length is not None]
    joined = np.stack(np.broadcast_arrays(*known), axis=-1) if len(known) == len(sides) else None
    return joined, tuple(note for _, notes in sides for note in notes)


def _length(path: Path, name: str, values: Any, num_points: int) -> tuple[np.ndarray, bool]:
    """The length of one axis by the mean distance, and whether all distances are that."""
    x = numbers(path, name, values)
    if x.ndim not in (1, 2) or x.shape[-1] != num_points:
        raise unreadable_file(
            path, f"{name}: expected {num_points} coordinates, as fields have points, got shape {x.shape}"
        )
    steps = np.diff(x.astype(np.float64), axis=-1)
    if steps.shape[-1] < 1 or not (steps > 0).all():
        place = tuple(np.argwhere(~(steps > 0))[0]) if steps.size else ()
        at = f" in trajectory {place[0]}" if x.ndim == 2 and place else ""
        what = f"{x[place]:g} and then {x[(*place[:-1], place[-1] + 1)]:g}{at}" if place else "a single one"
        raise unreadable_file(path, f"{name}: expected coordinates that increase, got {what}")
    if x.ndim == 2 and (x == x[:1]).all():
        x, steps = x[0], steps[0]
    mean = steps.mean(-1)
    error = 2 * _rounding(x) * np.abs(x).max()
    even = (np.abs(steps - mean[..., None]) - error <= UNEVEN * mean[..., None]).all()
    return _shortened(mean * x.shape[-1], error), bool(even)


def _rounding(values: np.ndarray) -> float:
    """Relative error that a few operations in the precision of some values have left in them."""
    return 4 * float(np.finfo(values.dtype).eps)


def _shortened(values: np.ndarray, error: float) -> np.ndarray:
    """Each value, or a short number that it differs from by at most an error: 1 in place of 0.99999994, 2π."""
    exact = np.asarray(values, dtype=np.float64)
    found = exact.copy()
    # The best comes last. Six digits alone would make 6.28319 of 2π.
    for digits, unit in ((6, 1.0), (4, np.pi), (4, 1.0)):
        short = np.array([float(f"{value:.{digits}g}") for value in (exact / unit).ravel()]).reshape(exact.shape) * unit
        found = np.where(np.abs(short - exact) <= error, short, found)
    return found


def _first_not_finite(values: np.ndarray) -> str:
    place = np.argwhere(~np.isfinite(values))[0]
    return f"{values[tuple(place)]} at index {', '.join(map(str, place))}"
