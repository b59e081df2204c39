"""The Well: files whose boundaries have values or masks inside the domain, those of the package's own dummy, and
damaged ones.
"""

from pathlib import Path

import h5py
import numpy as np

from tests.support.published import damaged_files
from tests.support.published.known_waves import cells, centres, still, waves
from tests.support.published.published import Published
from tests.support.published.well_files import (
    TIMES,
    XY,
    WellBoundary,
    WellField,
    channels_last,
    ends,
    periodic,
    statistics_file,
    well_file,
    write_well_2d,
    write_well_constant_fields,
    write_well_tensors,
)


def write_well_walls(folder: Path) -> Published:
    """Periodic in x, walls in y with ``values`` for a field (as rayleigh_benard), and an obstacle: a wall with a mask
    in x and y.
    """
    dataset = folder / "rayleigh_benard"
    coordinates = {"x": cells(8, 4.0), "y": centres(12, 1.0)}
    obstacle = np.zeros((8, 12), dtype=bool)
    obstacle[2:4, 5:9] = True
    boundaries = {
        "x_periodic": WellBoundary("periodic", ["x"], ends(8)),
        "y_wall": WellBoundary("Wall", ["y"], ends(12), np.array([1.0, 0.0]), ["buoyancy"]),
        "obstacle": WellBoundary("WALL", ["x", "y"], obstacle),
    }
    values = {
        split: waves(2, TIMES, (8, 12), 3, first=2 * k).astype(np.float32) for k, split in enumerate(("train", "test"))
    }
    for split, stored in values.items():
        fields = {
            "buoyancy": WellField(stored[:, :, 0]),
            "velocity": WellField(channels_last(stored[:, :, 1:], 1, 2), rank=1),
        }
        path = dataset / "data" / split / "rayleigh_1e6.hdf5"
        well_file(path, 2, fields, boundaries, coordinates, {"Rayleigh": np.float32(1e6)})
    statistics_file(dataset, ["buoyancy", "velocity"])
    return Published(
        path=dataset,
        u=values,
        times=TIMES,
        fields=("buoyancy", "velocity"),
        channels=(1, 2),
        params={split: {"Rayleigh": np.full(2, 1e6, np.float32)} for split in values},
        given={"obstacle": obstacle[None, None].astype(np.float32)},
        extent=(4.0, 1.0),
        boundary=("periodic", "wall"),
    )


def write_well_own_times(folder: Path) -> Published:
    """``dimensions/time`` with sample_varying true: (n, T)."""
    dataset = folder / "supernova_explosion"
    times = (TIMES * np.array([[1.0], [1.5]])).astype(np.float32)
    values = waves(2, TIMES, (8, 12)).astype(np.float32)
    fields = {"temperature": WellField(values[:, :, 0])}
    well_file(dataset / "data" / "train" / "part_0.hdf5", 2, fields, periodic(), times=times)
    statistics_file(dataset, ["temperature"])
    return Published(
        path=dataset,
        u={"train": values},
        times=None,
        fields=("temperature",),
        channels=(1,),
        params={"train": {}},
        extent=(2.0, 3.0),
        boundary=("periodic", "periodic"),
        own_times={"train": times},
    )


def write_well_as_dummy(folder: Path) -> Published:
    """A single file with all that the package's own dummy leaves out.

    ``associated_dims`` is a plain string; the masks of the periodic axes are false everywhere; there is no ``values``;
    the coordinates have no ``time_varying`` and include both ends; scalars have shape (), one varies in time (no
    parameter); an empty list of names is an empty float64 attribute. ``extent``: of coordinates with both ends: last -
    first, or n dx for a grid that is truly periodic; the file cannot say which. Here n dx, the rule for periodic axes.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "dummy.hdf5"
    values = waves(2, TIMES, (8, 12), 2).astype(np.float32)
    constant = still(2, (8, 12)).astype(np.float32)
    with h5py.File(path, "w") as file:
        file.attrs.update(a=0.25, b=0.75, dataset_name="dummy_dataset", grid_type="cartesian", n_spatial_dims=2)
        file.attrs.update(n_trajectories=2, simulation_parameters=["a", "b"])
        for axis, count in (("x", 8), ("y", 12)):
            group = file.create_group(f"boundary_conditions/{axis}_periodic")
            group.attrs.update(associated_dims=axis, associated_fields=[], bc_type="PERIODIC")
            group.attrs.update(sample_varying=False, time_varying=False)
            group.create_dataset("mask", data=np.zeros(count, dtype=bool))
        group = file.create_group("dimensions")
        group.attrs["spatial_dims"] = ["x", "y"]
        for name, points in (("time", TIMES), ("x", np.linspace(0, 1, 8)), ("y", np.linspace(0, 1, 12))):
            group.create_dataset(name, data=points.astype(np.float32)).attrs["sample_varying"] = False
        group = file.create_group("scalars")
        group.attrs["field_names"] = ["a", "b", "time_varying_scalar"]
        for name, scalar in (("a", 0.25), ("b", 0.75), ("time_varying_scalar", np.cos(TIMES))):
            varies = name == "time_varying_scalar"
            group.create_dataset(name, data=scalar).attrs.update(sample_varying=False, time_varying=varies)
        for rank, name, stored in ((0, "constant_field", constant[:, 0]), (1, "field", channels_last(values, 1, 2))):
            group = file.create_group(f"t{rank}_fields")
            group.attrs["field_names"] = [name]
            flags = {"sample_varying": True, "time_varying": rank == 1, "dim_varying": [True, True]}
            group.create_dataset(name, data=stored).attrs.update(flags)
        file.create_group("t2_fields").attrs["field_names"] = []
    return Published(
        path=path,
        u={"all": values},
        times=TIMES,
        fields=("field",),
        channels=(2,),
        params={"all": {"a": np.full(2, 0.25), "b": np.full(2, 0.75)}},
        given={"constant_field": constant},
        extent=(8 / 7, 12 / 11),
        boundary=("periodic", "periodic"),
    )


def _first_file(published: Published, split: str = "train") -> Path:
    return sorted((published.path / "data" / split).glob("*.hdf5"))[0]


def damage_well_missing_field(folder: Path) -> tuple[Path, list[str]]:
    """``field_names`` lists a field that is not there."""
    published = write_well_2d(folder)
    damaged_files.remove(_first_file(published), "t0_fields/B")
    return published.path, [_first_file(published).name, "t0_fields", "B"]


def damage_well_missing_times(folder: Path) -> tuple[Path, list[str]]:
    """No ``dimensions/time``."""
    published = write_well_2d(folder)
    damaged_files.remove(_first_file(published), "dimensions/time")
    return published.path, [_first_file(published).name, "dimensions", "time"]


def damage_well_turned_axes(folder: Path) -> tuple[Path, list[str]]:
    """A field is (n, T, H, W) where the coordinates say (W, H) = (8, 12)."""
    published = write_well_2d(folder)
    damaged_files.change(_first_file(published), "t0_fields/A", damaged_files.turned)
    return published.path, [_first_file(published).name, "A", "8", "12"]


def damage_well_nan(folder: Path) -> tuple[Path, list[str]]:
    """NaN in one place of a vector field."""
    published = write_well_2d(folder)
    damaged_files.change(_first_file(published), "t1_fields/velocity", damaged_files.not_a_number)
    return published.path, [_first_file(published).name, "velocity"]


def damage_well_times_backwards(folder: Path) -> tuple[Path, list[str]]:
    """The last time comes before the one before it."""
    published = write_well_2d(folder)
    damaged_files.change(_first_file(published), "dimensions/time", damaged_files.backwards)
    return published.path, [_first_file(published).name, "time", "increas"]


def damage_well_second_file_of_other_shape(folder: Path) -> tuple[Path, list[str]]:
    """The second file of the training split has another resolution."""
    published = write_well_2d(folder)
    second = sorted((published.path / "data" / "train").glob("*.hdf5"))[1]
    values = waves(2, TIMES, (10, 12), 4).astype(np.float32)
    fields = {
        "A": WellField(values[:, :, 0]),
        "B": WellField(values[:, :, 1]),
        "velocity": WellField(channels_last(values[:, :, 2:], 1, 2), rank=1),
    }
    coordinates = {"x": cells(10, 2.0, -1.0), "y": XY["y"]}
    well_file(second, 2, fields, periodic(coordinates), coordinates, {"F": np.float32(1), "k": np.float32(1)})
    return published.path, [second.name, "8", "10"]


def damage_well_unknown_boundary(folder: Path) -> tuple[Path, list[str]]:
    """``bc_type`` is none of wall, open, periodic."""
    published = write_well_constant_fields(folder)
    with h5py.File(_first_file(published), "r+") as file:
        file["boundary_conditions/x_open"].attrs["bc_type"] = "ROBIN"
    return published.path, [_first_file(published).name, "x_open", "wall", "open", "periodic"]


def damage_well_scalar_of_other_length(folder: Path) -> tuple[Path, list[str]]:
    """A scalar of each trajectory has two values for three trajectories."""
    published = write_well_tensors(folder)
    damaged_files.change(_first_file(published), "scalars/alpha", lambda values: values[:2])
    return published.path, [_first_file(published).name, "alpha", "2", "3"]


def damage_well_number_of_trajectories(folder: Path) -> tuple[Path, list[str]]:
    """``n_trajectories`` says 5, the fields have 2."""
    published = write_well_2d(folder)
    with h5py.File(_first_file(published), "r+") as file:
        file.attrs["n_trajectories"] = 5
    return published.path, [_first_file(published).name, "n_trajectories", "5", "2"]


def damage_well_mask_of_other_length(folder: Path) -> tuple[Path, list[str]]:
    """The mask of an obstacle is (12, 8) on a grid of 8 by 12."""
    published = write_well_walls(folder)
    damaged_files.change(_first_file(published), "boundary_conditions/obstacle/mask", damaged_files.turned)
    return published.path, [_first_file(published).name, "obstacle", "8", "12"]


def damage_well_strings(folder: Path) -> tuple[Path, list[str]]:
    """A field holds strings."""
    published = write_well_2d(folder)
    damaged_files.change(_first_file(published), "t0_fields/A", damaged_files.text)
    return published.path, [_first_file(published).name, "A"]


def damage_well_cut(folder: Path) -> tuple[Path, list[str]]:
    """The first file broke off in the middle."""
    published = write_well_2d(folder)
    damaged_files.cut(_first_file(published))
    return published.path, [_first_file(published).name]


def damage_well_empty_folder(folder: Path) -> tuple[Path, list[str]]:
    """A dataset folder without a file."""
    (folder / "gray_scott_reaction_diffusion" / "data" / "train").mkdir(parents=True)
    return folder / "gray_scott_reaction_diffusion", ["gray_scott_reaction_diffusion"]
