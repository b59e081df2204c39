"""PDEBench's files with a group for each trajectory."""

import numpy as np
import pytest

from tendency.data.metadata import DatasetError
from tendency.data.readers.pdebench_grouped import PDEBenchGrouped
from tendency.data.readers.reader import StatedFacts
from tests.support.file_contents import random_values, read_whole, write_hdf5

READER = PDEBenchGrouped()


def grouped(path, data, grids, config=None):
    """A file with a group for each array of data; ``grids`` are the coordinates t, x and y."""
    arrays, attributes = {}, {}
    for number, values in enumerate(data):
        group = f"{number:04d}"
        arrays |= {f"{group}/data": values} | {f"{group}/grid/{axis}": x for axis, x in grids.items()}
        if config is not None:
            attributes[group, "config"] = config(number)
    return write_hdf5(path, arrays, attributes)


def test_diffusion_sorption(tmp_path):
    data = [random_values(5, 8, 1, seed=seed) for seed in range(3)]
    grids = {"t": np.arange(5, dtype="f4") * 5, "x": (np.arange(8, dtype="f4") + 0.5) / 8}
    path = grouped(tmp_path / "1D_diff-sorp_NA_NA.h5", data, grids)
    assert READER.recognises(path)
    ((block, u, _),) = read_whole(READER, path)
    np.testing.assert_array_equal(u[:, :, 0], np.stack(data)[..., 0])
    assert block.times.tolist() == [0, 5, 10, 15, 20]
    assert block.extent.tolist() == [1]
    assert block.key == "0000-0002"
    assert block.boundary is None


@pytest.mark.parametrize("name", ["2D_diff-react_NA_NA.h5", "renamed.h5"])
def test_diffusion_reaction_is_turned(tmp_path, name):
    """Its arrays have y before x, on a square grid too; its configuration says what it is where the name does not."""
    data = [random_values(4, 6, 6, 2, seed=seed) for seed in range(2)]
    grids = {"t": np.linspace(0, 5, 4), "x": np.linspace(-0.9, 0.9, 6), "y": np.linspace(-0.8, 0.8, 6)}
    config = "sim:\n  Du: 1E-3\n  Dv: 0.005\n  k: 0.005\n  t: 5\n  tdim: 4\n  x_left: -1.0\n  seed: {}\nname: x\n"
    path = grouped(tmp_path / name, data, grids, lambda number: config.format(number))
    ((block, u, _),) = read_whole(READER, path)
    np.testing.assert_array_equal(u, np.stack(data).transpose(0, 1, 4, 3, 2))
    assert {key: values.tolist() for key, values in block.params.items()} == {
        "Du": [0.001, 0.001],
        "Dv": [0.005, 0.005],
        "k": [0.005, 0.005],
    }
    np.testing.assert_allclose(block.extent, [6 * 0.36, 6 * 0.32])


def test_shallow_water_has_a_radius_for_each_trajectory(tmp_path):
    data = [random_values(4, 6, 8, 1, seed=seed) for seed in range(3)]
    grids = {"t": np.linspace(0, 1, 4), "x": np.linspace(-2, 2, 6), "y": np.linspace(-1, 1, 8)}
    config = "sim:\n  dam_radius: {}\n  inner_height: 2.0\n  seed: {}\n"
    path = grouped(tmp_path / "2D_rdb_NA_NA.h5", data, grids, lambda number: config.format(0.3 + 0.1 * number, number))
    ((block, u, _),) = read_whole(READER, path)
    np.testing.assert_array_equal(u[:, :, 0], np.stack(data)[..., 0])
    np.testing.assert_allclose(block.params["dam_radius"], [0.3, 0.4, 0.5])


def test_neighbours_of_equal_form_are_one_block(tmp_path):
    """A group with another number of snapshots is a block of its own; the rows of the others stay in order."""
    lengths = (4, 4, 3, 4)
    data = [random_values(length, 6, 1, seed=seed) for seed, length in enumerate(lengths)]
    arrays = {f"{number:04d}/data": values for number, values in enumerate(data)}
    for number, length in enumerate(lengths):
        arrays |= {f"{number:04d}/grid/t": np.arange(length) * (1.0 + number), f"{number:04d}/grid/x": np.arange(6.0)}
    found = read_whole(READER, write_hdf5(tmp_path / "file.h5", arrays))
    assert [(block.key, block.num_trajectories, block.num_snapshots) for block, _, _ in found] == [
        ("0000-0001", 2, 4),
        ("0002", 1, 3),
        ("0003", 1, 4),
    ]
    np.testing.assert_array_equal(found[0][1][:, :, 0], np.stack(data[:2])[..., 0])
    assert found[0][0].times.tolist() == [[0, 1, 2, 3], [0, 2, 4, 6]]


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"0001/data": random_values(4, 5, 1)}, r"0001/grid/x: expected axes \(points along x\) with 5 points along x"),
        ({"0001/grid/t": np.array([0.0, 1, 1, 2])}, "0001/grid/t: expected times that increase, got 1 and then 1"),
        (
            {"0001/grid/t": np.arange(5.0)},
            r"0001/grid/t: expected axes \(snapshots\) with 4 snapshots as 0001/data has",
        ),
        ({"0001/data": random_values(4)}, r"0001/data: expected 2 axes .*, got shape \(4,\)"),
        ({"0001/data": None}, "holds no array '0001/data'"),
    ],
)
def test_wrong_groups_are_refused(tmp_path, changed, message):
    arrays = {}
    for group in ("0000", "0001"):
        arrays |= {f"{group}/data": random_values(4, 6, 1), f"{group}/grid/t": np.arange(4.0)}
        arrays |= {f"{group}/grid/x": np.arange(6.0)}
    arrays = {name: values for name, values in (arrays | changed).items() if values is not None}
    path = write_hdf5(tmp_path / "file.h5", arrays)
    with READER.open(path, StatedFacts()) as file, pytest.raises(DatasetError, match=message):
        file.blocks()
