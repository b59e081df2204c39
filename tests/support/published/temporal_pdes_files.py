"""HDF5 files of temporal_pdes: one file for each split, whose group is the split; no attributes, no chunks."""

from pathlib import Path

import h5py
import numpy as np

from tests.support.published import damaged_files
from tests.support.published.known_waves import cells, waves
from tests.support.published.published import Published

SPLITS = ("train", "valid")


def split_files(folder: Path, names: dict[str, str], arrays: dict[str, dict[str, np.ndarray]]) -> None:
    """A file for each split.

    Args:
        folder: that holds them.
        names: of the files, by split.
        arrays: datasets of the group, by split.
    """
    for split, name in names.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        with h5py.File(folder / name, "w") as file:
            for key, values in arrays[split].items():
                file.create_dataset(f"{split}/{key}", data=values)


def one_dimension(folder: Path, name: str, coefficient: str, draws: dict[str, np.ndarray], own_grid: bool) -> Published:
    """``u`` (n, nt, nx), ``x``, ``t`` and a coefficient.

    ``x`` includes both ends of [0, 16], so that the last point repeats the first of a periodic solution; a user says
    the true length.
    """
    times, points = np.linspace(0, 2, 6, dtype=np.float32), np.linspace(0, 16, 16, dtype=np.float32)
    u, arrays, names = {}, {}, {}
    for number, split in enumerate(SPLITS):
        count = len(draws[split])
        u[split] = waves(count, times, (16,), first=5 * number, ends=True).astype(np.float32)
        x, t = (np.tile(points, (count, 1)), np.tile(times, (count, 1))) if own_grid else (points, times)
        arrays[split] = {"u": u[split][:, :, 0], "x": x, "t": t, coefficient: draws[split]}
        names[split] = f"{split}/{name}_{count}.h5"
    split_files(folder, names, arrays)
    return Published(
        path=folder,
        u=u,
        times=times,
        fields=("u",),
        channels=(1,),
        params={split: {coefficient: draws[split]} for split in SPLITS},
        extent=(16.0,),
        options={"boundary": ("periodic",), "extent": (16.0,)},
    )


def write_temporal_advection(folder: Path) -> Published:
    """Coefficient ``a``; ``x`` (nx,) and ``t`` (nt,)."""
    draws = {"train": np.float32([0.1, 0.5, 1.5, 2.5]), "valid": np.float32([0.7, 2.0])}
    return one_dimension(folder, "Advection", "a", draws, own_grid=False)


def write_temporal_heat(folder: Path) -> Published:
    """Coefficient ``beta``; ``x`` (n, nx) and ``t`` (n, nt). The published file runs backwards in time, and so does
    ``u`` here.

    ``t`` increases all the same: nothing in the file says that the first snapshot is the last, so that a user has to.
    """
    draws = {"train": np.float32([0.1, 0.4, 0.8]), "valid": np.float32([0.2, 0.6])}
    published = one_dimension(folder, "Heat", "beta", draws, own_grid=True)
    for split, name in (("train", "Heat_3.h5"), ("valid", "Heat_2.h5")):
        damaged_files.change(folder / split / name, f"{split}/u", lambda values: values[:, ::-1])
        published.u[split] = published.u[split][:, ::-1]
    published.options["reversed_in_time"] = True
    return published


def write_temporal_ks(folder: Path) -> Published:
    """Coefficient ``v``, one for all; ``x`` (n, nx) and ``t`` (n, nt)."""
    draws = {"train": np.ones(3, np.float32), "valid": np.ones(2, np.float32)}
    return one_dimension(folder, "KS_400", "v", draws, own_grid=True)


def write_temporal_burgers_2d(folder: Path) -> Published:
    """``u`` (n, nt, nx, ny), ``x`` (2, nx, ny), coefficients ``nu``, ``cx``, ``cy``; cells of a periodic grid."""
    times = np.linspace(0, 2, 5, dtype=np.float32)
    x = np.stack(np.meshgrid(cells(8, 2.0, -1.0), cells(12, 2.0, -1.0), indexing="ij")).astype(np.float32)
    u, arrays, params = {}, {}, {}
    for number, (split, count) in enumerate((("train", 4), ("valid", 2))):
        u[split] = waves(count, times, (8, 12), first=4 * number).astype(np.float32)
        draw = np.arange(count, dtype=np.float32) / 10 + number
        params[split] = {"nu": 0.0075 + draw / 100, "cx": 0.5 + draw, "cy": 0.6 + draw}
        arrays[split] = {"u": u[split][:, :, 0], "x": x, "t": times, **params[split]}
    split_files(folder, {"train": "train/NEW_Burgers_4.h5", "valid": "valid/NEW_Burgers_2.h5"}, arrays)
    return Published(
        path=folder,
        u=u,
        times=times,
        fields=("u",),
        channels=(1,),
        params=params,
        extent=(2.0, 2.0),
        options={"boundary": ("periodic", "periodic")},
    )


def write_temporal_kolmogorov(folder: Path) -> Published:
    """``x`` is (nx, ny, 2); no coefficients; both files in one folder."""
    times = np.arange(5, dtype=np.float32) / 10
    side = 2 * np.pi
    x = np.stack(np.meshgrid(cells(8, side), cells(12, side), indexing="ij"), -1).astype(np.float32)
    u = {split: waves(3, times, (8, 12), first=3 * k).astype(np.float32) for k, split in enumerate(SPLITS)}
    arrays = {split: {"u": values[:, :, 0], "x": x, "t": times} for split, values in u.items()}
    split_files(folder, {split: f"KolmFlow_{split}_3.h5" for split in SPLITS}, arrays)
    return Published(
        path=folder,
        u=u,
        times=times,
        fields=("u",),
        channels=(1,),
        params={split: {} for split in SPLITS},
        extent=(side, side),
        options={"boundary": ("periodic", "periodic")},
    )


def damage_temporal_missing_u(folder: Path) -> tuple[Path, list[str]]:
    """The training group has no ``u``."""
    path = write_temporal_advection(folder).path
    damaged_files.remove(path / "train" / "Advection_4.h5", "train/u")
    return path, ["Advection_4.h5", "u"]


def damage_temporal_turned_axes(folder: Path) -> tuple[Path, list[str]]:
    """``u`` is (n, nx, nt): 16 and 6, where ``t`` has 6 and ``x`` 16."""
    path = write_temporal_advection(folder).path
    damaged_files.change(path / "train" / "Advection_4.h5", "train/u", damaged_files.turned)
    return path, ["Advection_4.h5", "u", "6", "16"]


def damage_temporal_nan(folder: Path) -> tuple[Path, list[str]]:
    """NaN in the file of the validation split."""
    path = write_temporal_burgers_2d(folder).path
    damaged_files.change(path / "valid" / "NEW_Burgers_2.h5", "valid/u", damaged_files.not_a_number)
    return path, ["NEW_Burgers_2.h5", "u"]


def damage_temporal_coefficient_of_other_length(folder: Path) -> tuple[Path, list[str]]:
    """Three values of ``nu`` for four trajectories."""
    path = write_temporal_burgers_2d(folder).path
    damaged_files.change(path / "train" / "NEW_Burgers_4.h5", "train/nu", lambda values: values[:3])
    return path, ["NEW_Burgers_4.h5", "nu", "3", "4"]


def damage_temporal_valid_of_other_shape(folder: Path) -> tuple[Path, list[str]]:
    """The validation file has a grid of 8 by 10 cells, the training file one of 8 by 12."""
    path = write_temporal_kolmogorov(folder).path
    damaged_files.change(path / "KolmFlow_valid_3.h5", "valid/u", lambda values: values[..., :10])
    damaged_files.change(path / "KolmFlow_valid_3.h5", "valid/x", lambda values: values[:, :10])
    return path, ["KolmFlow_valid_3.h5", "10", "12"]


def damage_temporal_times_backwards(folder: Path) -> tuple[Path, list[str]]:
    """Times that do not increase."""
    path = write_temporal_kolmogorov(folder).path
    damaged_files.change(path / "KolmFlow_train_3.h5", "train/t", damaged_files.backwards)
    return path, ["KolmFlow_train_3.h5", "t", "increas"]
