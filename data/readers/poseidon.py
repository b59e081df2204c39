"""Poseidon's netCDF files: compressible and incompressible flow, waves, reaction and diffusion, elliptic problems."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path

import numpy as np

from tendency.data.readers.array_file import ArrayFile, StoredBlock
from tendency.data.readers.array_source import require_unpacked
from tendency.data.readers.axis_lengths import axis_lengths, named
from tendency.data.readers.block import Block
from tendency.data.readers.file_coordinates import numbers_of
from tendency.data.readers.hdf5_file import Hdf5File
from tendency.data.readers.hdf5_structure import has_structure, numbered
from tendency.data.readers.reader import OpenedFile, Reader, StatedFacts, unreadable_file
from tendency.data.readers.stored_array import StoredArray, UnwrittenAsNan
from tendency.data.readers.trajectory_groups import joined_neighbours
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
        return has_structure(file, _fits)

    def open(self, file: Path, stated: StatedFacts) -> OpenedFile:
        """As of ``Reader``."""
        source = Hdf5File(file)
        return ArrayFile(file, partial(_stored, source), source.close)


def _fits(file: Hdf5File) -> bool:
    names = {"solution", "data", "velocity"} & set(file.names())
    many = [name for name in names if len(file.array(name).shape) in (3, 4, 5)]
    samples = numbered(file.names(), SAMPLE)
    # Names as plain as these are Poseidon's in netCDF files alone; the Helmholtz equation is in an .h5 file.
    return (bool(many) and file.path.suffix.lower() == ".nc") or (bool(samples) and file.has(f"{samples[0]}/u"))


def _stored(file: Hdf5File) -> list[StoredBlock]:
    """The one block of a file, or one for each run of equal groups."""
    samples = numbered(file.names(), SAMPLE)
    if samples:
        return joined_neighbours([_sample(file, sample) for sample in samples])
    if file.has("source"):
        _require_one_grid(file, {"solution": "nxy", "source": "nxy"})
        state, given = (StoredArray(file.array(name), named("nxy")) for name in ("solution", "source"))
        return [_steady(state, given, Field("solution"), Field("source"))]
    if file.path.stem.startswith("SE-AF") and file.has("solution"):
        _require_one_grid(file, {"solution": "ncxy"})
        shape, around = (StoredArray(file.array("solution"), named("ncxy"), component) for component in (0, 1))
        return [_steady(around, shape, Field("density"), Field("shape"))]
    name = next((name for name in ("solution", "data", "velocity") if file.has(name)), "")
    if not name:
        raise unreadable_file(
            file.path, f"expected an array solution, data or velocity, got {', '.join(file.names()[:12]) or 'none'}"
        )
    return [_evolving(file, name)]


def _evolving(file: Hdf5File, name: str) -> StoredBlock:
    """A solution in time."""
    several = len(file.array(name).shape) != 4
    space = "yx" if file.path.stem.startswith("NS-SL") else "xy"
    axes = {name: "nt" + ("c" if several else "") + space} | ({"c": "n" + space} if file.has("c") else {})
    constant = list(axes)[1:]
    lengths = _require_one_grid(file, axes)
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
        given=tuple(Field(each) for each in constant),
    )
    state, *given = (StoredArray(file.array(each), named(letters)) for each, letters in axes.items())
    return StoredBlock(block, [UnwrittenAsNan(state)], [UnwrittenAsNan(each) for each in given])


def _steady(state: StoredArray, given: StoredArray, field: Field, constant: Field) -> StoredBlock:
    """A map from a given field to a solution."""
    block = Block(
        key="",
        num_trajectories=state.length("trajectory"),
        num_snapshots=1,
        fields=(field,),
        shape=state.space,
        times=np.zeros(1),
        given=(constant,),
    )
    return StoredBlock(block, [UnwrittenAsNan(state)], [UnwrittenAsNan(given)])


def _sample(file: Hdf5File, group: str) -> StoredBlock:
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
    state, given = (StoredArray(file.unopened(name), named("xy")) for name in stored)
    return StoredBlock(block, [state], [given])


def _require_one_grid(file: Hdf5File, axes: Mapping[str, str]) -> dict[str, int]:
    """The length of each axis, on which arrays agree, whose values are not packed.

    Args:
        file: that holds them.
        axes: letters of the axes of each array.
    """
    lengths = axis_lengths(file.path, {name: (file.array(name).shape, each) for name, each in axes.items()})
    require_unpacked(file, axes)
    return lengths
