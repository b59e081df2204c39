"""Where the snapshots of a chunk's arrays lie in its file: they are read there, once HDF5 has vouched for them.

HDF5 takes tens of microseconds for each selection and compares a checksum whenever it reads a block. The arrays of a
chunk are not packed: a block of snapshots lies in the file as it is in memory.
"""

import os
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np

from tendency.data.chunk_header import FLETCHER32
from tendency.data.metadata import TrajectoryMetadata
from tendency.data.trajectory_reader import plain_array

CHECKSUM_BYTES = 4
"""Of Fletcher-32, behind each block."""


@dataclass(frozen=True, eq=False)
class ArrayBlocks:
    """The blocks of one array (B, T, *inner) float32 of a chunk.

    Args:
        offsets: for each trajectory those of its blocks in the file, in order.
        snapshots: in one block.
        inner: shape of a snapshot.
    """

    offsets: list[list[int]]
    snapshots: int
    inner: tuple[int, ...]

    @classmethod
    def of(cls, array: h5py.Dataset) -> "ArrayBlocks | None":
        """The blocks of an array; None where they are laid out otherwise than this program does it."""
        inner, blocks = tuple(array.shape[2:]), array.chunks
        if not hasattr(os, "preadv"):
            return None
        if array.dtype != np.dtype("<f4") or blocks is None or blocks[0] != 1 or blocks[2:] != inner:
            return None
        properties = array.id.get_create_plist()
        filters = [properties.get_filter(number)[0] for number in range(properties.get_nfilters())]
        if filters not in ([], [FLETCHER32]):
            return None
        each = blocks[1]
        size = each * int(np.prod(inner, dtype=np.int64)) * 4 + CHECKSUM_BYTES * len(filters)
        offsets = np.full((array.shape[0], -(-array.shape[1] // each)), -1, dtype=np.int64)
        plain = True

        def note(block: h5py.h5d.StoreInfo) -> None:
            nonlocal plain
            plain = plain and block.size == size and block.filter_mask == 0 and block.byte_offset is not None
            offsets[block.chunk_offset[0], block.chunk_offset[1] // each] = block.byte_offset

        array.id.chunk_iter(note)
        return cls(offsets.tolist(), each, inner) if plain and bool((offsets >= 0).all()) else None

    def read(self, file: int, row: int, snapshots: range, into: memoryview) -> bool:
        """Reads snapshots of a trajectory.

        Args:
            file: descriptor of the open file.
            row: of the trajectory in the chunk.
            snapshots: whose numbers increase.
            into: bytes for all of them.

        Returns:
            Whether all of them were there.
        """
        offsets, each = self.offsets[row], self.snapshots
        size = len(into) // len(snapshots)
        at, number = 0, snapshots.start
        while number < snapshots.stop:
            block, inside = divmod(number, each)
            # Neighbours in one block are read at once.
            count = min(each - inside, snapshots.stop - number) if snapshots.step == 1 else 1
            part = into[at : at + count * size]
            if os.preadv(file, [part], offsets[block] + inside * size) != len(part):
                return False
            at += len(part)
            number += count * snapshots.step
        return True


Stamp = tuple[int, int, int]
"""Size, time of change and number of a file: another file under the same name has another one."""


def stamp_of(path: Path) -> Stamp | None:
    """The stamp of a file; None where there is none."""
    try:
        there = path.stat()
    except OSError:
        return None
    return there.st_size, there.st_mtime_ns, there.st_ino


@dataclass(eq=False)
class ChunkBlocks:
    """The blocks of the arrays of a chunk that hold states and u_t.

    Args:
        stamp: of the file that they were found in.
        arrays: by name.
        num_trajectories: B.
        vouched: the trajectories of which HDF5 has read everything, with its checksums, and all of it was finite.
    """

    stamp: Stamp | None
    arrays: dict[str, ArrayBlocks]
    num_trajectories: int
    vouched: set[int]

    @classmethod
    def of(cls, file: h5py.File, path: Path, metadata: TrajectoryMetadata, stamp: Stamp | None) -> "ChunkBlocks | None":
        """The blocks of a chunk file; None where they are laid out otherwise than this program does it."""
        arrays, rows = {}, 0
        names = [f"t{field.rank}_fields/{field.name}" for field in metadata.fields]
        for name in [*names, "tendency/u_t"] if metadata.has_time_derivative else names:
            array = plain_array(file, name, path)
            blocks = ArrayBlocks.of(array)
            if blocks is None:
                return None
            arrays[name], rows = blocks, array.shape[0]
        return cls(stamp, arrays, rows, set())
