"""MATLAB files of FNO: version 5, and version 7.3, which is HDF5 with a block of 512 bytes before it and all axes
reversed.

A pair ``a``, ``u`` of Burgers is one field at two times, so that T = 2. The ``a`` of Navier-Stokes is the vorticity at
time 0, which ``u`` (times 1, 2, ...) does not repeat: it stands in ``given``, as the coefficient of Darcy.
"""

from pathlib import Path

import h5py
import numpy as np
import scipy.io

from tests.support.published import damaged_files
from tests.support.published.known_waves import still, waves
from tests.support.published.published import Published

CLASSES = {"f8": "double", "f4": "single"}


def mat_7_3(path: Path, arrays: dict[str, np.ndarray]) -> None:
    """A version 7.3 file: an array (n, x, y, t) of MATLAB is (t, y, x, n) in HDF5.

    Args:
        path: of the file.
        arrays: as MATLAB shows them.
    """
    with h5py.File(path, "w", userblock_size=512) as file:
        for name, values in arrays.items():
            # A vector of n entries is a matrix (1, n) in MATLAB.
            matrix = np.atleast_2d(values)
            stored = file.create_dataset(name, data=np.ascontiguousarray(matrix.T))
            stored.attrs["MATLAB_class"] = np.bytes_(CLASSES[values.dtype.str[1:]])
    text = b"MATLAB 7.3 MAT-file, Platform: GLNXA64, Created on: Mon Jan  4 12:00:00 2021 HDF5 schema 1.00 .".ljust(116)
    with path.open("r+b") as file:
        file.write(text + bytes(8) + b"\x00\x02IM")


def _store(path: Path, arrays: dict[str, np.ndarray], version_5: bool) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if version_5:
        scipy.io.savemat(path, arrays, do_compression=True)
    else:
        mat_7_3(path, arrays)


def _navier_stokes(path: Path, version_5: bool) -> Published:
    times = np.arange(1.0, 7.0)
    values = waves(4, times, (8, 12)).astype(np.float32)
    start = still(4, (8, 12)).astype(np.float32)
    arrays = {"a": start[:, 0], "u": np.moveaxis(values[:, :, 0], 1, -1), "t": times.astype(np.float32)}
    _store(path, arrays, version_5)
    return Published(
        path=path,
        u={"all": values},
        times=times,
        fields=("u",),
        channels=(1,),
        params={"all": {}},
        given={"a": start},
        options={"boundary": ("periodic", "periodic"), "extent": (1.0, 1.0)},
    )


def write_fno_navier_stokes_v5(folder: Path) -> Published:
    """``u`` (n, x, y, t), time last; ``t`` is a matrix (1, T)."""
    return _navier_stokes(folder / "NavierStokes_V1e-5_N1200_T20.mat", version_5=True)


def write_fno_navier_stokes_v73(folder: Path) -> Published:
    """The same in version 7.3."""
    return _navier_stokes(folder / "ns_V1e-3_N5000_T50.mat", version_5=False)


def _burgers(path: Path, version_5: bool) -> Published:
    values = waves(5, np.array([0.0, 1.0]), (16,))
    _store(path, {"a": values[:, 0, 0], "u": values[:, 1, 0]}, version_5)
    return Published(
        path=path,
        u={"all": values},
        times=None,
        fields=("u",),
        channels=(1,),
        params={"all": {}},
        options={"times": (0.0, 1.0), "boundary": ("periodic",), "extent": (1.0,)},
    )


def write_fno_burgers_v5(folder: Path) -> Published:
    """``a`` and ``u`` (n, nx), nothing else."""
    return _burgers(folder / "burgers_data_R10.mat", version_5=True)


def write_fno_burgers_v73(folder: Path) -> Published:
    """The same in version 7.3."""
    return _burgers(folder / "burgers_v100_t100_r1024_N2048.mat", version_5=False)


def _darcy(path: Path, version_5: bool) -> Published:
    """Steady: ``sol`` for ``coeff``; the other arrays are derivatives and smoothed copies of ``coeff``."""
    values = waves(3, np.zeros(1), (9, 12))
    smooth = still(3, (9, 12))
    coefficient = np.where(smooth > 1, 12.0, 3.0)
    more = {name: still(3, (9, 12), first=60 + k)[:, 0] for k, name in enumerate(("Kcoeff", "Kcoeff_x", "Kcoeff_y"))}
    _store(path, {"coeff": coefficient[:, 0], "sol": values[:, 0, 0], **more}, version_5)
    return Published(
        path=path,
        u={"all": values},
        times=None,
        fields=("sol",),
        channels=(1,),
        params={"all": {}},
        given={"coeff": coefficient, **{name: array[:, None] for name, array in more.items()}},
        options={"boundary": ("wall", "wall"), "extent": (1.0, 1.0)},
    )


def write_fno_darcy_v5(folder: Path) -> Published:
    """Nodes, both ends included: 9 by 12."""
    return _darcy(folder / "piececonst_r421_N1024_smooth1.mat", version_5=True)


def write_fno_darcy_v73(folder: Path) -> Published:
    """The same in version 7.3."""
    return _darcy(folder / "piececonst_r241_N1024_smooth1.mat", version_5=False)


def damage_fno_missing_u(folder: Path) -> tuple[Path, list[str]]:
    """Only ``a``."""
    path = folder / "burgers_data_R10.mat"
    _store(path, {"a": waves(5, np.zeros(1), (16,))[:, 0, 0]}, version_5=True)
    return path, [path.name, "u"]


def damage_fno_pair_of_other_lengths(folder: Path) -> tuple[Path, list[str]]:
    """``a`` has 16 points, ``u`` 12."""
    path = folder / "burgers_data_R10.mat"
    values = waves(5, np.array([0.0, 1.0]), (16,))
    _store(path, {"a": values[:, 0, 0], "u": values[:, 1, 0, :12]}, version_5=True)
    return path, [path.name, "16", "12"]


def damage_fno_time_first(folder: Path) -> tuple[Path, list[str]]:
    """``u`` is (n, t, x, y): 6, 8, 12, where ``a`` is (n, 8, 12) and ``t`` has 6 entries."""
    path = write_fno_navier_stokes_v5(folder).path
    arrays = {name: values for name, values in scipy.io.loadmat(path).items() if not name.startswith("__")}
    arrays["u"] = np.moveaxis(arrays["u"], -1, 1)
    _store(path, arrays, version_5=True)
    return path, [path.name, "u", "6", "12"]


def damage_fno_not_reversed(folder: Path) -> tuple[Path, list[str]]:
    """A file of version 7.3 whose ``u`` is (n, x, y, t) in HDF5, so that MATLAB shows (t, y, x, n)."""
    path = write_fno_navier_stokes_v73(folder).path
    damaged_files.change(path, "u", np.transpose)
    return path, [path.name, "u"]


def damage_fno_text(folder: Path) -> tuple[Path, list[str]]:
    """``u`` is a cell of strings."""
    path = folder / "burgers_data_R10.mat"
    _store(path, {"a": np.ones((2, 16)), "u": np.array([["one"], ["two"]], dtype=object)}, version_5=True)
    return path, [path.name, "u"]


def damage_fno_nan(folder: Path) -> tuple[Path, list[str]]:
    """NaN in ``u`` of version 7.3."""
    path = write_fno_navier_stokes_v73(folder).path
    damaged_files.change(path, "u", damaged_files.not_a_number)
    return path, [path.name, "u"]


def damage_fno_cut_v5(folder: Path) -> tuple[Path, list[str]]:
    """A file of version 5 that broke off."""
    path = write_fno_navier_stokes_v5(folder).path
    damaged_files.cut(path)
    return path, [path.name]


def damage_fno_cut_v73(folder: Path) -> tuple[Path, list[str]]:
    """A file of version 7.3 that broke off."""
    path = write_fno_navier_stokes_v73(folder).path
    damaged_files.cut(path)
    return path, [path.name]
