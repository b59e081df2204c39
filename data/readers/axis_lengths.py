"""Letters for the axes of arrays, and the lengths on which the arrays of a file agree."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from tendency.data.readers.reader import unreadable_file

NAMES = {"n": "trajectory", "t": "time", "c": "channel", "d": "component", "x": "x", "y": "y", "z": "z"}
"""The axis that a letter stands for, as ``StoredArray`` names it."""
LETTERS = {
    "n": "trajectories",
    "t": "snapshots",
    "c": "components",
    "d": "components of each component",
    "x": "points along x",
    "y": "points along y",
    "z": "points along z",
}
"""What an axis counts, by its letter."""


def named(axes: str) -> tuple[str, ...]:
    """Names of axes, by their letters."""
    return tuple(NAMES[letter] for letter in axes)


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
