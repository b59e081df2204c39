"""Stopping a run from outside: at a step's end, with a checkpoint, on all ranks."""

import os
import shutil
import signal
import subprocess
from types import FrameType
from typing import Any

import torch
from lightning.pytorch import Callback, LightningModule, Trainer

from tendency.trainers.checkpoint import Checkpoints, may_save_after
from tendency.trainers.run_hooks import RunContext

STOPPING = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2)


class StoppedError(Exception):
    """The run was stopped by a signal, after a checkpoint; ``exit_code`` is 128 + the signal's number."""

    def __init__(self, signum: int) -> None:
        super().__init__(f"stopped by {signal.Signals(signum).name}; the same command with resume=auto goes on")
        self.exit_code = 128 + signum


class StopOnSignal(Callback):
    """SIGTERM, SIGHUP, SIGUSR1, SIGUSR2 and Ctrl-C save ``last.ckpt`` at the end of the step and stop the run.

    A second Ctrl-C stops at once. SIGHUP is left ignored where it was (nohup). Ranks agree at each step's end, so that
    a signal to any one of them stops all of them together. A Slurm job that is sent SIGUSR1 before its time is over
    (``sbatch --signal=USR1@90``) is queued again where its command says ``resume=auto``: without, the second start
    would only be refused.
    """

    def __init__(self) -> None:
        self.received = 0
        self.resumes = False

    def begin_run(self, run: RunContext) -> None:
        """Remembers whether the same command goes on with the run."""
        self.resumes = run.resumes

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Takes the signals over from Lightning, whose handler ends a run with code 0 and no checkpoint."""
        for signum in STOPPING:
            if signum != signal.SIGHUP or signal.getsignal(signum) != signal.SIG_IGN:
                signal.signal(signum, self._note)

    def _note(self, signum: int, frame: FrameType | None) -> None:
        if self.received == signal.SIGINT == signum:
            raise KeyboardInterrupt
        self.received = signum

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Stops here if any rank was told to."""
        signum = self._agreed(trainer)
        if signum and may_save_after(trainer, batch_idx):
            for checkpoints in _checkpoints(trainer):
                checkpoints.save_last(trainer, batch_idx)
            self._stop(trainer, signum)

    def on_validation_batch_end(self, trainer: Trainer, pl_module: LightningModule, *args: Any, **kwargs: Any) -> None:
        """Stops a validation too, on one device: the resumed run does it again."""
        batch_idx = trainer.fit_loop.epoch_loop.batch_idx
        if self.received and trainer.world_size == 1 and may_save_after(trainer, batch_idx):
            for checkpoints in _checkpoints(trainer):
                if checkpoints.saved_step != trainer.global_step:
                    checkpoints.save_last(trainer, batch_idx)
            self._stop(trainer, self.received)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Stops before the report, which the resumed run makes."""
        if signum := self._agreed(trainer):
            self._stop(trainer, signum)

    def on_fit_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Stops here too, on one device: a signal that came after the last look would be forgotten with this run."""
        if self.received and trainer.world_size == 1:
            self._stop(trainer, self.received)

    def _stop(self, trainer: Trainer, signum: int) -> None:
        if signum == signal.SIGUSR1 and self.resumes and trainer.is_global_zero:
            queue_again()
        if trainer.world_size > 1:
            # A rank that ends with an error would have its Slurm job end before the first has queued it again.
            trainer.strategy.barrier("stopped")
        raise StoppedError(signum)

    def _agreed(self, trainer: Trainer) -> int:
        if trainer.world_size == 1:
            return self.received
        received = torch.tensor([float(self.received)], device=trainer.strategy.root_device)
        return int(trainer.strategy.reduce(received, reduce_op="max"))


def _checkpoints(trainer: Trainer) -> list[Checkpoints]:
    return [callback for callback in trainer.checkpoint_callbacks if isinstance(callback, Checkpoints)]


def queue_again() -> None:
    """Asks Slurm to queue this process's job again, where there is one; says so, or why it did not."""
    job, program = os.environ.get("SLURM_JOB_ID", ""), shutil.which("scontrol")
    if array := os.environ.get("SLURM_ARRAY_JOB_ID"):
        job = f"{array}_{os.environ.get('SLURM_ARRAY_TASK_ID', '')}"
    if not job or program is None:
        return
    done = subprocess.run([program, "requeue", job], capture_output=True, text=True, check=False)
    said = "queued again" if done.returncode == 0 else f"scontrol requeue failed: {done.stderr.strip()}"
    print(f"Slurm job {job}: {said}", flush=True)
