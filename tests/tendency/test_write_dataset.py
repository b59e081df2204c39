"""Arrays of one's own become a dataset: what goes in comes out, and what is wrong is said."""

import h5py
import numpy as np
import pytest
import torch

from tendency.array_dataset import write_dataset
from tendency.data.dataset import TrajectoryDataset
from tendency.data.manifest import read_manifest
from tendency.data.readers.reader import StatedFacts
from tendency.data.readers.the_well import TheWell
from tendency.data.repair import find_damage

N, T, POINTS = 7, 5, (6, 8)
TIMES = np.linspace(0.0, 2.0, T)
U = np.random.default_rng(0).normal(size=(N, T, 3, *POINTS))
NU = np.linspace(0.1, 0.7, N)
SPLIT = {"train": [6, 0, 3, 2], "valid": [1], "test": [5, 4]}
FACTS = {
    "extent": [2.0, 1.0],
    "boundary": ["periodic", ["neumann", "dirichlet"]],
    "fields": {"velocity": 1, "pressure": 0},
    "params": {"nu": NU, "rho": 3.0},
    "given": {"mask": np.ones(POINTS)},
    "split": SPLIT,
}


def test_what_goes_in_comes_out_in_float32(tmp_path):
    folder = write_dataset(tmp_path / "Mine", U, TIMES, **FACTS)
    manifest = read_manifest(folder)
    assert manifest.counts == {"train": 4, "valid": 1, "test": 2}
    assert find_damage(folder, manifest) == []
    assert not manifest.certificate.certified
    assert (manifest.metadata.name, manifest.metadata.dt) == ("mine", 0.5)
    for split, numbers in SPLIT.items():
        dataset = TrajectoryDataset.whole(folder, split)
        windows = dataset.windows(range(len(dataset)))
        assert np.array_equal(windows.u, U[numbers].astype("f4"))
        assert np.array_equal(windows.conditions.parameter("nu"), NU[numbers])
        assert windows.conditions.param_names == ("nu",)
        assert windows.conditions.hidden_names == ("rho",)
        assert np.array_equal(windows.t, np.tile(TIMES, (len(numbers), 1)))
        assert bool((windows.conditions.given == 1).all())
        assert windows.conditions.extent.tolist() == [[2.0, 1.0]] * len(numbers)


def test_programs_of_others_and_the_reader_of_the_well_read_it_too(tmp_path):
    path = write_dataset(tmp_path / "mine", U, TIMES, **FACTS) / "test" / "chunk-00000.hdf5"
    with h5py.File(path) as file:
        assert np.array_equal(file["t1_fields/velocity"][:, :, :, :, 1], U[SPLIT["test"], :, 1].astype("f4"))
    with TheWell().open(path, StatedFacts()) as file:
        (block,) = file.blocks()
        assert block.boundary == (("periodic", "periodic"), ("neumann", "dirichlet"))
        assert block.split == "test"
        assert np.array_equal(block.params["nu"], NU[SPLIT["test"]])
        assert block.extent.tolist() == pytest.approx([2.0, 1.0])


def test_its_identity_is_its_content_whatever_kind_of_array_holds_it(tmp_path):
    plain = read_manifest(write_dataset(tmp_path / "a", U, TIMES, **FACTS)).description
    tensors = write_dataset(tmp_path / "b", torch.from_numpy(U), torch.from_numpy(TIMES), **FACTS)
    assert read_manifest(tensors).description == plain
    with h5py.File(tmp_path / "u.h5", "w") as file:
        file["u"] = U
        assert read_manifest(write_dataset(tmp_path / "c", file["u"], TIMES, **FACTS)).description == plain
    other = U.copy()
    other[4, 2, 1, 3, 3] += 1e-3
    assert read_manifest(write_dataset(tmp_path / "d", other, TIMES, **FACTS)).description != plain


def _with(index, value):
    u = U.copy()
    u[index] = value
    return u


BAD = {
    "axes": ({"u": U[0, 0]}, "u: expected (trajectories, times, channels, *points)", "(3, 6, 8)"),
    "one time": ({"u": U[:, :1]}, "u: expected", "(7, 1, 3, 6, 8)"),
    "complex": ({"u": U + 1j}, "u: expected real numbers", "complex128"),
    "NaN": (
        {"u": _with((5, 2, 0, 1, 1), np.nan)},
        "u: expected values that are finite",
        "nan in trajectory 5, snapshot 2",
    ),
    "overflow": ({"u": _with((3, 1), 1e300)}, "finite in float32", "1e+300 in trajectory 3, snapshot 1"),
    "masked": ({"u": np.ma.masked_less(U, 0)}, "u: expected a value everywhere", "masked"),
    "few times": ({"times": TIMES[1:]}, "times: expected shape (5,)", "(4,)"),
    "times that stay": ({"times": [0, 1, 1, 2, 3]}, "times: expected them to increase", "snapshot 2"),
    "times NaN": ({"times": [0, 1, np.nan, 2, 3]}, "times: expected finite values", "nan at [2]"),
    "no extent": ({"extent": None}, "extent: expected", "nothing"),
    "extent": ({"extent": [1.0]}, "extent: expected shape (2,)", "(1,)"),
    "extent 0": ({"extent": [1.0, 0.0]}, "extent: expected positive", "0.0"),
    "no boundary": ({"boundary": None}, "boundary: expected", "nothing"),
    "boundary": ({"boundary": "wall"}, "boundary: expected one of ['periodic'", "'wall'"),
    "boundaries": ({"boundary": ["open"] * 3}, "boundary: expected 2 entries", "['open', 'open', 'open']"),
    "boundary number": ({"boundary": 3}, "boundary: expected a word", "3"),
    "no fields": ({"fields": None}, "fields: expected the names of the 3 channels", "nothing"),
    "fields": ({"fields": ["a", "b"]}, "fields: expected different names for the 3 channels", "which are 2"),
    "field twice": ({"fields": ["a", "b", "a"]}, "fields: expected different names", "['a', 'b', 'a']"),
    "field rank": ({"fields": {"a": 3}}, "fields.a: expected rank 0, 1 or 2", "3"),
    "field name": ({"fields": ["a/b", "c", "d"]}, "fields: expected names of letters", "'a/b'"),
    "params": ({"params": {"nu": NU[1:]}}, "params.nu: expected one number or shape (7,)", "(6,)"),
    "params NaN": ({"params": {"nu": np.nan}}, "params.nu: expected finite", "nan"),
    "given": ({"given": {"mask": np.ones(6)}}, "given.mask: expected shape (6, 8)", "(6,)"),
    "given name": ({"given": {"pressure": np.ones(POINTS)}}, "given: expected names that no field", "pressure"),
    "share": ({"split": {"valid": 2}}, "split.valid: expected a share", "2"),
    "number": ({"split": SPLIT | {"valid": [7]}}, "split.valid: expected numbers from 0 to 6", "7"),
    "number twice": ({"split": SPLIT | {"valid": [5]}}, "split: expected each trajectory once", "5"),
    "split lacks one": ({"split": {"train": [1]}}, "split: expected numbers of train, valid and test", "train"),
    "keyword": ({"param": {"nu": 1}}, "param: expected extent", "boundary"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_wrong_argument_is_named_and_nothing_is_written(name, tmp_path):
    changed, expected, got = BAD[name]
    arguments = {"u": U, "times": TIMES} | FACTS | changed
    with pytest.raises(ValueError, match="expected") as caught:
        write_dataset(tmp_path / "mine", **arguments)
    assert expected in str(caught.value)
    assert got in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_there_is_kept(tmp_path):
    (tmp_path / "mine").mkdir()
    with pytest.raises(ValueError, match="folder: expected one that does not exist"):
        write_dataset(tmp_path / "mine", U, TIMES, **FACTS)


def test_what_fails_half_way_leaves_nothing(tmp_path, monkeypatch):
    def full(path, content):
        raise OSError(28, "No space left")

    monkeypatch.setattr("tendency.data.store_trajectories.write_whole_bytes", full)
    with pytest.raises(OSError, match="No space"):
        write_dataset(tmp_path / "mine", U, TIMES, **FACTS)
    assert list(tmp_path.iterdir()) == []
