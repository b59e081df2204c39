"""Runs that are judged away from their training, each by one override, with what they did at home beside it."""

import json
from pathlib import Path

import pytest
import torch

from tendency.app.runs.checkpoint_reader import read_checkpoint
from tendency.data.manifest import read_manifest
from tendency.errors import ArtefactError, ConfigError

TINY = ["model=fno", "model.width=8", "model.modes=4", "model.num_layers=1", "pde.geometry.shape=[16]"]


@pytest.fixture(scope="module")
def run(small_run):
    return small_run("heat", [*TINY, "prediction=derivative", "name=shifted"])


@pytest.fixture
def judge(run_evaluation, tmp_path):
    """``judge("runs=[a]", ...)``: evaluates in this process; returns the report's folder."""

    def judged(*overrides):
        cheap = ["~evaluation.baselines.coarse_solver", "~evaluation.baselines.linear_fourier_model"]
        named = [] if any("name=" in one for one in overrides) else ["name=away"]
        run_evaluation(tmp_path, *named, *cheap, *overrides)
        return tmp_path / "away"

    return judged


def numbers(folder):
    return json.loads((folder / "metrics.json").read_text())


SLOW = [
    ('shift=["pde.parameters.diffusivity.high=0.4"]', "pde.parameters.diffusivity.high: "),
    ('shift=["pde.times.num_snapshots=12"]', "pde.times.num_snapshots: 8 in training, 12 here"),
    ('shift=["pde.times.dt.value=0.03"]', "pde.times.dt.value: "),
    ("evaluation.stride=2", "stride: 1 in training, 2 here"),
    ("prediction/integrator@evaluation.integrator=euler", "integrator: RungeKutta4() in training, ForwardEuler() here"),
]


@pytest.mark.parametrize(
    ("override", "change"),
    [
        ('shift=["pde.geometry.shape=[32]"]', "pde.geometry.shape: [16] in training, [32] here"),
        *(pytest.param(*pair, marks=pytest.mark.slow) for pair in SLOW),
    ],
)
def test_one_override_away_and_home_beside_it(run, judge, override, change):
    folder = judge(f"runs=[{run}]", override)
    away = numbers(folder)
    beside = away["in_distribution"]
    assert len(beside["changes"]) == 1
    assert beside["changes"][0].startswith(change)
    home = numbers(folder / "as_trained")
    assert beside["summary"] == home["summary"]
    assert home["description"]["dataset"] == read_checkpoint(run).recipe.dataset
    assert home["summary"]["shifted"] != away["summary"]["shifted"]
    page = (folder / "report.html").read_text()
    assert "In distribution and out of it" in page
    assert ", away from the training</h1>" in page
    assert ", as trained</h1>" in (folder / "as_trained" / "report.html").read_text()
    assert 'href="as_trained/report.html"' in page
    text = (folder / "report.md").read_text()
    assert "## In distribution and out of it" in text
    errors = [one["summary"]["shifted"]["one_step_nrmse"] for one in (home, away)]
    factor = f" {errors[1] / errors[0]:.3g} |"
    if change.startswith(("stride", "pde.times.dt")):
        # After a longer step an error is larger, whatever the surrogate is.
        assert factor not in text
        assert "Not the same on both sides: step: " in text
    else:
        assert factor in text


@pytest.mark.slow
def test_at_home_there_is_nothing_beside(run, judge):
    folder = judge(f"runs=[{run}]")
    assert "in_distribution" not in numbers(folder)
    assert "In distribution" not in (folder / "report.html").read_text()


@pytest.mark.slow
def test_runs_of_more_and_of_fewer_test_trajectories_meet_on_num_test(run, judge, tmp_path):
    fewer = torch.load(run / "checkpoints" / "best.ckpt", weights_only=True)
    fewer["recipe"]["num_test"] = 1
    torch.save(fewer, tmp_path / "fewer.ckpt")
    folder = judge(f"runs=[{run},{tmp_path / 'fewer.ckpt'}]", "num_test=2", "evaluation.stride=2")
    assert numbers(folder)["in_distribution"]["summary"]["shifted"]["trajectories"] == 1
    assert "trajectories: 1 as trained, 2 here" in (folder / "report.md").read_text()


@pytest.mark.slow
def test_a_fitted_baseline_is_that_of_the_training_or_none(run, judge):
    target = "tendency.evaluation.baselines.linear_fourier.LinearFourierModel"
    fitted = f"+evaluation.baselines.linear_fourier_model={{_target_: {target}}}"
    title = "linear Fourier model"
    folder = judge(f"runs=[{run}]", 'shift=["pde.times.num_snapshots=12"]', fitted)
    beside = numbers(folder)["in_distribution"]["summary"]
    # The equation is linear and has one coefficient for each trajectory: the model of the training, not of one of them.
    assert numbers(folder)["summary"][title]["one_step_nrmse"] == pytest.approx(
        beside[title]["one_step_nrmse"], rel=0.5
    )
    finer = judge(f"runs=[{run}]", 'shift=["pde.geometry.shape=[32]"]', fitted, "name=finer").parent / "finer"
    assert "another grid or another step" in numbers(finer)["description"]["missing_baselines"][title]


@pytest.mark.slow
def test_shifted_trajectories_start_from_the_same_draws(run, judge, homes):
    import h5py
    import numpy as np

    folder = judge(f"runs=[{run}]", 'shift=["pde.times.num_snapshots=12"]')
    root = Path(homes["TENDENCY_DATASETS"])
    names = [read_checkpoint(run).recipe.dataset, numbers(folder)["description"]["dataset"]]
    files = [h5py.File(root / name / "test" / "chunk-00000.hdf5") for name in names]
    short, long = (file["t0_fields"][next(iter(file["t0_fields"]))][:] for file in files)
    assert long.shape[1] == 12
    assert np.allclose(short, long[:, :8], rtol=1e-5, atol=1e-6)
    counts = read_manifest(root / names[1]).counts
    assert counts == {"train": 1, "valid": 1, "test": 2}


@pytest.mark.slow
def test_where_home_is_gone_the_report_says_so(run, judge, homes, tmp_path):
    folder = judge(f"runs=[{run}]", 'shift=["pde.times.num_snapshots=12"]', f"paths.datasets={tmp_path / 'new'}")
    beside = numbers(folder)["in_distribution"]
    assert beside["summary"] == {}
    assert "no dataset at" in beside["missing"]
    assert "As trained: not measured, no dataset at" in (folder / "report.html").read_text()


def test_what_cannot_be_changed_is_refused_before_anything_is_made(run, judge, small_run, tmp_path):
    with pytest.raises(ConfigError, match="shift: unknown key 'diffusivty'.*did you mean 'diffusivity'"):
        judge(f"runs=[{run}]", 'shift=["pde.parameters.diffusivty.high=1.0"]')
    with pytest.raises(ConfigError, match="shift: unknown key 'model'"):
        judge(f"runs=[{run}]", 'shift=["model.width=4"]')
    for whole in ("~pde", "pde=burgers"):
        with pytest.raises(ConfigError, match=r"shift: expected pde.<key>=<value>, got '"):
            judge(f"runs=[{run}]", f'shift=["{whole}"]')
    with pytest.raises(ConfigError, match="shift: cannot read 'pde.x'"):
        judge(f"runs=[{run}]", 'shift=["pde.x"]')
    with pytest.raises(ConfigError, match=r"shift: pde.times.num_snapshots: .*got 'many'"):
        judge(f"runs=[{run}]", 'shift=["pde.times.num_snapshots=many"]')
    with pytest.raises(ConfigError, match="dataset: shift makes another one"):
        judge(f"runs=[{run}]", 'shift=["pde.times.num_snapshots=9"]', "dataset=somewhere")
    other = small_run("heat", [*TINY, "pde.times.dt.value=0.02", "name=shifted-other"])
    with pytest.raises(ArtefactError, match=r"(?s)were trained on different problems:.*pde.times.dt.value"):
        judge(f"runs=[{run},{other}]", 'shift=["pde.times.num_snapshots=9"]')
    assert not (tmp_path / "away").exists()


STATE = {"_target_": "tendency.surrogates.predictions.state.StatePrediction", "conditioned_on": []}


@pytest.fixture(scope="module")
def state_run(run, tmp_path_factory):
    """The same weights, their output taken for the next state."""
    content = torch.load(run / "checkpoints" / "best.ckpt", weights_only=True)
    content["recipe"]["prediction"] = STATE
    torch.save(content, path := tmp_path_factory.mktemp("state") / "state.ckpt")
    return path


def test_a_state_is_not_judged_at_steps_that_it_did_not_learn(run, state_run, judge, homes, tmp_path):
    found = {path.name for path in Path(homes["TENDENCY_DATASETS"]).iterdir()}
    reason = "shift: state cannot be judged on snapshots 0.15 apart.*StatePrediction.*learned, dt = 0.1;"
    with pytest.raises(ArtefactError, match=rf"{reason}.*only a derivative"):
        judge(f"runs=[{run},{state_run}]", 'shift=["pde.times.dt.value=0.15"]')
    assert {path.name for path in Path(homes["TENDENCY_DATASETS"]).iterdir()} == found
    assert not (tmp_path / "away").exists()


@pytest.mark.slow
def test_a_state_is_judged_at_every_second_snapshot_by_two_steps(run, state_run, judge):
    numbers_away = numbers(judge(f"runs=[{run},{state_run}]", "evaluation.stride=2"))
    calls = {name: float(value) for name, value in numbers_away["description"]["network_calls"].items()}
    assert sorted(calls.values()) == [2, 4]
