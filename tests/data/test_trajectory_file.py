"""Chunk files: The Well's layout, and what is refused when one is damaged or hostile."""

import shutil

import h5py
import numpy as np
import pytest

from tendency.data.dataset import TrajectoryDataset
from tendency.data.manifest import read_manifest
from tendency.data.metadata import DatasetError
from tendency.data.repair import find_damage
from tendency.data.trajectory_reader import read_trajectories


@pytest.fixture
def damaged(dataset, tmp_path):
    """A copy of the dataset and one of its chunks."""
    folder = tmp_path / "waves"
    shutil.copytree(dataset, folder)
    return folder, folder / "train" / "chunk-00001.hdf5"


def test_the_layout_is_the_well_s(dataset):
    with h5py.File(dataset / "train" / "chunk-00000.hdf5") as file:
        assert set(file) == {
            "t0_fields",
            "t1_fields",
            "t2_fields",
            "dimensions",
            "boundary_conditions",
            "scalars",
            "tendency",
        }
        assert file.attrs["dataset_name"] == "waves"
        assert file.attrs["grid_type"] == "cartesian"
        assert file.attrs["n_spatial_dims"] == 1
        assert file.attrs["n_trajectories"] == 2
        assert list(file["t0_fields"].attrs["field_names"]) == ["u"]
        assert list(file["t1_fields"].attrs["field_names"]) == ["flow"]
        u, flow = file["t0_fields/u"], file["t1_fields/flow"]
        assert u.shape == (2, 11, 16)
        assert flow.shape == (2, 11, 16, 1)
        assert u.dtype == np.float32
        assert u.fletcher32
        assert u.chunks[0] == 1
        assert u.chunks[1] < 11
        for attribute in ("sample_varying", "time_varying"):
            assert u.attrs[attribute]
        assert list(u.attrs["dim_varying"]) == [True]
        assert list(file["dimensions"].attrs["spatial_dims"]) == ["x"]
        assert file["dimensions/time"].dtype == np.float64
        assert not file["dimensions/time"].attrs["sample_varying"]
        assert file["dimensions/x"].attrs["sample_varying"]  # domains differ in length
        boundary = file["boundary_conditions/x_periodic"]
        assert boundary.attrs["bc_type"] == "PERIODIC"
        assert list(boundary["mask"]) == [True] + [False] * 14 + [True]
        assert list(file["scalars"].attrs["field_names"]) == ["rate"]
        assert file["scalars/rate"].shape == (2,)


def first_window(folder):
    return TrajectoryDataset(folder, "train", (0, 1))[25]


def test_a_flipped_bit_is_noticed(damaged):
    folder, path = damaged
    with h5py.File(path) as file:
        offset = file["t0_fields/u"].id.get_chunk_info(0).byte_offset
    content = bytearray(path.read_bytes())
    content[offset + 5] ^= 1
    path.write_bytes(content)
    with pytest.raises(DatasetError, match=r"chunk-00001.hdf5 is damaged: the values of t0_fields/u .*repair=true"):
        first_window(folder)
    (damage,) = find_damage(folder, read_manifest(folder))
    assert damage.reason == f"chunk {path} is damaged: the values of t0_fields/u are not those that were written"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "expected .* bytes, got 0"),
        (b"<html>not found</html>", "expected .* bytes, got 22"),
        (None, "is missing"),
    ],
)
def test_what_is_no_chunk_is_named(damaged, content, message):
    folder, path = damaged
    path.unlink()
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(DatasetError, match=f"chunk-00001.hdf5.*{message}"):
        first_window(folder)


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"", "is empty"), (b"version https://git-lfs.github.com/spec/v1", "git-lfs pointer"), (b"<html>", "no HDF5")],
)
def test_what_is_no_hdf5_is_named(dataset, tmp_path, content, message):
    path = tmp_path / "chunk.hdf5"
    path.write_bytes(content)
    with pytest.raises(DatasetError, match=message):
        read_trajectories(path, read_manifest(dataset).metadata)


def test_a_truncated_chunk_is_named(dataset, tmp_path):
    path = tmp_path / "chunk.hdf5"
    content = (dataset / "train" / "chunk-00000.hdf5").read_bytes()
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(DatasetError, match="is damaged: HDF5 cannot read its structure"):
        read_trajectories(path, read_manifest(dataset).metadata)


def _elsewhere(shape):
    """A virtual array whose values lie in another file."""
    layout = h5py.VirtualLayout(shape, "f4")
    layout[...] = h5py.VirtualSource("elsewhere.hdf5", "u", shape)
    return layout


def replaced(path, name, make):
    with h5py.File(path, "r+") as file:
        shape = file[name].shape
        del file[name]
        make(file, name, shape)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda f, n, s: f.__setitem__(n, h5py.ExternalLink("/etc/passwd", "/u")), "is a link to elsewhere"),
        (lambda f, n, s: f.__setitem__(n, h5py.SoftLink("/tendency/times")), "is a link to elsewhere"),
        (
            lambda f, n, s: f.create_dataset(n, s, "f4", external=[("/etc/passwd", 0, 4 * int(np.prod(s)))]),
            "lie in another file",
        ),
        (lambda f, n, s: f.create_dataset(n, s, h5py.string_dtype()), "no plain array of floating-point numbers"),
        (
            lambda f, n, s: f.create_dataset(n, (2, 10**12), "f4", chunks=(1, 1024)),
            "declares 8000000000000 bytes",
        ),
        (lambda f, n, s: f.create_dataset(n, data=np.ones((2, 5, 16), "f4")), "expected t0_fields/u of shape"),
        (lambda f, n, s: f.create_dataset(n, data=np.ones(s, "f4"), compression="gzip"), "is packed by a filter"),
        (lambda f, n, s: f.__setitem__(n, f["t1_fields"]), "no plain array of floating-point numbers"),
        (lambda f, n, s: f.create_dataset(n, s, h5py.ref_dtype), "no plain array of floating-point numbers"),
        (
            lambda f, n, s: f.create_virtual_dataset(n, _elsewhere(s)),
            "lie in another file",
        ),
        (lambda f, n, s: None, "holds no t0_fields/u"),
        (
            lambda f, n, s: f.create_dataset(n, data=np.full(s, np.nan, "f4")),
            "trajectory 0, snapshot 0 is not finite",
        ),
    ],
)
def test_hostile_and_wrong_contents_are_refused(damaged, make, message):
    folder, path = damaged
    replaced(path, "t0_fields/u", make)
    with pytest.raises(DatasetError, match=message):
        read_trajectories(path, read_manifest(folder).metadata)
