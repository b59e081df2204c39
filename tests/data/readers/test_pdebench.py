"""PDEBench's files with one array for each field."""

import h5py
import numpy as np
import pytest

from tendency.data.metadata import DatasetError
from tendency.data.readers.pdebench import PDEBench
from tendency.data.readers.reader import StatedFacts
from tests.support.file_contents import random_values, read_whole, write_hdf5


def cells(n, length=1.0):
    """Centres of cells as PDEBench stores them."""
    return ((np.arange(n) + 0.5) * length / n).astype("f4")


def burgers(**changed):
    """Arrays of a scalar equation: t has one entry more than there are snapshots."""
    arrays = {
        "tensor": random_values(3, 5, 8),
        "x-coordinate": cells(8),
        "t-coordinate": np.arange(6, dtype="f4") * np.float32(0.05),
    } | changed
    return {name: values for name, values in arrays.items() if values is not None}


def test_scalar_equation(tmp_path):
    """Times and side lengths lose the rounding of float32; the attribute is a parameter; the boundary is not said."""
    arrays = burgers()
    path = write_hdf5(tmp_path / "1D_Burgers_Sols_Nu0.01.hdf5", arrays, {"Nu": 0.02})
    assert PDEBench().recognises(path)
    ((block, u, _),) = read_whole(PDEBench(), path)
    np.testing.assert_array_equal(u[:, :, 0], arrays["tensor"])
    np.testing.assert_allclose(block.times, 0.05 * np.arange(5), rtol=1e-15)
    assert block.extent.tolist() == [1.0]
    assert {name: values.tolist() for name, values in block.params.items()} == {"Nu": [0.02] * 3}
    assert (block.boundary, block.split, block.given) == (None, None, ())


@pytest.mark.parametrize(
    ("name", "params", "side"),
    [
        ("2D_CFD_Rand_M0.1_Eta1.e-8_Zeta0.01_periodic_128_Train", {"M": 0.1, "Eta": 1e-8, "Zeta": 0.01}, "periodic"),
        ("2D_CFD_Turb_M1.0_Eta1e-08_Zeta1e-08_trans_Train", {"M": 1.0, "Eta": 1e-8, "Zeta": 1e-8}, "open"),
    ],
)
def test_compressible_flow_whose_attributes_are_missing(tmp_path, name, params, side):
    fields = {key: random_values(2, 4, 6, 8, seed=seed) for seed, key in enumerate(("density", "pressure", "Vx", "Vy"))}
    times = np.linspace(0, 1, 5, dtype="f4")
    arrays = fields | {"x-coordinate": cells(6, 3), "y-coordinate": cells(8), "t-coordinate": times}
    path = write_hdf5(tmp_path / f"{name}.hdf5", arrays)
    assert PDEBench().recognises(path)
    ((block, u, _),) = read_whole(PDEBench(), path)
    np.testing.assert_array_equal(u, np.stack(list(fields.values()), 2))
    assert [field.rank for field in block.fields] == [0, 0, 1]
    assert {key: values[0] for key, values in block.params.items()} == params
    assert block.boundary == ((side, side),) * 2
    np.testing.assert_allclose(block.extent, [3, 1])


def test_darcy_flow_is_steady(tmp_path):
    arrays = {"tensor": random_values(3, 1, 4, 6), "nu": random_values(3, 4, 6, seed=1)}
    path = write_hdf5(tmp_path / "2D_DarcyFlow_beta0.1_Train.hdf5", arrays | {"x-coordinate": cells(4)})
    assert PDEBench().recognises(path)
    ((block, u, given),) = read_whole(PDEBench(), path)
    assert block.is_steady
    assert [field.name for field in block.given] == ["nu"]
    assert block.extent is None
    np.testing.assert_array_equal(u[:, 0, 0], arrays["tensor"][:, 0])
    np.testing.assert_array_equal(given[:, 0], arrays["nu"])


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        (
            {"tensor": random_values(3, 8, 5)},
            r"x-coordinate: expected axes .* with 5 points along x as tensor has, got .*\(8,\)",
        ),
        ({"t-coordinate": np.arange(9.0)}, r"t-coordinate: expected 5 times, one for each snapshot, got shape \(9,\)"),
        (
            {"t-coordinate": np.array([0, 1, 2, 2, 3, 4.0])},
            "t-coordinate: expected times that increase, got 2 and then 2",
        ),
        (
            {"t-coordinate": np.array([0, 1, np.nan, 3, 4, 5])},
            "t-coordinate: expected finite numbers, got nan at index 2",
        ),
        ({"x-coordinate": cells(8)[::-1]}, "x-coordinate: expected coordinates that increase"),
        ({"tensor": np.zeros((3, 5, 8), "c8")}, "tensor: expected an array of real numbers, got complex64"),
        ({"tensor": np.full((3, 5, 8), b"x")}, r"tensor: expected an array of real numbers, got \|S1"),
        ({"nu": random_values(2, 8)}, "nu: expected axes .* with 3 trajectories as tensor has"),
        ({"tensor": random_values(0, 5, 8)}, "holds no trajectories"),
        ({"tensor": None}, "expected the array tensor, or density, got t-coordinate, x-coordinate"),
    ],
)
def test_wrong_files_are_refused(tmp_path, changed, message):
    path = write_hdf5(tmp_path / "file.hdf5", burgers(**changed))
    with PDEBench().open(path, StatedFacts()) as file, pytest.raises(DatasetError, match=message) as error:
        file.blocks()
    assert str(error.value).startswith(str(path))
    assert "\n" not in str(error.value)


def test_only_what_is_asked_for_is_read(tmp_path, monkeypatch):
    """The structure is known without a value of a field; a window takes its rows and snapshots alone from the file."""
    path, read = write_hdf5(tmp_path / "file.hdf5", burgers()), []
    original = h5py.Dataset.__getitem__

    def recorded(self, part):
        values = original(self, part)
        read.append((self.name, np.shape(values)))
        return values

    monkeypatch.setattr(h5py.Dataset, "__getitem__", recorded)
    with PDEBench().open(path, StatedFacts()) as file:
        (block,) = file.blocks()
        assert "/tensor" not in dict(read)
        file.read(block, slice(1, 2), slice(0, 4, 3))
    assert [shape for name, shape in read if name == "/tensor"] == [(1, 2, 8)]


def test_a_cut_file_is_refused(tmp_path):
    path = write_hdf5(tmp_path / "file.hdf5", burgers())
    path.write_bytes(path.read_bytes()[:-400])
    assert not PDEBench().recognises(path)
    with pytest.raises(DatasetError, match=f"{path} is damaged"):
        PDEBench().open(path, StatedFacts())
