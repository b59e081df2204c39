"""An open file that holds its trajectories in arrays with named axes."""

import struct
import tokenize
import zipfile
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from tendency.data.readers.block import Block
from tendency.data.readers.hdf5_file import HDF5_ERRORS
from tendency.data.readers.reader import OpenedFile, unreadable_file, unreadable_values
from tendency.data.readers.stored_array import StoredStates

DAMAGE = (
    *HDF5_ERRORS,
    AssertionError,
    AttributeError,
    EOFError,
    MemoryError,
    SyntaxError,
    struct.error,
    tokenize.TokenError,
    zipfile.BadZipFile,
    zlib.error,
)
"""What the libraries that read such files raise where one is damaged."""


@dataclass(frozen=True, eq=False)
class StoredBlock:
    """A block, and where its values lie.

    Args:
        block: what is said of it.
        states: its states; several where fields lie in arrays of their own, in channel order.
        given: its constant fields, in order.
    """

    block: Block
    states: Sequence[StoredStates]
    given: Sequence[StoredStates] = ()


class ArrayFile(OpenedFile):
    """One file, of which the structure is read when it is first asked for.

    Args:
        path: of the file.
        content: reads the structure.
        close: gives back what is open.
    """

    def __init__(
        self, path: Path, content: Callable[[], Sequence[StoredBlock]], close: Callable[[], None] = lambda: None
    ) -> None:
        self.path, self._content, self._close = path, content, close

    @cached_property
    def stored(self) -> dict[str, StoredBlock]:
        """The blocks by their keys."""
        try:
            return {each.block.key: each for each in self._content()}
        except DAMAGE as error:
            if hasattr(error, "exit_code"):
                raise
            raise unreadable_file(self.path, "is damaged: its structure cannot be read") from None

    def blocks(self) -> list[Block]:
        """As of ``OpenedFile``."""
        return [each.block for each in self.stored.values()]

    def read(self, block: Block, rows: slice, snapshots: slice) -> np.ndarray:
        """As of ``OpenedFile``."""
        return self._part(self._of(block).states, block, rows, snapshots)

    def read_given(self, block: Block, rows: slice) -> np.ndarray:
        """As of ``OpenedFile``."""
        given = self._of(block).given
        if not given:
            return super().read_given(block, rows)
        return self._part(given, block, rows, slice(0, 1))[:, 0]

    def close(self) -> None:
        """As of ``OpenedFile``."""
        self._close()

    def _of(self, block: Block) -> StoredBlock:
        if block.key not in self.stored:
            raise unreadable_file(self.path, f"holds no {block.key!r}: it has {', '.join(sorted(self.stored))}")
        return self.stored[block.key]

    def _part(self, states: Sequence[StoredStates], block: Block, rows: slice, snapshots: slice) -> np.ndarray:
        rows, snapshots = slice(*rows.indices(block.num_trajectories)), slice(*snapshots.indices(block.num_snapshots))
        try:
            pieces = [each.part(rows, snapshots) for each in states]
            values = np.concatenate(pieces, axis=2) if len(pieces) > 1 else pieces[0]
            # Whoever asked may write to it, and not to a memory map of the file.
            return np.require(values, requirements=["C", "W"])
        except DAMAGE as error:
            if hasattr(error, "exit_code"):
                raise
            name = block.key or ", ".join(field.name for field in block.fields)
            raise unreadable_values(self.path, name, error) from None
