"""Groups of one trajectory each: neighbours of equal form are one block, so that an index stays small."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import groupby
from typing import Any

import numpy as np

from tendency.data.readers.array_file import StoredBlock
from tendency.data.readers.stored_array import SeparateTrajectories, StoredStates


def joined_neighbours(groups: Sequence[StoredBlock]) -> list[StoredBlock]:
    """A block for each run of neighbours of equal form.

    Args:
        groups: of one trajectory each; their keys are the names of the groups.

    Returns:
        Blocks whose keys are the names of the first and the last group.
    """
    return [_joined(list(run)) for _, run in groupby(groups, key=_form)]


def _form(group: StoredBlock) -> tuple[Any, ...]:
    """What neighbours of one block share."""
    block = group.block
    known = block.times is None, block.extent is None
    return block.num_snapshots, block.fields, block.given, block.shape, sorted(block.params), known


def _joined(run: Sequence[StoredBlock]) -> StoredBlock:
    first, blocks = run[0].block, [each.block for each in run]
    block = replace(
        first,
        key=first.key if len(run) == 1 else f"{first.key}-{blocks[-1].key}",
        num_trajectories=len(blocks),
        times=_shared([block.times for block in blocks]),
        extent=_shared([block.extent for block in blocks]),
        params={name: np.concatenate([block.params[name] for block in blocks]) for name in first.params},
        notes=tuple(dict.fromkeys(note for block in blocks for note in block.notes)),
    )
    return StoredBlock(block, _separate([each.states for each in run]), _separate([each.given for each in run]))


def _separate(arrays: Sequence[Sequence[StoredStates]]) -> list[SeparateTrajectories]:
    """Fields of all trajectories, from those of each."""
    return [SeparateTrajectories(field) for field in zip(*arrays, strict=True)]


def _shared(values: Sequence[np.ndarray | None]) -> np.ndarray | None:
    """One array where all are equal, else one row for each; None where they are unknown."""
    known = [value for value in values if value is not None]
    if len(known) < len(values):
        return None
    rows = np.stack(known)
    return rows[0] if (rows == rows[:1]).all() else rows
