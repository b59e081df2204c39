"""The files of the message passing PDE solvers: one dimension, several resolutions of the same problems in a file."""

from collections.abc import Iterator, Mapping

import numpy as np

from tendency.data.readers.array_file import StoredBlock
from tendency.data.readers.block import Block
from tendency.data.readers.file_coordinates import increasing_times, side_length
from tendency.data.readers.grouped_hdf5_reader import GroupedHdf5Reader
from tendency.data.readers.hdf5_file import Hdf5File
from tendency.data.readers.hdf5_groups import params_of, split_groups
from tendency.data.readers.lpsda import STATES, named_states
from tendency.data.readers.reader import unreadable_file
from tendency.data.readers.stored_array import ReversedInTime, StoredArray, StoredStates
from tendency.simulation.fields import Field

SIDES = ("bc_left", "bc_right")
KINDS = {0: "dirichlet", 1: "neumann"}
"""What the numbers in bc_left and bc_right stand for."""


class MessagePassingReader(GroupedHdf5Reader):
    """``<split>/pde_250-100`` (n, T, X) for each resolution; attributes ``dt``, ``dx``, ``x``, ``tmin``, ``tmax``.

    Each resolution is one block. The combined equation (``alpha``, ``beta``, ``gamma``) is periodic with nx points that
    lie dx apart, although its ``x`` runs from one end to the other. The wave equation (``c``) says its boundaries, and
    is stored from the last snapshot to the first.

    References:
        Brandstetter, Worrall, Welling, arXiv 2202.03376.
    """

    def fits(self, file: Hdf5File) -> bool:
        """As of ``GroupedHdf5Reader``."""
        groups = list(split_groups(file))
        fits = (not {"x", "t"} <= {*names} and any(name.startswith(STATES) for name in names) for *_, names in groups)
        return bool(groups) and all(fits)

    def stored(self, file: Hdf5File) -> Iterator[StoredBlock]:
        """As of ``GroupedHdf5Reader``."""
        for group, split, key, u in named_states(file):
            num_trajectories, num_snapshots, points = u.shape
            params = params_of(file, group, num_trajectories, ())
            boundary, notes = _boundary(params)
            extent, uneven = _extent(file, key, points)
            states: StoredStates = StoredArray(u, ("trajectory", "time", "x"))
            if SIDES[0] in params:
                states = ReversedInTime(states, num_snapshots)
                notes = (
                    *notes,
                    "the wave equation's trajectories are stored reversed in time, and are read in its direction",
                )
            block = Block(
                key=key,
                num_trajectories=num_trajectories,
                num_snapshots=num_snapshots,
                fields=(Field("u"),),
                shape=(points,),
                times=_times(file, key, num_snapshots),
                extent=extent,
                boundary=boundary,
                params={side: values for side, values in params.items() if side not in SIDES or boundary is None},
                split=split,
                notes=(*notes, *uneven),
            )
            yield StoredBlock(block, [states])


def _number(file: Hdf5File, key: str, attribute: str) -> float:
    value = np.asarray(file.attribute(attribute, key, np.nan))
    if value.size != 1 or value.dtype.kind not in "fiu" or not np.isfinite(value).all():
        said = "none" if file.attribute(attribute, key) is None else f"{value}"
        raise unreadable_file(file.path, f"{key}: expected a number in its attribute {attribute}, got {said}")
    return float(value.reshape(()))


def _times(file: Hdf5File, key: str, num_snapshots: int) -> np.ndarray:
    first, last = _number(file, key, "tmin"), _number(file, key, "tmax")
    return increasing_times(file.path, f"{key}: tmin, tmax", np.linspace(first, last, num_snapshots), num_snapshots)


def _extent(file: Hdf5File, key: str, points: int) -> tuple[np.ndarray | None, tuple[str, ...]]:
    """The side length where the points lie dx apart, and what is odd about them."""
    x = file.attribute("x", key)
    if x is not None:
        length, notes = side_length(file.path, f"{key}: its attribute x", x, points)
        if length is None:
            return None, notes
    distance = _number(file, key, "dx")
    if distance <= 0:
        raise unreadable_file(file.path, f"{key}: expected a distance dx above 0, got {distance:g}")
    return np.array([points * distance]), ()


def _boundary(params: Mapping[str, np.ndarray]) -> tuple[tuple[tuple[str, str], ...] | None, tuple[str, ...]]:
    """Kinds of both sides, and what is odd about them."""
    if not {*SIDES} <= {*params}:
        return (("periodic", "periodic"),), ()
    sides = [{KINDS.get(int(value), "") for value in params[side]} for side in SIDES]
    if all(len(kinds) == 1 and "" not in kinds for kinds in sides):
        return ((sides[0].pop(), sides[1].pop()),), ()
    return None, ("bc_left or bc_right differs between trajectories; a dataset has one boundary",)
