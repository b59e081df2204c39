"""An opened file whose fields lie in arrays with named axes."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from tendency.data.readers.block import Block
from tendency.data.readers.reader import OpenedFile
from tendency.data.readers.stored_array import ArraySource, StoredArray


@dataclass(frozen=True)
class Layout:
    """Where the values of a block lie.

    Args:
        block: what a reader says of its trajectories.
        state: arrays of the state, in channel order.
        given: arrays of the constant fields, in order.
        groups: a group for each trajectory, where each has arrays of its own.
    """

    block: Block
    state: tuple[StoredArray, ...]
    given: tuple[StoredArray, ...] = ()
    groups: tuple[str, ...] = ()


class ArrayFile(OpenedFile):
    """A file whose fields lie in arrays with named axes.

    Args:
        source: of the arrays.
        describe: finds the blocks of the source and their arrays.
    """

    def __init__(self, source: ArraySource, describe: Callable[[], Sequence[Layout]]) -> None:
        self.source, self.describe = source, describe

    @cached_property
    def layouts(self) -> dict[str, Layout]:
        """The layout of each block by its key."""
        return {layout.block.key: layout for layout in self.describe()}

    def blocks(self) -> list[Block]:
        """As of ``OpenedFile``."""
        return [layout.block for layout in self.layouts.values()]

    def read(self, block: Block, rows: slice, snapshots: slice) -> np.ndarray:
        """As of ``OpenedFile``."""
        layout = self.layouts[block.key]
        return self._values(layout, layout.state, rows, snapshots)

    def read_given(self, block: Block, rows: slice) -> np.ndarray:
        """As of ``OpenedFile``."""
        layout = self.layouts[block.key]
        if not layout.given:
            return super().read_given(block, rows)
        return self._values(layout, layout.given, rows, slice(0, 1))[:, 0]

    def close(self) -> None:
        """As of ``OpenedFile``."""
        self.source.close()

    def _values(self, layout: Layout, arrays: Sequence[StoredArray], rows: slice, snapshots: slice) -> np.ndarray:
        """(B, W, C, *N) of arrays that lie side by side in the channels."""
        block = layout.block
        row_range = range(block.num_trajectories)[rows]
        snapshot_range = range(block.num_snapshots)[snapshots]
        rows, snapshots = _slice(row_range), _slice(snapshot_range)
        pieces = []
        for array in arrays:
            if layout.groups:
                each = [array.read(self.source, rows, snapshots, layout.groups[row] + "/") for row in row_range]
                turned = [array.arranged(values, 1, len(snapshot_range), block.shape) for values in each]
                pieces.append(np.concatenate(turned))
            else:
                values = array.read(self.source, rows, snapshots)
                pieces.append(array.arranged(values, len(row_range), len(snapshot_range), block.shape))
        return np.concatenate(pieces, axis=2) if len(pieces) > 1 else pieces[0]


def _slice(numbers: range) -> slice:
    return slice(numbers.start, numbers.stop, numbers.step)
