"""The small files in published formats are what they claim to be: files that others open, with the numbers of ``u``."""

from collections.abc import Callable
from pathlib import Path

import h5py
import netCDF4
import numpy as np
import pytest
import scipy.io
import torch
import zarr

from tests.support.published.known_waves import waves
from tests.support.published.published import Published, all_damages, all_writers

WRITERS, DAMAGES = all_writers(), all_damages()


@pytest.fixture(scope="module")
def published(tmp_path_factory) -> Callable[[str], Published]:
    """``published("write_well_2d")``: written once."""
    made: dict[str, Published] = {}

    def write(name: str) -> Published:
        if name not in made:
            made[name] = WRITERS[name](tmp_path_factory.mktemp(name))
        return made[name]

    return write


def hdf5_arrays(file: h5py.Group) -> dict[str, np.ndarray]:
    found: dict[str, np.ndarray] = {}
    file.visititems(lambda name, item: found.update({name: item[()]}) if isinstance(item, h5py.Dataset) else None)
    return found


def arrays(path: Path) -> dict[str, np.ndarray]:
    """All arrays of one file by name, read by the library of its kind."""
    if path.suffix == ".npy":
        return {path.name: np.load(path)}
    if path.suffix == ".npz":
        return dict(np.load(path))
    if path.suffix == ".pt":
        stored = torch.load(path, weights_only=True)
        return {name: value.numpy() for name, value in stored.items() if isinstance(value, torch.Tensor)}
    if path.suffix == ".nc":
        with netCDF4.Dataset(path) as file:
            return {name: np.asarray(variable[...]) for name, variable in file.variables.items()}
    if path.suffix == ".zarr":
        return {name: array[...] for name, array in zarr.open_group(path, mode="r").arrays()}
    if path.suffix == ".mat" and not h5py.is_hdf5(path):
        return {name: value for name, value in scipy.io.loadmat(path).items() if not name.startswith("__")}
    with h5py.File(path) as file:
        return hdf5_arrays(file)


def files(path: Path) -> list[Path]:
    """The files of a dataset that hold arrays; a zarr folder counts as one."""
    every = [path, *sorted(path.rglob("*"))]
    stores = [entry for entry in every if entry.suffix == ".zarr"]
    kinds = {".h5", ".hdf5", ".nc", ".mat", ".pt", ".npy", ".npz"}
    return stores + [entry for entry in every if entry.suffix in kinds]


@pytest.mark.parametrize("name", WRITERS)
def test_a_writer_says_what_its_files_hold(published, name):
    said = published(name)
    spatial = {values.shape[3:] for values in said.u.values()}
    assert len(spatial) == 1
    grid = tuple(*spatial)
    assert len(set(grid)) == len(grid) or "apebench_2d" in name, "equal axes hide an exchange"
    assert len(said.fields) == len(set(said.fields)) == len(said.channels)
    for values in said.u.values():
        assert values.dtype in (np.float32, np.float64)
        assert values.shape[2] == sum(said.channels)
    counts = {split: len(values) for split, values in said.u.items()}
    steps = {split: values.shape[1] for split, values in said.u.items()}
    assert said.times is None or (len(said.times) == max(steps.values()) and (np.diff(said.times) > 0).all())
    assert said.params.keys() == said.u.keys()
    for split, params in said.params.items():
        assert {value.shape for value in params.values()} <= {(counts[split],)}
    for value in said.given.values():
        assert len(value) in (1, sum(counts.values()))
        assert value.shape[2:] == grid
    options = (said.options.get(key) for key in ("boundary", "extent"))
    for sides in (said.extent, said.boundary, said.axes or None, *options):
        assert sides is None or len(sides) == len(grid)
    assert {own.shape for own in said.own_times.values()} <= {(counts[split], steps[split]) for split in said.u}
    assert {own.shape for own in said.own_extent.values()} <= {(count, len(grid)) for count in counts.values()}
    starts = np.concatenate([values[:, 0].reshape(len(values), -1) for values in said.u.values()])
    assert len(np.unique(starts, axis=0)) == len(starts), "trajectories that look alike hide an exchange"
    found = [array for file in files(said.path) for array in arrays(file).values() if array.dtype.kind in "fiub"]
    stored = np.concatenate([np.asarray(array, np.float64).ravel() for array in found])
    for values in (*said.u.values(), *said.given.values()):
        assert np.isfinite(values).all()
        assert np.isin(np.asarray(values, np.float64), stored).all()


def channel(number: int) -> Callable[[np.ndarray], np.ndarray]:
    return lambda u: u[:, :, number]


def tensor(u: np.ndarray) -> np.ndarray:
    return np.moveaxis(u[:, :, 3:], 2, -1).reshape(3, 5, 8, 12, 2, 2)


# For a file and a key of each layout: which split it holds, and how its axes come from those of u (n, T, C, *N).
LAYOUTS = [
    ("write_well_2d", "data/valid/*.hdf5", "t1_fields/velocity", "valid", lambda u: np.moveaxis(u[:, :, 2:], 2, -1)),
    ("write_well_tensors", "data/train/*", "t2_fields/D", "train", tensor),
    ("write_pdebench_burgers", "", "tensor", "all", channel(0)),
    ("write_pdebench_cfd_3d", "", "Vz", "all", channel(4)),
    ("write_pdebench_diffusion_reaction", "", "0001/data", "all", lambda u: u[1].transpose(0, 2, 3, 1)),
    ("write_pdebench_incompressible", "*-1.h5", "velocity", "all", lambda u: u[2:, :, :2].transpose(0, 1, 3, 4, 2)),
    ("write_pdearena_smoke", "*_test_*", "test/vy", "test", channel(2)),
    ("write_pdearena_maxwell", "*_valid_*", "valid/h_field", "valid", lambda u: np.moveaxis(u[:, :, 3:], 2, -1)),
    ("write_pdearena_shallow_water_runs", "test/seed=101/run*/output.nc", "vor", "test", lambda u: u[1, :, 2:3]),
    ("write_pdearena_shallow_water_zarr", "valid.zarr", "vor", "valid", lambda u: u[:, :, 2:3]),
    ("write_temporal_burgers_2d", "valid/*", "valid/u", "valid", channel(0)),
    ("write_pde_refiner_ks", "KS_test.h5", "test/pde_8-16", "test", channel(0)),
    ("write_message_passing_combined", "CE_valid_E2.h5", "valid/pde_6-8", "valid", lambda u: u[:, :, 0, ::2]),
    ("write_fno_navier_stokes_v5", "", "u", "all", lambda u: u[:, :, 0].transpose(0, 2, 3, 1)),
    ("write_fno_navier_stokes_v73", "", "u", "all", lambda u: u[:, :, 0].transpose(1, 3, 2, 0)),
    ("write_fno_burgers_v73", "", "u", "all", lambda u: u[:, 1, 0].T),
    ("write_neuraloperator_burgers_older", "burgers_test_16.pt", "output", "test", channel(0)),
    ("write_apebench_2d", "*_test.npy", "2d_phy_burgers_test.npy", "test", lambda u: u),
    ("write_poseidon_sines", "", "velocity", "all", lambda u: u),
    ("write_poseidon_allen_cahn", "", "solution", "all", channel(0)),
    ("write_poseidon_helmholtz", "", "Sample_10/u", "all", lambda u: u[10, 0, 0]),
    ("write_cfdbench_cavity", "prop/case0001/v.npy", "v.npy", "all", lambda u: u[3, :, 1]),
    ("write_dpot_scattered", "train/data_10.hdf5", "data", "train", lambda u: u[10].transpose(2, 3, 0, 1)),
    ("write_dpot_together", "*_test.hdf5", "data", "test", lambda u: u.transpose(0, 3, 4, 1, 2)),
    ("write_plain_netcdf", "", "p", "all", lambda u: u[:, :, 1].transpose(1, 0, 3, 2)),
    ("write_plain_zarr_3", "", "u", "all", lambda u: u[:, :, 0].swapaxes(0, 1)),
]  # fmt: skip


@pytest.mark.parametrize(("name", "pattern", "key", "split", "layout"), LAYOUTS, ids=[row[0] for row in LAYOUTS])
def test_axes_stand_in_the_order_of_the_format(published, name, pattern, key, split, layout):
    said = published(name)
    file = next(iter(sorted(said.path.glob(pattern)))) if pattern else said.path
    np.testing.assert_array_equal(arrays(file)[key], layout(said.u[split]))


def test_exchanges_and_shifts_of_known_waves_show():
    """On equal axes, so that the shape does not tell."""
    u = waves(4, np.arange(4.0), (4, 4, 4), 4)
    for axis in range(u.ndim):
        assert np.abs(u - np.flip(u, axis)).max() > 0.05
        assert np.abs(u - np.roll(u, 1, axis)).max() > 0.01
        for other in range(axis):
            assert np.abs(u - np.swapaxes(u, axis, other)).max() > 0.05


def test_the_last_point_repeats_the_first_where_an_axis_includes_both_ends():
    u = waves(2, np.arange(3.0), (9,), ends=True)
    np.testing.assert_allclose(u[..., -1], u[..., 0], rtol=1e-12)
    assert np.abs(u[..., 1] - u[..., 0]).min() > 1e-3


def test_damaged_files_are_where_they_are_said_to_be(tmp_path):
    for name, damage in DAMAGES.items():
        folder = tmp_path / name
        path, words = damage(folder)
        assert path.exists() == (name != "damage_plain_missing_file"), name
        # The first word names a file or a folder: a message without it would not help.
        places = [path, *folder.rglob("*")]
        assert any(words[0] in place.parts[-3:] for place in places), name


def test_each_format_has_several_damaged_variants():
    formats = {name.split("_")[1] for name in DAMAGES}
    numbers = {known: sum(name.split("_")[1] == known for name in DAMAGES) for known in formats}
    assert min(numbers.values()) >= 3, numbers
    assert {name.split("_")[1] for name in WRITERS} - formats <= {"pde"}


@pytest.mark.slow
@pytest.mark.parametrize("name", ["write_plain_zarr_2", "write_plain_zarr_3", "write_pdearena_shallow_water_zarr"])
def test_xarray_knows_the_axes_of_zarr_folders(published, name):
    xarray = pytest.importorskip("xarray")
    said = published(name)
    for store in files(said.path):
        if store.suffix == ".zarr":
            values = xarray.open_zarr(store)["u"]
            assert set(values.dims) >= {"time"}
            assert values.dims[-2:] in {("x", "y"), ("lat", "lon")}
            assert np.isfinite(values.to_numpy()).all()


def test_the_writers_know_nothing_of_what_reads_them():
    folder = Path(__file__).parent.parent / "support" / "published"
    assert [path.name for path in folder.glob("*.py") if "tendency" in path.read_text(encoding="utf-8")] == []
