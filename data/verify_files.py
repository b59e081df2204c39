"""Whether data files are still what was indexed, all of their values read."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tendency.data.file_storage import FileStorage, read_location
from tendency.data.index_files import DataFiles
from tendency.data.manifest import Manifest
from tendency.data.metadata import DatasetError
from tendency.data.readers.known_readers import reader_named
from tendency.data.trajectory_digests import TrajectoryDigests, changed_values, digests_of

ReportProgress = Callable[[int, int], None]


@dataclass(frozen=True)
class ComparedFiles:
    """What a comparison of data files with their index has shown.

    Args:
        reasons: what is wrong, a sentence for each file.
        compared: trajectories all of whose values were compared with what they were.
        digests: of all trajectories, as they are now.
    """

    reasons: list[str]
    compared: int
    digests: TrajectoryDigests


def compare_files(folder: Path, manifest: Manifest, progress: ReportProgress) -> ComparedFiles:
    """Reads all data files of a dataset.

    Args:
        folder: of the dataset, which holds its index.
        manifest: of the dataset.
        progress: is told how many of its files were read.
    """
    index, before = manifest.files, TrajectoryDigests.read(folder)
    reasons: list[str] = []
    found: dict[int, str] = {}
    if index is None:
        return ComparedFiles(reasons, 0, before)
    path, reader = read_location(folder), reader_named(index.reader)
    data_files, snapshots = DataFiles(path, reader, index.stated), manifest.metadata.num_snapshots
    storage = FileStorage.of_all(folder, manifest, index, path)
    samples = {entry[0]: entry[3] for entry in manifest.description.get("files", [])}
    for number, entry in enumerate(index.files):
        try:
            here = dict(digests_of(storage, storage.rows_in(number)))
            found |= here
            where = index.path_of(path, number)
            sample = data_files.sample(index.files, number, storage.numbers, snapshots)
            if changed := [each for each, digest in here.items() if digest != before.known.get(each, digest)]:
                reasons.append(f"{where} was changed since it was indexed: {changed_values(changed, folder)}")
            elif sample != samples.get(entry.name, sample):
                reasons.append(f"{where} was changed since it was indexed: its values differ")
        except DatasetError as error:
            reasons.append(str(error))
        progress(number + 1, len(index.files))
    storage.close()
    return ComparedFiles(reasons, len({*found} & {*before.known}), TrajectoryDigests({**found, **before.known}))
