"""Wrong calls from Python: each ends in a ValueError or an error of the project that names what was expected."""

import math
from pathlib import Path

import pytest

import tendency
from tendency.app.configuration.build import build, build_problem, load_problem
from tendency.app.configuration.overrides import apply_overrides, override_text, parse_overrides
from tendency.app.configuration.run_name import check_name
from tendency.app.configuration.settings import EvaluateSettings, GenerateSettings, PathSettings, TrainSettings
from tendency.app.configuration.signatures import check_nodes, check_settings
from tendency.app.machine_limits import require_writable
from tendency.app.training.slurm_tasks import check_slurm
from tendency.data.dataset_layout import dataset_folder
from tendency.errors import ArtefactError, ConfigError
from tendency.simulation.geometry import Boundary, Grid, chebyshev_nodes, geometry_from_dict, random_nodes
from tendency.simulation.parameters import Choice, Constant, LogUniform, Uniform
from tendency.simulation.problem import Times
from tendency.surrogates.predictions.increment import IncrementPrediction

TORUS = Boundary.periodic(1)
ADAMW = {"_target_": "tendency.trainers.optimizers.adamw", "_partial_": True}
DATA = {"_target_": "tendency.app.problems.solved_data.SolvedData", "num_train": 1, "num_valid": 1, "num_test": 1}


def node(base, **changes):
    """Checks a node with some arguments changed."""
    return lambda: check_nodes({"x": base | changes}, {"x": frozenset({"parameters", "root", "pde"})})


def settings(target, **values):
    return lambda: check_settings(values, target)


BAD_CALLS = {
    "grid of no axis": (lambda: Grid([], Boundary([])), "expected 1 to 3 axes of at least 4 points, got []"),
    "grid of few points": (lambda: Grid([3], TORUS), "at least 4 points, got [3]"),
    "grid of four axes": (lambda: Grid([8] * 4, Boundary.periodic(4)), "expected 1 to 3 axes"),
    "grid with another boundary": (lambda: Grid([8, 8], TORUS), "shape has 2 axes, boundary.sides 1"),
    "half a periodic axis": (lambda: Boundary([["periodic", "open"]]), "an axis is periodic on both sides"),
    "a side too many": (lambda: Boundary([["open"] * 3]), "expected (lower, upper), got 3 entries"),
    "unknown boundary": (lambda: Boundary([["a", "a"]]), "boundary kind: expected one of"),
    "two Chebyshev nodes": (lambda: chebyshev_nodes(2, TORUS), "expected at least 3 Chebyshev nodes"),
    "Chebyshev in two dimensions": (lambda: chebyshev_nodes(8, Boundary.periodic(2)), "on 1 axis, got 8 on 2"),
    "no nodes": (lambda: random_nodes(0, TORUS), "store_on.num_nodes: expected at least 1, got 0"),
    "unknown geometry": (
        lambda: geometry_from_dict({"kind": "mesh", "boundary": TORUS.to_dict()}),
        "geometry kind: expected grid or point_cloud, got 'mesh'",
    ),
    "empty range": (lambda: Uniform(1.0, 1.0), "expected low < high, got low=1.0, high=1.0"),
    "nan in a range": (lambda: Uniform(math.nan, 1.0), "expected low < high, got low=nan"),
    "reversed range": (lambda: LogUniform(2.0, 1.0), "expected low < high"),
    "log of zero": (lambda: LogUniform(0.0, 1.0), "low: a log-uniform range is positive, got 0.0"),
    "no choice": (lambda: Choice([]), "values: expected at least one value, got none"),
    "one snapshot": (lambda: Times(Constant(0.1), 1), "num_snapshots: expected at least 2, got 1"),
    "unknown split": (lambda: load_problem("heat").draw("training", 0), "split: expected one of"),
    "no history": (lambda: IncrementPrediction(history=0), "history and bundle of at least 1, got 0 and 1"),
    "unknown condition": (lambda: IncrementPrediction(conditioned_on=["x"]), "expected t and dt, got ['x']"),
    "name of a dataset": (lambda: dataset_folder(Path(), "../x", {}), "pde.name: expected lower case letters"),
    "name of a run": (lambda: check_name("a/b"), "name: expected lower case letters"),
    "long name of a run": (lambda: check_name("a" * 129), "(at most 128)"),
    "empty name of a run": (lambda: check_name(""), "name: expected lower case letters"),
    "unreadable override": (lambda: parse_overrides(["a"]), "cannot read 'a' (expected key=value)"),
    "override without a key": (lambda: parse_overrides(["=5"]), "cannot read '=5' (expected key=value)"),
    "override of nothing": (lambda: apply_overrides({"pde": {"a": 1}}, ["pde.b=1"], "shift"), "unknown key 'b' in pde"),
    "override of another part": (lambda: apply_overrides({"pde": {}}, ["x=1"], "shift"), "expected pde.<key>=<value>"),
    "override with a sweep": (lambda: apply_overrides({"pde": {"a": 1}}, ["pde.a=1,2"], "shift"), "expected one value"),
    "lacking class": (lambda: build({"_target_": "tendency.nothing.X"}, "x"), "x: cannot import tendency.nothing.X"),
    "no module": (node(ADAMW, _target_="mypkg.f"), "no module 'mypkg'; install it, or put its folder on PYTHONPATH"),
    "a number as a class": (node(ADAMW, _target_=5), "x._target_: expected the path of a class"),
    "a module as a class": (node(ADAMW, _target_="math"), "expected the path of a class or a function, got 'math'"),
    "rate zero": (node(ADAMW, lr=0.0), "x.lr: input should be greater than 0, got 0.0"),
    "rate too large": (node(ADAMW, lr=1e30), "x.lr: input should be less than or equal to 100, got 1e+30"),
    "rate that is none": (node(ADAMW, lr=math.nan), "x.lr: input should be a finite number, got nan"),
    "rate in words": (node(ADAMW, lr="fast"), "x.lr: input should be a valid number, got 'fast'"),
    "rates in a list": (node(ADAMW, lr=[1e-3]), "x.lr: input should be a valid number, got [0.001]"),
    "rate in a mapping": (node(ADAMW, lr={"a": 1}), "x.lr: expected a number, got {'a': 1}"),
    "decay above one": (node(ADAMW, lr=1e-3, beta1=1.5), "x.beta1: input should be less than 1, got 1.5"),
    "unknown argument": (node(ADAMW, lr=1e-3, bet1=0.9), "x.bet1: unknown argument of adamw; did you mean 'beta1'?"),
    "partial by words": (node(ADAMW, lr=1e-3, _partial_="yes"), "x._partial_: expected one of true, false, got 'yes'"),
    "no trajectories": (
        node(DATA, batch_size=1, num_train=0),
        "x.num_train: input should be greater",
    ),
    "no batch": (node(DATA), "x.batch_size: SolvedData requires it"),
    "half a worker": (node(DATA, batch_size=1, workers=0.5), "x.workers: input should be a valid integer, got 0.5"),
    "true as a number": (node(DATA, batch_size=True), "x.batch_size: input should be a valid integer, got True"),
    "number as true": (node(DATA, batch_size=1, generate=1), "x.generate: input should be a valid boolean, got 1"),
    "too many to count": (node(DATA, batch_size=10**23), "input should be less than 9223372036854775808"),
    "no seed": (settings(TrainSettings, seed=None), "seed: input should be a valid integer, got None"),
    "negative seed": (settings(TrainSettings, seed=-1), "seed: input should be greater than or equal to 0, got -1"),
    "unknown setting": (settings(TrainSettings, sed=1), "sed: unknown argument of TrainSettings; did you mean 'seed'?"),
    "unknown certify": (
        settings(GenerateSettings, certify="no"),
        "certify: input should be 'first' or 'only'",
    ),
    "empty folder": (
        settings(PathSettings, datasets="", outputs="a"),
        "datasets: string should have at least 1",
    ),
    "no runs": (EvaluateSettings, "runs, sweep: expected one of them, got neither"),
    "runs and a sweep": (lambda: EvaluateSettings(["a"], ["b"]), "runs, sweep: expected one of them, got both"),
    "two kinds of data": (
        lambda: EvaluateSettings(["a"], dataset="d", shift=["x"]),
        "dataset: shift makes another",
    ),
    "folder that cannot be": (
        lambda: require_writable("write", Path("/proc/x")),
        "write: expected a folder",
    ),
    "tasks without srun": (lambda: check_slurm({"SLURM_NTASKS": "4"}, 1), "either srun --ntasks-per-node=4 python"),
    "no dataset": (lambda: tendency.open_windows("/nowhere", "train"), "/nowhere"),
    "no run": (lambda: tendency.load_surrogate("/nowhere"), "/nowhere"),
    "a problem without an equation": (lambda: build_problem({"_target_": "tendency.simulation.problem.X"}), "pde"),
    "more devices than a batch": (lambda: check_slurm({"SLURM_NTASKS": "2", "SLURM_PROCID": "0"}, 1), "SLURM_NTASKS"),
}


@pytest.mark.parametrize("name", BAD_CALLS)
def test_a_wrong_call_is_answered(name):
    call, words = BAD_CALLS[name]
    with pytest.raises((ValueError, ConfigError, ArtefactError)) as caught:
        call()
    text = " ".join(str(caught.value).split())
    assert words in text, text
    assert len(str(caught.value).splitlines()) <= 12


@pytest.mark.parametrize(
    "text", ["a", "/a b/c=d", "it's", "null", "5", "a,b", "a\\", "a\\'b", "~/x", "[x]", "a:b", "/home/größe/uu", "日本"]
)
def test_a_text_survives_the_way_through_an_override(text):
    assert parse_overrides([override_text("runs", text)])[0].value() == text
    assert parse_overrides([override_text("runs", [text, text])])[0].value() == [text, text]


def test_what_slurm_starts_itself_trains():
    check_slurm({}, 1)
    started = {"SLURM_NTASKS": "4", "SLURM_NTASKS_PER_NODE": "4", "SLURM_PROCID": "1", "SLURM_STEP_ID": "0"}
    check_slurm(started, 4)
    check_slurm({"SLURM_NTASKS": "4", "SLURM_JOB_NAME": "interactive"}, 1)


def test_a_check_leaves_no_folder_behind(tmp_path):
    require_writable("paths.outputs", tmp_path / "a" / "b")
    assert list(tmp_path.iterdir()) == []
