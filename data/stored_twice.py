"""Trajectories that data files hold twice: in one split, or in the training split and the one that judges."""

import hashlib
from collections.abc import Mapping

import numpy as np

from tendency.data.file_sample import spread_rows
from tendency.data.file_storage import FileStorage

FIRST_SNAPSHOTS = 512
"""Of each split, evenly spread, that are compared with one another."""
FIRST_VALUES = 2**26
"""Of all of them together."""


def trajectories_twice(storages: Mapping[str, FileStorage]) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
    """Pairs of trajectories whose first, middle and last snapshots are the same to the bit.

    The first snapshots are read of many, the others only where the first ones agree: trajectories may well have one
    start and other parameters.

    Args:
        storages: of the splits.

    Returns:
        The pairs within a split, and those of two splits, by their numbers in the data files.
    """
    metadata = next(iter(storages.values())).metadata
    state = metadata.num_channels * int(np.prod(metadata.geometry.shape))
    most = max(1, min(FIRST_SNAPSHOTS, FIRST_VALUES // (3 * state)))
    starts: dict[bytes, list[tuple[str, int]]] = {}
    for split, storage in storages.items():
        for row in spread_rows(len(storage.numbers), most):
            starts.setdefault(_digest(storage, row, 0), []).append((split, row))
    last = metadata.num_snapshots - 1
    found: dict[tuple[bytes, ...], tuple[str, int]] = {}
    within: list[tuple[int, int]] = []
    between: list[tuple[int, int]] = []
    for same in starts.values():
        for split, row in same if len(same) > 1 else []:
            key = tuple(_digest(storages[split], row, snapshot) for snapshot in (0, last // 2, last))
            number = int(storages[split].numbers[row])
            if key in found:
                (within if found[key][0] == split else between).append((found[key][1], number))
            else:
                found[key] = (split, number)
    return within, between


def _digest(storage: FileStorage, row: int, snapshot: int) -> bytes:
    u = storage.states(range(row, row + 1), slice(snapshot, snapshot + 1))
    return hashlib.sha256(np.ascontiguousarray(u.numpy()).tobytes()).digest()
