"""Tensors of neuraloperator's files are read to equality; objects of classes are refused and run nothing."""

import os

import numpy as np
import pytest
import torch

from tendency.data.readers.neuraloperator import NeuralOperatorReader
from tendency.data.readers.reader import StatedFacts
from tests.support.read_files import read, refused

READER = NeuralOperatorReader()
GENERATOR = torch.Generator().manual_seed(0)


def normal(*shape):
    return torch.randn(*shape, generator=GENERATOR)


def written(path, content, **options):
    torch.save(content, path, **options)
    return path


def test_equal_shapes_are_two_snapshots_and_dt_is_not_said(tmp_path):
    x, y = normal(5, 4, 6), normal(5, 4, 6)
    path = written(tmp_path / "nsforcing_train_128.pt", {"x": x, "y": y})
    assert READER.recognises(path)
    block, states, given = read(READER, path)[""]
    assert np.array_equal(states, torch.stack([x, y], 1)[:, :, None])
    assert (block.split, block.times, block.extent, block.boundary) == ("train", None, None, None)
    assert given.shape == (5, 0, 4, 6)
    assert "two snapshots" in block.notes[0]


def test_an_input_that_is_stated_as_given_is_a_constant_field(tmp_path):
    x, y = normal(5, 4, 6), normal(5, 4, 6)
    path = written(tmp_path / "nsforcing_test_128.pt", {"x": x, "y": y})
    block, states, given = read(READER, path, StatedFacts(given=("x",)))[""]
    assert block.is_steady
    assert np.array_equal(states, y[:, None, None])
    assert np.array_equal(given, x[:, None])


@pytest.mark.parametrize(("name", "kind"), [("piececonst_16.pt", torch.bool), ("darcy_train_16.pt", torch.float64)])
def test_darcy_flow_is_steady(tmp_path, name, kind):
    x, y = (normal(3, 4, 4) > 0).to(kind), normal(3, 4, 4)
    block, states, given = read(READER, written(tmp_path / name, {"x": x, "y": y}))[""]
    assert block.is_steady
    assert np.array_equal(states, y[:, None, None])
    assert np.array_equal(given, x[:, None])
    assert given.dtype == (np.float64 if kind == torch.float64 else np.float32)


@pytest.mark.parametrize("names", [("x", "y"), ("input", "output")])
@pytest.mark.parametrize("former", [False, True])
def test_outputs_with_an_axis_of_time_are_trajectories(tmp_path, names, former):
    y = normal(4, 7, 16).double()
    content = {names[0]: y[:, 0].clone(), names[1]: y, "visc": torch.tensor([[0.01]])}
    path = written(tmp_path / "burgers_train_16.pt", content, _use_new_zipfile_serialization=not former)
    block, states, _ = read(READER, path)[""]
    assert np.array_equal(states, y[:, :, None])
    assert states.dtype == np.float64
    assert np.allclose(block.params["visc"], 0.01)
    assert (block.num_snapshots, block.shape) == (7, (16,))


class Hostile:
    """What a pickle runs when it is read."""

    def __reduce__(self):
        return os.mkdir, ("ran",)


@pytest.mark.parametrize("content", [Hostile(), {"x": Hostile(), "y": torch.ones(2, 4)}, torch.nn.Linear(2, 2)])
def test_objects_of_classes_are_refused_and_run_nothing(tmp_path, monkeypatch, content):
    monkeypatch.chdir(tmp_path)
    path = written(tmp_path / "hostile.pt", content)
    assert READER.recognises(path)
    refused(READER, path, "no tensors", "torch.save(")
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ({"q": torch.ones(2)}, ("expected the tensors x and y, got q",)),
        ([torch.ones(2)], ("by their names", "list")),
        ({"x": torch.ones(2, 4), "y": torch.ones(2, 5)}, ("y: expected shape (2, 4)", "(2, T, 4), got (2, 5)")),
        ({"x": torch.ones(0, 4), "y": torch.ones(0, 4)}, ("x:", "(0, 4)")),
        ({"x": torch.ones(2, 4) * 1j, "y": torch.ones(2, 4)}, ("x:", "real numbers", "complex64")),
        ({"x": torch.ones(2, 4).to_sparse(), "y": torch.ones(2, 4)}, ("x:", "sparse")),
        ({"x": 3.0, "y": torch.ones(2, 4)}, ("x: expected a tensor, got float",)),
        (
            {"x": torch.ones(2, 4), "y": torch.zeros(1).expand(2, 4)},
            ("y: expected 8 values", "(2, 4)", "view of 1 "),
        ),
        ({"x": torch.ones(2, 4, device="meta"), "y": torch.ones(2, 4)}, ("x: expected values", "(meta)")),
        ({"x": torch.ones(2, 4), "y": torch.ones(2, 4).to(torch.float8_e5m2)}, ("y: expected values", "float8_e5m2")),
        ({"x": torch.ones(2, 4), "y": torch.ones(2, 4), "visc": torch.ones(3)}, ("visc", "1 or 2", "(3,)")),
    ],
)
def test_wrong_tensors_are_named(tmp_path, content, words):
    refused(READER, written(tmp_path / "wrong.pt", content), *words)


def test_negated_values_are_read_and_outputs_that_do_not_begin_with_the_inputs_are_told(tmp_path):
    y = normal(3, 5, 4)
    negated = (1j * y).to(torch.complex64).conj().imag
    assert negated.is_neg()
    block, states, _ = read(READER, written(tmp_path / "negated.pt", {"x": -y[:, 0], "y": negated}))[""]
    assert np.array_equal(states[:, :, 0], -y)
    assert not block.notes
    block, _, _ = read(READER, written(tmp_path / "later.pt", {"x": y[:, 0] + 99, "y": y}))[""]
    assert block.notes == ("y does not begin with x, which is not read",)


def test_a_damaged_file_is_called_that(tmp_path):
    path = written(tmp_path / "whole.pt", {"x": torch.ones(2, 4), "y": torch.ones(2, 4)})
    for name, content in {"cut": path.read_bytes()[:-9], "random": os.urandom(999), "text": b"x,y\n" * 9}.items():
        (tmp_path / f"{name}.pt").write_bytes(content)
        assert not READER.recognises(tmp_path / f"{name}.pt")
        refused(READER, tmp_path / f"{name}.pt", "is damaged, or no file of torch.save")
