"""The chunks of a dataset that this program generated, as trajectories."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import h5py
import torch
from torch import Tensor

from tendency.data.dataset_layout import Chunk
from tendency.data.manifest import Manifest, same_file
from tendency.data.metadata import TrajectoryMetadata, damaged_chunk
from tendency.data.storage import TrajectoryStorage
from tendency.data.trajectory_reader import (
    open_chunk,
    read_slopes,
    read_states,
    read_times_and_conditions,
    require_header,
)
from tendency.simulation.conditions import Conditions


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
        self.compared: set[int] = set()

    @contextmanager
    def opened(self, number: int) -> Iterator[tuple[h5py.File, Path]]:
        """A chunk file of the split, compared with the manifest when it is first opened.

        Compared are its size and its header; of a chunk that an older version wrote, whose times and parameters carry
        no checksums, all of its bytes.

        Args:
            number: of the chunk.

        Raises:
            DatasetError: it is missing, damaged, or another than the one that the manifest names.
        """
        chunk = Chunk(self.split, number)
        path, entry = chunk.path(self.folder), self.manifest.chunks[chunk.name]
        if path.exists() and path.stat().st_size != entry["bytes"]:
            raise damaged_chunk(path, f"is damaged: expected {entry['bytes']} bytes, got {path.stat().st_size}")
        with open_chunk(path) as file:
            if number not in self.compared:
                if "header" in entry:
                    require_header(file, path, self.metadata, entry["header"])
                elif not same_file(path, entry):
                    raise damaged_chunk(path, "is damaged, or another than the one that the manifest names")
                self.compared.add(number)
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
        pieces = []
        for number, part in self._parts(rows):
            with self.opened(number) as (file, path):
                pieces.append(read_states(file, path, self.metadata, part, snapshots))
        return torch.cat(pieces) if len(pieces) > 1 else pieces[0]

    def slopes(self, rows: range, snapshots: slice) -> Tensor | None:
        """As of ``TrajectoryStorage``."""
        if not self.metadata.has_time_derivative:
            return None
        pieces = []
        for number, part in self._parts(rows):
            with self.opened(number) as (file, path):
                pieces.append(read_slopes(file, path, self.metadata, part, snapshots))
        return torch.cat(pieces) if len(pieces) > 1 else pieces[0]

    def _parts(self, rows: range) -> list[tuple[int, slice]]:
        """The chunks of neighbouring trajectories, and which of its rows each gives."""
        size = self.batch
        return [
            (number, slice(max(rows.start - number * size, 0), min(rows.stop - number * size, size)))
            for number in range(rows.start // size, (rows.stop - 1) // size + 1)
        ]
