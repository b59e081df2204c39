"""A sweep over problems and methods, from its runs to a leaderboard and a report for each problem."""

import json
import shutil
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import xarray as xr

from tendency.app.reports.sweep_leaderboard import by_dataset, standings_of
from tendency.app.runs.checkpoint_reader import read_checkpoint
from tendency.app.runs.method_names import method_names
from tendency.app.runs.recipe import Recipe
from tendency.app.runs.run import Run
from tendency.app.runs.run_selection import Selection, note_run
from tendency.errors import ArtefactError, ConfigError

TINY = ["model=fno", "model.modes=4", "model.num_layers=1", "pde.geometry.shape=[16]", "prediction=state"]


@pytest.fixture(scope="module")
def runs(small_run):
    """On heat two seeds of one method and one of another; on advection one method."""
    names = {
        "heat-a0": ("heat", 8, 0),
        "heat-a1": ("heat", 8, 1),
        "heat-b": ("heat", 4, 0),
        "wind": ("advection", 8, 0),
    }
    return {
        name: small_run(pde, [*TINY, f"model.width={width}", f"seed={seed}", f"name=board-{name}"])
        for name, (pde, width, seed) in names.items()
    }


@pytest.fixture
def judge(run_evaluation, tmp_path):
    """``judge("sweep=...")``: evaluates in this process; returns the outputs' folder."""

    def judged(*overrides):
        cheap = ["~evaluation.baselines.coarse_solver", "~evaluation.baselines.linear_fourier_model"]
        run_evaluation(tmp_path, *cheap, *overrides)
        return tmp_path

    return judged


def test_a_sweep_becomes_a_leaderboard_whose_figures_are_those_of_its_reports(runs, judge, tmp_path, capsys):
    for run in runs.values():
        note_run(tmp_path / "sweep", run)
    note_run(tmp_path / "sweep", tmp_path / "gone")
    folder = judge(f"sweep={tmp_path}/sweep", "name=board") / "board"
    said = capsys.readouterr().out
    assert "[1/2] heat, runs: 3" in said
    assert "[2/2] advection, runs: 1" in said
    assert "Left out: gone (it is not there)." in said
    records = json.loads((folder / "leaderboard.json").read_text())["standings"]
    reports = {name: json.loads((folder / name / "metrics.json").read_text()) for name in ("heat", "advection")}

    def mean(problem, method):
        return next(
            one["mean"]
            for one in records
            if (one["figure"], one["problem"], one["method"]) == ("rollout_nrmse", problem, method)
        )

    heat = reports["heat"]
    narrow, wide = "FNO state, model.width=4", "FNO state, model.width=8"
    assert mean("heat", narrow) == heat["summary"]["board-heat-b"]["rollout_nrmse"]
    assert mean("heat", wide) == heat["seeds"]["board-heat-a0 (2 seeds)"]["rollout_nrmse"]["mean"]
    wind = reports["advection"]["summary"]
    # A method has the same name where it is alone, so that it is on both problems.
    assert mean("advection", wide) == wind["board-wind"]["rollout_nrmse"]
    assert mean("advection", "persistence") == wind["persistence"]["rollout_nrmse"]

    # What is done is not done again; what is new is.
    before = (folder / "heat" / "report.html").stat().st_mtime_ns
    shutil.rmtree(folder / "advection")
    judge(f"sweep={tmp_path}/sweep", "name=board")
    assert (folder / "heat" / "report.html").stat().st_mtime_ns == before
    assert (folder / "advection" / "report.html").exists()
    text = (folder / "leaderboard.md").read_text()
    assert f"{wide.replace('_', chr(92) + '_')} 1 to 2 seeds |" in text
    with pytest.raises(ConfigError, match="nothing is overwritten"):
        judge(f"sweep={tmp_path}/sweep", "name=board", "num_test=1")


@pytest.mark.slow
def test_a_problem_that_cannot_be_judged_is_named_and_the_others_are_ranked(runs, judge, homes, tmp_path, capsys):
    there = read_checkpoint(runs["wind"]).recipe.dataset
    shutil.copytree(Path(homes["TENDENCY_DATASETS"]) / there, tmp_path / "data" / there)
    names = f"sweep=[{runs['heat-b']},{runs['wind']}]"
    folder = judge(names, f"paths.datasets={tmp_path / 'data'}", "name=half") / "half"
    assert "Left out: heat (no dataset at" in capsys.readouterr().out
    problems = {one["problem"] for one in json.loads((folder / "leaderboard.json").read_text())["standings"]}
    assert problems == {"advection"}
    with pytest.raises(ArtefactError, match=r"(?s)nothing can be ranked\nheat: no dataset"):
        judge(f"sweep=[{runs['heat-b']}]", f"paths.datasets={tmp_path / 'none'}", "name=none")


def test_one_of_runs_and_sweep_is_asked_for(judge):
    with pytest.raises(ConfigError, match="runs, sweep: expected one of them, got neither"):
        judge()
    with pytest.raises(ConfigError, match="expected one of them, got"):
        judge("runs=[a]", "sweep=b")
    with pytest.raises(ConfigError, match="dataset: sweep judges each run on its own"):
        judge("sweep=b", "dataset=c")


@pytest.mark.slow
def test_a_shift_that_does_not_fit_one_problem_is_said_and_holds_for_the_others(runs, judge, capsys):
    names = f"sweep=[{runs['heat-b']},{runs['wind']}]"
    folder = judge(names, 'shift=["pde.parameters.diffusivity.high=0.4"]', "name=away") / "away"
    said = capsys.readouterr().out
    assert "Left out: advection (shift: unknown key 'diffusivity'" in said
    assert "heat, away from the training: pde.parameters.diffusivity.high: " in said
    assert (folder / "heat" / "as_trained" / "report.html").exists()


def test_runs_of_other_data_are_ranked_apart():
    runs = [
        Run(str(number), Path(), Recipe({}, {}, SimpleNamespace(name=problem), dataset, stride=stride), {})
        for number, (dataset, stride, problem) in enumerate(
            [("heat-1", 1, "heat"), ("heat-2", 1, "heat"), ("heat-1", 2, "heat"), ("waves-1", 4, "waves")]
        )
    ]
    parts = by_dataset(Selection(runs))
    assert list(parts) == ["heat-1", "heat-2", "heat-1-stride2", "waves"]
    assert [part.runs[0].name for part in parts.values()] == ["0", "1", "2", "3"]


def test_the_first_is_bold_and_what_the_bootstrap_cannot_tell_from_it():
    generator = np.random.default_rng(0)
    errors = {
        "a-seed0": 0.1 * np.exp(0.02 * generator.standard_normal(20)),
        "a-seed1": 0.1 * np.exp(0.02 * generator.standard_normal(20)),
        "close": 0.1 * np.exp(0.3 * generator.standard_normal(20)),
        "far": 0.2 * np.exp(0.02 * generator.standard_normal(20)),
        "persistence": np.full(20, 0.9),
    }
    errors["close"] *= 0.1005 / np.median(errors["close"])
    results = xr.Dataset(
        {"rollout_nrmse": (("simulator", "trajectory"), np.stack(list(errors.values())))},
        {"simulator": list(errors), "snapshot": [0, 1]},
    )

    def figures(values):
        return {"rollout_nrmse": float(np.median(values)), "one_step_nrmse": 0.1, "correlation_time_0.8": 1.0}

    group = "a (2 seeds)"
    both = {key: {"mean": value, "low": None, "high": None} for key, value in figures(errors["a-seed0"]).items()}
    numbers = {
        "summary": {name: figures(values) for name, values in errors.items()},
        "seeds": {group: both},
        "description": {"seeds": {group: ["a-seed0", "a-seed1"]}, "learned": ["a-seed0", "a-seed1", "close", "far"]},
    }
    numbers["summary"]["a-seed1"]["correlation_time_0.8_censored"] = True
    names = {group: "A", "close": "C", "far": "F"}
    found = {one.method: one for one in standings_of("heat", numbers, names, results)}
    assert {name for name, one in found.items() if one.tied} == {"A", "C"}
    assert found["A"].seeds == 2
    assert found["A"].censored == {"correlation_time_0.8"}
    assert [name for name, one in found.items() if one.baseline] == ["persistence"]

    # One with a worse median is bold too where it is better on the same trajectories.
    uneven = np.where(np.arange(20) < 12, 0.01, 0.09)
    results["rollout_nrmse"].loc[{"simulator": "close"}] = uneven
    results["rollout_nrmse"].loc[{"simulator": "far"}] = 0.0105
    numbers["summary"] |= {"close": figures(uneven), "far": figures(np.full(20, 0.0105))}
    found = {one.method: one for one in standings_of("heat", numbers, names, results)}
    assert {name for name, one in found.items() if one.tied} == {"C", "F"}


def configuration(**changes):
    node = {
        "model": {"_target_": "tendency.surrogates.models.fno.FNO", "width": 8},
        "prediction": {"_target_": "tendency.surrogates.predictions.state.StatePrediction", "history": 1},
        "objective": {"_target_": "tendency.trainers.objectives.one_step.OneStep"},
        "pde": {"name": "heat"},
        "seed": 0,
    }
    return {**node, **changes}


def test_methods_are_called_by_what_tells_them_apart():
    derivative = {
        "_target_": "tendency.surrogates.predictions.derivative.DerivativePrediction",
        "integrator": {"_target_": "tendency.surrogates.integrators.runge_kutta.Heun"},
    }
    wide = {"_target_": "tendency.surrogates.models.fno.FNO", "width": 16}
    foreign = {
        "_target_": "tendency.surrogates.models.external.External",
        "network": {"_target_": "package.Net", "_partial_": True},
    }
    pushed = {"_target_": "tendency.trainers.objectives.pushforward.Pushforward"}
    alone = configuration(pde={"name": "waves"}, model=wide)
    on_heat = [
        configuration(),
        configuration(model=wide, callbacks={"step_seed": {"seed": 7}}),
        configuration(prediction=derivative, seed=3),
        configuration(model=foreign),
        configuration(objective=pushed),
    ]
    found = method_names({"heat": on_heat, "waves": [alone]})
    assert found["heat"] == [
        "FNO state, model.width=8",
        "FNO state, model.width=16",
        "FNO derivative by Heun",
        "Net state",
        "FNO state with Pushforward",
    ]
    # On another problem the same method has the same name, whichever others are there.
    assert found["waves"] == ["FNO state, model.width=16"]


def test_as_many_settings_as_it_takes_tell_methods_apart():
    def fno(width, modes, layers):
        return configuration(model={"_target_": "x.FNO", "width": width, "modes": modes, "num_layers": layers})

    grid = [fno(w, m, n) for w in (8, 16) for m in (4, 6) for n in (1, 2)]
    assert len(set(method_names({"heat": grid})["heat"])) == 8
    # What tells nothing more is not said.
    assert method_names({"heat": [fno(8, 4, 1), fno(16, 6, 2)]})["heat"] == [
        "FNO state, model.width=8",
        "FNO state, model.width=16",
    ]
    assert method_names({"heat": [fno(8, 4, 1), fno(8, 4, 1)]})["heat"] == ["FNO state (1)", "FNO state (2)"]
