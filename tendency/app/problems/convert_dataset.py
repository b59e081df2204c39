"""Data files as a dataset in chunks of this program: what ``generate.py convert=true`` does."""

from pathlib import Path

from tendency.app.machine_limits import require_writable
from tendency.app.problems.data_source import DataSource
from tendency.app.problems.stored_dataset import verify_folder
from tendency.app.progress import progress_line
from tendency.data.convert_trajectories import ConvertedTrajectories
from tendency.data.dataset_layout import dataset_folder, description_digest
from tendency.data.store_trajectories import store_trajectories
from tendency.version import provenance


def convert_dataset(data: DataSource, root: Path, every: int, stride: int) -> Path:
    """Writes the trajectories that a run would use as a dataset of their own; what is written already is kept.

    Args:
        data: where they come from.
        root: folder of all datasets.
        every: on each axis, so many points become one.
        stride: every so many snapshots are taken.

    Returns:
        The folder, every byte of which was read again.

    Raises:
        DatasetError: the source cannot be read, or the dataset is damaged.
        ValueError: points or snapshots that do not allow that.
    """
    require_writable("paths.datasets", root)
    manifest, counts = data.prepare(), dict(data.counts)
    source = ConvertedTrajectories(data.folder, manifest, counts, every, stride)
    description = {
        "converted": {"source": description_digest(manifest.description), "every": every, "stride": stride},
        "splits": counts,
        "chunk_size": source.chunk_size,
    }
    folder = dataset_folder(root, manifest.metadata.name, description)
    origin = f"converted from {data.folder.name}"
    written = store_trajectories(
        folder, source, description, provenance() | {"origin": origin}, progress_line(f"converting {data.folder.name}")
    )
    verify_folder(folder, written)
    return folder
