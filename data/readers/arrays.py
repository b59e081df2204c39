"""Any arrays: .npy, .npz, HDF5, netCDF and zarr, with axes that the file names or the user states."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from tendency.data.metadata import DatasetError
from tendency.data.readers.array_file import ArrayFile, StoredBlock
from tendency.data.readers.block import Block
from tendency.data.readers.file_coordinates import increasing_times, joined_sides, numbers, side_length
from tendency.data.readers.found_arrays import HDF5, NETCDF, FoundArray, FoundArrays, found_arrays, is_array_file
from tendency.data.readers.named_axes import axes_by_length, axis_of_name, likely_axes, named_axes, wrong_axes
from tendency.data.readers.named_split import SPLITS, split_of_place
from tendency.data.readers.numpy_file import NPY, NPZ
from tendency.data.readers.reader import OpenedFile, Reader, StatedFacts, unreadable_file
from tendency.data.readers.stored_array import ORDER, SPACE, StoredArray, UnwrittenAsNan
from tendency.data.readers.zarr_store import ZARR
from tendency.simulation.fields import Field


class ArrayReader(Reader):
    """Arrays whose axes are named by the file (netCDF, zarr), are stated (``data.axes``), or follow from coordinates.

    The states are the arrays that ``data.arrays`` names, or else those with most axes where they share their shape.
    Without an axis of trajectories a file is one trajectory. An array called ``t`` or ``time`` holds the times, one
    called ``x``, ``lon``, ... coordinates; arrays with one number for each trajectory are parameters. Groups of an
    HDF5 file that are called train, valid and test are read one by one.
    """

    suffixes = (NPY, NPZ, *HDF5, *NETCDF, ZARR)
    general = True

    def files(self, path: Path) -> list[Path]:
        """As of ``Reader``; a zarr store is one file."""
        if path.suffix.lower() == ZARR and path.is_dir():
            return [path]
        stores = [each for each in path.rglob(f"*{ZARR}") if each.is_dir()] if path.is_dir() else []
        stores = [each for each in stores if not any(store in each.parents for store in stores)]
        inside = {*stores}
        others = [each for each in super().files(path) if not inside & {*each.parents}]
        return sorted([*stores, *others], key=_counted)

    def parts(self, file: Path) -> Sequence[Path]:
        """As of ``Reader``."""
        return sorted(each for each in file.rglob("*") if each.is_file()) if file.is_dir() else (file,)

    def recognises(self, file: Path) -> bool:
        """As of ``Reader``."""
        return is_array_file(file)

    def open(self, file: Path, stated: StatedFacts) -> OpenedFile:
        """As of ``Reader``."""
        found = found_arrays(file)
        return ArrayFile(file, lambda: list(_stored(found, stated)), found.close)


def _stored(found: FoundArrays, stated: StatedFacts) -> Iterator[StoredBlock]:
    groups = {name.partition("/")[0] for name in found.arrays}
    if groups and groups <= {*SPLITS} and all("/" in name for name in found.arrays):
        for group in sorted(groups):
            yield _MappedArrays(found.within(group), stated).stored(group, SPLITS[group])
    else:
        yield _MappedArrays(found, stated).stored("", split_of_place(found.path))


class _MappedArrays:
    """The arrays of one block, and what each of them is.

    Args:
        found: in the file.
        stated: by the user.
    """

    def __init__(self, found: FoundArrays, stated: StatedFacts) -> None:
        self.found, self.stated, self.path = found, stated, found.path
        self.lengths: dict[str, int] = {}
        if stated.axes is not None and wrong_axes(stated.axes) is not None:
            raise DatasetError(f"{wrong_axes(stated.axes)}; {self.path} holds {found}")
        self.names = self._names()
        self.states = {name: self._stored_array(self._real(name), self._axes(self._real(name))) for name in self.names}
        self.first = next(iter(self.states.values()))
        self.lengths = {axis: self.first.length(axis) for axis in ORDER}
        for name, array in self.states.items():
            for axis in (*ORDER[:2], *SPACE):
                if array.length(axis) != self.lengths[axis] or (
                    axis in SPACE and (axis in array.axes) != (axis in self.first.axes)
                ):
                    raise self._wrong(
                        f"{name}: expected {self.lengths[axis]} entries along {axis} as {self.names[0]} has"
                    )
        self.given = {name: self._stored_array(self._real(name), self._given_axes(name)) for name in stated.given}

    def stored(self, key: str, split: str | None) -> StoredBlock:
        """The block and where its values lie.

        Args:
            key: of the block.
            split: that it is.
        """
        extent, notes = self._extent()
        params, odd = self._params()
        block = Block(
            key=key,
            num_trajectories=self.lengths["trajectory"],
            num_snapshots=self.lengths["time"],
            fields=_fields(self.states),
            shape=self.first.space,
            times=self._times(),
            extent=extent,
            params=params,
            given=_fields(self.given),
            split=split,
            notes=(*notes, *odd),
        )
        states, given = list(self.states.values()), list(self.given.values())
        if self.path.suffix.lower() in NETCDF:
            return StoredBlock(block, [*map(UnwrittenAsNan, states)], [*map(UnwrittenAsNan, given)])
        return StoredBlock(block, states, given)

    def _names(self) -> list[str]:
        """Names of the arrays that hold the states."""
        if self.stated.arrays:
            return list(self.stated.arrays)
        count = None if self.stated.axes is None else len(self.stated.axes)
        candidates = {
            name: array
            for name, array in self.found.arrays.items()
            if array.dtype.kind in "fiubc"
            and len(array.shape) > 1
            and name not in self.stated.given
            and count in (None, len(array.shape))
        }
        most = max((len(array.shape) for array in candidates.values()), default=0)
        chosen = {name: array for name, array in candidates.items() if len(array.shape) == most}
        if not chosen:
            expected = f"{count} axes" if count else "two axes or more"
            raise self._wrong(f"expected an array of real numbers with {expected}")
        if len({(array.shape, array.dims, array.name.rpartition("/")[0]) for array in chosen.values()}) > 1:
            raise self._wrong("does not say which arrays hold the states", arrays=list(chosen)[:1])
        return list(chosen)

    def _real(self, name: str) -> FoundArray:
        """An array of real numbers that is not empty."""
        if name not in self.found.arrays:
            raise self._wrong(f"expected an array {name}")
        array = self.found.arrays[name]
        if array.dtype.kind not in "fiub":
            raise unreadable_file(self.path, f"{name}: expected an array of real numbers, got {array.dtype}")
        if 0 in array.shape:
            raise unreadable_file(self.path, f"{name}: expected entries along each axis, got shape {array.shape}")
        if array.fault:
            raise unreadable_file(self.path, f"{name}: {array.fault}")
        return array

    def _stored_array(self, array: FoundArray, axes: tuple[str, ...]) -> StoredArray:
        if not {*SPACE} & {*axes}:
            raise self._wrong(f"{array.name}: expected an axis of space")
        return StoredArray(self.found.open(array.name), axes)

    def _axes(self, array: FoundArray) -> tuple[str, ...]:
        """What the axes of a state are."""
        stated = self.stated.axes
        if stated is not None:
            fewer = tuple(axis for axis in stated if axis != "channel")
            fitting = [axes for axes in (stated, fewer) if len(axes) == len(array.shape)]
            if not fitting:
                raise self._wrong(f"{array.name}: expected {len(stated)} axes ({', '.join(stated)})")
            return fitting[0]
        axes = named_axes(array.dims) if array.dims else axes_by_length(array.shape, self._coordinate_lengths())
        if axes is None:
            raise self._axes_asked_for(array)
        return axes

    def _axes_asked_for(self, array: FoundArray) -> DatasetError:
        """Asks what the axes are, and at once for all else that will be asked for, as one line to copy."""
        axes = likely_axes(array.shape) or ("trajectory", "time", "x")
        space = [axis for axis in axes if axis in SPACE]
        said = [f"'data.axes=[{','.join(axes)}]'"]
        said += ["data.dt=0.01"] if self._coordinates("time") is None else []
        lengths = ",".join(["1.0"] * len(space))
        said += [f"'data.extent=[{lengths}]'"] if any(self._coordinates(axis) is None for axis in space) else []
        return unreadable_file(
            self.path,
            f"does not say what the axes of {array.name} are: it holds {self.found}; say all that it does not say, for "
            f"example data/reader=arrays {' '.join(said)} data.boundary=periodic",
        )

    def _given_axes(self, name: str) -> tuple[str, ...]:
        """What the axes of a constant field are: those of a state but for time, with or without trajectories."""
        array = self._real(name)
        named = named_axes(array.dims) if array.dims and self.stated.axes is None else None
        if named is not None and "time" not in named:
            return named
        for without in (("time", "channel"), ("time", "channel", "trajectory"), ("time",)):
            axes = tuple(axis for axis in self.first.axes if axis not in without)
            lengths = [length for length, axis in zip(array.shape, axes, strict=False) if axis != "channel"]
            if len(axes) == len(array.shape) and lengths == [self.lengths[axis] for axis in axes if axis != "channel"]:
                return axes
        raise self._wrong(f"data.given: {name}: expected the axes of a state but for time")

    def _coordinates(self, axis: str) -> FoundArray | None:
        """The coordinates along an axis, by their name."""
        for name, array in self.found.arrays.items():
            if name not in (*self.names, *self.stated.given) and axis_of_name(name) == axis:
                rows = (
                    len(array.shape) == 2
                    and axis in ("time", *SPACE)
                    and array.shape[0] == self.lengths.get("trajectory")
                )
                if (len(array.shape) == 1 or rows) and array.dtype.kind in "fiu":
                    return array
        return None

    def _coordinate_lengths(self) -> Mapping[str, int]:
        found = {axis: self._coordinates(axis) for axis in ("time", *SPACE)}
        return {axis: array.shape[-1] for axis, array in found.items() if array is not None}

    def _times(self) -> np.ndarray | None:
        array = self._coordinates("time")
        if array is None or "time" not in self.first.axes:
            return None
        return increasing_times(self.path, array.name, self.found.open(array.name)[()], self.lengths["time"])

    def _extent(self) -> tuple[np.ndarray | None, tuple[str, ...]]:
        """Side lengths where coordinates say them, and what is odd about them."""
        sides = []
        for axis in (axis for axis in SPACE if axis in self.first.axes):
            array = self._coordinates(axis)
            if array is None:
                return None, ()
            points = numbers(self.path, array.name, self.found.open(array.name)[()])
            rising = points if (points[..., :1] <= points[..., -1:]).all() else points[..., ::-1]
            sides.append(side_length(self.path, array.name, rising, self.lengths[axis]))
        return joined_sides(sides)

    def _params(self) -> tuple[dict[str, np.ndarray], tuple[str, ...]]:
        """Arrays with one number for each trajectory, or for all of them; names of those that are nowhere finite."""
        rows, params, notes = self.lengths["trajectory"], {}, []
        for name, array in self.found.arrays.items():
            named = axis_of_name(name) is not None or (array.dims is not None and array.dims == (name,))
            if named or name in (*self.states, *self.given) or array.dtype.kind not in "fiub":
                continue
            if array.dims is None and len(array.shape) == 1 and array.shape[0] not in (1, rows):
                notes.append(f"{name} {array.shape} is no parameter: expected {rows} numbers, one a trajectory")
            if array.shape in ((), (1,), (rows,)) and (array.dims is None or self._is_of_rows(array.dims)):
                values = np.broadcast_to(np.asarray(self.found.open(array.name)[()], dtype=np.float64), (rows,))
                # One wrong value is no reason to forget the others: its trajectory is named, and can be left out.
                if np.isfinite(values).any():
                    params[name] = np.array(values)
                else:
                    notes.append(f"{name} is nowhere finite and is no parameter")
        return dict(zip(_short(params), params.values(), strict=True)), tuple(notes)

    def _is_of_rows(self, dims: tuple[str, ...]) -> bool:
        return all(axis_of_name(dim) == "trajectory" for dim in dims)

    def _wrong(self, what: str, arrays: Sequence[str] = ()) -> DatasetError:
        """One sentence: what is wrong, what was found, and the setting that would say it."""
        remedy = f"; say it, for example data/reader=arrays 'data.arrays=[{','.join(arrays)}]'" if arrays else ""
        return unreadable_file(self.path, f"{what}: found {self.found}{remedy}")


def _fields(arrays: Mapping[str, StoredArray]) -> tuple[Field, ...]:
    """One scalar field for each channel, by the names of the arrays."""
    fields = []
    for name, array in zip(_short(arrays), arrays.values(), strict=True):
        channels = array.length("channel")
        fields += [Field(f"{name}_{number}" if channels > 1 else name) for number in range(channels)]
    return tuple(fields)


def _short(names: Iterable[str]) -> list[str]:
    """Names without those of groups, where they differ all the same."""
    last = [name.rpartition("/")[2] for name in names]
    return last if len({*last}) == len(last) else [name.replace("/", "_") for name in names]


def _counted(path: Path) -> list[tuple[str, int]]:
    """Orders names with the numbers in them: data_2 before data_10."""
    return [(words, int(number or 0)) for words, number in re.findall(r"([^0-9]*)([0-9]*)", str(path))]
