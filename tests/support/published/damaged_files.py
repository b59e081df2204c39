"""Changes that make an HDF5 file a wrong one."""

from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np


def change(path: Path, key: str, how: Callable[[np.ndarray], np.ndarray]) -> None:
    """Writes the dataset at a key anew; its attributes stay.

    Args:
        path: of the file.
        key: of the dataset.
        how: from its numbers to the new ones.
    """
    with h5py.File(path, "r+") as file:
        attributes, values = dict(file[key].attrs), file[key][()]
        del file[key]
        file.create_dataset(key, data=how(values)).attrs.update(attributes)


def remove(path: Path, key: str) -> None:
    """Deletes a dataset or a group."""
    with h5py.File(path, "r+") as file:
        del file[key]


def not_a_number(values: np.ndarray) -> np.ndarray:
    """The same numbers, but NaN in one place inside the array."""
    changed = values.copy()
    changed[tuple(count // 2 for count in values.shape)] = np.nan
    return changed


def text(values: np.ndarray) -> np.ndarray:
    """Strings in place of numbers."""
    return np.full(values.shape, "1.0", dtype="S3")


def turned(values: np.ndarray) -> np.ndarray:
    """The last two axes exchanged."""
    return np.ascontiguousarray(np.swapaxes(values, -1, -2))


def backwards(values: np.ndarray) -> np.ndarray:
    """Times whose last comes before the one before it."""
    changed = values.copy()
    changed[..., -1] = changed[..., -2] - 1
    return changed


def cut(path: Path) -> None:
    """Leaves the first half of a file, as a download that broke off does."""
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
