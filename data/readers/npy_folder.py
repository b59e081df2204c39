"""A folder of .npy files of another program: arrays of numbers alone, read without unpickling anything."""

from pathlib import Path
from tokenize import TokenError
from typing import Any

import numpy as np

from tendency.data.readers.reader import unreadable_file


class NpyFolder:
    """A source of arrays; see ``ArraySource``.

    Args:
        path: of the folder.
    """

    def __init__(self, path: Path) -> None:
        self.path, self.arrays = path, dict[str, np.ndarray]()

    def has(self, name: str) -> bool:
        """Whether there is a file of that name."""
        return (self.path / f"{name}.npy").is_file()

    def array(self, name: str) -> Any:
        """An array of numbers, not read yet.

        Raises:
            DatasetError: its file is missing, cut, or holds no real numbers.
        """
        if name not in self.arrays:
            path = self.path / f"{name}.npy"
            if not path.is_file():
                raise unreadable_file(path, "is missing")
            try:
                # Arrays of objects are refused: they would be unpickled.
                array = np.lib.format.open_memmap(path, mode="r")
            except (OSError, ValueError, EOFError, TypeError, SyntaxError, TokenError) as error:
                raise unreadable_file(path, f"is damaged, or no .npy file of numbers: {error}") from None
            if array.dtype.kind not in "fiub":
                raise unreadable_file(path, f"expected an array of real numbers, got {array.dtype}")
            self.arrays[name] = array
        return self.arrays[name]

    def values(self, name: str, part: Any = ()) -> np.ndarray:
        """Values of an array, or of a part of it."""
        return np.array(self.array(name)[part])

    def attribute(self, name: str, of: str = "/", default: Any = None) -> Any:
        """A .npy file has no attributes."""
        return default

    def close(self) -> None:
        """Closes the files."""
        self.arrays.clear()
