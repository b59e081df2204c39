"""The arrays that a file holds, whatever its format: names, shapes, number types, names of axes where it has any."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import xarray

from tendency.data.readers.array_file import DAMAGE
from tendency.data.readers.hdf5_file import Hdf5File, is_hdf5, never_written
from tendency.data.readers.numpy_file import NPY, NPZ, NumpyFile
from tendency.data.readers.reader import require_data, unreadable_file
from tendency.data.readers.zarr_store import ZARR, ZarrStore, axes_of, is_zarr, missing_chunks

NETCDF = (".nc", ".nc4")
HDF5 = (".h5", ".hdf5", ".hdf")
CLASSIC = b"CDF"
"""What a file of netCDF 3 begins with; one of netCDF 4 is an HDF5 file."""


@dataclass(frozen=True, eq=False)
class FoundArray:
    """An array of a file.

    Args:
        name: in the file, with the names of its groups before it.
        shape: of it.
        dtype: of its values.
        dims: the file's own name of each axis.
        fault: why its values must not be taken for data, as the rest of a sentence.
    """

    name: str
    shape: tuple[int, ...]
    dtype: np.dtype
    dims: tuple[str, ...] | None = None
    fault: str = ""

    def __str__(self) -> str:
        """Name, axes and number type."""
        axes = ", ".join(f"{dim}: {n}" for dim, n in zip(self.dims, self.shape, strict=True)) if self.dims else None
        return f"{self.name} {self.shape if axes is None else f'({axes})'} {self.dtype}"


@dataclass(frozen=True, eq=False)
class FoundArrays:
    """All arrays of an open file.

    Args:
        path: of the file.
        arrays: by their names, in the order of the file; those in a group go without its name there.
        open: gives what numpy's slices read of an array by its name; raises DatasetError where it must not be read.
        close: closes the file.
    """

    path: Path
    arrays: Mapping[str, FoundArray]
    open: Callable[[str], Any]
    close: Callable[[], None]

    def within(self, group: str) -> "FoundArrays":
        """The arrays of one group, by their names in it.

        Args:
            group: its name.
        """
        head = f"{group}/"
        inside = {name.removeprefix(head): array for name, array in self.arrays.items() if name.startswith(head)}
        return FoundArrays(self.path, inside, self.open, self.close)

    def __str__(self) -> str:
        """The first of them in words."""
        shown = [str(array) for array in self.arrays.values()][:8]
        more = len(self.arrays) - len(shown)
        return ", ".join(shown) + (f" and {more} more" if more > 0 else "") or "no arrays"


def is_array_file(path: Path) -> bool:
    """Whether a file, or a folder, begins as those of one of the formats do."""
    suffix = path.suffix.lower()
    if suffix == ZARR:
        return is_zarr(path)
    try:
        with path.open("rb") as file:
            head = file.read(6)
    except OSError:
        return False
    if suffix in (NPY, NPZ):
        return head == b"\x93NUMPY" or head[:4] == b"PK\x03\x04"
    return suffix in (*HDF5, *NETCDF) and (is_hdf5(path) or head[:3] == CLASSIC)


def found_arrays(path: Path) -> FoundArrays:
    """Opens a file.

    Args:
        path: of the file; its suffix says the format.

    Raises:
        DatasetError: it cannot be read.
    """
    try:
        return _opened(path, path.suffix.lower())
    except DAMAGE as error:
        if hasattr(error, "exit_code"):
            raise
        raise unreadable_file(path, "is damaged: its structure cannot be read") from None


def _opened(path: Path, suffix: str) -> FoundArrays:
    if suffix == ZARR:
        return _zarr(path)
    require_data(path)
    if suffix in (NPY, NPZ):
        return _numpy(path)
    return _netcdf(path) if suffix in NETCDF else _hdf5(path)


def _zarr(path: Path) -> FoundArrays:
    store = ZarrStore(path)
    arrays = {
        name: FoundArray(name, array.shape, array.dtype, axes_of(array), missing_chunks(array))
        for name, array in store.arrays.items()
    }
    return FoundArrays(path, arrays, store.array, store.close)


def _numpy(path: Path) -> FoundArrays:
    file = NumpyFile(path)
    arrays = {name: FoundArray(name, shape, dtype) for name, (shape, dtype) in file.shapes.items()}
    return FoundArrays(path, arrays, file.array, file.close)


def _hdf5(path: Path) -> FoundArrays:
    file = Hdf5File(path)
    arrays = {
        name: FoundArray(name, item.shape, item.dtype, _labels(item), never_written(item))
        for name, item in _datasets(file)
    }
    with file.in_words("HDF5 cannot read its attributes"):
        numbers = {name: np.asarray(value) for name, value in file.file.attrs.items() if np.ndim(value) == 0}
    numbers = {name: value for name, value in numbers.items() if value.dtype.kind in "fiub" and name not in arrays}
    arrays |= {name: FoundArray(name, value.shape, value.dtype) for name, value in numbers.items()}
    return FoundArrays(path, arrays, lambda name: numbers[name] if name in numbers else file.array(name), file.close)


def _labels(item: h5py.Dataset) -> tuple[str, ...] | None:
    """Names of the axes, where each has one."""
    labels = tuple(dim.label for dim in item.dims)
    return labels if labels and all(labels) else None


def _datasets(file: Hdf5File) -> Iterable[tuple[str, h5py.Dataset]]:
    """All arrays of an HDF5 file by their names; links to other files are not followed."""
    found: list[tuple[str, h5py.Dataset]] = []

    def visit(name: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset) and item.shape is not None:
            found.append((name, item))

    with file.in_words("HDF5 cannot read its arrays"):
        file.file.visititems(visit)
    return found


def _netcdf(path: Path) -> FoundArrays:
    faults: dict[str, str] = {}
    if is_hdf5(path):
        guard = Hdf5File(path)
        try:
            for name, item in _datasets(guard):
                if item.dtype.kind in "fiub":
                    faults[name] = never_written(guard.in_itself(name))  # and its values lie in this file
        finally:
            guard.close()
    # Times stay the numbers that they are; packed values are unpacked.
    engine: dict[str, Any] = {"engine": "scipy"}
    if is_hdf5(path):
        engine = {"engine": "h5netcdf", "phony_dims": "sort"}
    opened = xarray.open_dataset(path, decode_times=False, cache=False, **engine)
    variables = {str(name): variable for name, variable in opened.variables.items()}
    arrays = {
        name: FoundArray(name, variable.shape, variable.dtype, tuple(map(str, variable.dims)), faults.get(name, ""))
        for name, variable in variables.items()
    }
    return FoundArrays(path, arrays, variables.__getitem__, opened.close)
