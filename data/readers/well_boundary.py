"""What a file in The Well's layout says of its boundaries: kinds of the sides, and masks inside the domain."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from tendency.data.readers.hdf5_file import Hdf5File
from tendency.data.readers.hdf5_structure import text, texts
from tendency.data.readers.reader import unreadable_file
from tendency.data.trajectory_file import SIDES
from tendency.simulation.geometry import BoundaryKind

GROUP = "boundary_conditions"
KINDS = {"WALL": "dirichlet", "OPEN": "open", "PERIODIC": "periodic"}


def sides(file: Hdf5File, dims: Sequence[str], shape: Sequence[int]) -> tuple[tuple[str, str], ...] | None:
    """The kind of the lower and the upper side of each axis; None where the file lists no boundary.

    A wall must cover a whole side to be its kind; another boundary some of it. A periodic one is that of its axes
    whatever its mask says: some files mark one of the two sides, or none.

    Args:
        file: that says it.
        dims: names of the axes.
        shape: number of points on each.

    Raises:
        DatasetError: a kind, an axis or the shape of a mask is none that the layout knows.
    """
    names = _names(file)
    if not names:
        return None
    found = [["open", "open"] for _ in dims]
    for name in sorted(names, key=lambda each: _kind(file, each) == "periodic"):
        kind, axes = _kind(file, name), _axes(file, name, dims)
        if kind == "periodic":
            for axis in axes:
                found[axis] = ["periodic", "periodic"]
            continue
        mask = _mask(file, name, axes, dims, shape)
        for place, axis in enumerate(axes):
            for side, index in enumerate((0, -1)):
                face = mask.take(index, axis=place)
                if face.all() if kind == "dirichlet" else face.any():
                    found[axis][side] = kind
        if stated := texts(file.attribute(SIDES, f"{GROUP}/{name}", ())):
            found[axes[0]] = _stated(file, name, stated)
    return tuple((lower, upper) for lower, upper in found)


def _stated(file: Hdf5File, name: str, kinds: Sequence[str]) -> list[str]:
    """What a file of this program says of the two sides of an axis, for which the layout has fewer words."""
    known = [kind.value for kind in BoundaryKind]
    if len(kinds) != 2 or not set(kinds) <= set(known):
        raise unreadable_file(file.path, f"{GROUP}/{name}: expected {SIDES} of two among {known}, got {list(kinds)}")
    return list(kinds)


def obstacles(file: Hdf5File, dims: Sequence[str], shape: Sequence[int]) -> list[tuple[str, str, Any]]:
    """Masks of boundaries that lie inside the domain, or differ between trajectories.

    Args:
        file: that holds them.
        dims: names of the axes.
        shape: number of points on each.

    Returns:
        Of each its name, letters of its axes, and what numpy's slices read.
    """
    found = []
    for name in _names(file):
        axes, place = _axes(file, name, dims), f"{GROUP}/{name}"
        unknown = file.attribute("time_varying", place, False) or not file.has(f"{place}/mask")
        if not axes or unknown or _kind(file, name) == "periodic":
            continue
        each = bool(file.attribute("sample_varying", place, False))
        mask = _mask(file, name, axes, dims, shape)
        if each or mask[(slice(1, -1),) * len(axes)].any():
            letters = ("n" if each else "") + "".join("xyz"[axis] for axis in axes)
            found.append((name, letters, file.array(f"{place}/mask") if each else mask))
    return found


def _names(file: Hdf5File) -> list[str]:
    return file.names(GROUP) if file.has(GROUP) else []


def _kind(file: Hdf5File, name: str) -> str:
    """One of the values of ``KINDS``."""
    word = text(file.attribute("bc_type", f"{GROUP}/{name}"))
    if word.upper() not in KINDS:
        raise unreadable_file(
            file.path, f"{GROUP}/{name}: expected bc_type wall, open or periodic, got {word or 'none'}"
        )
    return KINDS[word.upper()]


def _axes(file: Hdf5File, name: str, dims: Sequence[str]) -> list[int]:
    """The axes of a boundary, in the order of its mask; ``associated_dims`` may be one text, such as x or xy."""
    words = texts(file.attribute("associated_dims", f"{GROUP}/{name}", ()))
    if len(words) == 1 and words[0] not in dims:
        words = list(words[0])
    unknown = [word for word in words if word not in dims]
    if unknown:
        raise unreadable_file(
            file.path, f"{GROUP}/{name}: expected associated_dims among {', '.join(dims)}, got {', '.join(unknown)}"
        )
    return [list(dims).index(word) for word in words]


def _mask(file: Hdf5File, name: str, axes: Sequence[int], dims: Sequence[str], shape: Sequence[int]) -> np.ndarray:
    """The mask of a boundary, of the first trajectory and time where there are several, over its axes."""
    place = f"{GROUP}/{name}"
    stored = file.array(f"{place}/mask").shape
    lead = sum(bool(file.attribute(word, place, False)) for word in ("sample_varying", "time_varying"))
    expected = tuple(shape[axis] for axis in axes)
    if tuple(stored[lead:]) != expected:
        along = ", ".join(dims[axis] for axis in axes)
        raise unreadable_file(file.path, f"{place}/mask: expected shape {expected} over {along}, got {stored}")
    return file.values(f"{place}/mask", (0,) * lead).astype(bool)
