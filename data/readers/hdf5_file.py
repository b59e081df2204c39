"""An HDF5 file of somebody else, opened for reading: nothing outside it is read, and errors are said in words."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from tendency.data.readers.reader import require_data, unreadable_file, unreadable_values
from tendency.data.readers.stored_array import UnopenedArray

HDF5_ERRORS = (OSError, KeyError, RuntimeError, ValueError, TypeError, IndexError, ArithmeticError, MemoryError)
"""What h5py raises where a file is damaged."""
SIGNATURE = b"\x89HDF\r\n\x1a\n"
MOST_ARRAYS = 64
"""Arrays that are kept open."""
SUFFIXES = (".h5", ".hdf5", ".hdf", ".mat", ".nc")


def is_hdf5(path: Path) -> bool:
    """Whether a file begins as HDF5 files do, those of MATLAB 7.3 (which begin 512 bytes later) among them."""
    try:
        with path.open("rb") as file:
            return any(file.seek(offset) == offset and file.read(8) == SIGNATURE for offset in (0, 512))
    except OSError:
        return False


def never_written(item: h5py.Dataset) -> str:
    """What to say of an array of which parts were never written: HDF5 reads them as one value, without an error."""
    if not item.size or item.external or item.is_virtual:
        return ""
    if item.id.get_storage_size() == 0:
        return "expected values, got an array that was never written"
    if item.chunks is None:
        return ""
    chunks = math.prod(-(-length // chunk) for length, chunk in zip(item.shape, item.chunks, strict=True))
    stored = item.id.get_num_chunks()
    if stored >= chunks:
        return ""
    return f"expected {chunks} chunks, got {stored}; HDF5 would read those that are missing as {item.fillvalue}"


class Hdf5File:
    """A file of another program.

    Args:
        path: of the file.

    Raises:
        DatasetError: it is missing, cut, or no HDF5 file.
    """

    def __init__(self, path: Path) -> None:
        self.path, self.arrays = path, dict[str, h5py.Dataset]()
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
            # A name that is not UTF-8 comes as bytes.
            return sorted(each if isinstance(each, str) else repr(each) for each in self.file[group])

    def has(self, name: str) -> bool:
        """Whether the file holds an object of that name in itself."""
        path = name.strip("/").encode()
        ends = [place for place, sign in enumerate(path) if sign == ord("/")]
        try:
            kinds = [self.file.id.links.get_info(path[:end]).type for end in (*ends, len(path))]
            if not set(kinds) <= {h5py.h5l.TYPE_HARD, h5py.h5l.TYPE_SOFT}:
                return False
            # A soft link may lead through a link to another file.
            return h5py.h5l.TYPE_SOFT not in kinds or self._is_inside(h5py.h5o.open(self.file.id, path))
        except HDF5_ERRORS:
            return False

    def _is_inside(self, item: h5py.h5g.GroupID) -> bool:
        """Whether an object lies in this very file."""
        return bool(h5py.h5f.get_name(item) == h5py.h5f.get_name(self.file.id))

    def array(self, name: str) -> h5py.Dataset:
        """An array of numbers by its name, not read yet.

        Raises:
            DatasetError: there is none, it is no array of numbers, its values lie in another file, or some of them were
                never written.
        """
        if name not in self.arrays:
            item = self.in_itself(name)
            with self.in_words(f"HDF5 cannot read {name}"):
                fault = never_written(item)
            if fault:
                raise unreadable_file(self.path, f"{name}: {fault}")
            while len(self.arrays) >= MOST_ARRAYS:
                del self.arrays[next(iter(self.arrays))]
            self.arrays[name] = item
        return self.arrays[name]

    def in_itself(self, name: str) -> h5py.Dataset:
        """As ``array``, whether its values were written or not; it is not kept open."""
        if not self.has(name):
            raise unreadable_file(self.path, f"holds no array {name!r}: it has {', '.join(self.names()[:12])}")
        with self.in_words(f"HDF5 cannot read {name}"):
            item = self.file[name]
            kind = item.dtype if isinstance(item, h5py.Dataset) and item.shape is not None else None
            elsewhere = kind is not None and (item.external or item.is_virtual)
        if kind is None or kind.kind not in "fiub":
            found = "nothing in it" if isinstance(item, h5py.Dataset) else "a group"
            raise unreadable_file(self.path, f"{name}: expected an array of real numbers, got {kind or found}")
        if elsewhere:
            raise unreadable_file(self.path, f"is refused: the values of {name} lie in another file")
        return item

    def unopened(self, name: str) -> UnopenedArray:
        """As ``array``, which is not kept open: for one of very many.

        Raises:
            DatasetError: as of ``array``.
        """
        array = self.array(name)
        return UnopenedArray(array.shape, array.dtype, lambda: self.array(name))

    def values(self, name: str, part: Any = ()) -> np.ndarray:
        """Values of an array, or of a part of it.

        Raises:
            DatasetError: as of ``array``, or they cannot be read.
        """
        array = self.array(name)
        try:
            return np.asarray(array[part])
        except HDF5_ERRORS as error:
            if hasattr(error, "exit_code"):
                raise
            raise unreadable_values(self.path, name, error) from None

    def attribute(self, name: str, of: str = "/", default: Any = None) -> Any:
        """An attribute of an object; ``default`` where there is none."""
        with self.in_words(f"HDF5 cannot read the attribute {name} of {of}"):
            return self.file[of].attrs.get(name, default)

    def close(self) -> None:
        """Closes the file."""
        self.arrays.clear()
        self.file.close()
