"""temporal_pdes, LPSDA and message passing files, written as their generators write them, are read to equality."""

import h5py
import numpy as np
import pytest

from tendency.data.readers.lpsda import LpsdaReader
from tendency.data.readers.mp_pde import MessagePassingReader
from tendency.data.readers.temporal_pdes import TemporalPdesReader
from tests.support.read_files import NOTHING, read, refused

RANDOM = np.random.default_rng(0)


def write(path, arrays, attributes=()):
    """An HDF5 file of arrays by their names; attributes are (name of the array, name, value)."""
    with h5py.File(path, "w") as file:
        for name, values in arrays.items():
            file[name] = values
        for name, key, value in attributes:
            file[name].attrs[key] = value
    return path


def opened(reader, path):
    """Blocks by their keys, and all states of each."""
    assert reader.recognises(path)
    return {key: (block, states) for key, (block, states, _) in read(reader, path).items()}


def test_one_dimension_of_temporal_pdes(tmp_path):
    u = RANDOM.normal(size=(3, 5, 8)).astype("f4")
    x, t = np.linspace(0, 16, 8), np.linspace(0, 2, 5)
    arrays = {f"{split}/{key}": value for split in ("train", "valid") for key, value in {"x": x, "t": t}.items()}
    for split, speeds in {"train": [0.1, 0.2, 0.3], "valid": [1.0, 2.0, 2.5]}.items():
        arrays |= {f"{split}/u": u + speeds[0], f"{split}/a": np.array(speeds)}
    blocks = opened(TemporalPdesReader(), write(tmp_path / "Advection.h5", arrays))
    block, states = blocks["train"]
    assert (block.split, blocks["valid"][0].split) == ("train", "valid")
    assert np.array_equal(states, (u + 0.1)[:, :, None])
    assert states.dtype == np.float32
    assert np.array_equal(blocks["valid"][1], (u + 1.0)[:, :, None])
    assert np.array_equal(block.times, t)
    assert np.allclose(block.extent, [16 / 7 * 8])
    assert block.params["a"].tolist() == [0.1, 0.2, 0.3]
    assert block.boundary is None


def test_the_heat_equation_of_temporal_pdes_runs_forward(tmp_path):
    u = RANDOM.normal(size=(2, 6, 8)).astype("f4")
    arrays = {"train/u": u[:, ::-1], "train/x": np.arange(8.0), "train/t": np.arange(6.0), "train/beta": np.ones(2)}
    path = write(tmp_path / "Heat.h5", arrays)
    block, states = opened(TemporalPdesReader(), path)["train"]
    assert np.array_equal(states, u[:, :, None])
    assert "reversed" in block.notes[0]
    with TemporalPdesReader().open(path, NOTHING) as file:
        for part in (slice(0, 6, 2), slice(1, 6, 3), slice(2, 3), slice(0, 5, 2)):
            assert np.array_equal(file.read(block, slice(1, 2), part), u[1:2, part, None])


@pytest.mark.parametrize("layout", ["components first", "components last", "y before x"])
def test_two_dimensions_of_temporal_pdes(tmp_path, layout):
    u = RANDOM.normal(size=(2, 3, 4, 6)).astype("f4")  # x, y
    x = np.stack(np.meshgrid(np.arange(4) * 0.5, np.arange(6) * 0.25, indexing="ij"))
    stored = {
        "components first": (u, x),
        "components last": (u, np.moveaxis(x, 0, -1)),
        "y before x": (u.swapaxes(2, 3), x.swapaxes(1, 2)),
    }[layout]
    times = np.tile([0.0, 0.1, 0.3], (2, 1))
    arrays = {"valid/u": stored[0], "valid/x": stored[1], "valid/t": times, "valid/nu": np.array([0.1, 0.2])}
    block, states = opened(TemporalPdesReader(), write(tmp_path / "Burgers.h5", arrays))["valid"]
    assert np.array_equal(states, u[:, :, None])
    assert np.allclose(block.extent, [2.0, 1.5])
    assert block.shape == (4, 6)
    assert block.times.tolist() == [0.0, 0.1, 0.3]


def test_lengths_and_times_of_lpsda_differ_between_trajectories(tmp_path):
    u, lengths = RANDOM.normal(size=(3, 4, 8)), np.array([60.0, 64.0, 70.0])
    t = 20 + np.array([0.18, 0.2, 0.22])[:, None] * np.arange(4)
    arrays = {
        "test/pde_4-8": u,
        "test/x": lengths[:, None] * np.arange(8) / 8,
        "test/t": t,
        "test/dx": lengths / 8,
        "test/dt": t[:, 1] - t[:, 0],
        "test/v": np.array([0.5, 1.0, 1.5]),
    }
    path = write(tmp_path / "KS_test.h5", arrays)
    block, states = opened(LpsdaReader(), path)["test/pde_4-8"]
    assert not MessagePassingReader().recognises(path)
    assert states.dtype == np.float64
    assert np.array_equal(states, u[:, :, None])
    assert np.allclose(block.extent, lengths[:, None])
    assert np.array_equal(block.times, t)
    assert {name: values.tolist() for name, values in block.params.items()} == {"v": [0.5, 1.0, 1.5]}
    assert block.boundary == (("periodic", "periodic"),)


def resolutions(sides, x):
    """Arrays and attributes of two resolutions, and the states of each."""
    u = {f"train/pde_5-{points}": RANDOM.normal(size=(2, 5, points)) for points in (8, 4)}
    facts = [
        (key, name, value)
        for key, values in u.items()
        for name, value in {
            "dt": 0.5, "dx": 16 / values.shape[2], "nt": 5, "nx": values.shape[2], "tmin": 0.0, "tmax": 2.0,
            "x": x(values.shape[2]),
        }.items()
    ]  # fmt: skip
    return u, {f"train/{name}": values for name, values in sides.items()}, facts


def test_every_resolution_of_message_passing_is_a_block(tmp_path):
    numbers = {"alpha": np.ones(2), "beta": np.array([0.1, 0.2]), "gamma": np.zeros(2)}
    u, sides, facts = resolutions(numbers, lambda n: np.linspace(0, 16, n, dtype="f4"))
    path = write(tmp_path / "CE_train_E2.h5", u | sides, facts)
    blocks = opened(MessagePassingReader(), path)
    assert not LpsdaReader().recognises(path)
    assert {*blocks} == {*u}
    for key, (block, states) in blocks.items():
        assert np.array_equal(states, u[key][:, :, None])
        assert np.allclose(block.extent, [16.0])
        assert np.allclose(block.times, [0, 0.5, 1, 1.5, 2])
        assert block.boundary == (("periodic", "periodic"),)
        assert block.params["beta"].tolist() == [0.1, 0.2]


def test_the_wave_equation_says_its_boundaries_and_runs_forward(tmp_path):
    numbers = {"bc_left": np.array([0, 0]), "bc_right": np.array([1, 1]), "c": np.full(2, 2.0)}
    u, sides, facts = resolutions(numbers, lambda n: np.linspace(-8, 8, n))
    stored = {key: values[:, ::-1] for key, values in u.items()}
    block, states = opened(MessagePassingReader(), write(tmp_path / "WE_train.h5", stored | sides, facts))[
        "train/pde_5-8"
    ]
    assert np.array_equal(states, u["train/pde_5-8"][:, :, None])
    assert block.boundary == (("dirichlet", "neumann"),)
    assert [*block.params] == ["c"]
    mixed = sides | {"train/bc_left": np.array([0, 1])}
    block, _ = opened(MessagePassingReader(), write(tmp_path / "WE_mixed.h5", stored | mixed, facts))["train/pde_5-8"]
    assert block.boundary is None
    assert "bc_left" in block.notes[0]


def test_points_at_unequal_distances_are_told_and_the_side_asked_for(tmp_path):
    numbers = {"bc_left": np.zeros(2, int), "bc_right": np.zeros(2, int), "c": np.full(2, 2.0)}
    u, sides, facts = resolutions(numbers, lambda n: -8 * np.cos(np.arange(n) * np.pi / (n - 1)))
    path = write(tmp_path / "WE.h5", u | sides, facts)
    block, states = opened(MessagePassingReader(), path)["train/pde_5-8"]
    assert block.extent is None
    assert "equal distances" in block.notes[-1]
    assert np.array_equal(states, u["train/pde_5-8"][:, ::-1, None])
    facts = [(key, name, 0.0 if name == "dx" else value) for key, name, value in facts if name != "x"]
    refused(MessagePassingReader(), write(tmp_path / "WE.h5", u | sides, facts), "dx above 0, got 0")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"train/t": np.array([0, 1, 1, 2.0])}, ("train/t", "increase", "1 and then 1")),
        ({"train/t": np.array([0, 1, np.nan, 2.0])}, ("train/t", "finite", "nan")),
        ({"train/t": np.arange(3.0)}, ("train/t", "expected 4 times", "(3,)")),
        ({"train/x": np.full(8, np.nan)}, ("train/x", "finite")),
        ({"train/x": np.arange(7.0)}, ("train/x", "8 coordinates", "(7,)")),
        ({"train/u": np.zeros((2, 4, 8), complex)}, ("train/u", "real numbers", "complex")),
        ({"train/u": np.zeros((0, 4, 8))}, ("train/u", "(0, 4, 8)")),
        ({"train/u": np.zeros((4, 8))}, ("train/u", "(n, T, X)", "(4, 8)")),
        ({"train/u": np.array(["a", "b"], dtype="S1")}, ("train/u", "real numbers")),
        ({"train/a": np.ones(3)}, ("train/a", "2 numbers", "(3,)")),
        ({"train/a": np.array([1.0, np.inf])}, ("train/a", "finite", "inf")),
    ],
)
def test_wrong_arrays_are_named(tmp_path, changes, words):
    arrays = {"train/u": np.zeros((2, 4, 8)), "train/x": np.arange(8.0), "train/t": np.arange(4.0)} | changes
    refused(TemporalPdesReader(), write(tmp_path / "wrong.h5", arrays), *words)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "is missing"),
        (b"", "is empty"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n", "git lfs pull"),
        (b"x,y\n1,2\n", "no HDF5 file"),
    ],
)
def test_what_is_no_data_is_said(tmp_path, content, words):
    path = tmp_path / "KS_train.h5"
    if content is not None:
        path.write_bytes(content)
    for reader in (TemporalPdesReader(), LpsdaReader(), MessagePassingReader()):
        assert not reader.recognises(path)
        refused(reader, path, words)
