"""The files of temporal_pdes: six problems, one scalar field, one group for each split."""

from collections.abc import Iterator

import numpy as np

from tendency.data.readers.array_file import StoredBlock
from tendency.data.readers.block import Block
from tendency.data.readers.file_coordinates import Side, increasing_times, joined_sides, numbers_of, side_length
from tendency.data.readers.grouped_hdf5_reader import GroupedHdf5Reader
from tendency.data.readers.hdf5_file import Hdf5File
from tendency.data.readers.hdf5_groups import params_of, split_groups
from tendency.data.readers.named_split import require_named_split
from tendency.data.readers.reader import unreadable_file
from tendency.data.readers.stored_array import ReversedInTime, StoredArray, StoredStates
from tendency.simulation.fields import Field


class TemporalPdesReader(GroupedHdf5Reader):
    """``<split>/u`` (n, T, X) or (n, T, X, Y), with ``x``, ``t`` and one array for each parameter.

    The heat equation's trajectories are stored from the last snapshot to the first, which the authors' loader undoes,
    and so does this one. The boundary is not said.

    References:
        Zhou & Barati Farimani, arXiv 2412.13074.
    """

    def fits(self, file: Hdf5File) -> bool:
        """As of ``GroupedHdf5Reader``."""
        groups = list(split_groups(file))
        return bool(groups) and all(
            {"u", "x", "t"} <= {*names} and not {"y", "vx", "vy"} & {*names} for *_, names in groups
        )

    def stored(self, file: Hdf5File) -> Iterator[StoredBlock]:
        """As of ``GroupedHdf5Reader``."""
        groups = list(split_groups(file))
        if not groups:
            raise unreadable_file(file.path, f"expected a group train, valid or test, got {', '.join(file.names())}")
        require_named_split(file.path, {split for _, split, _ in groups})
        for group, split, _ in groups:
            u = file.array(f"{group}/u")
            if u.ndim not in (3, 4) or 0 in u.shape:
                raise unreadable_file(file.path, f"{group}/u: expected shape (n, T, X) or (n, T, X, Y), got {u.shape}")
            num_trajectories, num_snapshots = u.shape[:2]
            axes, lines = _space(file, f"{group}/x", u.shape[2:])
            extent, notes = joined_sides(lines)
            states: StoredStates = StoredArray(u, ("trajectory", "time", *axes))
            params = params_of(file, group, num_trajectories, {"u", "x", "t"})
            if [*params] == ["beta"] and u.ndim == 3:
                states = ReversedInTime(states, num_snapshots)
                notes += (
                    "the heat equation's trajectories are stored reversed in time, and are read in its direction",
                )
            times = increasing_times(file.path, f"{group}/t", numbers_of(file, f"{group}/t"), num_snapshots)
            shape = StoredArray(u, ("trajectory", "time", *axes)).space
            block = Block(
                key=group,
                num_trajectories=num_trajectories,
                num_snapshots=num_snapshots,
                fields=(Field("u"),),
                shape=shape,
                times=times,
                extent=extent,
                params=params,
                split=split,
                notes=notes,
            )
            yield StoredBlock(block, [states])


def _space(file: Hdf5File, key: str, shape: tuple[int, ...]) -> tuple[tuple[str, ...], list[Side]]:
    """Names of the axes of space as u has them, and the side lengths."""
    x = numbers_of(file, key)
    if len(shape) == 1:
        return ("x",), [side_length(file.path, key, x, shape[0])]
    if x.shape == (*shape, 2):
        x = np.moveaxis(x, -1, 0)
    if x.shape != (2, *shape):
        expected = f"{(2, *shape)} or {(*shape, 2)}"
        raise unreadable_file(file.path, f"{key}: expected coordinates of shape {expected}, got {x.shape}")
    # Meshes are stored in both orders: the first component is x, along whichever axis of the array it varies.
    if np.ptp(x[0], axis=0).max() >= np.ptp(x[0], axis=1).max():
        sides = [side_length(file.path, key, x[0][:, 0], shape[0]), side_length(file.path, key, x[1][0], shape[1])]
        return ("x", "y"), sides
    sides = [side_length(file.path, key, x[0][0], shape[1]), side_length(file.path, key, x[1][:, 0], shape[0])]
    return ("y", "x"), sides
