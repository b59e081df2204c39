"""Every argument of every public function with values of the wrong kind: the answer names the argument."""

import inspect
import math
from pathlib import Path

import pytest
import torch

import tendency
from tendency.array_dataset import StatedOfArrays
from tendency.data.dataset import TrajectoryDataset
from tendency.data.metadata import DatasetError
from tendency.errors import ArtefactError
from tendency.simulation.conditions import Conditions
from tendency.simulation.geometry import Boundary, Grid

WRONG = [None, "", "nope", "a\0b", 1.5, math.nan, math.inf, -1, [], {}, b"x", object(), 10**30, [1.5], ["a"], [None]]


class Still:
    """The simplest Simulator."""

    history = 1

    def start(self, u, t, conditions, seed):
        return {}

    def advance(self, u, t, dt, conditions, memory):
        return u, memory


NOTHING = torch.zeros(1, 0, dtype=torch.float64)
CONDITIONS = Conditions(NOTHING, NOTHING, torch.ones(1, 1), NOTHING, Grid([4], Boundary.periodic(1)))
BEGIN = {
    "simulator": Still(),
    "u": torch.zeros(1, 1, 1, 4),
    "t": torch.zeros(1, 1, dtype=torch.float64),
    "conditions": CONDITIONS,
    "seed": torch.zeros(1, dtype=torch.int64),
}
ROLLOUT = {
    "simulator": Still(),
    "progress": tendency.begin(**BEGIN),
    "times": torch.ones(1, 1, dtype=torch.float64),
    "conditions": CONDITIONS,
}
RIGHT = {
    "begin": BEGIN,
    "rollout": ROLLOUT,
    "load_surrogate": {"path": "/nowhere", "trust": False},
    "export": {"source": "/nowhere", "folder": "exported", "onnx": False, "trust": False},
    "inspect": {"path": "/nowhere"},
    "open_dataset": {"path": "/nowhere", "split": "test"},
    "open_windows": {"folder": "/nowhere", "split": "test", "required": (0, 1), "wanted": (0,), "stride": 1},
    "write_dataset": {
        "folder": "written",
        "u": torch.zeros(4, 3, 1, 8),
        "times": [0.0, 0.1, 0.2],
        "extent": [1.0],
        "boundary": "periodic",
        "fields": ["u"],
        "params": {"speed": [1.0, 2.0, 3.0, 4.0]},
        "given": {"depth": torch.ones(8)},
        "split": {"valid": 0.25, "test": 0.25, "seed": 0},
    },
}
ARGUMENTS = [(function, name) for function, arguments in RIGHT.items() for name in arguments]
ACCEPTED = {
    ("export", "folder"): ["nope"],
    ("open_dataset", "split"): [None],
    ("open_windows", "wanted"): [[]],
    ("write_dataset", "folder"): ["nope"],
    ("write_dataset", "extent"): [1.5, [1.5]],
    ("write_dataset", "fields"): [None, "nope", ["a"]],
    ("write_dataset", "params"): [None, {}],
    ("write_dataset", "given"): [None, {}],
    ("write_dataset", "split"): [None, {}],
}


def call(function, arguments):
    made = getattr(tendency, function)(**arguments)
    return list(made) if function == "rollout" else made


def test_every_public_argument_is_tried():
    public = [name for name in dir(tendency) if callable(getattr(tendency, name))]
    found = [(name, key) for name in public for key in inspect.signature(getattr(tendency, name)).parameters]
    found.remove(("write_dataset", "stated"))
    found += [("write_dataset", key) for key in StatedOfArrays.__annotations__]
    assert sorted(ARGUMENTS) == sorted(found)


@pytest.mark.parametrize(("function", "name"), ARGUMENTS)
def test_a_value_of_the_wrong_kind_is_answered_by_name(function, name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for value in WRONG:
        if any(value is one or value == one for one in ACCEPTED.get((function, name), [])):
            continue
        with pytest.raises((ValueError, ArtefactError, DatasetError)) as caught:
            call(function, RIGHT[function] | {name: value})
        text = str(caught.value)
        missing = value == "nope" and isinstance(caught.value, ArtefactError | DatasetError)
        assert ("nope" in text) if missing else f"{name}: expected" in text, (value, text)
        assert len(text) < 400
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("folder", ["/proc/x", "file", "file/below"])
def test_an_export_to_where_nothing_can_be_written_is_refused_before_work(folder, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ArtefactError, match="export: folder: expected a folder that can be written"):
        tendency.export("/nowhere", tmp_path / folder if folder[0] != "/" else Path(folder))


def test_a_window_is_chosen_by_whole_numbers():
    dataset = object.__new__(TrajectoryDataset)
    dataset.num_trajectories, dataset.presents, dataset.split = 2, range(3), "test"
    for value in WRONG:
        with pytest.raises((TypeError, IndexError), match="index: expected"):
            dataset[6 if value == -1 else value]
        with pytest.raises((ValueError, IndexError), match="indices: expected"):
            dataset.windows(value)
        if not isinstance(value, list):
            with pytest.raises((ValueError, IndexError), match="indices: expected"):
                dataset.windows([value])
