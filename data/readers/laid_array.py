"""Arrays of a file whose axes have names, read as states (trajectory, time, channel, space)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

SPACE = ("x", "y", "z")
ORDER = ("trajectory", "time", "channel", *SPACE)
"""Names of axes, in the order of a state."""


class StoredStates(Protocol):
    """States that lie somewhere in a file."""

    def part(self, rows: slice, snapshots: slice) -> np.ndarray:
        """(B, W, C, *N) of neighbouring trajectories.

        Args:
            rows: trajectories, with start and stop.
            snapshots: with start, stop and a positive step.
        """
        ...


@dataclass(frozen=True, eq=False)
class LaidArray:
    """One array, of which a part is read at a time.

    Args:
        values: what numpy's slices read: an array in memory, a memory map, an array of an HDF5 or zarr file.
        axes: the name of each axis. Without ``trajectory`` the array holds for every trajectory, without ``time`` it
            is one snapshot, without ``channel`` one channel.
    """

    values: Any
    axes: tuple[str, ...]

    @property
    def space(self) -> tuple[int, ...]:
        """Number of points on each axis of space, in the order x, y, z."""
        return tuple(int(self.length(axis)) for axis in SPACE if axis in self.axes)

    def length(self, axis: str) -> int:
        """Of an axis; 1 where the array has none of that name."""
        return int(self.values.shape[self.axes.index(axis)]) if axis in self.axes else 1

    def part(self, rows: slice, snapshots: slice) -> np.ndarray:
        """As of ``StoredStates``."""
        chosen = {"trajectory": rows, "time": snapshots}
        values = floats(np.asarray(self.values[tuple(chosen.get(axis, slice(None)) for axis in self.axes)]))
        values = values.transpose([self.axes.index(axis) for axis in ORDER if axis in self.axes])
        for place, axis in enumerate(ORDER[:3]):
            if axis not in self.axes:
                values = np.expand_dims(values, place)
        if "trajectory" not in self.axes:
            values = np.repeat(values, rows.stop - rows.start, axis=0)
        return values


@dataclass(frozen=True, eq=False)
class JoinedFields:
    """Fields of a state that lie in arrays of their own.

    Args:
        parts: in channel order.
    """

    parts: Sequence[StoredStates]

    def part(self, rows: slice, snapshots: slice) -> np.ndarray:
        """As of ``StoredStates``."""
        return np.concatenate([each.part(rows, snapshots) for each in self.parts], axis=2)


@dataclass(frozen=True, eq=False)
class ConsecutiveStates:
    """Snapshots that lie in arrays of their own, such as the start and the end of pairs.

    Args:
        moments: one for each snapshot, in order.
    """

    moments: Sequence[StoredStates]

    def part(self, rows: slice, snapshots: slice) -> np.ndarray:
        """As of ``StoredStates``."""
        return np.concatenate([each.part(rows, slice(0, 1, 1)) for each in self.moments[snapshots]], axis=1)


@dataclass(frozen=True, eq=False)
class ReversedInTime:
    """States that a file holds from the last to the first.

    Args:
        states: as stored.
        num_snapshots: T.
    """

    states: StoredStates
    num_snapshots: int

    def part(self, rows: slice, snapshots: slice) -> np.ndarray:
        """As of ``StoredStates``."""
        wanted = range(self.num_snapshots)[snapshots]
        last = self.num_snapshots - 1
        return self.states.part(rows, slice(last - wanted[-1], last - wanted[0] + 1, snapshots.step))[:, ::-1]


def floats(values: np.ndarray) -> np.ndarray:
    """Real numbers as float32 or float64 of this machine's byte order, without loss.

    Args:
        values: of any kind of real numbers, truth values among them.
    """
    exact = np.float32 if values.dtype.kind in "bf" or values.dtype.itemsize < 4 else np.float64
    return values.astype(np.float64 if values.dtype.itemsize > 4 else exact, copy=False)
