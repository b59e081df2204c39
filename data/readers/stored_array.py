"""Arrays of a file and the meaning of their axes, read as states (trajectory, time, channel, space)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

SPACE = ("x", "y", "z")
ORDER = ("trajectory", "time", "channel", *SPACE)
"""Names of axes, in the order of a state."""
STORED = (*ORDER[:3], "component", *SPACE)
"""As ``ORDER``; a tensor has two axes of components, which become channels together."""


FILL = 9.969209968386869e36
"""What netCDF fills arrays of float32 and float64 with."""


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
class StoredArray:
    """One array, of which a part is read at a time.

    Args:
        values: what numpy's slices read: an array in memory, a memory map, an array of an HDF5 or zarr file.
        axes: the name of each axis, of ``STORED``. Without ``trajectory`` the array holds for every trajectory, without
            ``time`` for every snapshot, without ``channel`` it is one channel.
        component: the only entry of ``channel`` that is read; None: all.
        falling: axes whose coordinates fall; they are turned round.
        grid: number of points on all axes of space, where the array may lack some, or have one point on them: it is the
            same along these. None: those of the array.
    """

    values: Any
    axes: tuple[str, ...]
    component: int | None = None
    falling: tuple[str, ...] = ()
    grid: tuple[int, ...] | None = None

    @property
    def space(self) -> tuple[int, ...]:
        """Number of points on each axis of space, in the order x, y, z."""
        return self.grid or tuple(int(self.length(axis)) for axis in SPACE if axis in self.axes)

    def length(self, axis: str) -> int:
        """Of an axis; 1 where the array has none of that name."""
        return int(self.values.shape[self.axes.index(axis)]) if axis in self.axes else 1

    def part(self, rows: slice, snapshots: slice) -> np.ndarray:
        """As of ``StoredStates``."""
        alone = slice(None) if self.component is None else slice(self.component, self.component + 1)
        chosen = {"trajectory": rows, "time": snapshots, "channel": alone}
        values = floats(np.asarray(self.values[tuple(chosen.get(axis, slice(None)) for axis in self.axes)]))
        turned = values[tuple(slice(None, None, -1 if axis in self.falling else 1) for axis in self.axes)]
        order = STORED[: 4 + len(self.space)]
        ordered = turned.transpose([self.axes.index(axis) for axis in order if axis in self.axes])
        full = ordered[tuple(slice(None) if axis in self.axes else None for axis in order)]
        states = full.reshape(*full.shape[:2], -1, *full.shape[4:])
        lead = rows.stop - rows.start, len(range(snapshots.start, snapshots.stop, snapshots.step or 1))
        return np.broadcast_to(states, (*lead, states.shape[2], *self.space))


@dataclass(frozen=True, eq=False)
class SeparateTrajectories:
    """Trajectories that lie in arrays of their own.

    Args:
        trajectories: one for each, in order.
    """

    trajectories: Sequence[StoredStates]

    def part(self, rows: slice, snapshots: slice) -> np.ndarray:
        """As of ``StoredStates``."""
        return np.concatenate([each.part(slice(0, 1), snapshots) for each in self.trajectories[rows]])


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


@dataclass(frozen=True, eq=False)
class UnwrittenAsNan:
    """States of a netCDF file, with NaN where nothing was written: HDF5 reads netCDF's fill value as a number.

    Args:
        states: as stored.
    """

    states: StoredStates

    def part(self, rows: slice, snapshots: slice) -> np.ndarray:
        """As of ``StoredStates``."""
        values = self.states.part(rows, snapshots)
        return np.where(values == FILL, values.dtype.type(np.nan), values)


class UnopenedArray:
    """An array that is opened when it is sliced.

    Args:
        shape: of it.
        dtype: of its numbers.
        values: opens it.
    """

    def __init__(self, shape: tuple[int, ...], dtype: np.dtype, values: Callable[[], Any]) -> None:
        self.shape, self.dtype, self._values = shape, dtype, values

    def __getitem__(self, part: Any) -> np.ndarray:
        return np.asarray(self._values()[part])


def floats(values: np.ndarray) -> np.ndarray:
    """Real numbers as float32 or float64 of this machine's byte order, without loss.

    Args:
        values: of any kind of real numbers, truth values among them.
    """
    exact = np.float32 if values.dtype.kind in "bf" or values.dtype.itemsize < 4 else np.float64
    return values.astype(np.float64 if values.dtype.itemsize > 4 else exact, copy=False)
