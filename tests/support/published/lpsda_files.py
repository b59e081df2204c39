"""HDF5 files of LPSDA and PDE-Refiner: one for each split, group = split, ``pde_{nt}-{nx}`` f8, grids of each
trajectory.
"""

from pathlib import Path

import h5py
import numpy as np

from tests.support.published import damaged_files
from tests.support.published.known_waves import cells, waves
from tests.support.published.published import Published

COUNTS = {"train": 4, "valid": 2, "test": 3}


def ks_files(folder: Path, viscosity: bool, own: bool) -> Published:
    """``x`` (n, nx), ``t`` (n, nt), ``dx`` (n,), ``dt`` (n,) and, if asked for, ``v`` (n,).

    Args:
        folder: that holds them.
        viscosity: ``v`` is there.
        own: each trajectory has its own length and time step, as published; else all have the same.
    """
    folder.mkdir(parents=True, exist_ok=True)
    u, params, own_times, own_extent = {}, {}, {}, {}
    first = 0
    for split, count in COUNTS.items():
        # The test split is longer, as PDE-Refiner's.
        steps = 8 if split == "test" and viscosity else 6
        spread = np.linspace(0.9, 1.1, count) if own else np.ones(count)
        dt, length = 0.2 * spread, 64.0 * spread[::-1]
        values = waves(count, np.arange(float(steps)), (16,), first=first)
        # Frames before the last nt are dropped: times begin late.
        times = np.stack([step * (10 + np.arange(steps)) for step in dt])
        name = f"KS_{split}_{count}.h5" if split == "train" else f"KS_{split}.h5"
        with h5py.File(folder / name, "w") as file:
            group = file.create_group(split)
            group[f"pde_{steps}-16"] = values[:, :, 0]
            group["x"], group["t"] = np.stack([cells(16, side) for side in length]), times
            group["dx"], group["dt"] = length / 16, dt
            params[split] = {"dx": length / 16, "dt": dt}
            if viscosity:
                params[split]["v"] = group["v"] = np.linspace(0.5, 1.5, count)
        u[split], own_times[split], own_extent[split] = values, times, length[:, None]
        first += count
    return Published(
        path=folder,
        u=u,
        times=None if own else own_times["train"][0],
        fields=("u",),
        channels=(1,),
        params={split: {key: np.asarray(value) for key, value in each.items()} for split, each in params.items()},
        extent=None if own else (64.0,),
        options={"boundary": ("periodic",)},
        own_times=own_times if own else {},
        own_extent=own_extent if own else {},
    )


def write_lpsda_ks(folder: Path) -> Published:
    """Lengths and time steps within 10 % of 64 and 0.2. The field has no name but ``pde_6-16``: here "u"."""
    return ks_files(folder, viscosity=False, own=True)


def write_lpsda_ks_one_grid(folder: Path) -> Published:
    """The same layout, but all trajectories have one grid and one time step."""
    return ks_files(folder, viscosity=False, own=False)


def write_pde_refiner_ks(folder: Path) -> Published:
    """With a viscosity ``v`` of each trajectory; the test split is longer, so that its key is ``pde_8-16``."""
    return ks_files(folder, viscosity=True, own=True)


def damage_lpsda_missing_pde(folder: Path) -> tuple[Path, list[str]]:
    """No key that starts with ``pde_``."""
    path = write_lpsda_ks_one_grid(folder).path
    damaged_files.remove(path / "KS_train_4.h5", "train/pde_6-16")
    return path, ["KS_train_4.h5", "pde_"]


def damage_lpsda_wrong_split(folder: Path) -> tuple[Path, list[str]]:
    """The file named after the validation split has the group ``train``."""
    path = write_lpsda_ks_one_grid(folder).path
    with h5py.File(path / "KS_valid.h5", "r+") as file:
        file.move("valid", "train")
    return path, ["KS_valid.h5", "valid"]


def damage_lpsda_turned_axes(folder: Path) -> tuple[Path, list[str]]:
    """``pde_6-16`` is (n, 16, 6)."""
    path = write_lpsda_ks_one_grid(folder).path
    damaged_files.change(path / "KS_train_4.h5", "train/pde_6-16", damaged_files.turned)
    return path, ["KS_train_4.h5", "pde_6-16", "6", "16"]


def damage_lpsda_failed_solution(folder: Path) -> tuple[Path, list[str]]:
    """A trajectory whose solver failed stays zero in ``x``, ``t``, ``dx``, ``dt`` and the field, as the generator
    leaves it.
    """
    path = write_lpsda_ks_one_grid(folder).path
    with h5py.File(path / "KS_train_4.h5", "r+") as file:
        for values in file["train"].values():
            values[2] = 0
    return path, ["KS_train_4.h5", "2"]


def damage_lpsda_nan(folder: Path) -> tuple[Path, list[str]]:
    """NaN in the field."""
    path = write_lpsda_ks_one_grid(folder).path
    damaged_files.change(path / "KS_train_4.h5", "train/pde_6-16", damaged_files.not_a_number)
    return path, ["KS_train_4.h5", "pde_6-16"]
