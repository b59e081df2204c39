"""Arrays of a .npy or .npz file by their names; nothing in it is unpickled."""

import zipfile
from pathlib import Path
from typing import IO

import numpy as np
from numpy.lib import format as npy_format

from tendency.data.readers.array_file import DAMAGE
from tendency.data.readers.reader import require_data, unreadable_file, unreadable_values
from tendency.data.readers.stored_array import UnopenedArray

NPY, NPZ = ".npy", ".npz"
ONLY = "u"
"""What the one array of a .npy file is called."""


class NumpyFile:
    """A file of numpy.

    The array of a .npy file is mapped into memory; one of a .npz file is read whole when a value of it is asked for.

    Args:
        path: of the file.

    Raises:
        DatasetError: it is missing, damaged, or holds what is no array of real numbers.
    """

    def __init__(self, path: Path) -> None:
        require_data(path)
        self.path = path
        self.content: dict[str, np.ndarray] = {}
        try:
            self.shapes = _headers(path)
        except DAMAGE:
            raise unreadable_file(path, f"is damaged, or no {path.suffix} file of numpy") from None

    def names(self) -> list[str]:
        """Names of the arrays, in the order of the file."""
        return list(self.shapes)

    def array(self, name: str) -> UnopenedArray:
        """An array of real numbers by its name, not read yet.

        Raises:
            DatasetError: there is none, or it is of another kind.
        """
        if name not in self.shapes:
            raise unreadable_file(self.path, f"holds no array {name!r}: it has {', '.join(self.shapes) or 'none'}")
        shape, dtype = self.shapes[name]
        if dtype.kind not in "fiub":
            raise unreadable_file(self.path, f"{name}: expected an array of real numbers, got {dtype}")
        if self.path.suffix.lower() == NPY:
            self._values(name)  # a map says whether the file is long enough, and reads nothing
        return UnopenedArray(shape, dtype, lambda: self._values(name))

    def close(self) -> None:
        """Forgets what was read."""
        self.content.clear()

    def _values(self, name: str) -> np.ndarray:
        """Values of one array, mapped or read."""
        if name not in self.content:
            try:
                if self.path.suffix.lower() == NPY:
                    self.content[name] = np.load(self.path, mmap_mode="r", allow_pickle=False)
                else:
                    with np.load(self.path, allow_pickle=False) as file:
                        self.content[name] = file[name]
            except DAMAGE as error:
                raise unreadable_values(self.path, name, error) from None
        return self.content[name]


def numpy_shapes(path: Path) -> dict[str, tuple[int, ...]]:
    """Shapes of the arrays by their names; none where the file is not of numpy."""
    try:
        return {name: shape for name, (shape, dtype) in _headers(path).items() if dtype.kind in "fiub"}
    except DAMAGE:
        return {}


def _headers(path: Path) -> dict[str, tuple[tuple[int, ...], np.dtype]]:
    """Shape and number type of each array."""
    if path.suffix.lower() == NPY:
        with path.open("rb") as file:
            return {ONLY: _header(file)}
    headers = {}
    with zipfile.ZipFile(path) as archive:
        for member in archive.namelist():
            if member.endswith(NPY):
                with archive.open(member) as entry:
                    headers[member.removesuffix(NPY)] = _header(entry)
    return headers


def _header(file: IO[bytes]) -> tuple[tuple[int, ...], np.dtype]:
    version = npy_format.read_magic(file)
    read = npy_format.read_array_header_1_0 if version == (1, 0) else npy_format.read_array_header_2_0
    shape, _, dtype = read(file)
    return shape, dtype
