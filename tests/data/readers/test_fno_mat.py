"""MATLAB files of the FNO paper, of both versions, are read to equality."""

import h5py
import numpy as np
import pytest
from scipy.io import savemat

from tendency.data.readers.fno_mat import FnoMatReader
from tests.support.read_files import NOTHING, read, refused

RANDOM = np.random.default_rng(0)
READER = FnoMatReader()


def version_5(path, arrays):
    savemat(path, arrays)


def version_7(path, arrays):
    """As MATLAB writes it: 512 bytes of its own, then HDF5 with the axes reversed."""
    with h5py.File(path, "w", userblock_size=512) as file:
        for name, values in arrays.items():
            file[name] = np.atleast_2d(values).T
    with path.open("r+b") as file:
        file.write(b"MATLAB 7.3 MAT-file")


@pytest.fixture(params=[version_5, version_7], ids=["version 5", "version 7.3"])
def write(request, tmp_path):
    """``write(name, **arrays)``: the path of a file."""

    def written(name, **arrays):
        request.param(tmp_path / name, arrays)
        return tmp_path / name

    return written


def test_pairs_are_two_snapshots(write):
    a, u = RANDOM.normal(size=(2, 5, 16))
    path = write("burgers_data_R10.mat", a=a, u=u, a_smooth=a, visc=0.1)
    assert READER.recognises(path)
    block, states, given = read(READER, path)[""]
    assert np.array_equal(states, np.stack([a, u], 1)[:, :, None])
    assert states.dtype == np.float64
    assert given.shape == (5, 0, 16)
    assert block.params["visc"].tolist() == [0.1] * 5
    assert (block.times, block.extent, block.boundary) == (None, None, None)
    with READER.open(path, NOTHING) as file:
        assert np.array_equal(file.read(block, slice(2, 4), slice(1, 2)), u[2:4, None, None])


def test_time_is_the_last_axis_of_navier_stokes(write):
    u = RANDOM.normal(size=(3, 4, 6, 5)).astype("f4")
    path = write("NavierStokes_V1e-3_N5000_T50_train.mat", a=u[..., 0], u=u, t=np.arange(1.0, 6.0))
    assert READER.recognises(path)
    block, states, _ = read(READER, path)[""]
    assert np.array_equal(states, np.moveaxis(u, -1, 1)[:, :, None])
    assert states.dtype == np.float32
    assert block.shape == (4, 6)
    assert block.times.tolist() == [1, 2, 3, 4, 5]
    assert block.split == "train"


def test_darcy_flow_is_steady_and_its_coefficient_given(write):
    coeff, sol = 3.0 + 9 * (RANDOM.normal(size=(3, 4, 5)) > 0), RANDOM.normal(size=(3, 4, 5))
    path = write("piececonst_r421_N1024_smooth1.mat", coeff=coeff, sol=sol, Kcoeff=coeff)
    assert READER.recognises(path)
    block, states, given = read(READER, path)[""]
    assert block.is_steady
    assert np.array_equal(states, sol[:, None, None])
    assert np.array_equal(given, coeff[:, None])
    assert [field.name for field in (*block.fields, *block.given)] == ["sol", "coeff"]


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        ({"q": np.ones((2, 4))}, ("expected the arrays coeff and sol, or a and u, got q",)),
        ({"a": np.ones((2, 4)), "u": np.ones((2, 5))}, ("u: expected shape (2, 4, T), time last", "got (2, 5)")),
        ({"a": np.ones((2, 4)), "u": np.ones((2, 4, 3)), "t": np.array([1.0, 3.0, 2.0])}, ("t:", "3 and then 2")),
        ({"a": np.ones((2, 4)), "u": np.ones((2, 4, 3)), "t": np.arange(4.0)}, ("t:", "expected 3 times")),
        ({"coeff": np.ones((2, 4, 4)), "sol": np.ones((2, 4, 5))}, ("coeff: expected shape (2, 4, 5)",)),
        ({"a": np.ones((2, 4)), "u": np.ones((2, 4)), "visc": np.nan}, ("visc", "finite", "nan")),
    ],
)
def test_wrong_arrays_are_named(write, arrays, words):
    refused(READER, write("wrong.mat", **arrays), *words)


def test_complex_values_and_a_cut_file_are_refused(tmp_path):
    version_5(tmp_path / "complex.mat", {"a": np.ones((2, 4)) * 1j, "u": np.ones((2, 4))})
    refused(READER, tmp_path / "complex.mat", "a: expected real numbers", "complex128")
    version_5(tmp_path / "whole.mat", {"a": np.ones((2, 4)), "u": np.ones((2, 4))})
    (tmp_path / "cut.mat").write_bytes((tmp_path / "whole.mat").read_bytes()[:-16])
    refused(READER, tmp_path / "cut.mat", "damaged")
    (tmp_path / "text.mat").write_text("a = 1")
    assert not READER.recognises(tmp_path / "text.mat")
    refused(READER, tmp_path / "text.mat", "MATLAB")
