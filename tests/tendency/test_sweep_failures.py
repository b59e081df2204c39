"""A sweep goes on behind a job that fails, and says at its end which did."""

import contextlib
import json
from pathlib import Path

import pytest
from omegaconf import OmegaConf

from tendency.app.commands.sweep_failures import (
    FAILURES_FILE,
    SweepFailures,
    note_failure,
    require_one_process,
    stops_sweep,
)
from tendency.errors import ArtefactError, ConfigError
from tendency.trainers.callbacks.divergence import DivergedError
from tendency.trainers.callbacks.signals import StoppedError

SMALL = ["pde=heat", "pde.geometry.shape=[16]", "pde.times.num_snapshots=9", "model.width=8", "model.modes=4"]
SMALL += ["data.num_train=4", "data.num_valid=2", "data.num_test=3", "data.chunk_size=2", "data.workers=1"]
SMALL += ["data.batch_size=4", "trainer.accelerator=cpu", "trainer.max_epochs=2", "scheduler.warmup_steps=2"]


@pytest.mark.parametrize(
    "error", [DivergedError("nan"), ConfigError(["wrong"]), ArtefactError("gone"), OSError(28, "x")]
)
def test_what_a_user_can_mend_stops_one_job(error):
    assert not stops_sweep(error)


@pytest.mark.parametrize("error", [StoppedError(15), StoppedError(2), KeyError("a defect"), SystemExit(143)])
def test_signals_and_defects_stop_a_sweep(error):
    assert stops_sweep(error)


def sweep_config(folder):
    task = ["pde=heat", "optimizer.lr=1e-3,1e30", "seed=0,1"]
    return OmegaConf.create({"hydra": {"sweep": {"dir": str(folder)}, "overrides": {"task": task}}})


def test_failures_of_any_process_are_named_once_at_the_end(tmp_path, capsys):
    """As with a launcher whose jobs are processes of their own: the folder is all that they share."""
    config, callback = sweep_config(tmp_path), SweepFailures()
    (tmp_path / FAILURES_FILE).write_text('{"of": "an earlier sweep"}\n')
    callback.on_multirun_start(config)
    for seed in (0, 1):
        note_failure(
            tmp_path, ["pde=heat", "optimizer.lr=1e30", f"seed={seed}"], DivergedError("not finite\nat step 3")
        )
    note_failure(tmp_path, ["pde=heat", "optimizer.lr=1e-3", "seed=1"], ArtefactError("damaged"))
    assert capsys.readouterr().err.count("error: ") == 3, "each is said when it happens"
    with pytest.raises(SystemExit) as ended:
        callback.on_multirun_end(config)
    assert ended.value.code == 4
    assert capsys.readouterr().err.splitlines() == [
        "error: 3 of the jobs of this sweep failed, the others are done:",
        "  optimizer.lr=1e30 seed=0: not finite",
        "  optimizer.lr=1e30 seed=1: not finite",
        "  optimizer.lr=1e-3 seed=1: damaged",
        "The same command with resume=auto runs what is missing.",
    ]


def test_a_sweep_without_failures_ends_quietly(tmp_path, capsys):
    SweepFailures().on_multirun_end(sweep_config(tmp_path))
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("trainer", "said"),
    [
        ({"devices": 1}, None),
        ({}, None),
        ({"devices": "auto", "accelerator": "cpu"}, None),
        ({"devices": 2}, "trainer.devices: expected 1 in a sweep .* got 2; start the jobs one by one without -m"),
        ({"devices": "auto", "accelerator": "auto"}, "trainer.devices: expected 1 .* got auto"),
        ({"devices": 1, "num_nodes": 4}, "trainer.num_nodes: expected 1 .* got 4"),
    ],
)
def test_a_sweep_in_one_process_has_trainings_of_one_process(trainer, said):
    config = OmegaConf.create({"trainer": trainer})
    with pytest.raises(ConfigError, match=said) if said else contextlib.nullcontext():
        require_one_process(config)


@pytest.mark.slow
def test_a_sweep_of_several_processes_is_refused_once_and_before_any_job(run_script, homes):
    done = run_script("train.py", "-m", *SMALL, "trainer=ddp", "trainer.accelerator=cpu", "seed=7,8", code=2)
    assert done.stderr.startswith("error: trainer.devices: expected 1 in a sweep")
    assert len(done.stderr.splitlines()) <= 3
    assert "run      " not in done.stdout


@pytest.mark.slow
def test_a_diverged_job_does_not_end_a_sweep(run_script, homes):
    command = ["-m", *SMALL, "evaluate=false", "optimizer.lr=1e-3,1e30,2e-3"]
    done = run_script("train.py", *command, code=4)
    assert done.stdout.count("checkpoint: ") == 2
    assert "Traceback" not in done.stderr
    assert "1 of the jobs of this sweep failed" in done.stderr
    assert "\n  optimizer.lr=1e+30: training diverged" in done.stderr
    (sweep,) = {path.parent for path in (Path(homes["TENDENCY_OUTPUTS"]) / "multirun").glob(f"*/{FAILURES_FILE}")}
    runs = [Path(line) for line in (sweep / "runs.txt").read_text().splitlines()]
    assert [(run / "finished.json").exists() for run in runs] == [True, False, True]
    stored = [json.loads((run / "config.json").read_text())["optimizer"]["lr"] for run in runs]
    assert stored == [1e-3, 1e30, 2e-3]
    written = [(run / "metrics.jsonl").stat().st_mtime_ns for run in runs[::2]]
    again = run_script("train.py", *command, "resume=auto", code=4)
    assert again.stdout.count("done already") == 2
    assert [(run / "metrics.jsonl").stat().st_mtime_ns for run in runs[::2]] == written
