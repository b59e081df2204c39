"""Groups of one trajectory each: neighbours of equal form are one block, so that an index stays small."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any

import numpy as np

from tendency.data.readers.array_file import Layout
from tendency.data.readers.block import Block
from tendency.data.readers.stored_array import StoredArray


@dataclass(frozen=True)
class Described:
    """One group.

    Args:
        block: of its one trajectory; its key is the group's name.
        state: arrays inside the group, in channel order.
        given: arrays of the constant fields inside the group.
    """

    block: Block
    state: tuple[StoredArray, ...]
    given: tuple[StoredArray, ...] = ()


def joined_neighbours(groups: Sequence[Described]) -> list[Layout]:
    """A layout for each run of neighbours of equal form; its key is the names of the first and the last group."""
    return [_joined(list(run)) for _, run in groupby(groups, key=_form)]


def _form(group: Described) -> tuple[Any, ...]:
    """What neighbours of one block share."""
    block = group.block
    known = block.times is None, block.extent is None
    return block.num_snapshots, block.fields, block.given, block.shape, sorted(block.params), known, group.state


def _joined(run: Sequence[Described]) -> Layout:
    first, blocks = run[0], [each.block for each in run]
    names = tuple(block.key for block in blocks)
    block = replace(
        first.block,
        key=names[0] if len(names) == 1 else f"{names[0]}-{names[-1]}",
        num_trajectories=len(blocks),
        times=_shared([block.times for block in blocks]),
        extent=_shared([block.extent for block in blocks]),
        params={name: np.concatenate([block.params[name] for block in blocks]) for name in first.block.params},
        notes=tuple(dict.fromkeys(note for block in blocks for note in block.notes)),
    )
    return Layout(block, first.state, first.given, names)


def _shared(values: Sequence[np.ndarray | None]) -> np.ndarray | None:
    """One array where all are equal, else one row for each; None where they are unknown."""
    known = [value for value in values if value is not None]
    if len(known) < len(values):
        return None
    rows = np.stack(known)
    return rows[0] if (rows == rows[:1]).all() else rows
