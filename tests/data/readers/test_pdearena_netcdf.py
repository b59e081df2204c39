"""PDEArena's shallow water, as netCDF files and as zarr stores."""

import json
import sys

import numpy as np
import pytest

from tendency.data.metadata import DatasetError
from tendency.data.readers.pdearena_netcdf import PDEArenaNetCDF
from tendency.data.readers.reader import StatedFacts
from tests.support.file_contents import random_values, read_whole, write_hdf5

READER = PDEArenaNetCDF()


def sphere(**changed):
    """One trajectory; latitudes fall, as in the files of weather models."""
    arrays = {name: random_values(4, 1, 3, 6, seed=seed) for seed, name in enumerate(("u", "v", "vor"))}
    arrays |= {"pres": random_values(4, 3, 6, seed=3), "time": np.arange(4, dtype="i8") * 6}
    return arrays | {"lon": np.arange(6.0) * 60, "lat": np.array([60.0, 0, -60])} | changed


def test_a_trajectory_in_a_folder_of_its_own(tmp_path):
    arrays = sphere()
    path = write_hdf5(tmp_path / "train" / "seed=1" / "run0001" / "output.nc", arrays)
    assert READER.recognises(path)
    assert READER.files(tmp_path) == [path]
    ((block, u, _),) = read_whole(READER, path)
    assert [(field.name, field.rank) for field in block.fields] == [("pres", 0), ("velocity", 1)]
    stacked = np.stack([arrays["pres"], arrays["u"][:, 0], arrays["v"][:, 0]], 1)[:, :, ::-1]
    np.testing.assert_array_equal(u[0], stacked.swapaxes(-1, -2))
    assert block.extent.tolist() == [360, 180]
    assert block.times.tolist() == [0, 6, 12, 18]
    assert (block.split, block.boundary) == ("train", None)


def test_the_vorticity_in_place_of_the_velocity(tmp_path):
    arrays = sphere()
    path = write_hdf5(tmp_path / "output.nc", arrays)
    ((block, u, _),) = read_whole(READER, path, arrays=("vor", "pres"))
    assert [field.name for field in block.fields] == ["vor", "pres"]
    np.testing.assert_array_equal(u[0, :, 0], arrays["vor"][:, 0, ::-1].swapaxes(-1, -2))


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"u": random_values(4, 1, 6, 3)}, "u: expected axes .* with 3 points along y as pres has"),
        ({"u": random_values(4, 2, 3, 6), "v": random_values(4, 2, 3, 6)}, "v: expected 1 components, got 2"),
        ({"lon": np.arange(3.0)}, "lon: expected 6 coordinates"),
        ({"time": np.zeros(4)}, "time: expected times that increase"),
    ],
)
def test_wrong_files_are_refused(tmp_path, changed, message):
    path = write_hdf5(tmp_path / "output.nc", sphere(**changed))
    with READER.open(path, StatedFacts()) as file, pytest.raises(DatasetError, match=message):
        file.blocks()


def test_packed_values_are_refused(tmp_path):
    path = write_hdf5(tmp_path / "output.nc", sphere(), {("pres", "scale_factor"): 0.1})
    with READER.open(path, StatedFacts()) as file, pytest.raises(DatasetError, match="pres: .*packed ones"):
        file.blocks()


def store(path, version=2):
    """A zarr store of two trajectories, and its arrays."""
    zarr = pytest.importorskip("zarr")
    arrays = {name: random_values(2, 4, 1, 3, 6, seed=seed) for seed, name in enumerate(("u", "v", "vor"))}
    arrays |= {"pres": random_values(2, 4, 3, 6, seed=3), "lon": np.arange(6.0) * 60, "lat": np.array([-60.0, 0, 60])}
    group = zarr.open_group(str(path), mode="w", zarr_format=version)
    for name, values in arrays.items():
        group.create_array(name, shape=values.shape, dtype=values.dtype, chunks=values.shape)[...] = values
    return arrays


@pytest.mark.parametrize("version", [2, 3])
def test_a_store_of_trajectories(tmp_path, version):
    path = tmp_path / "valid.zarr"
    arrays = store(path, version)
    assert READER.recognises(path)
    assert READER.files(tmp_path) == READER.files(path) == [path]
    assert {part.name for part in READER.parts(path)} >= {".zarray" if version == 2 else "zarr.json"}
    ((block, u, _),) = read_whole(READER, path)
    np.testing.assert_array_equal(u[:, :, 0], arrays["pres"].swapaxes(-1, -2))
    np.testing.assert_array_equal(u[:, :, 2], arrays["v"][:, :, 0].swapaxes(-1, -2))
    assert (block.num_trajectories, block.times, block.split) == (2, None, "valid")


def test_a_store_whose_decoding_would_run_what_it_says(tmp_path):
    """numcodecs has a codec that unpickles."""
    store(path := tmp_path / "train.zarr")
    description = path / "pres" / ".zarray"
    content = json.loads(description.read_text())
    description.write_text(json.dumps(content | {"dtype": "|O", "filters": [{"id": "pickle", "protocol": 5}]}))
    with pytest.raises(DatasetError, match="pres: compressed by pickle"):
        READER.open(path, StatedFacts())


def test_a_store_without_the_package_that_reads_it(tmp_path, monkeypatch):
    (tmp_path / "train.zarr").mkdir()
    monkeypatch.setitem(sys.modules, "zarr", None)
    with pytest.raises(DatasetError, match="zarr is not installed: pip install zarr"):
        READER.open(tmp_path / "train.zarr", StatedFacts())


def test_a_damaged_store(tmp_path):
    store(path := tmp_path / "train.zarr")
    chunk = next(
        each for each in sorted((path / "pres").rglob("*")) if each.is_file() and not each.name.startswith(".z")
    )
    chunk.write_bytes(b"")
    with READER.open(path, StatedFacts()) as file:
        (block,) = file.blocks()
        with pytest.raises(DatasetError, match="the values of pres, velocity cannot be read"):
            file.read(block, slice(0, 1), slice(0, 1))


def test_a_lost_chunk_is_refused(tmp_path):
    """zarr would read it as its fill value."""
    store(path := tmp_path / "train.zarr")
    for chunk in (path / "pres").glob("0*"):
        chunk.unlink()
    with pytest.raises(DatasetError, match="pres: expected 1 chunks, got 0; zarr would read those that are missing"):
        read_whole(READER, path)
