"""HDF5 files of PDEBench with a group for each trajectory (``0000``, ...), and those of incompressible flow, several in
a folder.

The YAML text of the attribute ``config`` is what the generator's configuration library writes: floats with a point,
also in scientific notation. ``params`` here are the numbers of its ``sim`` that belong to the equation.
"""

from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np

from tests.support.published import damaged_files
from tests.support.published.known_waves import centres, still, waves
from tests.support.published.published import Published

TIMES = np.linspace(0.0, 5.0, 6, dtype=np.float32)
COUNT = 3


def grouped(
    path: Path,
    values: np.ndarray,
    coordinates: dict[str, np.ndarray],
    config: Callable[[int], str],
    compression: str | None = "lzf",
) -> None:
    """A group for each trajectory: ``data`` (nt, *N, c), ``grid/<axis>``, and the attribute ``config``.

    Args:
        path: of the file.
        values: (n, T, C, *N).
        coordinates: by axis, and ``t``.
        config: from the number of a trajectory to its YAML text.
        compression: of all datasets.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, "w") as file:
        for number, trajectory in enumerate(values):
            group = file.create_group(f"{number:04d}")
            data = np.moveaxis(trajectory, 1, -1)
            group.create_dataset("data", data=data, dtype="f4", compression=compression)
            for name, points in coordinates.items():
                group.create_dataset(f"grid/{name}", data=points, dtype="f4", compression=compression)
            group.attrs["config"] = config(number)


def write_pdebench_diffusion_sorption(folder: Path) -> Published:
    """1D_diff-sorp: ``data`` (nt, nx, 1)."""
    path = folder / "1D_diff-sorp_NA_NA.h5"
    values = waves(COUNT, TIMES, (16,)).astype(np.float32)
    text = "name: 1d_diff-sorp\nsim:\n  D: 0.0005\n  por: 0.29\n  rho_s: 2880\n  seed: {}\n"
    grouped(path, values, {"x": centres(16, 1.0), "t": TIMES}, text.format)
    return Published(
        path=path,
        u={"all": values},
        times=TIMES,
        fields=("data",),
        channels=(1,),
        params={"all": {"D": np.full(COUNT, 5e-4), "por": np.full(COUNT, 0.29), "rho_s": np.full(COUNT, 2880.0)}},
        extent=(1.0,),
        options={"boundary": ("wall",)},
    )


def write_pdebench_diffusion_reaction(folder: Path) -> Published:
    """2D_diff-react: ``data`` (nt, y, x, 2), so that the axes of ``u`` are y, x: 12 and 8 cells."""
    path = folder / "2D_diff-react_NA_NA.h5"
    values = waves(COUNT, TIMES, (12, 8), 2).astype(np.float32)
    text = "name: 2d_diff-react\nsim:\n  Du: 0.001\n  Dv: 0.005\n  k: 5.0e-03\n  t: 5\n  seed: {}\n"
    grouped(path, values, {"x": centres(8, 2.0, -1.0), "y": centres(12, 3.0, -1.0), "t": TIMES}, text.format)
    return Published(
        path=path,
        u={"all": values},
        times=TIMES,
        fields=("data",),
        channels=(2,),
        params={"all": {"Du": np.full(COUNT, 1e-3), "Dv": np.full(COUNT, 5e-3), "k": np.full(COUNT, 5e-3)}},
        extent=(3.0, 2.0),
        options={"boundary": ("wall", "wall"), "fields": ("u", "v")},
        axes=("y", "x"),
    )


def write_pdebench_dam_break(folder: Path) -> Published:
    """2D_rdb: ``data`` (nt, x, y, 1) without compression; the radius of the dam of each trajectory stands in its
    ``config``.
    """
    path = folder / "2D_rdb_NA_NA.h5"
    values = waves(COUNT, TIMES, (8, 12)).astype(np.float32)
    radii = np.array([0.3, 0.45, 0.6])

    def config(number: int) -> str:
        sim = f"  gravity: 1.0\n  dam_radius: {radii[number]}\n  inner_height: 2.0\n  seed: {number}\n"
        return f"name: 2d_rdb\nsim:\n{sim}"

    coordinates = {"x": centres(8, 5.0, -2.5), "y": centres(12, 4.0, -2.0), "t": TIMES}
    grouped(path, values, coordinates, config, compression=None)
    heights = {"gravity": np.full(COUNT, 1.0), "dam_radius": radii, "inner_height": np.full(COUNT, 2.0)}
    return Published(
        path=path,
        u={"all": values},
        times=TIMES,
        fields=("data",),
        channels=(1,),
        params={"all": heights},
        extent=(5.0, 4.0),
        options={"boundary": ("open", "open")},
    )


def write_pdebench_incompressible(folder: Path) -> Published:
    """Two files of a folder: ``velocity`` (b, t, x, y, 2), ``particles`` (b, t, x, y, 1), ``force`` (b, x, y, 2), ``t``
    (b, t).

    The YAML text says the sides of the domain, the viscosity, and an extrapolation ZERO of the velocity: walls, which a
    user says.
    """
    u, forces = [], []
    times = np.linspace(0.0, 0.5, 5, dtype=np.float32)
    config = "sim_name: ns_sim_2d\ndomain_size:\n- 1\n- 1\nvelocity_extrapolation: ZERO\nNU: 0.01\nn_batch: 2\n"
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(2):
        values = waves(2, times, (8, 12), 3, first=2 * number).astype(np.float32)
        force = still(2, (8, 12), 2, first=90 + 2 * number).astype(np.float32)
        stored = np.moveaxis(values, 2, -1)
        arrays = {"velocity": stored[..., :2], "particles": stored[..., 2:], "force": np.moveaxis(force, 1, -1)}
        with h5py.File(folder / f"ns_incom_inhom_2d_512-{number}.h5", "w") as file:
            for name, array in {**arrays, "t": np.tile(times, (2, 1))}.items():
                chunks = (1, 1, *array.shape[2:])
                file.create_dataset(name, data=array, chunks=chunks, compression="lzf", shuffle=True)
            file.attrs.update(config=config, latestIndex=4)
        u.append(values)
        forces.append(force)
    return Published(
        path=folder,
        u={"all": np.concatenate(u)},
        times=times,
        fields=("velocity", "particles"),
        channels=(2, 1),
        params={"all": {"NU": np.full(4, 0.01)}},
        given={"force": np.concatenate(forces)},
        extent=(1.0, 1.0),
        options={"boundary": ("wall", "wall")},
    )


def damage_pdebench_group_without_data(folder: Path) -> tuple[Path, list[str]]:
    """One of the groups lacks ``data``."""
    path = write_pdebench_diffusion_reaction(folder).path
    damaged_files.remove(path, "0001/data")
    return path, [path.name, "0001", "data"]


def damage_pdebench_group_of_other_shape(folder: Path) -> tuple[Path, list[str]]:
    """One of the groups has a snapshot less."""
    path = write_pdebench_diffusion_reaction(folder).path
    damaged_files.change(path, "0002/data", lambda values: values[:-1])
    return path, [path.name, "0002", "6", "5"]


def damage_pdebench_group_wrong_coordinates(folder: Path) -> tuple[Path, list[str]]:
    """``grid/x`` of every group has 7 points, where ``data`` has 8 along x."""
    path = write_pdebench_diffusion_reaction(folder).path
    for number in range(COUNT):
        damaged_files.change(path, f"{number:04d}/grid/x", lambda points: points[:-1])
    return path, [path.name, "grid/x", "7", "8"]


def damage_pdebench_group_nan(folder: Path) -> tuple[Path, list[str]]:
    """NaN in the data of one group."""
    path = write_pdebench_diffusion_sorption(folder).path
    damaged_files.change(path, "0001/data", damaged_files.not_a_number)
    return path, [path.name, "0001"]


def damage_pdebench_second_file_of_other_shape(folder: Path) -> tuple[Path, list[str]]:
    """The second file of incompressible flow has another resolution."""
    path = write_pdebench_incompressible(folder).path
    second = path / "ns_incom_inhom_2d_512-1.h5"
    damaged_files.change(second, "velocity", lambda values: values[:, :, :, :10])
    damaged_files.change(second, "particles", lambda values: values[:, :, :, :10])
    return path, [second.name, "10", "12"]
