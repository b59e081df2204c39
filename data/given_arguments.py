"""Arguments of the public functions, as somebody may give them: refused by name where they are of another kind."""

import operator
import os
from collections.abc import Sequence
from pathlib import Path


def given_path(value: object, name: str) -> Path:
    """A path.

    Raises:
        ValueError: it is neither a text nor a path, is empty, or holds a sign that no path has.
    """
    if not isinstance(value, str | os.PathLike) or not str(value) or "\0" in str(value):
        raise ValueError(f"{name}: expected a path, as a text or a pathlib.Path, got {value!r}")
    return Path(value)


def given_switch(value: object, name: str) -> bool:
    """True or false; a text such as "no" would count as true.

    Raises:
        ValueError: it is neither.
    """
    if not isinstance(value, bool):
        raise ValueError(f"{name}: expected True or False, got {value!r}")
    return value


def given_count(value: object, name: str) -> int:
    """A whole number of at least one.

    Raises:
        ValueError: it is none.
    """
    number = _whole(value)
    if number is None or not 1 <= number < 2**63:
        raise ValueError(f"{name}: expected a whole number of at least 1, got {value!r}")
    return number


def given_offsets(value: object, name: str, least: int = 0) -> tuple[int, ...]:
    """Offsets of snapshots.

    Raises:
        ValueError: they are no list of at least so many whole numbers.
    """
    numbers = (
        [_whole(item) for item in value]
        if isinstance(value, Sequence) and not isinstance(value, str | bytes)
        else [None]
    )
    offsets = tuple(number for number in numbers if number is not None)
    if len(offsets) < max(least, len(numbers)) or any(abs(offset) >= 2**31 for offset in offsets):
        raise ValueError(f"{name}: expected a list of whole numbers such as (0, 1), got {value!r}")
    return offsets


def _whole(value: object) -> int | None:
    """A whole number, numpy's too; None where it is none."""
    if isinstance(value, bool | bytes):
        return None
    try:
        return operator.index(value)  # type: ignore[arg-type]
    except TypeError:
        return None
