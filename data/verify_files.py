"""Whether data files are still what was indexed, all of their values read."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from tendency.data.file_storage import FileStorage, read_location
from tendency.data.index_files import DataFiles
from tendency.data.manifest import Manifest
from tendency.data.metadata import DatasetError
from tendency.data.readers.known_readers import reader_named

ReportProgress = Callable[[int, int], None]


def changed_files(folder: Path, manifest: Manifest, progress: ReportProgress) -> list[str]:
    """What is wrong with the files of a dataset, a sentence for each.

    Args:
        folder: of the dataset, which holds its index.
        manifest: of the dataset.
        progress: is told how many of its files were read.
    """
    index, reasons = manifest.files, []
    if index is None:
        return []
    path, reader = read_location(folder), reader_named(index.reader)
    data_files = DataFiles(path, reader, index.stated)
    storages = [FileStorage(folder, manifest, index, split) for split in manifest.counts]
    digests = {entry[0]: entry[3] for entry in manifest.description.get("files", [])}
    used = np.sort(np.concatenate(list(index.splits.values())))
    for number, entry in enumerate(index.files, 1):
        try:
            for storage in storages:
                for row in storage.rows_in(number - 1):
                    storage.states(range(row, row + 1), slice(None))
            found = data_files.sample(index.files, number - 1, used, manifest.metadata.num_snapshots)
            if found != digests.get(entry.name, found):
                reasons.append(f"{path / entry.name} was changed since it was indexed: its values differ")
        except DatasetError as error:
            reasons.append(str(error))
        progress(number, len(index.files))
    for storage in storages:
        storage.close()
    return reasons
