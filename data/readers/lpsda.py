"""The files of LPSDA and PDE-Refiner: periodic equations on boxes and times that differ between trajectories."""

import re
from collections.abc import Iterator

import h5py

from tendency.data.readers.array_file import StoredBlock
from tendency.data.readers.block import Block
from tendency.data.readers.file_coordinates import increasing_times, joined_sides, numbers_of, side_length
from tendency.data.readers.grouped_hdf5_reader import GroupedHdf5Reader
from tendency.data.readers.hdf5_file import Hdf5File
from tendency.data.readers.hdf5_groups import params_of, split_groups
from tendency.data.readers.named_split import require_named_split
from tendency.data.readers.reader import unreadable_file
from tendency.data.readers.stored_array import StoredArray
from tendency.simulation.fields import Field

STATES = "pde_"
"""What the name of the states begins with: pde_<snapshots>-<points>."""


class LpsdaReader(GroupedHdf5Reader):
    """``<split>/pde_140-256`` (n, T, X) with ``x`` (n, X), ``t`` (n, T), ``dx``, ``dt`` and ``v`` where it varies.

    The generator solves on periodic axes alone.

    References:
        Brandstetter, Welling, Worrall, arXiv 2202.07643; Lippe et al., arXiv 2308.05732.
    """

    def fits(self, file: Hdf5File) -> bool:
        """As of ``GroupedHdf5Reader``."""
        groups = list(split_groups(file))
        fits = ({"x", "t"} <= {*names} and any(name.startswith(STATES) for name in names) for *_, names in groups)
        return bool(groups) and all(fits)

    def stored(self, file: Hdf5File) -> Iterator[StoredBlock]:
        """As of ``GroupedHdf5Reader``."""
        for group, split, key, u in named_states(file):
            num_trajectories, num_snapshots, points = u.shape
            extent, notes = joined_sides([side_length(file.path, f"{group}/x", numbers_of(file, f"{group}/x"), points)])
            block = Block(
                key=key,
                num_trajectories=num_trajectories,
                num_snapshots=num_snapshots,
                fields=(Field("u"),),
                shape=(points,),
                times=increasing_times(file.path, f"{group}/t", numbers_of(file, f"{group}/t"), num_snapshots),
                extent=extent,
                boundary=(("periodic", "periodic"),),
                params=params_of(file, group, num_trajectories, {"x", "t", "dx", "dt"}),
                split=split,
                notes=notes,
            )
            yield StoredBlock(block, [StoredArray(u, ("trajectory", "time", "x"))])


def named_states(file: Hdf5File) -> Iterator[tuple[str, str, str, h5py.Dataset]]:
    """Arrays pde_<snapshots>-<points> of a file: group, split, key, and the array (n, T, X).

    Raises:
        DatasetError: there is none, its shape is not that of its name, or the file's name says another split.
    """
    groups = list(split_groups(file))
    found = [(group, split, name) for group, split, names in groups for name in names if name.startswith(STATES)]
    if not found:
        raise unreadable_file(file.path, f"expected train/pde_<snapshots>-<points>, got {', '.join(file.names())}")
    require_named_split(file.path, {split for _, split, _ in groups})
    for group, split, name in found:
        key = f"{group}/{name}"
        u = file.array(key)
        sizes = re.fullmatch(rf"{STATES}(\d+)-(\d+)", name)
        named = f"(n, {sizes[1]}, {sizes[2]})" if sizes else "(n, T, X)"
        if u.ndim != 3 or 0 in u.shape or (sizes and u.shape[1:] != (int(sizes[1]), int(sizes[2]))):
            raise unreadable_file(file.path, f"{key}: expected shape {named}, got {u.shape}")
        yield group, split, key, u
