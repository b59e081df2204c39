"""HDF5 files of PDEBench: ``tensor`` in 1D and Darcy, compressible flow; see pdebench_grouped_files for those with
groups.

Coordinates are centres of cells, ``t-coordinate`` has one entry more than there are snapshots (also in files of
compressible flow, whose times the same script wrote). No file says of its axes how they are bounded, but for the names
of compressible flow.
"""

from pathlib import Path

import h5py
import numpy as np

from tests.support.published import damaged_files
from tests.support.published.known_waves import centres, still, waves
from tests.support.published.published import Published

STEPS, POINTS, COUNT = 6, 16, 4
TIMES = np.linspace(0.0, 2.0, STEPS + 1, dtype=np.float32)


def scalar_1d(folder: Path, name: str, attributes: dict[str, float], written: bool = True) -> Published:
    """``tensor`` (n, nt, nx) of an equation in one dimension, with or without its attributes."""
    folder.mkdir(parents=True, exist_ok=True)
    values = waves(COUNT, TIMES[:-1], (POINTS,)).astype(np.float32)
    with h5py.File(folder / name, "w") as file:
        file["tensor"] = values[:, :, 0]
        file["t-coordinate"], file["x-coordinate"] = TIMES, centres(POINTS, 1.0).astype(np.float32)
        if written:
            file.attrs.update(attributes)
    return Published(
        path=folder / name,
        u={"all": values},
        times=TIMES[:-1],
        fields=("tensor",),
        channels=(1,),
        params={"all": {key: np.full(COUNT, value) for key, value in attributes.items()} if written else {}},
        extent=(1.0,),
        options={"boundary": ("periodic",)},
    )


def write_pdebench_advection(folder: Path) -> Published:
    """Attribute ``beta``."""
    return scalar_1d(folder, "1D_Advection_Sols_beta0.1.hdf5", {"beta": 0.1})


def write_pdebench_burgers(folder: Path) -> Published:
    """Attribute ``Nu``."""
    return scalar_1d(folder, "1D_Burgers_Sols_Nu0.01.hdf5", {"Nu": 0.01})


def write_pdebench_burgers_without_attributes(folder: Path) -> Published:
    """No attribute at all: only the name says Nu."""
    return scalar_1d(folder, "1D_Burgers_Sols_Nu0.02.hdf5", {"Nu": 0.02}, written=False)


def write_pdebench_reaction_diffusion(folder: Path) -> Published:
    """Attributes ``Nu`` and ``rho``."""
    return scalar_1d(folder, "ReacDiff_Nu0.5_Rho2.0.hdf5", {"Nu": 0.5, "rho": 2.0})


def compressible(
    folder: Path, name: str, shape: tuple[int, ...], boundary: str, attributes: dict[str, float]
) -> Published:
    """``density``, ``pressure``, ``Vx``, ... (n, nt, nx[, ny, nz]) with coordinates of each axis."""
    folder.mkdir(parents=True, exist_ok=True)
    axes = "xyz"[: len(shape)]
    names = ("density", "pressure", *(f"V{axis}" for axis in axes))
    count = 2 if len(shape) == 3 else COUNT
    values = waves(count, TIMES[:-1], shape, len(names)).astype(np.float32)
    lengths = (1.0, 1.5, 2.0)[: len(shape)]
    with h5py.File(folder / name, "w") as file:
        for channel, field in enumerate(names):
            file[field] = values[:, :, channel]
        file["t-coordinate"] = TIMES
        for axis, points, length in zip(axes, shape, lengths, strict=True):
            file[f"{axis}-coordinate"] = centres(points, length).astype(np.float32)
        file.attrs.update(attributes)
    return Published(
        path=folder / name,
        u={"all": values},
        times=TIMES[:-1],
        fields=names,
        channels=(1,) * len(names),
        params={"all": {key: np.full(count, value) for key, value in attributes.items()}},
        extent=lengths,
        boundary=(boundary,) * len(shape),
        vectors={"V": names[2:]} if len(shape) > 1 else {},
    )


def write_pdebench_cfd_1d(folder: Path) -> Published:
    """Outgoing waves: ``trans`` in the name."""
    attributes = {"eta": 1e-8, "zeta": 1e-8}
    return compressible(folder, "1D_CFD_Rand_Eta1.e-8_Zeta1.e-8_trans_Train.hdf5", (POINTS,), "open", attributes)


def write_pdebench_cfd_2d(folder: Path) -> Published:
    """``periodic`` in the name; attribute ``M``."""
    attributes = {"eta": 0.01, "zeta": 0.01, "M": 0.1}
    return compressible(
        folder, "2D_CFD_Rand_M0.1_Eta0.01_Zeta0.01_periodic_128_Train.hdf5", (8, 12), "periodic", attributes
    )


def write_pdebench_cfd_3d(folder: Path) -> Published:
    """Three axes of three lengths."""
    attributes = {"eta": 1e-8, "zeta": 1e-8, "M": 1.0}
    return compressible(
        folder, "3D_CFD_Rand_M1.0_Eta1e-08_Zeta1e-08_periodic_Train.hdf5", (8, 10, 12), "periodic", attributes
    )


def write_pdebench_darcy(folder: Path) -> Published:
    """Steady: ``tensor`` (n, 1, nx, ny) for the coefficient ``nu`` (n, nx, ny); attribute ``beta``."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "2D_DarcyFlow_beta1.0_Train.hdf5"
    values = waves(COUNT, np.zeros(1), (8, 12)).astype(np.float32)
    coefficient = np.where(still(COUNT, (8, 12)) > 1, np.float32(1.0), np.float32(0.1))
    with h5py.File(path, "w") as file:
        file["tensor"], file["nu"] = values[:, :, 0], coefficient[:, 0]
        file["x-coordinate"] = centres(8, 1.0).astype(np.float32)
        file["y-coordinate"] = centres(12, 1.0).astype(np.float32)
        file.attrs["beta"] = 1.0
    return Published(
        path=path,
        u={"all": values},
        times=None,
        fields=("tensor",),
        channels=(1,),
        params={"all": {"beta": np.ones(COUNT)}},
        given={"nu": coefficient},
        extent=(1.0, 1.0),
        options={"boundary": ("wall", "wall")},
    )


def damage_pdebench_missing_tensor(folder: Path) -> tuple[Path, list[str]]:
    """Neither ``tensor`` nor the fields of compressible flow."""
    path = write_pdebench_advection(folder).path
    damaged_files.remove(path, "tensor")
    return path, [path.name, "tensor"]


def damage_pdebench_missing_velocity(folder: Path) -> tuple[Path, list[str]]:
    """Compressible flow in 2D without ``Vy``."""
    path = write_pdebench_cfd_2d(folder).path
    damaged_files.remove(path, "Vy")
    return path, [path.name, "Vy"]


def damage_pdebench_turned_axes(folder: Path) -> tuple[Path, list[str]]:
    """All fields are (n, nt, ny, nx), but the coordinates are 8 in x and 12 in y."""
    path = write_pdebench_cfd_2d(folder).path
    for field in ("density", "pressure", "Vx", "Vy"):
        damaged_files.change(path, field, damaged_files.turned)
    return path, [path.name, "density", "8", "12"]


def damage_pdebench_one_field_turned(folder: Path) -> tuple[Path, list[str]]:
    """One of four fields has its axes exchanged."""
    path = write_pdebench_cfd_2d(folder).path
    damaged_files.change(path, "pressure", damaged_files.turned)
    return path, [path.name, "pressure", "8", "12"]


def damage_pdebench_wrong_times(folder: Path) -> tuple[Path, list[str]]:
    """``t-coordinate`` has neither as many entries as snapshots nor one more."""
    path = write_pdebench_advection(folder).path
    damaged_files.change(path, "t-coordinate", lambda times: times[:4])
    return path, [path.name, "t-coordinate", "4", "6"]


def damage_pdebench_times_backwards(folder: Path) -> tuple[Path, list[str]]:
    """Times that a snapshot has do not increase; the superfluous last one is not among them."""
    path = write_pdebench_advection(folder).path
    damaged_files.change(path, "t-coordinate", lambda times: times[[0, 1, 3, 2, 4, 5, 6]])
    return path, [path.name, "t-coordinate", "increas"]


def damage_pdebench_nan(folder: Path) -> tuple[Path, list[str]]:
    """NaN in one place, as an unstable solution leaves."""
    path = write_pdebench_cfd_2d(folder).path
    damaged_files.change(path, "pressure", damaged_files.not_a_number)
    return path, [path.name, "pressure"]


def damage_pdebench_complex(folder: Path) -> tuple[Path, list[str]]:
    """``tensor`` is complex."""
    path = write_pdebench_burgers(folder).path
    damaged_files.change(path, "tensor", lambda values: values.astype(np.complex64))
    return path, [path.name, "tensor", "complex"]


def damage_pdebench_cut(folder: Path) -> tuple[Path, list[str]]:
    """A download that broke off."""
    path = write_pdebench_cfd_1d(folder).path
    damaged_files.cut(path)
    return path, [path.name]
