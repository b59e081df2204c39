"""Poseidon's netCDF files."""

import numpy as np
import pytest

from tendency.data.metadata import DatasetError
from tendency.data.readers.poseidon import Poseidon
from tendency.data.readers.reader import StatedFacts
from tests.support.file_contents import random_values, read_whole, write_hdf5

READER = Poseidon()
GAS = ["density", "velocity", "pressure"]


@pytest.mark.parametrize(
    ("file", "array", "channels", "names"),
    [
        ("CE-RM", "solution", 4, GAS),
        ("CE-RP", "data", 5, [*GAS, "tracer"]),
        ("GCE-RT", "solution", 6, [*GAS, "tracer", "gravity"]),
        ("FNS-KF", "solution", 2, ["velocity"]),
        ("NS-PwC", "velocity", 3, ["velocity", "tracer"]),
    ],
)
def test_flows(tmp_path, file, array, channels, names):
    values = random_values(3, 5, channels, 4, 6)
    path = write_hdf5(tmp_path / f"{file}.nc", {array: values})
    assert READER.recognises(path)
    ((block, u, _),) = read_whole(READER, path)
    np.testing.assert_array_equal(u, values)
    assert [field.name for field in block.fields] == names
    assert (block.times, block.extent, block.boundary, block.split) == (None, None, None, None)


def test_a_shear_layer_is_turned(tmp_path):
    values = random_values(2, 3, 2, 6, 4)
    ((block, u, _),) = read_whole(READER, write_hdf5(tmp_path / "NS-SL.nc", {"velocity": values}))
    np.testing.assert_array_equal(u, values.swapaxes(-1, -2))
    assert block.shape == (4, 6)


def test_waves_have_their_speed_as_a_constant_field(tmp_path):
    values, speed = random_values(3, 5, 4, 6), random_values(3, 4, 6, seed=1)
    path = write_hdf5(tmp_path / "Wave-Layer.nc", {"solution": values, "c": speed})
    ((block, u, given),) = read_whole(READER, path)
    np.testing.assert_array_equal(u[:, :, 0], values)
    np.testing.assert_array_equal(given[:, 0], speed)
    assert [field.name for field in block.given] == ["c"]


def test_a_scalar_without_constant_fields(tmp_path):
    ((block, _, _),) = read_whole(READER, write_hdf5(tmp_path / "ACE.nc", {"solution": random_values(3, 5, 4, 6)}))
    assert (block.num_channels, block.given) == (1, ())


def test_the_poisson_equation_is_steady(tmp_path):
    source, solution = random_values(3, 4, 6), random_values(3, 4, 6, seed=1)
    path = write_hdf5(tmp_path / "Poisson-Gauss.nc", {"source": source, "solution": solution})
    assert READER.recognises(path)
    ((block, u, given),) = read_whole(READER, path)
    assert block.is_steady
    np.testing.assert_array_equal(u[:, 0, 0], solution)
    np.testing.assert_array_equal(given[:, 0], source)


def test_the_helmholtz_equation_is_steady(tmp_path):
    """Samples are counted by their numbers, Sample_10 after Sample_9."""
    samples = {f"Sample_{i}": (random_values(4, 6, seed=i), random_values(4, 6, seed=20 + i)) for i in range(11)}
    arrays = {f"{name}/a": a for name, (a, _) in samples.items()} | {f"{name}/u": u for name, (_, u) in samples.items()}
    arrays |= {f"{name}/bc": np.array(0.1 * i) for i, name in enumerate(samples)}
    path = write_hdf5(tmp_path / "Helmholtz.h5", arrays)
    assert READER.recognises(path)
    ((block, u, given),) = read_whole(READER, path)
    assert (block.key, block.num_trajectories, block.is_steady) == ("Sample_0-Sample_10", 11, True)
    np.testing.assert_array_equal(u[:, 0, 0], np.stack([u for _, u in samples.values()]))
    np.testing.assert_array_equal(given[:, 0], np.stack([a for a, _ in samples.values()]))
    np.testing.assert_allclose(block.params["bc"], 0.1 * np.arange(11))


def test_an_airfoil_is_steady(tmp_path):
    values = random_values(3, 2, 4, 6)
    ((block, u, given),) = read_whole(READER, write_hdf5(tmp_path / "SE-AF.nc", {"solution": values}))
    assert block.is_steady
    np.testing.assert_array_equal(u[:, 0, 0], values[:, 1])
    np.testing.assert_array_equal(given[:, 0], values[:, 0])


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"solution": random_values(3, 5, 7, 4, 6)}, "solution: expected 2, 3, 4, 5, 6 channels, got 7"),
        (
            {"solution": random_values(3, 5, 4, 6), "c": random_values(3, 6, 4)},
            "c: expected axes .* with 4 points along x",
        ),
        ({"solution": random_values(3, 6)}, r"solution: expected 5 axes .*, got shape \(3, 6\)"),
        ({"solution": np.zeros((3, 5, 4, 6), "c8")}, "solution: expected an array of real numbers"),
        ({"u": random_values(3, 5, 4, 6)}, "expected an array solution, data or velocity, got u"),
        ({"source": random_values(3, 4, 6)}, "holds no array 'solution'"),
        ({"Sample_0/a": random_values(4, 6)}, "holds no array 'Sample_0/u'"),
    ],
)
def test_wrong_files_are_refused(tmp_path, arrays, message):
    path = write_hdf5(tmp_path / "file.nc", arrays)
    with READER.open(path, StatedFacts()) as file, pytest.raises(DatasetError, match=message):
        file.blocks()


def test_classic_netcdf_is_no_hdf5(tmp_path):
    path = tmp_path / "file.nc"
    path.write_bytes(b"CDF\x01" + bytes(100))
    assert not READER.recognises(path)
    with pytest.raises(DatasetError, match="is no HDF5 file"):
        READER.open(path, StatedFacts())
