"""Trajectories that are at hand already, stored in chunks like those that are solved here."""

import hashlib
import json
import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from tendency.data.certificate import Certificate
from tendency.data.dataset_layout import Chunk, chunks_of, description_digest, lock_path, manifest_path
from tendency.data.folder_lock import only_one
from tendency.data.manifest import Manifest, file_entry, read_manifest, require_own_files
from tendency.data.metadata import DatasetError, TrajectoryMetadata
from tendency.data.statistics import channel_statistics
from tendency.data.trajectory_file import Trajectories, chunk_content
from tendency.data.trajectory_reader import open_chunk, read_states, read_trajectories, stated_problem
from tendency.data.whole_file import sweep_leftovers, write_whole_bytes

CHUNK_BYTES = 2**24
"""Of the states of a chunk, unless a single trajectory has more; writing it takes several times as much memory."""

STATISTICS_BYTES = 2**22
"""Of the states whose statistics are taken at once, in double precision."""

MOST_TOGETHER = 64
"""Trajectories in one chunk."""

ReportProgress = Callable[[int, int], None]


class TrajectorySource(ABC):
    """Trajectories that somebody else has solved.

    Args:
        metadata: that they share.
        counts: trajectories of each split.
    """

    def __init__(self, metadata: TrajectoryMetadata, counts: Mapping[str, int]) -> None:
        self.metadata, self.counts = metadata, dict(counts)

    @abstractmethod
    def trajectories(self, split: str, rows: range) -> Trajectories:
        """Neighbouring trajectories of a split, whole."""

    @property
    def chunk_size(self) -> int:
        """Trajectories that are stored together."""
        state = self.metadata.num_channels * math.prod(self.metadata.geometry.shape)
        fitting = CHUNK_BYTES // (4 * state * self.metadata.num_snapshots)
        return max(min(fitting, MOST_TOGETHER, max(self.counts.values())), 1)


def store_trajectories(
    folder: Path,
    source: TrajectorySource,
    description: Mapping[str, Any],
    provenance: Mapping[str, Any],
    progress: ReportProgress = lambda done, total: None,
) -> Manifest:
    """Writes the chunks that are missing of a dataset, and its manifest at the end.

    A chunk counts as there where it says that it is of this dataset, and all of it can be read.

    Args:
        folder: of the dataset.
        source: of its trajectories.
        description: what the dataset is made of.
        provenance: versions and commit, recorded in the manifest.
        progress: is told how many chunks are done.

    Returns:
        The manifest.

    Raises:
        DatasetError: the folder holds another dataset, or the source cannot be read.
        NoRoomError: the disk is full; the chunks that are whole are kept.
    """
    plain: dict[str, Any] = json.loads(json.dumps(description))
    require_own_files(folder)
    with only_one(lock_path(folder), print, f"which writes {folder}"):
        if manifest_path(folder).exists():
            manifest = read_manifest(folder)
            if manifest.description != plain:
                raise DatasetError(f"dataset {folder} is another one than the one that is to be written there")
            return manifest
        sweep_leftovers(folder)
        digest, size = description_digest(plain), source.chunk_size
        chunks = chunks_of(source.counts, size)
        for done, chunk in enumerate(chunks):
            progress(done, len(chunks))
            if not _is_there(chunk.path(folder), digest, source.metadata):
                _write(folder, chunk, source, digest)
        progress(len(chunks), len(chunks))
        manifest = Manifest(
            description=plain,
            metadata=source.metadata,
            counts=source.counts,
            chunk_size=size,
            chunks={chunk.name: file_entry(chunk.path(folder), source.metadata) for chunk in chunks},
            certificate=Certificate((), 0),
            statistics=channel_statistics(_training_states(folder, source), source.metadata),
            provenance=dict(provenance),
        )
        manifest.write(folder)
    return manifest


def _write(folder: Path, chunk: Chunk, source: TrajectorySource, digest: str) -> None:
    """Writes one chunk, and reads it again: what lies on the disk is what was written."""
    rows, path = chunk.trajectories(source.chunk_size), chunk.path(folder)
    rows = range(rows.start, min(rows.stop, source.counts[chunk.split]))
    content = chunk_content(chunk.name, source.trajectories(chunk.split, rows), source.metadata, digest)
    write_whole_bytes(path, content)
    with path.open("rb") as file:
        if hashlib.file_digest(file, "sha256").digest() != hashlib.sha256(content).digest():
            raise DatasetError(f"chunk {path} is not what was written; the disk is damaged")


def _is_there(path: Path, digest: str, metadata: TrajectoryMetadata) -> bool:
    """Whether a chunk of this dataset was written before, and is whole."""
    if not path.exists():
        return False
    try:
        read_trajectories(path, metadata)
        return stated_problem(path) == digest
    except DatasetError:
        return False


def _training_states(folder: Path, source: TrajectorySource) -> Iterator[Tensor]:
    """The states (1, W, C, *N) of the training split, some snapshots of a trajectory at a time."""
    metadata, size = source.metadata, source.chunk_size
    snapshots = max(STATISTICS_BYTES // (4 * metadata.num_channels * math.prod(metadata.geometry.shape)), 1)
    for chunk in chunks_of({"train": source.counts["train"]}, size):
        path, first = chunk.path(folder), chunk.number * size
        with open_chunk(path) as file:
            for row in range(min(size, source.counts["train"] - first)):
                for begin in range(0, metadata.num_snapshots, snapshots):
                    part = slice(begin, begin + snapshots)
                    yield read_states(file, path, metadata, slice(row, row + 1), part)
