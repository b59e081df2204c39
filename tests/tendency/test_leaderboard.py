"""A sweep over problems and methods, from its runs to a leaderboard and a report for each problem."""

import json
import shutil
from pathlib import Path

import pytest

from tendency.errors import ArtefactError, ConfigError
from tendency.evaluating import evaluate
from tendency.load import read_checkpoint
from tendency.method_names import method_names
from tendency.run_selection import note_run

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
def judge(tmp_path):
    """``judge("sweep=...")``: evaluates in this process; returns the outputs' folder."""
    from hydra import compose, initialize_config_dir

    from tendency.compose import conf_folder

    def judged(*overrides):
        cheap = ["~evaluation.baselines.coarse_solver", "~evaluation.baselines.linear_fourier_model"]
        with initialize_config_dir(str(conf_folder()), version_base="1.3"):
            evaluate(compose("evaluate", [f"paths.outputs={tmp_path}", "matmul_precision=highest", *cheap, *overrides]))
        return tmp_path

    return judged


def test_a_sweep_becomes_a_leaderboard_whose_figures_are_those_of_its_reports(runs, judge, tmp_path, capsys):
    for run in runs.values():
        note_run(tmp_path / "sweep", run)
    note_run(tmp_path / "sweep", tmp_path / "gone")
    folder = judge(f"sweep={tmp_path}/sweep", "name=board") / "board"
    said = capsys.readouterr().out
    assert "[1/2] heat: 3 runs" in said
    assert "[2/2] advection: 1 runs" in said
    assert "Left out: gone (it is not there)." in said
    records = json.loads((folder / "leaderboard.json").read_text())["standings"]
    reports = {name: json.loads((folder / name / "metrics.json").read_text()) for name in ("heat", "advection")}

    def mean(problem, method):
        return next(
            one["mean"]
            for one in records
            if (one["figure"], one["problem"], one["method"]) == ("geometric_mean_nrmse", problem, method)
        )

    heat = reports["heat"]
    narrow, wide = "FNO state, model.width=4", "FNO state, model.width=8"
    assert mean("heat", narrow) == heat["summary"]["board-heat-b"]["geometric_mean_nrmse"]
    assert mean("heat", wide) == heat["seeds"]["board-heat-a0 (2 seeds)"]["geometric_mean_nrmse"]["mean"]
    wind = reports["advection"]["summary"]
    assert mean("advection", "FNO state") == wind["board-wind"]["geometric_mean_nrmse"]
    assert mean("advection", "persistence") == wind["persistence"]["geometric_mean_nrmse"]

    # What is done is not done again; what is new is.
    before = (folder / "heat" / "report.html").stat().st_mtime_ns
    shutil.rmtree(folder / "advection")
    judge(f"sweep={tmp_path}/sweep", "name=board")
    assert (folder / "heat" / "report.html").stat().st_mtime_ns == before
    assert (folder / "advection" / "report.html").exists()
    with pytest.raises(ConfigError, match="nothing is overwritten"):
        judge(f"sweep={tmp_path}/sweep", "name=board", "num_test=1")


@pytest.mark.slow
def test_a_problem_that_cannot_be_judged_is_named_and_the_others_are_ranked(runs, judge, homes, tmp_path, capsys):
    there = read_checkpoint(runs["wind"])["recipe"]["dataset"]
    shutil.copytree(Path(homes["TENDENCY_DATASETS"]) / there, tmp_path / "data" / there)
    names = f"sweep=[{runs['heat-b']},{runs['wind']}]"
    folder = judge(names, f"paths.datasets={tmp_path / 'data'}", "name=half") / "half"
    assert "Left out: heat (no dataset at" in capsys.readouterr().out
    problems = {one["problem"] for one in json.loads((folder / "leaderboard.json").read_text())["standings"]}
    assert problems == {"advection"}
    with pytest.raises(ArtefactError, match=r"(?s)nothing can be ranked\nheat: no dataset"):
        judge(f"sweep=[{runs['heat-b']}]", f"paths.datasets={tmp_path / 'none'}", "name=none")


def test_one_of_runs_and_sweep_is_asked_for(judge):
    with pytest.raises(ConfigError, match="runs, sweep: expected one of them, got None and None"):
        judge()
    with pytest.raises(ConfigError, match="expected one of them, got"):
        judge("runs=[a]", "sweep=b")
    with pytest.raises(ConfigError, match="dataset: sweep judges each run on its own"):
        judge("sweep=b", "dataset=c")


def configuration(**changes):
    node = {
        "model": {"_target_": "surrogates.models.fno.FNO", "width": 8},
        "prediction": {"_target_": "surrogates.prediction.StatePrediction", "history": 1},
        "objective": {"_target_": "trainers.objectives.one_step.OneStep"},
        "pde": {"name": "heat"},
        "seed": 0,
    }
    return {**node, **changes}


def test_methods_are_called_by_what_tells_them_apart():
    derivative = {
        "_target_": "surrogates.prediction.DerivativePrediction",
        "integrator": {"_target_": "surrogates.integrators.runge_kutta.Heun"},
    }
    wide = {"_target_": "surrogates.models.fno.FNO", "width": 16}
    foreign = {
        "_target_": "surrogates.models.external.External",
        "network": {"_target_": "package.Net", "_partial_": True},
    }
    pushed = {"_target_": "trainers.objectives.pushforward.Pushforward"}
    found = method_names(
        [
            configuration(),
            configuration(model=wide),
            configuration(prediction=derivative, seed=3),
            configuration(model=foreign),
            configuration(objective=pushed),
        ]
    )
    assert found == [
        "FNO state, model.width=8",
        "FNO state, model.width=16",
        "FNO derivative by Heun",
        "Net state",
        "FNO state with Pushforward",
    ]
    # On another problem the same method has the same name, whatever its seed.
    assert method_names([configuration(pde={"name": "waves"}, prediction=derivative)]) == ["FNO derivative by Heun"]
