"""Files of PDEArena: smoke in HDF5 files, shallow water in netCDF files of runs and in zarr, Maxwell in HDF5 files."""

from pathlib import Path

import h5py
import netCDF4
import numpy as np
import torch

from tests.support.published import damaged_files
from tests.support.published.known_waves import waves
from tests.support.published.published import Published
from tests.support.published.zarr_folders import ZarrFolder

SPLITS = ("train", "valid", "test")


def write_pdearena_smoke(folder: Path) -> Published:
    """NavierStokes2D_{split}_{seed}_{buoyancy:.5f}[_{n}].h5: group = split; two files of other buoyancy in the training
    split.

    As the generator does it: ``x`` and ``y`` include both ends of the box, 32 wide; ``t`` is linspace(18, 102, T), but
    ``dt`` is (102 - 18) / T. The two disagree, as in real files: the snapshots are ``dt`` apart (here 14) and ``t``
    says 16.8. ``times`` is ``t`` as stored; ``params`` has ``dt``.
    """
    folder.mkdir(parents=True, exist_ok=True)
    times = np.linspace(18.0, 102.0, 6)
    u: dict[str, list[np.ndarray]] = {split: [] for split in SPLITS}
    buoyancies: dict[str, list[float]] = {split: [] for split in SPLITS}
    parts = [("train", 42, 0.2), ("train", 43, 0.5), ("valid", 44, 0.3), ("test", 45, 0.4)]
    for number, (split, seed, buoyancy) in enumerate(parts):
        values = waves(2, times, (8, 12), 3, first=2 * number)
        name = f"NavierStokes2D_{split}_{seed}_{buoyancy:.5f}" + ("_2" if split == "train" else "")
        with h5py.File(folder / f"{name}.h5", "w") as file:
            group = file.create_group(split)
            for channel, field in enumerate(("u", "vx", "vy")):
                group[field] = values[:, :, channel]
            group["t"] = np.tile(times, (2, 1))
            group["x"], group["y"] = np.tile(np.linspace(0, 32, 8), (2, 1)), np.tile(np.linspace(0, 32, 12), (2, 1))
            steps = {"dt": 14.0, "dx": 32 / 7, "dy": 32 / 11, "buo_y": buoyancy}
            for key, value in steps.items():
                group[key] = np.full(2, value)
        u[split].append(values)
        buoyancies[split] += [buoyancy] * 2
    return Published(
        path=folder,
        u={split: np.concatenate(values) for split, values in u.items()},
        times=times,
        fields=("u", "vx", "vy"),
        channels=(1, 1, 1),
        params={
            split: {
                "buo_y": np.array(value),
                "dt": np.full(len(value), 14.0),
                "dx": np.full(len(value), 32 / 7),
                "dy": np.full(len(value), 32 / 11),
            }
            for split, value in buoyancies.items()
        },
        extent=(32.0, 32.0),
        options={"boundary": ("wall", "wall")},
        vectors={"v": ("vx", "vy")},
    )


LATITUDES, LONGITUDES = np.linspace(-78.75, 78.75, 8), np.arange(12) * 30.0
HOURS = np.arange(5) * 6.0


def _shallow_water(folder: Path, u: dict[str, np.ndarray]) -> Published:
    folder.mkdir(parents=True, exist_ok=True)
    names = {"u": (1, 8, 12), "v": (1, 8, 12), "vor": (1, 8, 12), "pres": (8, 12)}
    statistics = {name: {"mean": torch.zeros(shape), "std": torch.ones(shape)} for name, shape in names.items()}
    torch.save(statistics, folder / "normstats.pt")
    return Published(
        path=folder,
        u=u,
        times=HOURS,
        fields=tuple(names),
        channels=(1, 1, 1, 1),
        params={split: {} for split in u},
        options={"boundary": ("open", "periodic"), "extent": (180.0, 360.0)},
        axes=("lat", "lon"),
        vectors={"velocity": ("u", "v")},
    )


def write_pdearena_shallow_water_runs(folder: Path) -> Published:
    """{split}/seed=*/run*/output.nc: one trajectory each, (time, lev = 1, lat, lon), ``pres`` (time, lat, lon);
    normstats.pt beside.

    Latitudes from south to north, hours since a date every six hours: no public text says either.
    """
    u = {split: waves(2, HOURS, (8, 12), 4, first=2 * k).astype(np.float32) for k, split in enumerate(SPLITS)}
    for split, values in u.items():
        for number, trajectory in enumerate(values):
            run = folder / split / f"seed={100 + number}" / "run0001"
            run.mkdir(parents=True)
            with netCDF4.Dataset(run / "output.nc", "w") as file:
                coordinates = {"time": HOURS, "lev": np.ones(1), "lat": LATITUDES, "lon": LONGITUDES}
                for name, points in coordinates.items():
                    file.createDimension(name, len(points))
                    file.createVariable(name, "f8", (name,))[:] = points
                file["time"].units = "hours since 2000-1-1 0:0:0"
                for channel, name in enumerate(("u", "v", "vor")):
                    file.createVariable(name, "f4", ("time", "lev", "lat", "lon"))[:] = trajectory[:, [channel]]
                file.createVariable("pres", "f4", ("time", "lat", "lon"))[:] = trajectory[:, 3]
    return _shallow_water(folder, u)


def write_pdearena_shallow_water_zarr(folder: Path) -> Published:
    """{split}.zarr: (b, time, lev = 1, lat, lon), ``pres`` (b, time, lat, lon), zarr 2 with consolidated metadata."""
    u = {split: waves(2, HOURS, (8, 12), 4, first=2 * k).astype(np.float32) for k, split in enumerate(SPLITS[:2])}
    for split, values in u.items():
        store = folder / f"{split}.zarr"
        group = ZarrFolder(store)
        coordinates = {"lev": np.ones(1), "lat": LATITUDES, "lon": LONGITUDES}
        for name, points in coordinates.items():
            group.add(name, points, (name,))
        group.add("time", HOURS, ("time",), {"units": "hours since 2000-01-01", "calendar": "proleptic_gregorian"})
        for channel, name in enumerate(("u", "v", "vor")):
            group.add(name, values[:, :, [channel]], ("b", "time", "lev", "lat", "lon"))
        group.add("pres", values[:, :, 3], ("b", "time", "lat", "lon"))
        group.close()
    return _shallow_water(folder, u)


def write_pdearena_maxwell(folder: Path) -> Published:
    """Maxwell3D_{split}_{seed}[_{n}].h5: ``d_field`` and ``h_field`` (b, t, x, y, z, 3), and nothing else: no time, no
    length.
    """
    folder.mkdir(parents=True, exist_ok=True)
    u = {}
    for number, split in enumerate(SPLITS):
        values = waves(2, np.arange(4.0), (6, 7, 8), 6, first=2 * number)
        stored = np.moveaxis(values, 2, -1)
        name = f"Maxwell3D_{split}_{42 + number}" + ("_2" if split == "train" else "")
        with h5py.File(folder / f"{name}.h5", "w") as file:
            group = file.create_group(split)
            group["d_field"], group["h_field"] = stored[..., :3], stored[..., 3:]
        u[split] = values
    return Published(
        path=folder,
        u=u,
        times=None,
        fields=("d_field", "h_field"),
        channels=(3, 3),
        params={split: {} for split in u},
        options={"dt": 1.0, "extent": (3.2e-5,) * 3, "boundary": ("periodic",) * 3},
    )


def _smoke(folder: Path) -> tuple[Path, Path]:
    return write_pdearena_smoke(folder).path, folder / "NavierStokes2D_train_43_0.50000_2.h5"


def damage_pdearena_missing_component(folder: Path) -> tuple[Path, list[str]]:
    """The second training file lacks ``vy``."""
    path, second = _smoke(folder)
    damaged_files.remove(second, "train/vy")
    return path, [second.name, "vy"]


def damage_pdearena_wrong_group(folder: Path) -> tuple[Path, list[str]]:
    """A file whose name says train, and whose only group is ``valid``."""
    path, second = _smoke(folder)
    with h5py.File(second, "r+") as file:
        file.move("train", "valid")
    return path, [second.name, "train"]


def damage_pdearena_turned_component(folder: Path) -> tuple[Path, list[str]]:
    """``vx`` has its axes exchanged."""
    path, second = _smoke(folder)
    damaged_files.change(second, "train/vx", damaged_files.turned)
    return path, [second.name, "vx", "8", "12"]


def damage_pdearena_times_backwards(folder: Path) -> tuple[Path, list[str]]:
    """The times of a file end before they should."""
    path, second = _smoke(folder)
    damaged_files.change(second, "train/t", damaged_files.backwards)
    return path, [second.name, "t", "increas"]


def damage_pdearena_file_of_other_shape(folder: Path) -> tuple[Path, list[str]]:
    """The second training file has 10 cells along y, the first 12."""
    path, second = _smoke(folder)
    for key in ("u", "vx", "vy", "y"):
        damaged_files.change(second, f"train/{key}", lambda values: values[..., :10])
    return path, [second.name, "10", "12"]


def damage_pdearena_nan(folder: Path) -> tuple[Path, list[str]]:
    """NaN in ``u`` of the second training file."""
    path, second = _smoke(folder)
    damaged_files.change(second, "train/u", damaged_files.not_a_number)
    return path, [second.name, "u"]


def damage_pdearena_run_cut(folder: Path) -> tuple[Path, list[str]]:
    """The output.nc of one run broke off."""
    path = write_pdearena_shallow_water_runs(folder).path
    damaged_files.cut(path / "train" / "seed=101" / "run0001" / "output.nc")
    return path, ["seed=101", "output.nc"]


def damage_pdearena_cut(folder: Path) -> tuple[Path, list[str]]:
    """A file of Maxwell that broke off."""
    path = write_pdearena_maxwell(folder).path
    damaged_files.cut(path / "Maxwell3D_train_42_2.h5")
    return path, ["Maxwell3D_train_42_2.h5"]
