"""A run that is told to stop saves into its own folder, whatever launched it; a folder that is gone ends it."""

import contextlib
import os
import shutil
import signal

import pytest
import torch
from lightning.pytorch import Callback
from small_fit import fit

from tendency.trainers.callbacks.signals import STOPPING, StoppedError
from tendency.trainers.checkpoint import Checkpoints
from tendency.trainers.trainer import make_trainer
from tests.support.same_run import contents
from tests.support.slurm import SLURM


@pytest.fixture
def restored():
    """Handlers of this process as they were."""
    signals = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2)
    before = {signum: signal.getsignal(signum) for signum in signals}
    yield
    for signum, handler in before.items():
        signal.signal(signum, handler)


@pytest.fixture
def slurm(monkeypatch, tmp_path):
    """A job of Slurm's in a working directory of its own, with a program that notes what it is asked."""
    for name, value in SLURM.items():
        monkeypatch.setenv(name, value)
    (tmp_path / "bin").mkdir()
    (tmp_path / "work").mkdir()
    program = tmp_path / "bin" / "scontrol"
    program.write_text(f'#!/bin/sh\necho "$@" >> {tmp_path}/asked\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    monkeypatch.chdir(tmp_path / "work")
    return tmp_path


def step(folder):
    return torch.load(folder / "checkpoints" / "last.ckpt", weights_only=True)["global_step"]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["SIGHUP", "SIGUSR1", "SIGUSR2"])
def test_each_signal_saves_and_stops(heat_dataset, tmp_path, restored, name):
    signum = signal.Signals[name]
    with pytest.raises(StoppedError, match=f"stopped by {name}; the same command") as stopped:
        fit(heat_dataset, tmp_path, stop_at=5, epochs=1, signum=signum)
    assert stopped.value.exit_code == 128 + signum
    assert step(tmp_path) == 6


@pytest.mark.slow
def test_a_hangup_that_nohup_ignores_is_left_ignored(heat_dataset, tmp_path, restored):
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    _, trainer = fit(heat_dataset, tmp_path, stop_at=1, epochs=1, batches=3, validate_every=None, signum=signal.SIGHUP)
    assert trainer.global_step == 3


class SignalAtTheEnd(Callback):
    """The signal arrives when all callbacks have looked for one the last time."""

    def on_train_end(self, trainer, pl_module):
        signal.raise_signal(signal.SIGINT)


@pytest.mark.slow
@pytest.mark.parametrize("stopped", [True, False])
def test_the_next_run_of_this_process_finds_the_handlers_as_they_were(heat_dataset, tmp_path, stopped):
    before = {signum: signal.getsignal(signum) for signum in STOPPING}
    stop = pytest.raises(StoppedError) if stopped else contextlib.nullcontext()
    with stop:
        fit(heat_dataset, tmp_path, stop_at=1 if stopped else None, epochs=1, batches=3, validate_every=None)
    assert {signum: signal.getsignal(signum) for signum in STOPPING} == before


@pytest.mark.slow
def test_a_signal_after_the_last_step_is_not_forgotten(heat_dataset, tmp_path, restored):
    last = [SignalAtTheEnd()]
    with pytest.raises(StoppedError, match="stopped by SIGINT"):
        fit(heat_dataset, tmp_path, epochs=1, batches=3, validate_every=None, further=last)


class SignalInValidation(Callback):
    """The signal arrives during the n-th batch of a validation."""

    def __init__(self, number):
        self.left = number

    def on_validation_batch_start(self, *arguments, **options):
        self.left -= 1
        if self.left == 0:
            signal.raise_signal(signal.SIGTERM)


@pytest.mark.slow
@pytest.mark.parametrize(("validate_every", "save_every"), [(None, 100), (2, 3)])
@pytest.mark.parametrize("number", [1, 2, 3])
def test_a_stop_inside_a_validation_leaves_no_trace(
    heat_dataset, tmp_path, restored, validate_every, save_every, number
):
    chosen = {"epochs": 3, "batches": 4, "validate_every": validate_every, "save_every": save_every}
    fit(heat_dataset, tmp_path / "whole", **chosen)
    with pytest.raises(StoppedError):
        fit(heat_dataset, tmp_path / "stopped", further=[SignalInValidation(number)], **chosen)
    fit(heat_dataset, tmp_path / "stopped", resume=True, **chosen)
    whole, stopped = contents(tmp_path / "whole"), contents(tmp_path / "stopped")
    assert stopped["metrics.jsonl"] == whole["metrics.jsonl"]
    assert stopped == whole


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "resumes", "asked"), [("SIGUSR1", True, 1), ("SIGUSR1", False, 0), ("SIGTERM", True, 0)]
)
def test_a_slurm_job_saves_in_its_folder_and_is_queued_again_where_it_goes_on(
    heat_dataset, slurm, restored, name, resumes, asked
):
    with pytest.raises(StoppedError):
        fit(heat_dataset, slurm / "run", stop_at=5, epochs=1, signum=signal.Signals[name], resumes=resumes)
    assert step(slurm / "run") == 6
    assert not list((slurm / "work").iterdir())
    requests = (slurm / "asked").read_text() if (slurm / "asked").exists() else ""
    assert requests == "requeue 17\n" * asked


def test_what_lies_in_the_working_directory_is_loaded_by_no_run(slurm):
    (slurm / "work" / "hpc_ckpt_1.ckpt").write_bytes(b"another run's weights")
    trainer = make_trainer(1, "cpu", callbacks=[Checkpoints(str(slurm / "run" / "checkpoints"))], loggers=[])
    assert trainer._checkpoint_connector._hpc_resume_path is None
    environment = trainer._accelerator_connector.cluster_environment
    assert type(environment).__name__ == "SLURMEnvironment"
    assert environment.auto_requeue is False


def test_variables_by_which_lightning_would_change_a_run_are_refused(monkeypatch):
    monkeypatch.setenv("PL_TRAINER_LIMIT_TRAIN_BATCHES", "1")
    with pytest.raises(ValueError, match="environment: expected no PL_TRAINER_LIMIT_TRAIN_BATCHES"):
        make_trainer(1, "cpu", callbacks=[], loggers=[])


class RemoveFolder(Callback):
    """Somebody clears the outputs during one step."""

    def __init__(self, folder, step):
        self.folder, self.step = folder, step

    def on_train_batch_start(self, trainer, *arguments):
        if trainer.global_step == self.step:
            shutil.rmtree(self.folder)


@pytest.mark.slow
@pytest.mark.parametrize("step", [1, 6])
def test_a_run_whose_folder_is_removed_stops_in_one_sentence(heat_dataset, tmp_path, step):
    folder = tmp_path / "run"
    with pytest.raises(OSError, match="removed while it trained"):
        fit(heat_dataset, folder, epochs=1, further=[RemoveFolder(folder, step)])
    assert not folder.exists()
