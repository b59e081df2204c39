"""Datasets and data files as xarray shows them: the same values, read when they are asked for."""

import importlib.util
import pickle

import numpy as np
import pytest
import xarray as xr

import tendency
from tendency.data.chunk_storage import ChunkStorage
from tendency.data.metadata import DatasetError
from tests.support.sample_files import SAMPLES, U

N, T, POINTS = 9, 6, (5, 4)
TIMES = np.linspace(0.0, 1.0, T)
STATES = np.random.default_rng(0).normal(size=(N, T, 3, *POINTS)).astype("f4")
MASK = np.random.default_rng(1).normal(size=(N, *POINTS)).astype("f4")
SPLIT = {"train": [8, 0, 3, 2, 5], "valid": [1], "test": [7, 4, 6]}
ORDER = [number for numbers in SPLIT.values() for number in numbers]

with_dask = pytest.mark.skipif(importlib.util.find_spec("dask") is None, reason="dask is not installed")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A dataset of a vector and a scalar, with a constant field, in several chunks."""
    facts = {"fields": {"velocity": 1, "pressure": 0}, "extent": [2.0, 1.0], "boundary": ["periodic", "open"]}
    facts |= {"params": {"nu": np.arange(N) / 8, "rho": 3.0}, "given": {"mask": MASK}, "split": SPLIT}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tendency.data.store_trajectories.CHUNK_BYTES", 2 * STATES[0].nbytes)
        return tendency.write_dataset(tmp_path_factory.mktemp("data") / "flow", STATES, TIMES, **facts)


@pytest.fixture
def without_dask(monkeypatch):
    """As on a machine that has no dask."""
    monkeypatch.setattr("tendency.data.xarray_view.find_spec", lambda name: None)


def test_fields_coordinates_and_attributes_are_those_of_the_dataset(folder):
    data = tendency.open_dataset(folder)
    assert data.velocity.dims == ("trajectory", "time", "component", "x", "y")
    assert data.pressure.dims == ("trajectory", "time", "x", "y")
    assert data.mask.dims == ("trajectory", "x", "y")
    assert np.array_equal(data.velocity, STATES[ORDER, :, :2])
    assert np.array_equal(data.pressure, STATES[ORDER, :, 2])
    assert np.array_equal(data.mask, MASK[ORDER])
    assert np.array_equal(data.nu, np.array(ORDER) / 8)
    assert data.rho.values.tolist() == [3.0] * N
    assert data.split.values.tolist() == [name for name, numbers in SPLIT.items() for _ in numbers]
    assert np.allclose(data.x, 2.0 * np.arange(5) / 5)
    assert np.allclose(data.y, (np.arange(4) + 0.5) / 4)
    assert np.array_equal(data.time, TIMES)
    assert data.component.values.tolist() == ["x", "y"]
    assert data.attrs == {"name": "flow", "equation": "", "boundary": "periodic, open", "dt": 0.2}


def test_one_split_is_that_split_in_its_order(folder):
    for split, numbers in SPLIT.items():
        assert np.array_equal(tendency.open_dataset(folder, split).pressure, STATES[numbers, :, 2])


INDICES = [
    {"trajectory": 3, "time": -1},
    {"trajectory": slice(6, 1, -2), "time": slice(None, None, -1), "component": 1},
    {"trajectory": [7, 0, 7], "x": [4, 1], "y": slice(1, None, 2)},
    {"time": slice(2, 2)},
    {"trajectory": xr.DataArray([0, 8, 4], dims="point"), "time": xr.DataArray([5, 0, 2], dims="point")},
]


@pytest.mark.parametrize("index", INDICES, ids=str)
def test_any_index_gives_what_it_gives_of_values_in_memory(folder, without_dask, index):
    data = tendency.open_dataset(folder)
    loaded = tendency.open_dataset(folder).load()
    xr.testing.assert_identical(data.isel(index).load(), loaded.isel(index))


def test_nothing_is_read_before_it_is_asked_for_and_then_no_more_than_that(folder, without_dask, monkeypatch):
    read, real = [], ChunkStorage.states
    monkeypatch.setattr(ChunkStorage, "states", lambda *asked: read.append(asked[1:]) or real(*asked))
    data = tendency.open_dataset(folder)
    some = data.velocity.isel(trajectory=slice(1, 4), time=slice(0, 4, 2))
    assert read == []
    assert np.array_equal(some, STATES[ORDER][1:4, 0:4:2, :2])
    assert read == [(range(1, 2), slice(0, 4, 2)), (range(2, 4), slice(0, 4, 2))]


@with_dask
def test_threads_of_dask_compute_what_numpy_does(folder):
    data = tendency.open_dataset(folder)
    assert data.velocity.chunks[0] == (2, 2, 1, 1, 2, 1)
    energy = (data.velocity**2).sum("component").mean(("x", "y"))
    expected = (STATES[ORDER, :, :2] ** 2).sum(2).mean((-1, -2))
    assert np.allclose(energy.compute(scheduler="threads", num_workers=4), expected)


@pytest.mark.slow
@with_dask
def test_processes_of_dask_compute_what_numpy_does(folder, tmp_path):
    path = SAMPLES["temporal_pdes"](tmp_path)
    for data, expected in (
        (tendency.open_dataset(folder).pressure, STATES[ORDER, :, 2]),
        (tendency.open_dataset(path).u, U[:, ::-1]),
    ):
        mean = data.mean("trajectory").compute(scheduler="processes", num_workers=2)
        assert np.allclose(mean, expected.mean(0), atol=1e-6)


def test_data_files_are_opened_in_place_by_the_reader_that_knows_them(tmp_path):
    path = SAMPLES["temporal_pdes"](tmp_path)
    data = tendency.open_dataset(path)
    # The format stores the heat equation backwards.
    assert np.array_equal(data.u, U[:, ::-1])
    assert np.array_equal(data.beta, [0.0, 1.0, 2.0])
    assert sorted(tmp_path.iterdir()) == [path]


def test_trajectories_that_differ_in_times_and_sides_say_so_each(tmp_path):
    data = tendency.open_dataset(SAMPLES["lpsda"](tmp_path))
    rows = np.array([1.0, 1.1, 0.9])[:, None]
    assert np.allclose(data.time_of_trajectory, rows * np.arange(4))
    assert np.allclose(data.extent_x, 6 * rows[:, 0])
    assert np.allclose(data.x_share, np.arange(6) / 6)
    assert "time" not in data.coords
    assert "x" not in data.coords


def test_what_files_do_not_say_is_named(tmp_path):
    np.save(tmp_path / "1d_adv_train.npy", U[:, :, None])
    data = tendency.open_dataset(tmp_path)
    assert "dt" in data.attrs["unsaid"].split(", ")
    assert np.array_equal(data[next(iter(data))], U)


def test_an_opened_dataset_goes_to_other_processes_as_it_is(folder, without_dask):
    again = pickle.loads(pickle.dumps(tendency.open_dataset(folder, "test")))  # noqa: S301  made here
    assert np.array_equal(again.pressure, STATES[SPLIT["test"], :, 2])


def test_what_is_not_there_is_answered_in_a_sentence(folder, tmp_path):
    with pytest.raises(DatasetError, match="path: expected a dataset's folder"):
        tendency.open_dataset(tmp_path / "nowhere")
    with pytest.raises(ValueError, match=r"split: expected one of train, valid, test, got 'training'"):
        tendency.open_dataset(folder, "training")
