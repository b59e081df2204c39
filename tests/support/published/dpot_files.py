"""HDF5 files of DPOT: ``data`` alone, (h, w, t, c) in a file for each trajectory, or (n, h, w, t, c) in one for each
split.

h and w are the first and the second axis of the dataset that DPOT took its numbers from; they are called x and y here.
"""

from pathlib import Path

import h5py
import numpy as np

from tests.support.published import damaged_files
from tests.support.published.known_waves import waves
from tests.support.published.published import Published

SIZES = {"train": 12, "test": 2}


def _published(path: Path, u: dict[str, np.ndarray]) -> Published:
    return Published(
        path=path,
        u=u,
        times=None,
        fields=("data",),
        channels=(2,),
        params={split: {} for split in u},
        options={"dt": 1.0, "extent": (1.0, 1.0), "boundary": ("periodic", "periodic")},
    )


def write_dpot_scattered(folder: Path) -> Published:
    """{train,test}/data_{i}.hdf5: with 12 files, data_10 stands before data_2 in the order of names; ``u`` is in that
    of numbers.
    """
    u, first = {}, 0
    for split, count in SIZES.items():
        (folder / split).mkdir(parents=True)
        values = waves(count, np.arange(5.0), (8, 9), 2, first=first).astype(np.float32)
        for number, trajectory in enumerate(values):
            with h5py.File(folder / split / f"data_{number}.hdf5", "w") as file:
                file["data"] = np.transpose(trajectory, (2, 3, 0, 1))
        u[split], first = values, first + count
    return _published(folder, u)


def write_dpot_together(folder: Path) -> Published:
    """{name}_{train,test}.hdf5: one file for each split."""
    folder.mkdir(parents=True, exist_ok=True)
    u, first = {}, 0
    for split, count in SIZES.items():
        values = waves(count, np.arange(5.0), (8, 9), 2, first=first).astype(np.float32)
        with h5py.File(folder / f"ns2d_cdb_{split}.hdf5", "w") as file:
            file["data"] = np.transpose(values, (0, 3, 4, 1, 2))
        u[split], first = values, first + count
    return _published(folder, u)


def damage_dpot_second_file_of_other_shape(folder: Path) -> tuple[Path, list[str]]:
    """One trajectory has another grid."""
    path = write_dpot_scattered(folder).path
    damaged_files.change(path / "train" / "data_1.hdf5", "data", lambda values: values[:7])
    return path, ["data_1.hdf5", "8", "7"]


def damage_dpot_missing_number(folder: Path) -> tuple[Path, list[str]]:
    """data_3.hdf5 is not there, though data_4.hdf5 is."""
    path = write_dpot_scattered(folder).path
    (path / "train" / "data_3.hdf5").unlink()
    return path, ["train", "data_3.hdf5"]


def damage_dpot_missing_data(folder: Path) -> tuple[Path, list[str]]:
    """A file without ``data``."""
    path = write_dpot_scattered(folder).path
    damaged_files.remove(path / "test" / "data_1.hdf5", "data")
    return path, ["data_1.hdf5", "data"]


def damage_dpot_empty_folder(folder: Path) -> tuple[Path, list[str]]:
    """train and test without a file."""
    for split in SIZES:
        (folder / split).mkdir(parents=True)
    return folder, [folder.name]


def damage_dpot_nan(folder: Path) -> tuple[Path, list[str]]:
    """NaN in one file."""
    path = write_dpot_together(folder).path
    damaged_files.change(path / "ns2d_cdb_test.hdf5", "data", damaged_files.not_a_number)
    return path, ["ns2d_cdb_test.hdf5", "data"]
