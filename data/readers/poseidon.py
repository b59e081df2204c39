"""Poseidon's netCDF files: compressible and incompressible flow, waves, reaction and diffusion, elliptic problems."""

from functools import partial
from pathlib import Path

import numpy as np

from tendency.data.metadata import DatasetError
from tendency.data.readers.array_file import ArrayFile, Layout
from tendency.data.readers.block import Block
from tendency.data.readers.file_coordinates import numbers_of
from tendency.data.readers.hdf5_file import Hdf5File
from tendency.data.readers.hdf5_structure import numbered
from tendency.data.readers.reader import OpenedFile, Reader, StatedFacts, unreadable_file
from tendency.data.readers.stored_array import StoredArray, axis_lengths, require_unpacked
from tendency.data.readers.trajectory_groups import Described, joined_neighbours
from tendency.simulation.fields import Field

VELOCITY = (Field("velocity", 1),)
GAS = (Field("density"), *VELOCITY, Field("pressure"))
TRACER = (Field("tracer"),)
CHANNELS = {
    2: VELOCITY,
    3: VELOCITY + TRACER,
    4: GAS,
    5: GAS + TRACER,
    6: (*GAS, *TRACER, Field("gravity")),
}
"""The fields of a state with so many channels."""
SAMPLE = r"Sample_(\d+)"


class Poseidon(Reader):
    """Poseidon's ``.nc`` files (netCDF 4, which is HDF5) and ``Helmholtz.h5``, by the arrays that they hold.

    - ``solution`` or ``data (n, T, c, nx, ny)``: density, velocity, pressure, and in some files a tracer and a
      potential of gravity; with two or three channels a velocity and a tracer.
    - ``velocity (n, T, c, nx, ny)``: a velocity and, as third channel, a tracer. NS-SL is stored with y before x and
      turned.
    - ``solution (n, T, nx, ny)``: one scalar; ``c (n, nx, ny)`` beside it is the speed of waves.
    - ``source`` and ``solution (n, nx, ny)``, and groups ``Sample_i`` with ``a``, ``u``, ``bc``: elliptic problems,
      which are steady, as is SE-AF, whose two "times" are the shape of an airfoil and the density around it.

    Times, side lengths and boundary are not said. Poseidon itself validates on the 120 trajectories before the last 240
    and tests on those (100 and 130 of CE-RM and GCE-RT, 60 and 240 of waves and ACE). Its files do not say so: the
    split is that of ``data.split``.

    References:
        Herde et al.: Poseidon: Efficient Foundation Models for PDEs. NeurIPS 2024, arXiv:2405.19101.
    """

    suffixes = (".nc", ".h5")

    def recognises(self, file: Path) -> bool:
        """As of ``Reader``."""
        try:
            opened = Hdf5File(file)
        except DatasetError:
            return False
        try:
            names = {"solution", "data", "velocity"} & set(opened.names())
            many = [name for name in names if len(opened.array(name).shape) in (3, 4, 5)]
            samples = numbered(opened.names(), SAMPLE)
            # Names as plain as these are Poseidon's in netCDF files alone; the Helmholtz equation is in an .h5 file.
            return (bool(many) and file.suffix.lower() == ".nc") or (bool(samples) and opened.has(f"{samples[0]}/u"))
        except DatasetError:
            return False
        finally:
            opened.close()

    def open(self, file: Path, stated: StatedFacts) -> OpenedFile:
        """As of ``Reader``."""
        source = Hdf5File(file)
        return ArrayFile(source, partial(_layouts, source))


def _layouts(file: Hdf5File) -> list[Layout]:
    """The one block of a file, or one for each run of equal groups."""
    samples = numbered(file.names(), SAMPLE)
    if samples:
        return joined_neighbours([_sample(file, sample) for sample in samples])
    if file.has("source"):
        return [_steady(file, StoredArray("solution", "nxy"), (StoredArray("source", "nxy"),))]
    if file.path.stem.startswith("SE-AF") and file.has("solution"):
        shape, around = StoredArray("solution", "ncxy", 0), StoredArray("solution", "ncxy", 1)
        return [_steady(file, around, (shape,), Field("density"), (Field("shape"),))]
    name = next((name for name in ("solution", "data", "velocity") if file.has(name)), "")
    if not name:
        raise unreadable_file(
            file.path, f"expected an array solution, data or velocity, got {', '.join(file.names()[:12]) or 'none'}"
        )
    return [_evolving(file, name)]


def _evolving(file: Hdf5File, name: str) -> Layout:
    """A solution in time."""
    several = len(file.array(name).shape) != 4
    space = "yx" if file.path.stem.startswith("NS-SL") else "xy"
    state = StoredArray(name, "nt" + ("c" if several else "") + space)
    given = (StoredArray("c", "n" + space),) if file.has("c") else ()
    lengths = _lengths(file, (state, *given))
    if several and lengths["c"] not in CHANNELS:
        raise unreadable_file(
            file.path, f"{name}: expected {', '.join(map(str, CHANNELS))} channels, got {lengths['c']}"
        )
    block = Block(
        key="",
        num_trajectories=lengths["n"],
        num_snapshots=lengths["t"],
        fields=CHANNELS[lengths["c"]] if several else (Field(name),),
        shape=(lengths["x"], lengths["y"]),
        given=tuple(Field(each.name) for each in given),
    )
    return Layout(block, (state,), given)


def _steady(
    file: Hdf5File,
    state: StoredArray,
    given: tuple[StoredArray, ...],
    field: Field | None = None,
    names: tuple[Field, ...] = (),
) -> Layout:
    """A map from given fields to a solution."""
    lengths = _lengths(file, (state, *given))
    block = Block(
        key="",
        num_trajectories=lengths["n"],
        num_snapshots=1,
        fields=(field or Field(state.name),),
        shape=(lengths["x"], lengths["y"]),
        times=np.zeros(1),
        given=names or tuple(Field(each.name) for each in given),
    )
    return Layout(block, (state,), given)


def _sample(file: Hdf5File, group: str) -> Described:
    """One sample of the Helmholtz equation."""
    stored = {f"{group}/{name}": (file.array(f"{group}/{name}").shape, "xy") for name in ("u", "a")}
    lengths = axis_lengths(file.path, stored)
    params = {}
    if file.has(f"{group}/bc"):
        value = numbers_of(file, f"{group}/bc").astype(np.float64)
        if value.size != 1:
            raise unreadable_file(file.path, f"{group}/bc: expected one number, got shape {value.shape}")
        params["bc"] = value.reshape(1)
    block = Block(
        key=group,
        num_trajectories=1,
        num_snapshots=1,
        fields=(Field("u"),),
        shape=(lengths["x"], lengths["y"]),
        times=np.zeros(1),
        params=params,
        given=(Field("a"),),
    )
    return Described(block, (StoredArray("u", "xy"),), (StoredArray("a", "xy"),))


def _lengths(file: Hdf5File, arrays: tuple[StoredArray, ...]) -> dict[str, int]:
    lengths = axis_lengths(file.path, {each.name: (file.array(each.name).shape, each.axes) for each in arrays})
    require_unpacked(file, [each.name for each in arrays])
    return lengths
