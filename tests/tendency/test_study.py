"""The study: what it needs, what it does again and what not, and whether its table says what the reports say."""

import csv
import io
import json
import math
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from omegaconf import OmegaConf

from tendency.app.configuration.conf_files import conf_folder
from tendency.app.reports.rollout_report import RolloutReport
from tendency.app.studies.jobs import Job, JobRunner, Stopped, seconds_of
from tendency.app.studies.study_plan import MODELS, ROWS, StudySettings, trainings_of
from tendency.surrogates.integrators.runge_kutta import Heun, RungeKutta4
from tendency.surrogates.predictions.derivative import DerivativePrediction
from tendency.surrogates.predictions.differences import CentralDifference
from tendency.surrogates.predictions.state import StatePrediction

ROOT = Path(__file__).resolve().parents[2]
TINY, PAPER = (
    OmegaConf.to_container(OmegaConf.load(conf_folder() / "scale" / f"{name}.yaml"))["settings"]
    for name in ("tiny", "paper")
)
EIGHT = OmegaConf.to_container(OmegaConf.load(conf_folder() / "scale" / "small.yaml"))["rows"]
DERIVATIVES = [name for name in ROWS if name.startswith("derivative")]


def settings(rows, problems=("heat",), models=("fno",), seeds=(0,)):
    return StudySettings(list(problems), list(models), list(rows), list(seeds))


def test_eight_rows_need_five_networks_of_equally_many_updates():
    found = trainings_of(settings(EIGHT, models=MODELS), TINY)
    assert len(EIGHT) == 8
    assert len(found) == 5 * 2
    assert len({training.folder.path for training in found}) == len(found)
    for name in EIGHT:
        for model in MODELS:
            assert sum(training.serves("heat", model, ROWS[name]) for training in found) == 1, name
    widths = {t.widening: t.config["model"]["width"] for t in found if t.model == "fno"}
    assert widths[2] == 2 * widths[1]
    assert {(t.config["data"]["batches_per_epoch"], t.config["trainer"]["max_epochs"]) for t in found} == {(5, 4)}


def test_published_rates_and_epochs_are_those_of_each_problem_and_method():
    found = trainings_of(
        settings(["state", "state_pushforward", "derivative_rk4"], ["heat", "burgers", "kuramoto_sivashinsky"]), PAPER
    )
    for training in found:
        config, derivative = training.config, training.strategy == "derivative_rk4"
        assert config["pde"]["name"] == f"predicting_change_{training.problem}"
        faster = derivative and training.problem == "kuramoto_sivashinsky"
        assert config["optimizer"]["lr"] == (1e-4 if faster else 1e-5)
        epochs = 500 if training.problem == "burgers" else 250
        assert config["trainer"]["max_epochs"] == epochs
        if training.strategy == "state_pushforward":
            assert config["callbacks"]["curriculum"]["every_n_epochs"] == epochs // 10


@pytest.fixture
def runner(tmp_path):
    """Jobs that are lines of Python, in two processes."""
    return JobRunner(2, tmp_path, [sys.executable, "-c"])


def test_a_job_that_fails_stops_no_other(runner, tmp_path, capfd):
    jobs = [
        Job("good", "the good one", ("print('from the job')",)),
        Job("bad", "the bad one", ("import sys; sys.exit(3)",)),
        Job("late", "the late one", ("import os; print(os.environ['OMP_NUM_THREADS'])",)),
    ]
    assert runner.run(jobs) == [f"the bad one: exit code 3, see {tmp_path}/logs/bad.log"]
    assert (tmp_path / "logs" / "good.log").read_text() == "from the job\n"
    assert (tmp_path / "logs" / "late.log").read_text() == "1\n"
    assert "[3/3]" in capfd.readouterr().out
    first = seconds_of(tmp_path, "good")
    runner.run(jobs[:1])
    assert seconds_of(tmp_path, "good") > first
    assert seconds_of(tmp_path, "never") is None


def test_a_signal_ends_every_process_and_starts_no_more(runner, tmp_path):
    code = "import os, sys, time; open(sys.argv[1], 'w').write(str(os.getpid())); time.sleep(60)"
    jobs = [Job(name, name, (code, str(tmp_path / name))) for name in ("a", "b", "c")]

    def interrupt():
        while not all((tmp_path / name).exists() and (tmp_path / name).read_text() for name in "ab"):
            time.sleep(0.05)
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=interrupt).start()
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(Stopped, match="the same command goes on from there") as caught:
        runner.run(jobs)
    assert caught.value.exit_code == 130
    assert signal.getsignal(signal.SIGINT) is before
    for name in "ab":
        with pytest.raises(ProcessLookupError):
            os.kill(int((tmp_path / name).read_text()), 0)
    assert not (tmp_path / "c").exists()


def test_work_ends_with_the_study_that_started_it():
    work = "import os, time; from tendency.app.commands.worker import end_with_parent; end_with_parent(0.05); "
    work += "print(os.getpid(), flush=True); time.sleep(60)"
    started = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {work!r}])"
    parent = subprocess.Popen([sys.executable, "-c", started], stdout=subprocess.PIPE, text=True, cwd=ROOT)
    assert int(parent.stdout.readline()) != parent.pid
    began = time.monotonic()
    parent.kill()
    parent.wait()
    # The worker holds the other end of the pipe until it ends.
    assert parent.stdout.read() == ""
    assert time.monotonic() - began < 20


def test_one_derivative_network_gives_four_rows_that_say_what_their_reports_say(
    homes, run_training, tmp_path, monkeypatch
):
    from tendency.app.commands.worker import judge
    from tendency.app.studies.study_numbers import collect
    from tendency.app.studies.study_page import write_page

    outputs, datasets = Path(homes["TENDENCY_OUTPUTS"]), Path(homes["TENDENCY_DATASETS"])
    monkeypatch.setenv("TENDENCY_OUTPUTS", str(outputs))
    monkeypatch.setenv("TENDENCY_DATASETS", str(datasets))
    asked = settings(DERIVATIVES)
    # A network that has learned nothing has the same rate everywhere, whatever steps it.
    learning = TINY | {"all": [*TINY["all"], "optimizer.lr=1e-2", "trainer.max_epochs=12"]}
    (training,) = trainings_of(asked, learning)
    run_training(list(training.overrides))
    assert training.folder.finished() is not None, "the study looks for the run where the run is"
    judge(str(training.folder.path), str(datasets), "euler", "ab2", "heun")
    cells = collect([training], asked, outputs, datasets)
    assert [(cell.row, cell.calls) for cell in cells] == list(zip(DERIVATIVES, (1, 1, 2, 4), strict=True))
    # Steps are short beside the network's error: the integrators differ, and not by much.
    errors = [cell.nrmse.mean for cell in cells]
    assert len(set(errors)) == 4
    assert max(errors) < 1.1 * min(errors)

    page = write_page(cells, [training], asked, {"name": "tiny", "settings": learning}, tmp_path / "study")
    lines = list(csv.DictReader(io.StringIO((tmp_path / "study" / "table.csv").read_text())))
    assert [line["row"] for line in lines] == DERIVATIVES
    for line in lines:
        numbers = json.loads((training.report(ROWS[line["row"]]).path / "metrics.json").read_text())
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
    text = page.read_text()
    assert all(f"| {ROWS[name].title} | 1 |" in text for name in DERIVATIVES)
    assert "study/learning_curves.png" in text
    assert (tmp_path / "study" / "learning_curves.png").stat().st_size > 1000


def test_a_corrected_solver_stands_beside_the_one_that_it_corrects(homes, run_training, monkeypatch):
    from tendency.app.studies.study_numbers import collect
    from tendency.app.studies.study_page import table

    outputs, datasets = Path(homes["TENDENCY_OUTPUTS"]), Path(homes["TENDENCY_DATASETS"])
    monkeypatch.setenv("TENDENCY_OUTPUTS", str(outputs))
    monkeypatch.setenv("TENDENCY_DATASETS", str(datasets))
    asked = settings(["coarse_solver", "correction"], ["kuramoto_sivashinsky"])
    (training,) = trainings_of(asked, TINY)
    run_training(list(training.overrides))
    solver, corrected = collect([training], asked, outputs, datasets)
    figures = json.loads((training.report(ROWS["correction"]).path / "metrics.json").read_text())["summary"]
    assert solver.nrmse.mean == pytest.approx(figures["coarse solver"]["rollout_nrmse"])
    assert corrected.nrmse.mean == pytest.approx(figures[training.folder.path.name]["rollout_nrmse"])
    assert (solver.calls, solver.parameters, corrected.calls) == (0, 0, 1)
    assert solver.seconds < corrected.seconds, "the corrected step contains the solve"
    first, second = (line for line in table([solver, corrected]) if line.startswith("| coarse"))
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


def test_a_run_that_was_still_learning_is_told_by_its_last_quarter(tmp_path):
    from tendency.app.studies.study_numbers import last_fall

    def fall(*errors):
        lines = [{"step": 100 * (i + 1) - 1, "valid/rollout_nrmse": error} for i, error in enumerate(errors)]
        (tmp_path / "log").write_text("\n".join(map(json.dumps, [{"step": 0, "train/loss": 1.0}, *lines])))
        return last_fall(tmp_path / "log")

    assert fall(1.0, 0.5, 0.4, 0.3) == pytest.approx(0.25)
    assert fall(1.0, 0.5, 0.4, 0.6) == 0
    assert fall(math.inf, 0.2, 0.1, 0.1, 0.1, 0.1, 0.1, 0.05) == pytest.approx(0.5)
    assert fall(0.3) is None


@pytest.mark.slow
def test_a_study_that_is_stopped_goes_on_with_the_same_command(tmp_path, homes, killed_later):
    places = {"TENDENCY_DATASETS": str(tmp_path / "datasets"), "TENDENCY_OUTPUTS": str(tmp_path / "outputs")}
    command = [sys.executable, str(ROOT / "study.py"), "scale=tiny", "processes=1"]
    command += ["rows=[state,derivative_euler,derivative_rk4]", f"write={tmp_path}/docs/result"]
    process = subprocess.Popen(
        command, env=homes | places, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    try:
        while not (finished := list((tmp_path / "outputs").glob("*/finished.json"))):
            assert process.poll() is None
            time.sleep(0.1)
        time.sleep(1)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=200)
    finally:
        if process.poll() is None:
            killed_later(process)
    assert process.returncode == 130, errors
    assert "the same command goes on from there" in errors
    assert not (tmp_path / "docs").exists()
    written = finished[0].stat().st_mtime_ns
    done = subprocess.run(command, env=homes | places, capture_output=True, text=True, check=True)
    assert "1 of 2 trainings are done already" in done.stdout
    assert finished[0].stat().st_mtime_ns == written
    page = (tmp_path / "docs" / "result.md").read_text()
    assert all(f"| {title} | 1 |" in page for title in ("state", "derivative, Euler", "derivative, RK4"))
    again = subprocess.run(command, env=homes | places, capture_output=True, text=True, check=True)
    assert "2 of 2 trainings are done already" in again.stdout
    assert "min left" not in again.stdout
