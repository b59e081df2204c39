"""PDEBench's files with one array for each field: scalar equations, compressible flow, Darcy flow."""

import re
from functools import partial
from pathlib import Path

import numpy as np

from tendency.data.readers.array_file import ArrayFile, StoredBlock
from tendency.data.readers.axis_lengths import axis_lengths, named
from tendency.data.readers.block import Block
from tendency.data.readers.file_coordinates import increasing_times, joined_sides, numbers_of, side_length
from tendency.data.readers.hdf5_file import Hdf5File
from tendency.data.readers.hdf5_structure import has_structure, number_attributes
from tendency.data.readers.reader import OpenedFile, Reader, StatedFacts, unreadable_file
from tendency.data.readers.stored_array import StoredArray
from tendency.simulation.fields import Field

COORDINATES = ("x-coordinate", "y-coordinate", "z-coordinate", "t-coordinate")
IN_NAME = re.compile(r"(?:^|_)(Nu|Rho|Eta|Zeta|beta|M)(\d+\.?\d*(?:[eE][-+]?\d+)?)(?=_|$)")
"""A parameter in the name of a file, such as Nu0.001 or Eta1.e-8."""
SIDES = {"periodic": "periodic", "trans": "open"}
"""What the word in a file's name says of all sides; ``trans`` lets waves leave."""


class PDEBench(Reader):
    """PDEBench's ``.hdf5`` files.

    Scalar equations have ``tensor (n, T, nx)``; compressible flow has ``density``, ``pressure``, ``Vx``, ``Vy``, ``Vz
    (n, T, nx, ny, nz)``; Darcy flow has ``tensor (n, 1, nx, ny)`` and its coefficient ``nu (n, nx, ny)``, and is
    steady. ``t-coordinate`` has one entry more than there are snapshots. Parameters are attributes, or stand in the
    name of the file, as does the boundary of compressible flow; that of other equations is not said.

    PDEBench itself tests on the first tenth of the trajectories and trains on the rest. Its files do not say so: the
    split is that of ``data.split``.

    References:
        Takamoto et al.: PDEBench: An Extensive Benchmark for Scientific Machine Learning. NeurIPS 2022,
        arXiv:2210.07182.
    """

    suffixes = (".hdf5", ".h5")

    def recognises(self, file: Path) -> bool:
        """As of ``Reader``."""
        return has_structure(file, _fits)

    def open(self, file: Path, stated: StatedFacts) -> OpenedFile:
        """As of ``Reader``."""
        source = Hdf5File(file)
        return ArrayFile(file, partial(_stored, source), source.close)


def _fits(file: Hdf5File) -> bool:
    scalar = file.has("tensor") and any(file.has(name) for name in ("nu", *COORDINATES))
    return scalar or all(file.has(name) for name in ("density", "pressure", "Vx"))


def _stored(file: Hdf5File) -> list[StoredBlock]:
    """The one block of a file."""
    is_flow = not file.has("tensor")
    first = "density" if is_flow else "tensor"
    if not file.has(first):
        raise unreadable_file(file.path, f"expected the array tensor, or density, got {', '.join(file.names()[:12])}")
    axes = "nt" + "xyz"[: max(len(file.array(first).shape) - 2, 1)]
    space = axes[2:]
    names = ("density", "pressure", *(f"V{axis}" for axis in space)) if is_flow else ("tensor",)
    given = ("nu",) if file.has("nu") else ()
    arrays = dict.fromkeys(names, axes) | dict.fromkeys(given, "n" + space)
    coordinates = {f"{axis}-coordinate": axis for axis in space if file.has(f"{axis}-coordinate")}
    stored = {name: (file.array(name).shape, each) for name, each in (arrays | coordinates).items()}
    lengths = axis_lengths(file.path, stored)
    steady = bool(given) and lengths["t"] == 1
    extent, notes = _extent(file, space, lengths)
    times = np.zeros(1) if steady else None
    if file.has("t-coordinate") and not steady:
        found = numbers_of(file, "t-coordinate")
        superfluous = found.shape[-1:] == (lengths["t"] + 1,)
        times = increasing_times(file.path, "t-coordinate", found[..., :-1] if superfluous else found, lengths["t"])
    values = _parameters(file)
    block = Block(
        key="",
        num_trajectories=lengths["n"],
        num_snapshots=lengths["t"],
        fields=(Field("density"), Field("pressure"), Field("V", 1)) if is_flow else (Field("tensor"),),
        shape=tuple(lengths[axis] for axis in space),
        times=times,
        extent=extent,
        boundary=_boundary(file.path, len(space)) if is_flow else None,
        params={name: np.full(lengths["n"], value) for name, value in values.items()},
        given=tuple(Field(name) for name in given),
        notes=notes,
    )
    state, constant = (
        [StoredArray(file.array(name), named(arrays[name])) for name in chosen] for chosen in (names, given)
    )
    return [StoredBlock(block, state, constant)]


def _extent(file: Hdf5File, space: str, lengths: dict[str, int]) -> tuple[np.ndarray | None, tuple[str, ...]]:
    """Side lengths from the coordinates, None where one is missing; and notes on them."""
    names = [f"{axis}-coordinate" for axis in space]
    if not all(file.has(name) for name in names):
        return None, ()
    stored = zip(names, space, strict=True)
    return joined_sides([side_length(file.path, name, numbers_of(file, name), lengths[axis]) for name, axis in stored])


def _parameters(file: Hdf5File) -> dict[str, float]:
    """Attributes that are numbers, and what the file's name says besides."""
    values = number_attributes(file)
    known = {name.lower() for name in values}
    in_name = {name: float(value) for name, value in IN_NAME.findall(file.path.stem)}
    return values | {name: value for name, value in in_name.items() if name.lower() not in known}


def _boundary(path: Path, spatial_dims: int) -> tuple[tuple[str, str], ...] | None:
    """The boundary that the file's name says."""
    kinds = [kind for word, kind in SIDES.items() if word in path.stem.split("_")]
    return ((kinds[0], kinds[0]),) * spatial_dims if kinds else None
