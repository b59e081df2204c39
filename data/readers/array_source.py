"""Files that hold arrays by their names."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from tendency.data.readers.reader import unreadable_file


class ArraySource(Protocol):
    """Where arrays are read from: an HDF5 file, a zarr store, a folder of .npy files."""

    path: Path

    def array(self, name: str) -> Any:
        """An array that is not read yet, with ``shape``; raises DatasetError where there is none of real numbers."""
        ...

    def has(self, name: str) -> bool:
        """Whether there is something of that name."""
        ...

    def values(self, name: str, part: Any = ()) -> np.ndarray:
        """Values of an array, or of a part of it."""
        ...

    def attribute(self, name: str, of: str = "/", default: Any = None) -> Any:
        """An attribute of an array; ``default`` where there is none."""
        ...

    def close(self) -> None:
        """Closes what is open."""
        ...


def require_unpacked(source: ArraySource, names: Iterable[str]) -> None:
    """Refuses arrays whose numbers stand for others, as those of netCDF may: ``scale_factor`` times them and more.

    Raises:
        DatasetError: an array has such an attribute.
    """
    for name in names:
        for attribute in ("scale_factor", "add_offset"):
            if source.attribute(attribute, name) is not None:
                raise unreadable_file(
                    source.path, f"{name}: expected the values themselves, got packed ones ({attribute})"
                )
