"""HDF5 files whose groups are the splits of a dataset, as several published generators write them."""

from collections.abc import Collection, Iterator

import numpy as np

from tendency.data.readers.hdf5_file import Hdf5File
from tendency.data.readers.named_split import SPLITS
from tendency.data.readers.reader import unreadable_file


def split_groups(file: Hdf5File) -> Iterator[tuple[str, str, list[str]]]:
    """The groups that are splits: name, split, and names of what each holds.

    Args:
        file: that is open.
    """
    for name in file.names():
        if name in SPLITS and file.has(name):
            yield name, SPLITS[name], file.names(name)


def params_of(file: Hdf5File, group: str, num_trajectories: int, others: Collection[str]) -> dict[str, np.ndarray]:
    """The parameters of a group: its arrays with one number for each trajectory.

    Args:
        file: that is open.
        group: its name.
        num_trajectories: R.
        others: names of arrays that are none.

    Raises:
        DatasetError: there are more or fewer, or a value is not finite.
    """
    params = {}
    for name in file.names(group):
        if name in others or not file.has(f"{group}/{name}"):
            continue
        item = file.file[f"{group}/{name}"]
        if len(getattr(item, "shape", ())) != 1 or item.dtype.kind not in "fiub":
            continue
        if item.shape != (num_trajectories,):
            expected = f"{num_trajectories} numbers, one for each trajectory"
            raise unreadable_file(file.path, f"{group}/{name}: expected {expected}, got shape {item.shape}")
        values = file.values(f"{group}/{name}").astype(np.float64)
        if not np.isfinite(values).all():
            raise unreadable_file(file.path, f"{group}/{name}: expected finite numbers, got {values}")
        params[name] = values
    return params
