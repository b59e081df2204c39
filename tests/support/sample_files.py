"""Small files of formats, for what every reader must do."""

from pathlib import Path

import h5py
import numpy as np
import torch
from scipy.io import savemat

U = np.random.default_rng(3).normal(size=(3, 4, 6)).astype("f4")


def _hdf5(path: Path, arrays: dict, **attributes) -> Path:
    with h5py.File(path, "w") as file:
        for name, values in arrays.items():
            file[name] = values
            if name.rpartition("/")[2].startswith("pde_"):
                file[name].attrs.update(attributes)
    return path


def temporal_pdes(folder: Path) -> Path:
    """The heat equation, reversed in time."""
    arrays = {"train/u": U, "train/x": np.arange(6.0), "train/t": np.arange(4.0), "train/beta": np.arange(3.0)}
    return _hdf5(folder / "Heat.h5", arrays)


def lpsda(folder: Path) -> Path:
    """A side and times for each trajectory."""
    rows = np.array([1.0, 1.1, 0.9])[:, None]
    arrays = {"test/pde_4-6": U.astype("f8"), "test/x": rows * np.arange(6.0), "test/t": rows * np.arange(4.0)}
    return _hdf5(folder / "KS_test.h5", arrays)


def message_passing(folder: Path) -> Path:
    """Two resolutions."""
    arrays = {"valid/pde_4-6": U, "valid/pde_4-3": U[:, :, ::2], "valid/alpha": np.ones(3)}
    return _hdf5(folder / "CE_valid_E1.h5", arrays, dx=0.5, dt=0.1, tmin=0.0, tmax=0.3)


def fno_mat(folder: Path) -> Path:
    """Pairs of MATLAB 5."""
    savemat(folder / "burgers.mat", {"a": U[:, 0], "u": U[:, 1]}, do_compression=True)
    return folder / "burgers.mat"


def neuraloperator(folder: Path) -> Path:
    """A steady problem."""
    torch.save({"x": torch.from_numpy(U[:, :, :4] > 0), "y": torch.from_numpy(U[:, :, :4].copy())}, folder / "d.pt")
    return folder / "d.pt"


def apebench(folder: Path) -> Path:
    """Two splits, and what is said of them."""
    np.save(folder / "1d_adv_train.npy", U[:, :, None])
    np.save(folder / "1d_adv_test.npy", U[:1, :, None])
    (folder / "1d_adv.json").write_text('{"name": "1d_adv", "info": {"dt": 0.5, "domain_extent": 2.0}}')
    return folder


def arrays(folder: Path) -> Path:
    """Coordinates say what the axes are."""
    np.savez_compressed(folder / "own.npz", u=U, t=np.arange(4.0), x=np.arange(6.0), nu=np.arange(3.0))
    return folder / "own.npz"


SAMPLES = {
    write.__name__: write
    for write in (temporal_pdes, lpsda, message_passing, fno_mat, neuraloperator, apebench, arrays)
}
"""Writes a file, or a folder of files, of a format; by the name of its reader."""
