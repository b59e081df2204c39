"""The Well's files."""

import numpy as np
import pytest

from tendency.data.metadata import DatasetError
from tendency.data.readers.reader import StatedFacts
from tendency.data.readers.the_well import TheWell
from tests.support.file_contents import random_values, read_whole, write_hdf5

READER = TheWell()
ALL = {"sample_varying": True, "time_varying": True, "dim_varying": [True, True]}
FIXED = {"sample_varying": False, "time_varying": False}


def ends(n):
    """A mask of the first and the last point."""
    mask = np.zeros(n, bool)
    mask[[0, -1]] = True
    return mask


def contents():
    """(arrays, attributes) of two trajectories, five snapshots, 4 x 6 points, with all that the layout has."""
    arrays = {
        "dimensions/time": np.arange(5, dtype="f4") * np.float32(0.1),
        "dimensions/x": np.arange(4, dtype="f4") / 4,
        "dimensions/y": np.linspace(0.25, 2.75, 6, dtype="f4"),
        "boundary_conditions/x_periodic/mask": ends(4),
        "boundary_conditions/y_wall/mask": ends(6),
        "scalars/a": np.array(0.5),
        "scalars/b": np.array([1.0, 2.0]),
        "scalars/drive": np.arange(5.0),
        "t0_fields/density": random_values(2, 5, 4, 6),
        "t0_fields/depth": random_values(4, 6, seed=1),
        "t1_fields/velocity": random_values(2, 5, 4, 6, 2, seed=2),
        "t2_fields/stress": random_values(2, 5, 4, 6, 2, 2, seed=3),
    }
    attributes = {
        "dataset_name": "example",
        "grid_type": "cartesian",
        "n_spatial_dims": 2,
        "n_trajectories": 2,
        "simulation_parameters": ["a", "Re"],
        "a": 0.5,
        "Re": 100.0,
        ("dimensions", "spatial_dims"): ["x", "y"],
        ("scalars", "field_names"): ["a", "b", "drive"],
        ("scalars/b", "sample_varying"): True,
        ("scalars/drive", "time_varying"): True,
        ("t0_fields", "field_names"): ["depth", "density"],
        ("t1_fields", "field_names"): ["velocity"],
        ("t2_fields", "field_names"): ["stress"],
        ("boundary_conditions/x_periodic", "associated_dims"): "x",
        ("boundary_conditions/x_periodic", "bc_type"): "PERIODIC",
        ("boundary_conditions/y_wall", "associated_dims"): ["y"],
        ("boundary_conditions/y_wall", "bc_type"): "wall",
    }
    for name in ("t0_fields/density", "t1_fields/velocity", "t2_fields/stress"):
        attributes |= {(name, key): value for key, value in ALL.items()}
    attributes |= {("t0_fields/depth", key): value for key, value in (ALL | FIXED).items()}
    return arrays, attributes


def changed(path, arrays=None, attributes=None):
    """Writes the file with some arrays and attributes in place of others; None leaves one out."""
    both = [first | (second or {}) for first, second in zip(contents(), (arrays, attributes), strict=True)]
    return write_hdf5(path, *({name: value for name, value in each.items() if value is not None} for each in both))


def test_fields_of_all_ranks_parameters_and_boundaries(tmp_path):
    path = changed(tmp_path / "data" / "valid" / "example.hdf5")
    arrays, _ = contents()
    assert READER.recognises(path)
    assert READER.files(tmp_path) == [path]
    ((block, u, given),) = read_whole(READER, path)
    assert [(field.name, field.rank) for field in block.fields] == [("density", 0), ("velocity", 1), ("stress", 2)]
    np.testing.assert_array_equal(u[:, :, 0], arrays["t0_fields/density"])
    np.testing.assert_array_equal(u[:, :, 1:3], np.moveaxis(arrays["t1_fields/velocity"], -1, 2))
    np.testing.assert_array_equal(u[:, :, 5], arrays["t2_fields/stress"][..., 1, 0])
    np.testing.assert_array_equal(given, np.broadcast_to(arrays["t0_fields/depth"], (2, 1, 4, 6)))
    assert [field.name for field in block.given] == ["depth"]
    assert {name: values.tolist() for name, values in block.params.items()} == {
        "a": [0.5, 0.5],
        "Re": [100, 100],
        "b": [1, 2],
    }
    assert block.boundary == (("periodic", "periodic"), ("dirichlet", "dirichlet"))
    assert block.extent.tolist() == [1, 3]
    np.testing.assert_allclose(block.times, 0.1 * np.arange(5), rtol=1e-15)
    assert (block.split, block.equation) == ("valid", "example")
    assert block.notes == ("the scalar drive varies in time and is left out",)


def test_what_differs_between_trajectories(tmp_path):
    """Times and coordinates with a row for each; a boundary whose mask does, which is a constant field."""
    times = np.stack([np.arange(5.0), 2 * np.arange(5.0)])
    x = np.stack([np.arange(4.0), 3 * np.arange(4.0)])
    mask = random_values(2, 4, 6) > 0
    name = "boundary_conditions/obstacle"
    path = changed(
        tmp_path / "file.hdf5",
        {"dimensions/time": times, "dimensions/x": x, f"{name}/mask": mask},
        {
            ("dimensions/time", "sample_varying"): True,
            ("dimensions/x", "sample_varying"): True,
            (name, "associated_dims"): ["x", "y"],
            (name, "bc_type"): "WALL",
            (name, "sample_varying"): True,
        },
    )
    ((block, _, given),) = read_whole(READER, path)
    np.testing.assert_array_equal(block.times, times)
    assert block.extent.tolist() == [[4, 3], [12, 3]]
    assert [field.name for field in block.given] == ["depth", "obstacle_mask"]
    np.testing.assert_array_equal(given[:, 1], mask)
    assert block.split is None


@pytest.mark.parametrize("kept", [True, False])
def test_an_axis_without_variation_is_filled(tmp_path, kept):
    """It has length 1 in the files of The Well, and is missing in its documentation."""
    values = random_values(2, 5, 4, 1)
    stored = values if kept else values[..., 0]
    path = changed(
        tmp_path / "file.hdf5", {"t0_fields/density": stored}, {("t0_fields/density", "dim_varying"): [True, False]}
    )
    ((_, u, _),) = read_whole(READER, path)
    np.testing.assert_array_equal(u[:, :, 0], np.broadcast_to(values, (2, 5, 4, 6)))


def test_a_tensor_whose_components_are_one_axis(tmp_path):
    stress = random_values(2, 5, 4, 6, 2, 2)
    path = changed(tmp_path / "file.hdf5", {"t2_fields/stress": stress.reshape(2, 5, 4, 6, 4)})
    ((_, u, _),) = read_whole(READER, path)
    np.testing.assert_array_equal(u[:, :, 4], stress[..., 0, 1])


@pytest.mark.parametrize(
    ("kind", "marked", "expected"),
    [
        ("wall", slice(None), ("dirichlet", "open")),
        ("wall", slice(1, 3), ("open", "open")),
        ("Open", slice(1, 3), ("open", "open")),
        ("periodic", slice(0, 0), ("periodic", "periodic")),
    ],
)
def test_a_boundary_over_two_axes(tmp_path, kind, marked, expected):
    """A wall must cover a whole side; what is periodic is so whatever its mask says; the rest is open."""
    mask = np.zeros((4, 6), bool)
    mask[0, marked] = True
    name = "boundary_conditions/left"
    path = changed(
        tmp_path / "file.hdf5",
        {f"{name}/mask": mask, "boundary_conditions/x_periodic/mask": None},
        {
            ("boundary_conditions/x_periodic", "associated_dims"): [],
            (name, "associated_dims"): "xy",
            (name, "bc_type"): kind,
        },
    )
    ((block, _, _),) = read_whole(READER, path)
    assert block.boundary[0] == expected
    assert [field.name for field in block.given] == ["depth"]


def test_a_file_without_optional_parts(tmp_path):
    """Neither scalars, boundaries, vectors, tensors nor lists of names."""
    arrays, _ = contents()
    some = {name: arrays[name] for name in ("dimensions/time", "dimensions/x", "t0_fields/density")}
    some["t0_fields/density"] = some["t0_fields/density"][..., 0]
    path = write_hdf5(tmp_path / "file.hdf5", some, {("dimensions", "spatial_dims"): ["x"]})
    assert READER.recognises(path)
    ((block, u, _),) = read_whole(READER, path)
    np.testing.assert_array_equal(u[:, :, 0], some["t0_fields/density"])
    assert (block.boundary, dict(block.params), block.given) == (None, {}, ())


@pytest.mark.parametrize(
    ("arrays", "attributes", "message"),
    [
        ({"dimensions/x": np.arange(6.0)}, {}, "density: expected axes .* with 6 points along x as dimensions"),
        ({"dimensions/time": np.arange(7.0)}, {}, "dimensions/time: expected 5 times"),
        (
            {"dimensions/time": -np.arange(5.0)},
            {},
            "dimensions/time: expected times that increase, got -?0 and then -1",
        ),
        ({"dimensions/y": None}, {}, "dimensions: expected time and the one to three axes"),
        (
            {"t1_fields/velocity": random_values(2, 5, 4, 6, 3)},
            {},
            "velocity: expected axes .* with 2 components in all",
        ),
        ({"t0_fields/density": random_values(3, 5, 4, 6)}, {}, "velocity: expected axes .* with 3 trajectories as t0"),
        ({"t0_fields/density": np.zeros((2, 5, 4, 6), "c8")}, {}, "density: expected an array of real numbers"),
        ({}, {("t0_fields", "field_names"): ["pressure"]}, "holds no array 't0_fields/pressure'"),
        ({}, {("boundary_conditions/y_wall", "bc_type"): "slip"}, "y_wall: expected bc_type wall, open or periodic"),
        (
            {},
            {("boundary_conditions/y_wall", "associated_dims"): "z"},
            "y_wall: expected associated_dims among x, y, got z",
        ),
        ({"boundary_conditions/y_wall/mask": ends(4)}, {}, r"y_wall/mask: expected shape \(6,\) over y, got \(4,\)"),
        ({"scalars/b": np.arange(3.0)}, {}, "scalars/b: expected 2 values, got 3"),
    ],
)
def test_wrong_files_are_refused(tmp_path, arrays, attributes, message):
    path = changed(tmp_path / "file.hdf5", arrays, attributes)
    with READER.open(path, StatedFacts()) as file, pytest.raises(DatasetError, match=message) as error:
        file.blocks()
    assert str(error.value).startswith(str(path))


def test_chunks_of_this_program_are_read(dataset):
    """Trajectories of its own datasets, which have The Well's layout, as its own reader has them."""
    from tendency.data.dataset import TrajectoryDataset

    own = TrajectoryDataset(dataset, "train", required=(0,))
    path = sorted((dataset / "train").rglob("*.hdf5"))[0]
    ((block, u, _),) = read_whole(READER, path)
    rows = range(block.num_trajectories)
    np.testing.assert_array_equal(u, own.storage.states(rows, slice(0, block.num_snapshots)).numpy())
    times, conditions = own.storage.heads(rows)
    np.testing.assert_array_equal(np.broadcast_to(block.times, times.shape), times.numpy())
    np.testing.assert_allclose(np.broadcast_to(block.extent, conditions.extent.shape), conditions.extent.numpy())
    assert block.boundary == (("periodic", "periodic"),)
    assert block.split == "train"
    for name in conditions.param_names:
        np.testing.assert_array_equal(block.params[name], conditions.parameter(name).numpy())
