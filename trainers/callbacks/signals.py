"""Stopping a run from outside: at a step's end, with a checkpoint, on all ranks."""

import signal
from types import FrameType
from typing import Any

import torch
from lightning.pytorch import Callback, LightningModule, Trainer

from tendency.trainers.checkpoint import Checkpoints, may_save_after


class StoppedError(Exception):
    """The run was stopped by a signal, after a checkpoint; ``exit_code`` is 128 + the signal's number."""

    def __init__(self, signum: int) -> None:
        super().__init__(f"stopped by {signal.Signals(signum).name}; the same command with resume=auto goes on")
        self.exit_code = 128 + signum


class StopOnSignal(Callback):
    """SIGTERM and Ctrl-C save ``last.ckpt`` at the end of the step and stop; a second Ctrl-C stops at once.

    Ranks agree at each step's end, so that a signal to any one of them stops all of them together.
    """

    def __init__(self) -> None:
        self.received = 0

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Takes the signals over from Lightning, whose handler ends a run with code 0 and no checkpoint."""
        signal.signal(signal.SIGTERM, self._note)
        signal.signal(signal.SIGINT, self._note)

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
            for callback in trainer.checkpoint_callbacks:
                if isinstance(callback, Checkpoints):
                    callback.save_last(trainer, batch_idx)
            raise StoppedError(signum)

    def on_validation_batch_end(self, trainer: Trainer, pl_module: LightningModule, *args: Any, **kwargs: Any) -> None:
        """Stops an epoch's last validation too, on one device: ``last.ckpt`` was written just before it."""
        if self.received and trainer.world_size == 1 and trainer.is_last_batch:
            raise StoppedError(self.received)

    def _agreed(self, trainer: Trainer) -> int:
        if trainer.world_size == 1:
            return self.received
        received = torch.tensor([float(self.received)], device=trainer.strategy.root_device)
        return int(trainer.strategy.reduce(received, reduce_op="max"))
