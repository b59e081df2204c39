"""Which storage holds the trajectories of a dataset."""

from pathlib import Path

from tendency.data.chunk_storage import ChunkStorage
from tendency.data.file_storage import FileStorage
from tendency.data.manifest import Manifest
from tendency.data.storage import TrajectoryStorage


def open_storage(folder: Path, manifest: Manifest, split: str) -> TrajectoryStorage:
    """The trajectories of a split, where they lie.

    Args:
        folder: of the dataset.
        manifest: of the dataset.
        split: ``train``, ``valid`` or ``test``.
    """
    if manifest.files is None:
        return ChunkStorage(folder, manifest, split)
    return FileStorage(folder, manifest, manifest.files, split)
