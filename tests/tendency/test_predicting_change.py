"""The comparison of "Predicting Change": what it trains, which networks its rows share, and what its table says."""

import csv
import io
import json
import math
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from tendency.app.configuration.build import build
from tendency.app.configuration.composed import compose_command
from tendency.app.configuration.conf_files import plain
from tendency.app.reports.rollout_report import RolloutReport
from tendency.app.studies.collect_record import collect_record
from tendency.app.studies.comparison_page import page_text, write_page
from tendency.app.studies.comparison_plan import ComparisonPlan, ComparisonSettings, distinct_trainings, trials_of
from tendency.app.studies.comparison_rows import last_fall, results_of
from tendency.app.studies.learning_curves import learning_curves
from tendency.errors import ConfigError
from tendency.surrogates.integrators.runge_kutta import Heun, RungeKutta4
from tendency.surrogates.predictions.derivative import DerivativePrediction
from tendency.surrogates.predictions.differences import CentralDifference
from tendency.surrogates.predictions.state import StatePrediction

ROOT = Path(__file__).resolve().parents[2]
DERIVATIVES = ["derivative_euler", "derivative_ab2", "derivative_heun", "derivative_rk4"]


def planned(scale, variants, problems=("heat",), models=("fno",), overrides=()):
    """A part of the comparison with one seed."""
    config = plain(compose_command("compare", ["comparison=predicting_change", f"scale={scale}"])[0])
    settings = ComparisonSettings(list(problems), list(models), variants, [0], list(overrides))
    return ComparisonPlan.of(build(config["comparison"]), build(config["scale"]), settings)


def test_eight_rows_need_five_networks_of_equally_many_updates():
    plan = planned("tiny", None, models=("fno", "unet"))
    assert len(plan.variants) == 8
    trials = trials_of(plan)
    assert len(trials) == 8 * 2
    found = distinct_trainings(trials)
    assert len(found) == 5 * 2
    assert len({training.folder.path for training in found}) == len(found)
    widths = {trial.name: trial.training.config["model"]["width"] for trial in trials if trial.model == "fno"}
    assert widths["state_4x"] == 2 * widths["state"]
    assert len({trial.training.identity for trial in trials if trial.name in DERIVATIVES}) == 2
    assert {(t.config["data"]["batches_per_epoch"], t.config["trainer"]["max_epochs"]) for t in found} == {(5, 4)}


def test_published_rates_and_epochs_are_those_of_each_problem_and_method():
    problems = ["heat", "burgers", "kuramoto_sivashinsky"]
    for trial in trials_of(planned("paper", ["state", "state_pushforward", "derivative_rk4"], problems)):
        config = trial.training.config
        assert config["pde"]["name"] == f"predicting_change_{trial.problem}"
        faster = trial.name == "derivative_rk4" and trial.problem == "kuramoto_sivashinsky"
        assert config["optimizer"]["lr"] == (1e-4 if faster else 1e-5)
        epochs = 500 if trial.problem == "burgers" else 250
        assert config["trainer"]["max_epochs"] == epochs
        if trial.name == "state_pushforward":
            assert config["callbacks"]["curriculum"]["every_n_epochs"] == epochs // 10


def test_what_the_comparison_does_not_have_is_named():
    with pytest.raises(ConfigError, match="unknown problems 'het'; did you mean 'heat'") as caught:
        planned("tiny", ["state"], ["het"])
    assert caught.value.problems[0].count("\n") == 0
    config = plain(compose_command("compare", ["comparison=told_viscosity", "scale=tiny"])[0])
    with pytest.raises(ConfigError, match="scale=tiny: unknown problems 'heat'"):
        ComparisonPlan.of(build(config["comparison"]), build(config["scale"]), ComparisonSettings())


def test_the_former_command_names_the_new_one(compose_config):
    done = subprocess.run(
        [sys.executable, str(ROOT / "study.py"), "scale=tiny", "rows=[state,derivative_ab2]", "processes=1"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    line = done.stderr.strip()
    assert "\n" not in line
    command = "python compare.py comparison=predicting_change scale=tiny 'variants=[state,derivative_ab2]'"
    assert line.endswith(f"{command} executor.processes=1")
    config = compose_config("compare", line.split("compare.py ")[-1].replace("'", "").split())
    assert config["variants"] == ["state", "derivative_ab2"]
    assert config["executor"]["processes"] == 1


@pytest.fixture
def places(homes, monkeypatch):
    """The folders of outputs and datasets of the session."""
    for key in ("TENDENCY_OUTPUTS", "TENDENCY_DATASETS"):
        monkeypatch.setenv(key, homes[key])
    return Path(homes["TENDENCY_OUTPUTS"]), Path(homes["TENDENCY_DATASETS"])


@pytest.mark.slow
def test_one_derivative_network_gives_four_rows_that_say_what_their_reports_say(places, run_training, tmp_path):
    from tendency.app.commands.worker import judge

    outputs, datasets = places
    # A network that has learned nothing has the same rate everywhere, whatever steps it.
    plan = planned("tiny", DERIVATIVES, overrides=["optimizer.lr=1e-2", "trainer.max_epochs=12"])
    trials = trials_of(plan)
    (training,) = distinct_trainings(trials)
    run_training(list(training.overrides))
    assert training.folder.finished() is not None, "the comparison looks for the run where the run is"
    judge(str(training.folder.path), str(datasets), "euler", "ab2", "heun")
    records = {training.identity: collect_record(training, outputs, datasets)}
    results = results_of(plan, trials, records, datasets)
    assert [row.variant for row in results.rows] == [*DERIVATIVES, "persistence"]
    assert [row.calls for row in results.rows] == [1, 1, 2, 4, None]
    # Steps are short beside the network's error: the integrators differ, and not by much.
    errors = [row.nrmse.mean for row in results.rows[:4]]
    assert len(set(errors)) == 4
    assert max(errors) < 1.1 * min(errors)

    page = write_page(page_text(plan, results), results, learning_curves(plan, trials, records), tmp_path / "study")
    lines = list(csv.DictReader(io.StringIO((tmp_path / "study" / "table.csv").read_text())))
    assert [line["row"] for line in lines] == [*DERIVATIVES, "persistence"]
    for line, trial in zip(lines, trials, strict=False):
        numbers = json.loads((trial.report(datasets).path / "metrics.json").read_text())
        figures = numbers["summary"][training.folder.path.name]
        assert float(line["nrmse"]) == pytest.approx(figures["rollout_nrmse"], rel=1e-12)
        assert float(line["correlation_time"]) == figures["correlation_time_0.8"]
        assert line["correlation_time_censored"] == str(figures["correlation_time_0.8_censored"])
        calls = float(numbers["description"]["network_calls"][training.folder.path.name])
        assert float(line["network_calls_per_step"]) == calls
        assert float(line["time_per_step"]) == pytest.approx(0.032)
        assert float(line["time_per_network_call"]) == pytest.approx(0.032 / calls)
        assert float(line["time_per_second"]) == pytest.approx(0.032 / float(line["seconds_per_step"]))
        assert line["nrmse_low"] == "", "one seed has no interval"
    persistence = training.folder.report.summary("persistence")
    assert float(lines[-1]["nrmse"]) == pytest.approx(persistence["rollout_nrmse"], rel=1e-12)
    text = page.read_text()
    titles = ("derivative, Euler", "derivative, AB2", "derivative, Heun", "derivative, RK4", "persistence")
    assert all(f"| {title} | 1 |" in text for title in titles)
    assert "study/learning_curves.png" in text
    assert (tmp_path / "study" / "learning_curves.png").stat().st_size > 1000


def test_a_table_of_networks_that_learned_nothing_ranks_none_of_them(places, run_training):
    """The state is 90 times as wrong as the derivative, which predicts no change and equals persistence."""
    outputs, datasets = places
    plan = planned("tiny", ["state", "derivative_rk4"])
    trials = trials_of(plan)
    records = {}
    for training in distinct_trainings(trials):
        run_training(list(training.overrides))
        records[training.identity] = collect_record(training, outputs, datasets)
    results = results_of(plan, trials, records, datasets)
    state, derivative, persistence = results.rows
    assert derivative.one_step.mean < state.one_step.mean / 10
    assert derivative.one_step.mean == pytest.approx(persistence.one_step.mean, rel=0.05)
    assert [results.learned(row, "one_step_nrmse") for row in results.rows] == [False, False, True]
    text = page_text(plan, results)
    unlearned = "Nothing was learned, by one-step nRMSE, by *state*, *derivative, RK4*: "
    assert f"{unlearned}not below 0.95 of the error of persistence" in text
    better = replace(derivative, one_step=replace(persistence.one_step, mean=0.9 * persistence.one_step.mean))
    assert replace(results, rows=(state, better, persistence)).learned(better, "one_step_nrmse") is True
    assert replace(results, rows=(state, derivative)).learned(derivative, "one_step_nrmse") is None


def test_a_corrected_solver_stands_beside_the_one_that_it_corrects(places, run_training):
    outputs, datasets = places
    plan = planned("tiny", ["coarse_solver", "correction"], ["kuramoto_sivashinsky"])
    trials = trials_of(plan)
    (training,) = distinct_trainings(trials)
    run_training(list(training.overrides))
    records = {training.identity: collect_record(training, outputs, datasets)}
    results = results_of(plan, trials, records, datasets)
    solver, corrected, persistence = results.rows
    figures = json.loads((training.folder.report.path / "metrics.json").read_text())["summary"]
    assert solver.nrmse.mean == pytest.approx(figures["coarse solver"]["rollout_nrmse"])
    assert corrected.nrmse.mean == pytest.approx(figures[training.folder.path.name]["rollout_nrmse"])
    assert persistence.nrmse.mean == pytest.approx(figures["persistence"]["rollout_nrmse"])
    assert (solver.calls, solver.parameters, corrected.calls) == (0, 0, 1)
    assert solver.seconds < corrected.seconds, "the corrected step contains the solve"
    lines = page_text(plan, results).splitlines()
    first, second = (line for line in lines if line.startswith("| coarse"))
    assert "no network" in first
    assert "no network" not in second


def test_an_integrator_steps_derivatives_alone():
    report = RolloutReport(integrator=Heun())
    derivative = DerivativePrediction(CentralDifference(), RungeKutta4(), conditioned_on=["t"])
    judged = report.prediction(derivative)
    assert isinstance(judged.integrator, Heun)
    assert (judged.difference, judged.conditioned_on) == (derivative.difference, derivative.conditioned_on)
    assert RolloutReport().prediction(derivative) is derivative
    with pytest.raises(ValueError, match=r"evaluation.integrator: Heun steps a derivative, got a StatePrediction"):
        report.prediction(StatePrediction())


def test_a_run_that_was_still_learning_is_told_by_its_last_quarter():
    def fall(*errors):
        return last_fall([(100 * (i + 1), error) for i, error in enumerate(errors)])

    assert fall(1.0, 0.5, 0.4, 0.3) == pytest.approx(0.25)
    assert fall(1.0, 0.5, 0.4, 0.6) == 0
    assert fall(math.inf, 0.2, 0.1, 0.1, 0.1, 0.1, 0.1, 0.05) == pytest.approx(0.5)
    assert fall(0.3) is None
    assert fall() is None
