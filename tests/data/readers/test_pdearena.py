"""PDEArena's HDF5 files."""

import numpy as np
import pytest

from tendency.data.metadata import DatasetError
from tendency.data.readers.pdearena import PDEArena
from tendency.data.readers.reader import StatedFacts
from tests.support.file_contents import random_values, read_whole, write_hdf5

READER = PDEArena()


def smoke(split="train", **changed):
    """Three trajectories of smoke as PDEArena writes them: coordinates and times reach both ends of the domain."""
    arrays = {
        "u": random_values(3, 5, 4, 8, kind="f8"),
        "vx": random_values(3, 5, 4, 8, seed=1, kind="f8"),
        "vy": random_values(3, 5, 4, 8, seed=2, kind="f8"),
        "t": np.tile(np.linspace(18, 28, 5), (3, 1)),
        "x": np.tile(np.linspace(0, 32, 4), (3, 1)),
        "y": np.tile(np.linspace(0, 16, 8), (3, 1)),
        "dt": np.full(3, 2.0),
        "dx": np.full(3, 8.0),
        "dy": np.full(3, 2.0),
        "buo_y": np.array([0.2, 0.3, 0.5]),
    } | changed
    return {f"{split}/{name}": values for name, values in arrays.items() if values is not None}


def test_smoke(tmp_path):
    arrays = smoke("valid")
    path = write_hdf5(tmp_path / "NavierStokes2D_valid_42_0.50000.h5", arrays)
    assert READER.recognises(path)
    ((block, u, _),) = read_whole(READER, path)
    for channel, name in enumerate(("u", "vx", "vy")):
        np.testing.assert_array_equal(u[:, :, channel], arrays[f"valid/{name}"])
    assert [field.rank for field in block.fields] == [0, 1]
    assert block.split == "valid"
    assert {name: values.tolist() for name, values in block.params.items()} == {"buo_y": [0.2, 0.3, 0.5]}
    assert block.extent.tolist() == [32, 16]
    assert block.times.tolist() == [18, 20, 22, 24, 26]
    assert "multiples of dt" in block.notes[0]


def test_times_that_agree_with_their_step_are_taken_as_they_are(tmp_path):
    times = np.arange(5.0) * 2 + np.arange(3)[:, None]
    ((block, _, _),) = read_whole(READER, write_hdf5(tmp_path / "file.h5", smoke(t=times)))
    np.testing.assert_array_equal(block.times, times)
    assert block.notes == ()


def test_steps_that_contradict_the_coordinates_are_noted(tmp_path):
    path = write_hdf5(tmp_path / "file.h5", smoke(dx=np.full(3, 5.0), dt=np.full(3, 7.0)))
    ((block, _, _),) = read_whole(READER, path)
    assert block.extent.tolist() == [20, 16]
    assert block.times.tolist() == [18, 20.5, 23, 25.5, 28]
    assert [note.split(" is not")[0] for note in block.notes] == ["train/dt", "train/dx"]


def test_coordinates_serve_where_there_are_no_steps(tmp_path):
    without = {"dx": None, "dy": None, "dt": None, "x": np.tile(np.arange(4.0), (3, 1)), "buo_y": None}
    ((block, _, _),) = read_whole(READER, write_hdf5(tmp_path / "file.h5", smoke(**without)))
    assert block.extent[0] == 4
    assert dict(block.params) == {}


def test_a_file_with_several_splits(tmp_path):
    path = write_hdf5(tmp_path / "file.h5", smoke("test") | smoke("train"))
    assert [block.split for block, _, _ in read_whole(READER, path)] == ["train", "test"]


def test_maxwell(tmp_path):
    arrays = {
        f"test/{name}": random_values(2, 3, 4, 5, 6, 3, seed=seed) for seed, name in enumerate(("d_field", "h_field"))
    }
    path = write_hdf5(tmp_path / "Maxwell3D_test_1.h5", arrays)
    assert READER.recognises(path)
    ((block, u, _),) = read_whole(READER, path)
    np.testing.assert_array_equal(u, np.concatenate([np.moveaxis(each, -1, 2) for each in arrays.values()], 2))
    assert (block.times, block.extent, block.num_channels) == (None, None, 6)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"vy": None}, "holds no array 'train/vy'"),
        ({"vy": random_values(3, 5, 8, 4)}, "train/vy: expected axes .* with 4 points along x as train/u has"),
        ({"t": np.zeros((3, 5))}, "train/t: expected times that increase"),
        ({"x": np.tile(np.arange(8.0), (3, 1))}, "train/x: expected 4 coordinates"),
        ({"dx": np.array([1.0, 0, 1])}, "train/dx: expected steps above 0, got 0"),
        ({"buo_y": np.array([1.0, np.inf, 1])}, "train/buo_y: expected finite numbers, got inf at index 1"),
    ],
)
def test_wrong_files_are_refused(tmp_path, changed, message):
    path = write_hdf5(tmp_path / "file.h5", smoke(**changed))
    with READER.open(path, StatedFacts()) as file, pytest.raises(DatasetError, match=message):
        file.blocks()


def test_a_file_of_another_format_is_not_recognised(tmp_path):
    path = write_hdf5(tmp_path / "file.h5", {"train/pde_140-256": random_values(2, 3, 4)})
    assert not READER.recognises(path)
    with READER.open(path, StatedFacts()) as file, pytest.raises(DatasetError, match="holds no array 'train/u'"):
        file.blocks()
