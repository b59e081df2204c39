"""An HDF5 file of somebody else, opened for reading: nothing outside it is read, and errors are said in words."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from tendency.data.readers.reader import require_data, unreadable_file

HDF5_ERRORS = (OSError, KeyError, RuntimeError, ValueError, TypeError, IndexError, ArithmeticError)
"""What h5py raises where a file is damaged."""
SIGNATURE = b"\x89HDF\r\n\x1a\n"
SUFFIXES = (".h5", ".hdf5", ".hdf", ".mat", ".nc")


def is_hdf5(path: Path) -> bool:
    """Whether a file begins as HDF5 files do, those of MATLAB 7.3 (which begin 512 bytes later) among them."""
    try:
        with path.open("rb") as file:
            return any(file.seek(offset) == offset and file.read(8) == SIGNATURE for offset in (0, 512))
    except OSError:
        return False


class Hdf5File:
    """A file of another program.

    Args:
        path: of the file.

    Raises:
        DatasetError: it is missing, cut, or no HDF5 file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        require_data(path)
        if not is_hdf5(path):
            raise unreadable_file(path, "is no HDF5 file: expected one that begins with its signature")
        with self.in_words("HDF5 cannot read its structure"):
            self.file = h5py.File(path, "r")

    @contextmanager
    def in_words(self, what: str) -> Iterator[None]:
        """Whatever h5py raises becomes one sentence on the file."""
        try:
            yield
        except HDF5_ERRORS as error:
            if hasattr(error, "exit_code"):
                raise
            raise unreadable_file(self.path, f"is damaged: {what}") from None

    def names(self, group: str = "/") -> list[str]:
        """Names of what a group holds, sorted."""
        with self.in_words(f"HDF5 cannot read {group}"):
            return sorted(self.file[group])

    def has(self, name: str) -> bool:
        """Whether the file holds an object of that name in itself."""
        item: Any = self.file
        for key in name.strip("/").split("/"):
            if not isinstance(item, h5py.Group) or not isinstance(
                item.get(key, getlink=True), h5py.HardLink | h5py.SoftLink
            ):
                return False
            item = item.get(key)
        return item is not None

    def array(self, name: str) -> h5py.Dataset:
        """An array of numbers by its name, not read yet.

        Raises:
            DatasetError: there is none, it is no array of numbers, or its values lie in another file.
        """
        if not self.has(name):
            raise unreadable_file(self.path, f"holds no array {name!r}: it has {', '.join(self.names()[:12])}")
        with self.in_words(f"HDF5 cannot read {name}"):
            item = self.file[name]
            if not isinstance(item, h5py.Dataset) or item.shape is None or item.dtype.kind not in "fiub":
                kind = item.dtype if isinstance(item, h5py.Dataset) else "a group"
                raise unreadable_file(self.path, f"{name}: expected an array of real numbers, got {kind}")
            if item.external or item.is_virtual:
                raise unreadable_file(self.path, f"is refused: the values of {name} lie in another file")
            return item

    def values(self, name: str, part: Any = ()) -> np.ndarray:
        """Values of an array, or of a part of it.

        Raises:
            DatasetError: as of ``array``, or they cannot be read.
        """
        array = self.array(name)
        with self.in_words(f"the values of {name} cannot be read"):
            return np.asarray(array[part])

    def attribute(self, name: str, of: str = "/", default: Any = None) -> Any:
        """An attribute of an object; ``default`` where there is none."""
        with self.in_words(f"HDF5 cannot read the attribute {name} of {of}"):
            return self.file[of].attrs.get(name, default)

    def close(self) -> None:
        """Closes the file."""
        self.file.close()
