"""HDF5 files of MP-PDE: one for each split, group = split, the same trajectories at several resolutions in one file."""

from pathlib import Path

import h5py
import numpy as np

from tests.support.published import damaged_files
from tests.support.published.known_waves import waves
from tests.support.published.published import Published

COUNTS = {"train": 4, "valid": 2, "test": 3}
STEPS = 6


def several_resolutions(
    folder: Path,
    name: str,
    horizon: float,
    grids: dict[int, np.ndarray],
    own: dict[str, dict[str, np.ndarray]],
    reverse: bool,
) -> dict[str, np.ndarray]:
    """``pde_{nt}-{nx}`` f8 (n, nt, nx) for each grid with attributes dt, dx, nt, nx, tmin, tmax, x; values of each
    trajectory.

    Args:
        folder: that holds the files.
        name: of the files, with a place for the split.
        horizon: tmax.
        grids: points by their count; the field on a coarser one has every second, fourth, ... number of the finest.
        own: by split, datasets (n,).
        reverse: the last snapshot comes first.

    Returns:
        (n, nt, nx) on the finest grid as stored, by split.
    """
    folder.mkdir(parents=True, exist_ok=True)
    finest, first, stored = max(grids), 0, {}
    for split, count in COUNTS.items():
        values = waves(count, np.linspace(0, horizon, STEPS), (finest,), first=first)[:, :, 0]
        values = values[:, ::-1] if reverse else values
        with h5py.File(folder / name.format(split), "w") as file:
            for nx, x in grids.items():
                attributes = {
                    "dt": horizon / (STEPS - 1),
                    "dx": 16 / nx,
                    "nt": STEPS,
                    "nx": nx,
                    "tmin": 0.0,
                    "tmax": horizon,
                }
                key = f"{split}/pde_{STEPS}-{nx}"
                file.create_dataset(key, data=values[:, :, :: finest // nx]).attrs.update(**attributes, x=x)
            for key, value in own[split].items():
                file[f"{split}/{key}"] = value
        stored[split] = values[:, :, None]
        first += count
    return stored


def write_message_passing_combined(folder: Path) -> Published:
    """CE_{split}_E2.h5 with ``alpha``, ``beta``, ``gamma``. ``u`` is that of ``pde_6-16``: a user says which.

    As the generator does it: the attribute ``x`` is linspace(0, 16, nx), but the solver's cells are ``dx`` = 16 / nx
    wide and periodic.
    """
    grids = {nx: np.linspace(0, 16, nx) for nx in (16, 8, 4)}
    own = {
        split: {"alpha": np.ones(count), "beta": np.linspace(0, 0.2, count), "gamma": np.zeros(count)}
        for split, count in COUNTS.items()
    }
    u = several_resolutions(folder, "CE_{}_E2.h5", 4.0, grids, own, reverse=False)
    return Published(
        path=folder,
        u=u,
        times=np.linspace(0, 4.0, STEPS),
        fields=("u",),
        channels=(1,),
        params=own,
        extent=(16.0,),
        options={"boundary": ("periodic",), "key": "pde_6-16"},
    )


def write_message_passing_wave(folder: Path) -> Published:
    """WE_{split}_WE1.h5 with ``bc_left``, ``bc_right`` (0: Dirichlet, 1: Neumann) and ``c``, on points that are not
    equidistant.

    The points are x = 8 cos(jπ / (N - 1)), reversed. The published file runs backwards in time, and so does ``u`` here.
    """
    grids = {nx: -8 * np.cos(np.arange(nx) * np.pi / (nx - 1)) for nx in (16, 8)}
    own = {
        split: {"bc_left": np.zeros(count, int), "bc_right": np.ones(count, int), "c": np.full(count, 2.0)}
        for split, count in COUNTS.items()
    }
    u = several_resolutions(folder, "WE_{}_WE1.h5", 100.0, grids, own, reverse=True)
    return Published(
        path=folder,
        u=u,
        times=np.linspace(0, 100.0, STEPS),
        fields=("u",),
        channels=(1,),
        params=own,
        extent=(16.0,),
        boundary=("wall",),
        options={"key": "pde_6-16", "reversed_in_time": True},
    )


def damage_message_passing_turned_axes(folder: Path) -> tuple[Path, list[str]]:
    """The finest resolution is (n, 16, 6), where its name and attributes say 6 times and 16 points."""
    path = write_message_passing_combined(folder).path
    damaged_files.change(path / "CE_train_E2.h5", "train/pde_6-16", damaged_files.turned)
    return path, ["CE_train_E2.h5", "pde_6-16", "6", "16"]


def damage_message_passing_missing_attributes(folder: Path) -> tuple[Path, list[str]]:
    """Neither ``dt`` nor ``tmin`` and ``tmax`` at the finest resolution."""
    path = write_message_passing_combined(folder).path
    with h5py.File(path / "CE_train_E2.h5", "r+") as file:
        for name in ("dt", "tmin", "tmax"):
            del file["train/pde_6-16"].attrs[name]
    return path, ["CE_train_E2.h5", "pde_6-16", "dt"]


def damage_message_passing_nan(folder: Path) -> tuple[Path, list[str]]:
    """NaN in the finest resolution."""
    path = write_message_passing_combined(folder).path
    damaged_files.change(path / "CE_train_E2.h5", "train/pde_6-16", damaged_files.not_a_number)
    return path, ["CE_train_E2.h5", "pde_6-16"]


def damage_message_passing_parameter_of_other_length(folder: Path) -> tuple[Path, list[str]]:
    """Three values of ``beta`` for four trajectories."""
    path = write_message_passing_combined(folder).path
    damaged_files.change(path / "CE_train_E2.h5", "train/beta", lambda values: values[:3])
    return path, ["CE_train_E2.h5", "beta", "3", "4"]


def damage_message_passing_cut(folder: Path) -> tuple[Path, list[str]]:
    """The training file broke off."""
    path = write_message_passing_combined(folder).path
    damaged_files.cut(path / "CE_train_E2.h5")
    return path, ["CE_train_E2.h5"]
