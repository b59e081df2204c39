"""Arrays of a file and the meaning of their axes, turned into states (B, W, C, *N)."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from tendency.data.readers.laid_array import floats
from tendency.data.readers.reader import unreadable_file

LETTERS = {
    "n": "trajectories",
    "t": "snapshots",
    "c": "components",
    "d": "components of each component",
    "x": "points along x",
    "y": "points along y",
    "z": "points along z",
}
"""What an axis counts, by the letter that names it."""
ORDER = "ntcdxyz"


class ArraySource(Protocol):
    """Where arrays are read from: an HDF5 file, a zarr store, a folder of .npy files."""

    path: Path

    def array(self, name: str) -> Any:
        """An array that is not read yet, with ``shape``; raises DatasetError where there is none of real numbers."""
        ...

    def has(self, name: str) -> bool:
        """Whether there is something of that name."""
        ...

    def values(self, name: str, part: Any = ()) -> np.ndarray:
        """Values of an array, or of a part of it."""
        ...

    def attribute(self, name: str, of: str = "/", default: Any = None) -> Any:
        """An attribute of an array; ``default`` where there is none."""
        ...

    def close(self) -> None:
        """Closes what is open."""
        ...


@dataclass(frozen=True)
class StoredArray:
    """An array of a file.

    Args:
        name: in the file; inside of each trajectory's group where every trajectory has one.
        axes: a letter of ``LETTERS`` for each axis. An axis that the array lacks is filled with equal values.
        component: the only entry of the axis "c" that is read; None: all.
        falling: letters of axes whose coordinates fall; they are turned round.
        known: all values of an array that was read already, or follows from others; the source is not asked for it.
    """

    name: str
    axes: str
    component: int | None = None
    falling: str = ""
    known: np.ndarray | None = field(default=None, compare=False)

    def read(self, source: ArraySource, rows: slice, snapshots: slice, group: str = "") -> np.ndarray:
        """The values of some trajectories and snapshots, with axes as stored."""
        alone = slice(None) if self.component is None else slice(self.component, self.component + 1)
        parts = {"n": rows, "t": snapshots, "c": alone}
        place = tuple(parts.get(axis, slice(None)) for axis in self.axes)
        return floats(source.values(group + self.name, place) if self.known is None else self.known[place].copy())

    def arranged(self, values: np.ndarray, num_rows: int, num_snapshots: int, shape: Sequence[int]) -> np.ndarray:
        """Values that were read, as (B, W, C, *N).

        Args:
            values: with axes as stored.
            num_rows: B.
            num_snapshots: W.
            shape: N.
        """
        order = ORDER[: 4 + len(shape)]
        turned = values[tuple(slice(None, None, -1 if axis in self.falling else 1) for axis in self.axes)]
        ordered = turned.transpose([self.axes.index(axis) for axis in order if axis in self.axes])
        full = ordered[tuple(slice(None) if axis in self.axes else None for axis in order)]
        merged = full.reshape(*full.shape[:2], -1, *full.shape[4:])
        expected = (num_rows, num_snapshots, merged.shape[2], *shape)
        return merged if merged.shape == expected else np.broadcast_to(merged, expected).copy()


def axis_lengths(path: Path, arrays: Mapping[str, tuple[Sequence[int], str]]) -> dict[str, int]:
    """The length of each axis, on which all arrays agree.

    Args:
        path: of the file.
        arrays: of each array its shape and a letter for each axis. A capital letter is an axis that may have length 1.

    Raises:
        DatasetError: an array has other axes, or two arrays disagree.
    """
    found: dict[str, tuple[int, str]] = {}
    for name, (shape, axes) in arrays.items():
        words = ", ".join(LETTERS[axis.lower()] for axis in axes)
        if len(shape) != len(axes):
            raise unreadable_file(path, f"{name}: expected {len(axes)} axes ({words}), got shape {tuple(shape)}")
        for axis, length in zip(axes, shape, strict=True):
            if axis.isupper() and length == 1:
                continue
            known, first = found.setdefault(axis.lower(), (length, name))
            if known != length:
                raise unreadable_file(
                    path,
                    f"{name}: expected axes ({words}) with {known} {LETTERS[axis.lower()]} as {first} has, "
                    f"got shape {tuple(shape)}",
                )
    empty = [LETTERS[axis] for axis, (length, _) in found.items() if length == 0]
    if empty:
        raise unreadable_file(path, f"holds no {' and no '.join(empty)}")
    return {axis: length for axis, (length, _) in found.items()}


def require_components(path: Path, name: str, found: int, expected: int) -> None:
    """Refuses an array with more or fewer components than its field has.

    Raises:
        DatasetError: ``found`` differs from ``expected``.
    """
    if found != expected:
        raise unreadable_file(path, f"{name}: expected {expected} components, got {found}")


def require_unpacked(source: ArraySource, names: Iterable[str]) -> None:
    """Refuses arrays whose numbers stand for others, as those of netCDF may: ``scale_factor`` times them and more.

    Raises:
        DatasetError: an array has such an attribute.
    """
    for name in names:
        for attribute in ("scale_factor", "add_offset"):
            if source.attribute(attribute, name) is not None:
                raise unreadable_file(
                    source.path, f"{name}: expected the values themselves, got packed ones ({attribute})"
                )
