"""What an HDF5 file holds, asked without raising: which format it has."""

import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from tendency.data.metadata import DatasetError
from tendency.data.readers.hdf5_file import Hdf5File, is_hdf5


def has_structure(path: Path, fits: Callable[[Hdf5File], bool]) -> bool:
    """Whether a file is HDF5 and has a structure; False where it cannot be read.

    Args:
        path: of the file.
        fits: looks at it.
    """
    if not is_hdf5(path):
        return False
    try:
        file = Hdf5File(path)
    except DatasetError:
        return False
    try:
        with file.in_words("its structure cannot be read"):
            return fits(file)
    except DatasetError:
        return False
    finally:
        file.close()


def holds(path: Path, *names: str) -> bool:
    """Whether a file is HDF5 and holds arrays or groups of these names; False for whatever cannot be read."""
    return has_structure(path, lambda file: all(file.has(name) for name in names))


def numbered(names: Iterable[str], pattern: str) -> list[str]:
    """The names that a pattern with one group of digits matches as a whole, in the order of their numbers."""
    matches = [match for name in names if (match := re.fullmatch(pattern, name))]
    return [match[0] for match in sorted(matches, key=lambda match: (int(match[1]), match[0]))]


def number(value: Any) -> float | None:
    """An attribute that is one finite number, as a float; None for anything else."""
    array = np.asarray(value)
    if array.dtype.kind not in "fiu" or array.size != 1:
        return None
    found = float(array.reshape(()))
    return found if np.isfinite(found) else None


def number_attributes(file: Hdf5File, of: str = "/") -> dict[str, float]:
    """All attributes of an object that are one number."""
    with file.in_words(f"HDF5 cannot read the attributes of {of}"):
        # An attribute of another kind may hold what HDF5 must fetch from elsewhere, so that it is not read.
        attributes = file.file[of].attrs
        kinds = {name: attributes.get_id(name).dtype for name in attributes}
        values = {name: number(attributes[name]) for name, kind in kinds.items() if kind.kind in "fiu"}
    return {name: value for name, value in values.items() if value is not None}


def texts(value: Any) -> list[str]:
    """An attribute that is a text or several, as a list."""
    if isinstance(value, h5py.Empty):
        return []
    entries = [value] if isinstance(value, str | bytes) else np.asarray(value).ravel().tolist()
    return [entry.decode("utf-8", "replace") if isinstance(entry, bytes) else str(entry) for entry in entries]


def text(value: Any) -> str:
    """An attribute that is one text; "" where it is none."""
    return "".join(texts("" if value is None else value)[:1])
