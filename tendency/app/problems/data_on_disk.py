"""What a path leads to: a dataset of this program, or data files of which no index was made."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tendency.app.problems.looked_at_files import FoundFiles, look_at_files
from tendency.data.dataset_layout import manifest_path, seconds_path
from tendency.data.file_storage import FileStorage
from tendency.data.lazy_field import Part
from tendency.data.manifest import Manifest, read_manifest
from tendency.data.metadata import DatasetError
from tendency.data.open_storage import open_storage


@dataclass(frozen=True)
class DataOnDisk:
    """What a path leads to.

    Args:
        path: of a dataset's folder, or of data files.
        manifest: of the dataset; of data files what they say.
        splits: each with its storage and its number of trajectories.
        unsaid: which of ``dt``, ``extent`` and ``boundary`` data files do not say.
    """

    path: Path
    manifest: Manifest
    splits: Mapping[str, Part]
    unsaid: tuple[str, ...] = ()


def data_on_disk(path: str | Path) -> DataOnDisk:
    """Opens a dataset's folder, or data files whose format is recognised; no values are read, nothing is written.

    Raises:
        DatasetError: there is nothing, or it cannot be read.
        ConfigError: no reader knows the format.
        ValueError: files that do not belong together.
    """
    place = Path(path).expanduser()
    if not place.exists():
        raise DatasetError(f"path: expected a dataset's folder, a data file or a folder of data files, got {place}")
    if manifest_path(place).exists() or seconds_path(place).exists():
        manifest = read_manifest(place)
        counts = manifest.counts.items()
        return DataOnDisk(place, manifest, {s: (open_storage(place, manifest, s), n) for s, n in counts})
    return files_on_disk(place, look_at_files(place.absolute()))


def files_on_disk(path: Path, found: FoundFiles) -> DataOnDisk:
    """Data files that were looked at, opened.

    Args:
        path: where they lie.
        found: what they say.
    """
    manifest, index, place = found.manifest, found.manifest.files, path.absolute()
    splits = {
        split: (FileStorage(place, manifest, index, split, place), count)
        for split, count in manifest.counts.items()
        if index is not None
    }
    return DataOnDisk(path, manifest, splits, found.unsaid)
