"""PDEArena's shallow water on the sphere, as netCDF files of one trajectory or as zarr stores of many."""

from collections.abc import Sequence
from pathlib import Path

from tendency.data.readers.array_file import ArrayFile, StoredBlock
from tendency.data.readers.array_source import ArraySource, require_unpacked
from tendency.data.readers.axis_lengths import axis_lengths, named, require_components
from tendency.data.readers.block import Block
from tendency.data.readers.file_coordinates import increasing_times, joined_sides, numbers_of, side_length_by_index
from tendency.data.readers.hdf5_file import Hdf5File
from tendency.data.readers.hdf5_structure import holds
from tendency.data.readers.reader import OpenedFile, Reader, StatedFacts, unreadable_file
from tendency.data.readers.stored_array import StoredArray, UnwrittenAsNan
from tendency.data.readers.zarr_store import ZARR, ZarrStore, missing_chunks
from tendency.simulation.fields import Field

SPLITS = ("train", "valid", "test")
PRESSURE, VORTICITY, WIND = "pres", "vor", ("u", "v")


class PDEArenaNetCDF(Reader):
    """PDEArena's shallow water: ``{split}/seed=*/run*/output.nc``, or ``{split}.zarr``.

    ``u``, ``v``, ``vor (b, t, lev = 1, lat, lon)`` and ``pres (b, t, lat, lon)``, without the axis b in a netCDF file.
    The state is the pressure and the velocity; ``data.arrays=[pres,vor]`` takes the vorticity instead. The axes are
    x = lon and y = lat, in degrees; a latitude that falls is turned round. The boundary is not said, since a sphere has
    poles.
    ``normstats.pt`` is not read.
    """

    suffixes = (".nc",)

    def files(self, path: Path) -> list[Path]:
        """The netCDF files and the zarr stores of a dataset."""
        if path.suffix == ZARR or path.is_file():
            return [path]
        stores = [each for each in path.rglob(f"*{ZARR}") if each.is_dir()]
        return sorted([*super().files(path), *stores])

    def parts(self, file: Path) -> Sequence[Path]:
        """As of ``Reader``."""
        return sorted(each for each in file.rglob("*") if each.is_file()) if file.is_dir() else (file,)

    def recognises(self, file: Path) -> bool:
        """As of ``Reader``."""
        if file.suffix == ZARR:
            return all((file / name).is_dir() for name in (PRESSURE, *WIND))
        return file.suffix.lower() in self.suffixes and holds(file, PRESSURE, *WIND)

    def open(self, file: Path, stated: StatedFacts) -> OpenedFile:
        """As of ``Reader``."""
        names = stated.arrays or (PRESSURE, *WIND)
        if file.is_dir():
            store = ZarrStore(file)
            return ArrayFile(file, lambda: _stored_in_zarr(store, names), store.close)
        source = Hdf5File(file)
        return ArrayFile(file, lambda: _stored(source, names), source.close)


def _stored_in_zarr(store: ZarrStore, names: Sequence[str]) -> list[StoredBlock]:
    """The one block of a store, which holds all of its chunks.

    Raises:
        DatasetError: some are missing.
    """
    for name in names:
        if missing := missing_chunks(store.array(name)):
            raise unreadable_file(store.path, f"{name}: {missing}")
    return _stored(store, names)


def _stored(source: ArraySource, names: Sequence[str]) -> list[StoredBlock]:
    """The one block of a file."""
    lead = "nt" if len(source.array(names[0]).shape) - (names[0] != PRESSURE) == 4 else "t"
    axes = {name: lead + ("" if name == PRESSURE else "c") + "yx" for name in names}
    lengths = axis_lengths(source.path, {name: (source.array(name).shape, axes[name]) for name in names})
    require_unpacked(source, names)
    require_components(source.path, names[-1], lengths.get("c", 1), 1)
    time = next((name for name in ("time", "t") if source.has(name)), None)
    times = None if time is None else increasing_times(source.path, time, numbers_of(source, time), lengths["t"])
    lines, turned = [], tuple[str, ...]()
    for axis, name in (("x", "lon"), ("y", "lat")):
        if source.has(name):
            degrees = numbers_of(source, name)
            if degrees.ndim == 1 and len(degrees) and degrees[0] > degrees[-1]:
                turned += (axis,)
                degrees = degrees[::-1]
            lines.append(side_length_by_index(source.path, name, degrees, lengths[axis]))
    extent, notes = joined_sides(lines)
    block = Block(
        key="",
        num_trajectories=lengths.get("n", 1),
        num_snapshots=lengths["t"],
        fields=_fields(names),
        shape=(lengths["x"], lengths["y"]),
        times=times,
        extent=extent if len(lines) == 2 else None,
        split=_split(source.path),
        equation="shallow water on a sphere",
        notes=notes,
    )
    states = [StoredArray(source.array(name), named(axes[name]), falling=turned) for name in names]
    return [StoredBlock(block, [UnwrittenAsNan(each) for each in states])]


def _fields(names: Sequence[str]) -> tuple[Field, ...]:
    """One field for each array, and one for both components of the wind where they are neighbours."""
    fields: list[Field] = []
    for index, name in enumerate(names):
        if tuple(names[index : index + 2]) == WIND:
            fields.append(Field("velocity", 1))
        elif tuple(names[max(index - 1, 0) : index + 1]) != WIND:
            fields.append(Field(name))
    return tuple(fields)


def _split(path: Path) -> str | None:
    """The split that the name of a zarr store says, or of the folder around the seeds and runs."""
    if path.suffix == ZARR:
        return path.stem if path.stem in SPLITS else None
    above = [parent.name for parent in list(path.parents)[:3]]
    return next((name for name in above if name in SPLITS), None)
