"""Arrays that APEBench's scraper writes are read to equality, with what its file beside them says."""

import json

import numpy as np
import pytest

from tendency.data.readers.apebench import ApebenchReader
from tests.support.read_files import read, refused

RANDOM = np.random.default_rng(0)
READER = ApebenchReader()


@pytest.fixture
def scenario(tmp_path):
    """``scenario(u, said)``: the path of an array of the training split, with the file beside it."""

    def written(u, said=None):
        np.save(tmp_path / "2d_phy_burgers_train.npy", u)
        if said is not None:
            (tmp_path / "2d_phy_burgers.json").write_text(json.dumps(said))
        return tmp_path / "2d_phy_burgers_train.npy"

    return written


def test_the_file_beside_says_time_and_domain(scenario):
    u = RANDOM.normal(size=(3, 5, 2, 8, 8)).astype("f4")
    path = scenario(u, {"name": "2d_phy_burgers", "info": {"dt": 0.1, "domain_extent": 3, "num_points": 8}})
    assert READER.recognises(path)
    assert [part.name for part in READER.parts(path)] == [path.name, "2d_phy_burgers.json"]
    block, states, _ = read(READER, path)[""]
    assert np.array_equal(states, u)
    assert np.allclose(block.times, 0.1 * np.arange(5))
    assert block.extent.tolist() == [3, 3]
    assert block.boundary == (("periodic", "periodic"),) * 2
    assert [field.name for field in block.fields] == ["u_0", "u_1"]
    assert block.split == "train"


def test_without_it_they_are_not_said(scenario):
    block, states, _ = read(READER, scenario(RANDOM.normal(size=(3, 5, 1, 8))))[""]
    assert (block.times, block.extent) == (None, None)
    assert [field.name for field in block.fields] == ["u"]
    assert states.dtype == np.float64


def test_the_arrays_of_one_file_are_splits(tmp_path):
    u = RANDOM.normal(size=(3, 5, 1, 8))
    np.savez(tmp_path / "1d_adv.npz", train_data=u, test_data=u[:2, :4])
    assert READER.recognises(tmp_path / "1d_adv.npz")
    blocks = read(READER, tmp_path / "1d_adv.npz")
    assert {key: block.split for key, (block, _, _) in blocks.items()} == {"train_data": "train", "test_data": "test"}
    assert np.array_equal(blocks["test_data"][1], u[:2, :4])


@pytest.mark.parametrize("shape", [(3, 5, 64, 64), (3, 5, 8), (3, 5, 1, 8, 9), (0, 5, 1, 8)])
def test_other_arrays_are_not_taken_for_its_own(scenario, shape):
    assert not READER.recognises(scenario(np.zeros(shape, "f4")))


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"info": {"dt": -1}}, ("info.dt", "above 0", "-1")),
        ({"info": {"domain_extent": "1"}}, ("info.domain_extent", "'1'")),
        ({"name": "x"}, ("entry info",)),
        ([1], ("entry info",)),
    ],
)
def test_a_wrong_file_beside_is_named(scenario, said, words):
    path = scenario(np.zeros((3, 5, 1, 8)), said)
    with pytest.raises(ValueError, match=r"2d_phy_burgers\.json") as error:
        read(READER, path)
    assert not [word for word in words if word not in str(error.value)], error.value


def test_a_cut_file_and_what_is_no_array_of_numbers_are_refused(scenario):
    path = scenario(np.zeros((3, 5, 1, 8)))
    path.write_bytes(path.read_bytes()[:-1])
    refused(READER, path, "is damaged")
    refused(READER, scenario(np.zeros((3, 5, 1, 8), complex)), "u: expected an array of real numbers", "complex128")
    refused(READER, scenario(np.zeros((3, 5, 8))), "(n, T, C, *N)", "(3, 5, 8)")
    np.save(path, np.array([{"a": 1}], dtype=object), allow_pickle=True)
    assert not READER.recognises(path)
    refused(READER, path, "real numbers, got object")
