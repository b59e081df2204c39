"""The chunks of a dataset that this program generated, as trajectories."""

import itertools
import operator
import os
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import torch
from torch import Tensor

from tendency.data.chunk_blocks import ChunkBlocks, Stamp, stamp_of
from tendency.data.dataset_layout import Chunk
from tendency.data.manifest import Manifest, same_file
from tendency.data.metadata import TrajectoryMetadata, damaged_chunk
from tendency.data.row_reads import read_windows
from tendency.data.storage import TrajectoryStorage
from tendency.data.trajectory_reader import (
    opened_chunk,
    read_slopes,
    read_states,
    read_times_and_conditions,
    require_header,
)
from tendency.data.window_source import IntArray
from tendency.simulation.conditions import Conditions

MOST_OPEN = 16
"""HDF5 files that are kept open."""

MOST_DESCRIPTORS = 64
"""Files that are kept open beside them, for windows."""


class ChunkStorage(TrajectoryStorage):
    """One split of a generated dataset.

    Args:
        folder: of the dataset.
        manifest: of the dataset.
        split: ``train``, ``valid`` or ``test``.
    """

    def __init__(self, folder: Path, manifest: Manifest, split: str) -> None:
        self.folder, self.manifest, self.split = folder, manifest, split
        self.metadata, self.batch = manifest.metadata, manifest.chunk_size
        self.compared: set[tuple[int, Stamp | None]] = set()
        self.open_files: OrderedDict[int, tuple[h5py.File, Stamp | None]] = OrderedDict()
        self.descriptors: OrderedDict[int, int] = OrderedDict()
        self.blocks: dict[int, ChunkBlocks | None] = {}

    @contextmanager
    def opened(self, number: int) -> Iterator[tuple[h5py.File, Path]]:
        """A chunk file of the split, compared with the manifest when it is first opened.

        Compared are its size and its header; of a chunk that an older version wrote, whose times and parameters carry
        no checksums, all of its bytes. It stays open for the next who asks.

        Args:
            number: of the chunk.

        Raises:
            DatasetError: it is missing, damaged, or another than the one that the manifest names.
        """
        chunk = Chunk(self.split, number)
        path, entry = chunk.path(self.folder), self.manifest.chunks[chunk.name]
        stamp = stamp_of(path)
        if stamp is not None and stamp[0] != entry["bytes"]:
            raise damaged_chunk(path, f"is damaged: expected {entry['bytes']} bytes, got {stamp[0]}")
        if number in self.open_files and self.open_files[number][1] != stamp:
            self._forget(number)
        if number not in self.open_files:
            self.open_files[number] = (opened_chunk(path), stamp)
        self.open_files.move_to_end(number)
        file = self.open_files[number][0]
        if (number, stamp) not in self.compared:
            if "header" in entry:
                require_header(file, path, self.metadata, entry["header"])
            elif not same_file(path, entry):
                raise damaged_chunk(path, "is damaged, or another than the one that the manifest names")
            self.compared.add((number, stamp))
        while len(self.open_files) > MOST_OPEN:
            self.open_files.popitem(last=False)[1][0].close()
        yield file, path

    def heads(self, rows: range) -> tuple[Tensor, Conditions]:
        """As of ``TrajectoryStorage``."""
        return self._heads(rows, self.metadata)

    def heads_without_fields(self, rows: range) -> tuple[Tensor, Conditions]:
        """As of ``TrajectoryStorage``."""
        return self._heads(rows, replace(self.metadata, given=()))

    def _heads(self, rows: range, metadata: TrajectoryMetadata) -> tuple[Tensor, Conditions]:
        """Times and conditions of neighbouring trajectories, with the constant fields of the metadata."""
        times, conditions = [], []
        for number, part in self._parts(rows):
            with self.opened(number) as (file, path):
                t, c = read_times_and_conditions(file, path, metadata)
            # The last chunk of a split may hold those alone that count.
            if len(t) not in (self.batch, self.manifest.counts[self.split] - number * self.batch):
                raise damaged_chunk(path, f"has {len(t)} trajectories, chunks of {self.batch} are expected")
            times.append(t[part])
            conditions.append(c[part])
        return torch.cat(times), Conditions.joined(conditions)

    def states(self, rows: range, snapshots: slice) -> Tensor:
        """As of ``TrajectoryStorage``."""
        return self._read(read_states, rows, snapshots)

    def slopes(self, rows: range, snapshots: slice) -> Tensor | None:
        """As of ``TrajectoryStorage``."""
        return self._read(read_slopes, rows, snapshots) if self.metadata.has_time_derivative else None

    def cut(self, trajectory: IntArray, first: IntArray, width: int, stride: int) -> tuple[Tensor, Tensor | None]:
        """As of ``WindowSource``: HDF5 reads a trajectory once, and windows then come from its place in the file."""
        numbers, rows = np.divmod(trajectory, self.batch)
        span = stride * (width - 1) + 1
        places = [
            (number, row, range(begin, begin + span, stride), sample)
            for number, row, begin, sample in sorted(
                zip(numbers.tolist(), rows.tolist(), first.tolist(), range(len(first)), strict=True)
            )
        ]
        for number, some in itertools.groupby(places, operator.itemgetter(0)):
            if self._vouched_blocks(number, {place[1] for place in some}) is None:
                u = read_windows(self.states, trajectory, first, width, stride)
                slopes: Callable[[range, slice], Any] = self.slopes
                has_slopes = self.metadata.has_time_derivative
                return u, read_windows(slopes, trajectory, first, width, stride) if has_slopes else None
        shape, dims = self.metadata.geometry.shape, self.metadata.spatial_dims
        parts = []
        for field in self.metadata.fields:
            values = self._values(f"t{field.rank}_fields/{field.name}", places, width, (*shape, *[dims] * field.rank))
            flat = values.flatten(values.ndim - field.rank) if field.rank else values[..., None]
            parts.append(flat.movedim(-1, 2))
        u = torch.cat(parts, 2) if len(parts) > 1 or parts[0].shape[2] > 1 else parts[0]
        if not self.metadata.has_time_derivative:
            return u, None
        return u, self._values("tendency/u_t", places, width, (self.metadata.num_channels, *shape))

    def made_of(self, count: int) -> dict[str, str]:
        """As of ``TrajectoryStorage``."""
        return self.manifest.checksums({self.split: count})

    def close(self) -> None:
        """As of ``TrajectoryStorage``."""
        while self.open_files:
            self.open_files.popitem()[1][0].close()
        while self.descriptors:
            os.close(self.descriptors.popitem()[1])

    def __getstate__(self) -> dict[str, Any]:
        """Without open files: each process opens its own."""
        return self.__dict__ | {"open_files": OrderedDict(), "descriptors": OrderedDict(), "blocks": {}}

    def __del__(self) -> None:
        """Descriptors are numbers, which nobody closes."""
        for descriptor in self.__dict__.get("descriptors", {}).values():
            os.close(descriptor)

    def _forget(self, number: int) -> None:
        """Closes a chunk, which may be another file by now."""
        if number in self.open_files:
            self.open_files.pop(number)[0].close()
        if number in self.descriptors:
            os.close(self.descriptors.pop(number))
        self.blocks.pop(number, None)

    def _read(self, read: Callable[..., Tensor], rows: range, snapshots: slice) -> Tensor:
        """Some snapshots of neighbouring trajectories, through HDF5."""
        pieces = []
        for number, part in self._parts(rows):
            with self.opened(number) as (file, path):
                pieces.append(read(file, path, self.metadata, part, snapshots))
        return torch.cat(pieces) if len(pieces) > 1 else pieces[0]

    def _parts(self, rows: range) -> list[tuple[int, slice]]:
        """The chunks of neighbouring trajectories, and which of its rows each gives."""
        size = self.batch
        return [
            (number, slice(max(rows.start - number * size, 0), min(rows.stop - number * size, size)))
            for number in range(rows.start // size, (rows.stop - 1) // size + 1)
        ]

    def _vouched_blocks(self, number: int, rows: set[int]) -> ChunkBlocks | None:
        """The blocks of a chunk, some of whose trajectories have been read by HDF5 and found finite.

        None where they are laid out otherwise than this program does it.
        """
        blocks = self.blocks.get(number)
        if blocks is not None and number in self.descriptors and rows <= blocks.vouched:
            return blocks
        path = Chunk(self.split, number).path(self.folder)
        if blocks is not None and number not in self.descriptors and stamp_of(path) != blocks.stamp:
            self._forget(number)
        if number not in self.blocks:
            with self.opened(number) as (file, _):
                stamp = self.open_files[number][1]
                self.blocks[number] = ChunkBlocks.of(file, path, self.metadata, stamp)
        blocks = self.blocks[number]
        if blocks is None:
            return None
        if max(rows) >= blocks.num_trajectories:
            raise damaged_chunk(
                path, f"has {blocks.num_trajectories} trajectories, chunks of {self.batch} are expected"
            )
        for row in sorted(rows - blocks.vouched):
            one = range(number * self.batch + row, number * self.batch + row + 1)
            self.states(one, slice(None))
            self.slopes(one, slice(None))
            if stamp_of(path) != blocks.stamp:
                self._forget(number)
                raise damaged_chunk(path, "was changed while it was in use")
            blocks.vouched.add(row)
        return blocks

    def _values(
        self, name: str, places: list[tuple[int, int, range, int]], width: int, inner: tuple[int, ...]
    ) -> Tensor:
        """The windows (B, W, *inner) of an array, read where they lie.

        Args:
            name: of the array.
            places: chunk, row, snapshots and place in the batch of each window, in the order in which they lie.
            width: W.
            inner: shape of a snapshot.
        """
        values = torch.empty(len(places), width, *inner)
        into = values.numpy().data.cast("B")
        size = len(into) // len(places)
        for number, row, snapshots, sample in places:
            file, blocks = self.descriptors.get(number), self.blocks[number]
            if file is None:
                file = self._descriptor(number)
            if blocks is None or not blocks.arrays[name].read(
                file, row, snapshots, into[sample * size : (sample + 1) * size]
            ):
                path = Chunk(self.split, number).path(self.folder)
                raise damaged_chunk(path, f"is damaged: the values of {name} end before they should")
        return values

    def _descriptor(self, number: int) -> int:
        """The file of a chunk whose blocks are known, opened anew.

        Raises:
            DatasetError: it is another one by now.
        """
        path, blocks = Chunk(self.split, number).path(self.folder), self.blocks[number]
        if blocks is None or stamp_of(path) != blocks.stamp:
            self._forget(number)
            raise damaged_chunk(path, "was changed while it was in use")
        file = self.descriptors[number] = os.open(path, os.O_RDONLY | getattr(os, "O_CLOEXEC", 0))
        while len(self.descriptors) > MOST_DESCRIPTORS:
            os.close(self.descriptors.popitem(last=False)[1])
        return file
