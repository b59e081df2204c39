"""The MATLAB files of the Fourier neural operator: Burgers' equation, Darcy flow, Navier-Stokes."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from tendency.data.metadata import DatasetError
from tendency.data.readers.array_file import ArrayFile, StoredBlock
from tendency.data.readers.block import Block
from tendency.data.readers.file_coordinates import increasing_times
from tendency.data.readers.matlab_file import SUFFIX, MatlabFile, is_matlab
from tendency.data.readers.named_split import split_of_name
from tendency.data.readers.reader import OpenedFile, Reader, StatedFacts, unreadable_file
from tendency.data.readers.stored_array import SPACE, ConsecutiveStates
from tendency.simulation.fields import Field

VISCOSITIES = ("visc", "nu")
"""Names of a number that holds for the whole file."""


class FnoMatReader(Reader):
    """``coeff``, ``sol`` (Darcy flow); ``a``, ``u`` of equal shape (two snapshots); ``u`` (n, *N, T) with times ``t``.

    Darcy flow is steady: one snapshot, its coefficient given. In Navier-Stokes ``a`` is the state before the first
    time of ``t`` and is not read. Side lengths and boundary are not said.

    References:
        Li et al., arXiv 2010.08895.
    """

    suffixes = (SUFFIX,)

    def recognises(self, file: Path) -> bool:
        """As of ``Reader``."""
        if not is_matlab(file):
            return False
        try:
            opened = MatlabFile(file)
        except DatasetError:
            return False
        opened.close()
        return {"coeff", "sol"} <= {*opened.shapes} or {"a", "u"} <= {*opened.shapes}

    def open(self, file: Path, stated: StatedFacts) -> OpenedFile:
        """As of ``Reader``."""
        opened = MatlabFile(file)
        return ArrayFile(file, lambda: list(_stored(opened)), opened.close)


def _stored(file: MatlabFile) -> Iterator[StoredBlock]:
    names = {*file.shapes}
    if {"coeff", "sol"} <= names:
        yield _darcy(file)
    elif {"a", "u"} <= names:
        same = file.shapes["a"] == file.shapes["u"]
        yield _pairs(file) if same else _trajectories(file)
    else:
        raise unreadable_file(
            file.path, f"expected the arrays coeff and sol, or a and u, got {', '.join(sorted(names)) or 'none'}"
        )


def _darcy(file: MatlabFile) -> StoredBlock:
    shape, axes = file.shapes["sol"], _axes(file, "sol", file.shapes["sol"])
    if file.shapes["coeff"] != shape:
        raise unreadable_file(file.path, f"coeff: expected shape {shape}, that of sol, got {file.shapes['coeff']}")
    block = Block(
        key="",
        num_trajectories=shape[0],
        num_snapshots=1,
        fields=(Field("sol"),),
        shape=shape[1:],
        given=(Field("coeff"),),
        split=split_of_name(file.path),
    )
    return StoredBlock(block, [file.stored("sol", axes)], [file.stored("coeff", axes)])


def _pairs(file: MatlabFile) -> StoredBlock:
    shape, axes = file.shapes["u"], _axes(file, "u", file.shapes["u"])
    block = Block(
        key="",
        num_trajectories=shape[0],
        num_snapshots=2,
        fields=(Field("u"),),
        shape=shape[1:],
        params=_viscosity(file, shape[0]),
        split=split_of_name(file.path),
    )
    return StoredBlock(block, [ConsecutiveStates((file.stored("a", axes), file.stored("u", axes)))])


def _trajectories(file: MatlabFile) -> StoredBlock:
    shape = file.shapes["u"]
    if shape[:-1] != file.shapes["a"]:
        expected = f"{(*file.shapes['a'], 'T')}".replace("'", "")
        raise unreadable_file(file.path, f"u: expected shape {expected}, time last, got {shape}")
    axes = (*_axes(file, "u", shape[:-1]), "time")
    times = None
    if "t" in file.shapes:
        times = increasing_times(file.path, "t", np.atleast_1d(file.values("t")), shape[-1])
    block = Block(
        key="",
        num_trajectories=shape[0],
        num_snapshots=shape[-1],
        fields=(Field("u"),),
        shape=shape[1:-1],
        times=times,
        params=_viscosity(file, shape[0]),
        split=split_of_name(file.path),
    )
    return StoredBlock(block, [file.stored("u", axes)])


def _axes(file: MatlabFile, name: str, shape: tuple[int, ...]) -> tuple[str, ...]:
    """Trajectories first, space after them."""
    if not 2 <= len(shape) <= 1 + len(SPACE) or 0 in shape:
        raise unreadable_file(file.path, f"{name}: expected one axis of trajectories and 1 to 3 of space, got {shape}")
    return ("trajectory", *SPACE[: len(shape) - 1])


def _viscosity(file: MatlabFile, num_trajectories: int) -> dict[str, np.ndarray]:
    params = {}
    for name in VISCOSITIES:
        if np.prod(file.shapes.get(name, ()) or 0) in (1, num_trajectories):
            values = np.broadcast_to(file.values(name).astype(np.float64).reshape(-1), (num_trajectories,))
            if not np.isfinite(values).all():
                raise unreadable_file(file.path, f"{name}: expected finite numbers, got {values[0]}")
            params[name] = values
    return params
