"""CFDBench's case folders."""

import json

import numpy as np
import pytest

from tendency.data.metadata import DatasetError
from tendency.data.readers.cfdbench import CFDBench
from tendency.data.readers.reader import StatedFacts
from tests.support.file_contents import random_values, read_whole

READER = CFDBench()
CAVITY = {"vel_top": 10.0, "density": 1, "viscosity": 1e-5, "height": 0.5, "width": 1.0}
DAM = {
    "velocity": 0.05,
    "barrier_height": 0.1,
    "barrier_width": 0.25,
    "height": 0.4,
    "width": 1.5,
    "dx": 0.1,
    "dy": 0.1,
}
CYLINDER = {"vel_in": 1.0, "radius": 0.25, "x_min": -0.5, "x_max": 1.5, "y_min": -1.0, "y_max": 1.0, "rotated": False}


def case(folder, described, num_snapshots=4, shape=(4, 8), kind="f4"):
    """Writes a case; (u, v) with y before x."""
    folder.mkdir(parents=True, exist_ok=True)
    u, v = (random_values(num_snapshots, *shape, seed=seed, kind=kind) for seed in range(2))
    np.save(folder / "u.npy", u)
    np.save(folder / "v.npy", v)
    (folder / "case.json").write_text(json.dumps(described))
    return u, v


def test_cases_of_different_lengths(tmp_path):
    root = tmp_path / "cavity" / "bc"
    written = [case(root / f"case{i:04d}", CAVITY | {"vel_top": i + 1.0}, num_snapshots=3 + i) for i in range(2)]
    files = READER.files(tmp_path)
    assert files == [root / "case0000", root / "case0001"]
    assert READER.files(files[0]) == files[:1]
    assert all(READER.recognises(file) for file in files)
    assert [part.name for part in READER.parts(files[0])] == ["case.json", "u.npy", "v.npy"]
    for number, (file, (u, v)) in enumerate(zip(files, written, strict=True)):
        ((block, states, _),) = read_whole(READER, file)
        np.testing.assert_array_equal(states[0], np.stack([u, v], 1).swapaxes(-1, -2))
        assert [(field.name, field.rank) for field in block.fields] == [("velocity", 1)]
        assert (block.num_snapshots, block.shape) == (3 + number, (8, 4))
        assert block.extent.tolist() == [1, 0.5]
        assert block.boundary == (("dirichlet", "dirichlet"),) * 2
        np.testing.assert_allclose(block.times, 0.1 * np.arange(3 + number))
        assert block.params["vel_top"].tolist() == [number + 1]
        assert block.given == ()


def test_a_cylinder_is_a_mask_of_the_fluid(tmp_path):
    """Of the right area, round its centre at the origin; a frame takes a thousandth of a second."""
    case(tmp_path / "case0000", CYLINDER, shape=(64, 64))
    ((block, _, given),) = read_whole(READER, tmp_path / "case0000")
    solid = 1 - given[0, 0]
    x, y = (low + (np.arange(64) + 0.5) / 32 for low in (-0.5, -1.0))
    np.testing.assert_allclose(solid.sum() / 32**2, np.pi / 16, rtol=0.05)
    np.testing.assert_allclose([(solid * x[:, None]).sum(), (solid * y).sum()], 0, atol=1e-4)
    assert block.extent.tolist() == [2, 2]
    assert "rotated" not in block.params
    assert block.boundary == (("dirichlet", "open"), ("dirichlet", "dirichlet"))
    assert block.times[1] == 0.001


def test_a_dam_stands_at_the_bottom(tmp_path):
    case(tmp_path / "case0000", DAM, shape=(8, 30))
    ((block, _, given),) = read_whole(READER, tmp_path / "case0000")
    assert np.argwhere(given[0, 0] == 0).tolist() == [[x, y] for x in range(10, 15) for y in (0, 1)]
    assert set(block.params) == {"velocity", "barrier_height", "barrier_width", "height", "width"}


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda folder: (folder / "v.npy").unlink(), "v.npy is missing"),
        (
            lambda folder: np.save(folder / "v.npy", random_values(4, 8, 4)),
            "v.npy: expected axes .* with 4 points along y as u.npy has",
        ),
        (
            lambda folder: np.save(folder / "u.npy", np.zeros((4, 4, 8), "c8")),
            "u.npy expected an array of real numbers",
        ),
        (lambda folder: np.save(folder / "u.npy", np.array([[["a"]]])), "u.npy expected an array of real numbers"),
        (lambda folder: np.save(folder / "u.npy", np.array([None])), "u.npy is damaged, or no .npy file of numbers"),
        (
            lambda folder: (folder / "u.npy").write_bytes(b"\x93NUMPY\x01\0\x08\0{'a': (1"),
            "u.npy is damaged, or no .npy file of numbers",
        ),
        (lambda folder: (folder / "u.npy").write_bytes(b""), "u.npy is damaged, or no .npy file of numbers"),
        (lambda folder: (folder / "u.npy").write_bytes((folder / "u.npy").read_bytes()[:300]), "u.npy is damaged"),
        (lambda folder: (folder / "case.json").write_text("{"), "case.json is no JSON that can be read"),
        (lambda folder: (folder / "case.json").write_text("[1]"), "case.json expected names with numbers, got list"),
        (
            lambda folder: (folder / "case.json").write_text('{"radius": NaN}'),
            "radius: expected a finite number, got nan",
        ),
    ],
)
def test_damaged_cases_are_refused(tmp_path, damage, message):
    case(folder := tmp_path / "case0000", CAVITY)
    damage(folder)
    with pytest.raises(DatasetError, match=message), READER.open(folder, StatedFacts()) as file:
        file.blocks()
