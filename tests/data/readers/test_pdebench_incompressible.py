"""PDEBench's incompressible Navier-Stokes files."""

import numpy as np
import pytest

from tendency.data.metadata import DatasetError
from tendency.data.readers.pdebench_incompressible import PDEBenchIncompressible
from tendency.data.readers.reader import StatedFacts
from tests.support.file_contents import random_values, read_whole, write_hdf5

READER = PDEBenchIncompressible()
CONFIG = "NU: 0.01\ndomain_size:\n- 1\n- 2\nvelocity_extrapolation: ZERO\nDT: 5.0e-05\nseed: 3\n"


def contents(**changed):
    """Arrays of one file."""
    arrays = {
        "velocity": random_values(2, 5, 4, 6, 2),
        "particles": random_values(2, 5, 4, 6, 1, seed=1),
        "force": random_values(2, 4, 6, 2, seed=2),
        "t": np.tile(np.arange(5, dtype="f4") * np.float32(0.005), (2, 1)),
    } | changed
    return {name: values for name, values in arrays.items() if values is not None}


def test_flow_with_a_constant_force(tmp_path):
    arrays = contents()
    path = write_hdf5(tmp_path / "ns_incom_inhom_2d_512-0.h5", arrays, {"config": CONFIG, "latestIndex": 4})
    assert READER.recognises(path)
    ((block, u, given),) = read_whole(READER, path)
    np.testing.assert_array_equal(u[:, :, :2], arrays["velocity"].transpose(0, 1, 4, 2, 3))
    np.testing.assert_array_equal(u[:, :, 2], arrays["particles"][..., 0])
    np.testing.assert_array_equal(given, arrays["force"].transpose(0, 3, 1, 2))
    assert block.extent.tolist() == [1, 2]
    assert block.boundary == (("dirichlet", "dirichlet"),) * 2
    assert {name: values.tolist() for name, values in block.params.items()} == {"NU": [0.01, 0.01]}
    np.testing.assert_allclose(block.times, 0.005 * np.arange(5), rtol=1e-15)


def test_what_a_file_omits_is_not_made_up(tmp_path):
    path = write_hdf5(tmp_path / "flow.h5", contents(force=None))
    ((block, _, _),) = read_whole(READER, path)
    assert (block.extent, block.boundary, dict(block.params), block.given) == (None, None, {}, ())


def test_an_interrupted_simulation_ends_at_its_latest_snapshot(tmp_path):
    t = np.tile(np.array([0, 0.1, 0.2, 0, 0], "f4"), (2, 1))
    path = write_hdf5(tmp_path / "flow.h5", contents(t=t), {"latestIndex": 2})
    ((block, _, _),) = read_whole(READER, path)
    assert block.num_snapshots == 3
    assert "the 2 snapshots after it are left out" in block.notes[0]


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"t": np.zeros((2, 5))}, "t: expected times that increase, got 0 and then 0 at snapshot 1 of trajectory 0"),
        ({"force": random_values(2, 6, 4, 2)}, "force: expected axes .* with 4 points along x as velocity has"),
        ({"velocity": random_values(2, 5, 4, 6, 3), "force": None}, "velocity: expected 2 components, got 3"),
    ],
)
def test_wrong_files_are_refused(tmp_path, changed, message):
    path = write_hdf5(tmp_path / "flow.h5", contents(**changed))
    with READER.open(path, StatedFacts()) as file, pytest.raises(DatasetError, match=message):
        file.blocks()
