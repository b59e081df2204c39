"""Arrays of a MATLAB file, of version 5 (read by scipy) or 7.3 (HDF5), by their names."""

from pathlib import Path
from typing import Any

import numpy as np
from scipy.io import loadmat, whosmat
from scipy.io.matlab import MatReadError

from tendency.data.readers.array_file import DAMAGE
from tendency.data.readers.hdf5_file import Hdf5File, is_hdf5
from tendency.data.readers.reader import require_data, unreadable_file, unreadable_values
from tendency.data.readers.stored_array import StoredArray

SUFFIX = ".mat"
HEAD = b"MATLAB 5.0"
"""What a file of version 5 begins with; one of version 4 has no such mark."""
NUMBERS = ("double", "single", "logical", *(f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)))
"""Classes of real arrays in MATLAB."""


def is_matlab(path: Path) -> bool:
    """Whether a file begins as those of MATLAB 5 or 7.3 do."""
    try:
        with path.open("rb") as file:
            return path.suffix.lower() == SUFFIX and (file.read(len(HEAD)) == HEAD or is_hdf5(path))
    except OSError:
        return False


class MatlabFile:
    """A file of MATLAB, whose arrays are seen in the order of axes that MATLAB shows.

    An array of version 5 is read whole, once, when a value of it is first asked for.

    Args:
        path: of the file.

    Raises:
        DatasetError: it is missing, or no file of MATLAB.
    """

    def __init__(self, path: Path) -> None:
        require_data(path)
        self.path, self.hdf5 = path, Hdf5File(path) if is_hdf5(path) else None
        self.shapes = self._shapes_of_hdf5(self.hdf5) if self.hdf5 is not None else self._shapes_of_version_5()

    def stored(self, name: str, axes: tuple[str, ...]) -> StoredArray:
        """An array by its name, as MATLAB shows it.

        Args:
            name: of the array.
            axes: the name of each axis.
        """
        if self.hdf5 is None:
            return StoredArray(_WholeArray(self, name), axes)
        return StoredArray(self.hdf5.array(name), axes[::-1])

    def values(self, name: str) -> np.ndarray:
        """All values of an array, without axes of length one.

        Raises:
            DatasetError: they cannot be read, or are no real numbers.
        """
        if self.hdf5 is None:
            return _WholeArray(self, name)[()].squeeze()
        return self.hdf5.values(name).T.squeeze()

    def close(self) -> None:
        """Closes the file."""
        if self.hdf5 is not None:
            self.hdf5.close()

    def _shapes_of_version_5(self) -> dict[str, tuple[int, ...]]:
        try:
            return {name: shape for name, shape, kind in whosmat(str(self.path)) if kind in NUMBERS}
        except (*DAMAGE, MatReadError):
            raise unreadable_file(self.path, "is damaged, or no file of MATLAB") from None

    def _shapes_of_hdf5(self, file: Hdf5File) -> dict[str, tuple[int, ...]]:
        with file.in_words("HDF5 cannot read its arrays"):
            items = {name: file.file[name] for name in file.names() if file.has(name)}
            return {name: item.shape[::-1] for name, item in items.items() if getattr(item, "shape", None)}


class _WholeArray:
    """An array that is read whole when it is first sliced."""

    def __init__(self, file: MatlabFile, name: str) -> None:
        self.file, self.name, self.shape = file, name, file.shapes[name]
        self.content: np.ndarray | None = None

    def __getitem__(self, part: Any) -> np.ndarray:
        if self.content is None:
            try:
                self.content = loadmat(str(self.file.path), variable_names=[self.name])[self.name]
            except (*DAMAGE, MatReadError) as error:
                raise unreadable_values(self.file.path, self.name, error) from None
            if self.content.dtype.kind not in "fiub" or self.content.shape != self.shape:
                raise unreadable_file(
                    self.file.path,
                    f"{self.name}: expected real numbers {self.shape}, got {self.content.dtype} {self.content.shape}",
                )
        return self.content[part]
