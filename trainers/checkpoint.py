"""Checkpoints that exist whole or not at all."""

import errno
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import torch
from annotated_types import Ge
from lightning.fabric.plugins.io.torch_io import TorchCheckpointIO
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import Checkpoint
from pydantic import ConfigDict, with_config
from typing_extensions import TypedDict

from tendency.data.whole_file import sweep_leftovers, whole_file
from tendency.simulation.annotations import NonNegativeInt, PositiveInt
from tendency.trainers.checkpoint_archive import load_archive
from tendency.trainers.kept_state import CALLBACK, LOG_BYTES
from tendency.trainers.logs.log_beside import LogBeside
from tendency.trainers.logs.metrics_log import MetricsLog
from tendency.trainers.run_hooks import RunContext
from tendency.trainers.run_position import RunPosition
from tendency.trainers.stored_state import ResumedRun, UnfitStateError, require_kind

LowestFigure = Literal["valid/rollout_nrmse", "valid/one_step_nrmse"]
"""Figures of a validation that are lowest for the best weights."""


_Ranked = Annotated[float, Ge(0)]
"""A figure, which is infinite where it was no number."""


@with_config(ConfigDict(strict=True, extra="forbid"))
class _Stored(TypedDict):
    best: tuple[_Ranked, _Ranked] | None
    metrics_log_bytes: NonNegativeInt | None
    validation_due: bool


class AtomicCheckpointIO(TorchCheckpointIO):
    """Writes beside the target, flushes to the disk, renames.

    Lightning's own goes through $TMPDIR, from where a move to another filesystem can be cut in half by a kill. Loading
    never unpickles code.
    """

    def save_checkpoint(self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any = None) -> None:
        """Saves a checkpoint.

        Raises:
            OSError: no space, no permission; the previous checkpoint is untouched then.
        """
        with whole_file(Path(path)) as temporary:
            try:
                # Of a path torch would store the name in the archive, which is a temporary one with that of the host.
                with temporary.open("wb") as file:
                    torch.save(checkpoint, file)
            except RuntimeError as error:
                # torch's own writer keeps the system's reason to itself, and a full disk is the likely one.
                raise OSError(errno.ENOSPC, "cannot write the checkpoint", str(path)) from error

    def load_checkpoint(
        self, path: str | Path, map_location: Any = "cpu", weights_only: bool | None = True
    ) -> dict[str, Any]:
        """Loads a local checkpoint as plain data and tensors, whatever ``weights_only`` says.

        Raises:
            ArchiveError: it is damaged.
        """
        return load_archive(Path(path), map_location)


def may_save_after(trainer: Trainer, batch_idx: int) -> bool:
    """Whether a run can resume from a checkpoint taken after this batch: a checkpoint holds no added-up gradients."""
    return trainer.is_last_batch or (batch_idx + 1) % trainer.accumulate_grad_batches == 0


def validation_follows(trainer: Trainer, batch_idx: int) -> bool:
    """Whether Lightning validates between this batch and the next."""
    every, interval = trainer.check_val_every_n_epoch or 1, trainer.val_check_batch
    return (trainer.current_epoch + 1) % every == 0 and interval is not None and (batch_idx + 1) % interval == 0


def validation_may_follow(trainer: Trainer, position: RunPosition) -> bool:
    """What ``validation_follows`` says of a position, before the trainer has its data.

    Of intervals that are no whole number of batches nothing is known then.
    """
    every, interval = trainer.check_val_every_n_epoch or 1, trainer.val_check_interval
    if (position.epoch + 1) % every:
        return False
    # One batch is 1, one epoch is 1.0.
    batches = position.batches_per_epoch if type(interval) is float and interval == 1 else interval
    return type(batches) is not int or (position.batch_in_epoch > 0 and position.batch_in_epoch % batches == 0)


def ends_here(trainer: Trainer) -> bool:
    """Whether a limit of steps or seconds, or a callback, ends the run after this batch."""
    return trainer.should_stop or 0 <= trainer.max_steps <= trainer.global_step


class Checkpoints(Checkpoint):
    """Keeps ``last.ckpt`` and ``best.ckpt`` of a run.

    ``last`` is written after every ``every_n_steps`` optimizer steps and after the last batch of each epoch, before
    its validation, and where a limit of steps or seconds ends the run; ``best`` after a validation with the lowest
    ``monitor`` so far, or with the lowest ``otherwise`` as long as ``monitor`` has never been finite, because a
    rollout blows up. Neither is written when a weight is not finite. Lightning takes the validation that follows a
    checkpoint for done when it resumes from it, so that its figures would be lost: ``last`` records that it is still
    to be done, and the resumed run does it first.

    Figures of a validation are the median over its trajectories, as in a report (docs/reports.md).

    Args:
        folder: where they go; the run sets it.
        monitor: the logged figure that is lowest for the best weights.
        every_n_steps: how much work a kill can cost at most.
        otherwise: the logged figure that decides where ``monitor`` is not finite.
    """

    def __init__(
        self,
        folder: str,
        monitor: LowestFigure = "valid/rollout_nrmse",
        every_n_steps: PositiveInt = 500,
        otherwise: LowestFigure = "valid/one_step_nrmse",
    ) -> None:
        self.folder, self.monitor, self.every_n_steps = Path(folder), monitor, every_n_steps
        self.otherwise = otherwise
        self.metrics_log: MetricsLog | None = None
        self.best: tuple[float, float] | None = None
        self.saved_step, self.due = -1, False
        self.validation_due = False
        self.goes_on = self.began = False

    def begin_run(self, run: RunContext) -> None:
        """Remembers the run's log, which is cut back where a run goes on from a checkpoint."""
        self.metrics_log = run.metrics_log

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Sweeps what a killed run of this machine left half-written."""
        if trainer.is_global_zero and self.folder.is_dir():
            sweep_leftovers(self.folder)

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Forgets the log of a run that was stopped before its first checkpoint: the run begins anew."""
        if not self.goes_on and self.metrics_log is not None:
            self.metrics_log.truncate(0)

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Saves ``last`` where it is due."""
        if trainer.global_step % self.every_n_steps == 0 or trainer.is_last_batch or ends_here(trainer):
            self.due = True
        if self.due and trainer.global_step != self.saved_step and may_save_after(trainer, batch_idx):
            self.save_last(trainer, batch_idx)

    def save_last(self, trainer: Trainer, batch_idx: int) -> None:
        """Writes ``last`` after this batch."""
        self.validation_due = validation_follows(trainer, batch_idx)
        self.save(trainer, "last.ckpt")
        self.saved_step, self.due = trainer.global_step, False

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Does the validation that ``last`` was written before."""
        if self.validation_due:
            position = RunPosition.of(trainer)
            # The figures belong to the epoch of the checkpoint, which the run has left by now if it was at its end.
            position.place_after_batch(trainer)
            trainer.validating = True
            trainer.fit_loop.epoch_loop.val_loop.run()
            trainer.training = True
            position.place_before_next_batch(trainer)
        if self.goes_on and self.saved_step != trainer.global_step:
            # The run goes on from its best checkpoint, since the last was damaged or lost.
            self.save(trainer, "last.ckpt")

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Saves ``last`` where a run ended before there was any.

        Lightning counts the epoch as complete by now, so that a checkpoint which a run can go on from is not replaced.
        """
        if not (self.folder / "last.ckpt").exists():
            self.save(trainer, "last.ckpt")

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Saves ``best`` where the monitored figure is the lowest so far."""
        self.validation_due = False
        if trainer.sanity_checking or self.monitor not in trainer.callback_metrics:
            return
        figures = self._ranked(trainer, self.monitor), self._ranked(trainer, self.otherwise)
        if self.best is None or figures < self.best:
            self.best = figures
            self.save(trainer, "best.ckpt")

    def _ranked(self, trainer: Trainer, name: str) -> float:
        """A figure that can be compared: infinite where it is no number, or was not logged."""
        value = float(trainer.callback_metrics.get(name, math.inf))
        return math.inf if math.isnan(value) else value

    def save(self, trainer: Trainer, name: str) -> None:
        """Writes one checkpoint, on all ranks together; Lightning lets the first write it.

        Raises:
            OSError: the folder was removed since the run wrote there; a new one would hold half a run.
        """
        if self.began and not self.folder.is_dir():
            raise FileNotFoundError(errno.ENOENT, "the run's folder was removed while it trained", str(self.folder))
        self.began = True
        if all(bool(torch.isfinite(p).all()) for p in trainer.lightning_module.parameters()):
            # After a power cut a shorter log than the checkpoint says would be taken for a damaged one.
            if self.metrics_log is not None and trainer.is_global_zero:
                self.metrics_log.flush_to_disk()
            trainer.save_checkpoint(self.folder / name)

    def state_dict(self) -> dict[str, Any]:
        """The best figures so far, and how much of the metrics log belongs to this checkpoint."""
        return {
            "best": self.best,
            LOG_BYTES: None if self.metrics_log is None else self.metrics_log.size(),
            "validation_due": self.validation_due,
        }

    def require_stored(self, checkpoint: Mapping[str, Any], run: ResumedRun) -> None:
        """Looks at what the run would go on from; see ``StoresState``.

        Raises:
            UnfitStateError: it is missing, or not what ``state_dict`` makes.
        """
        key = f"callbacks.{CALLBACK}"
        require_kind(checkpoint["callbacks"].get(CALLBACK), _Stored, key)
        if not run.is_own:
            return
        stored = checkpoint["callbacks"][CALLBACK]
        if stored["validation_due"] and not run.validates:
            raise UnfitStateError(f"{key}.validation_due: expected False, since none follows its position, got True")
        if self.metrics_log is not None:
            if stored[LOG_BYTES] is None:
                raise UnfitStateError(f"{key}.{LOG_BYTES}: expected the size of this run's log, got None")
            log = LogBeside(self.metrics_log.path, stored[LOG_BYTES])
            log.require_position(run.position, f"{key}.{LOG_BYTES}")
            log.require_best(stored["best"], (self.monitor, self.otherwise), f"{key}.best")

    def on_load_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        """Remembers what is saved already, and whether it is this run that goes on, or another from its weights."""
        path = Path(str(trainer.ckpt_path))
        self.goes_on = path.parent.resolve() == self.folder.resolve()
        self.saved_step = checkpoint["global_step"] if path.name == "last.ckpt" else -1

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Goes on from a checkpoint: the log forgets what came after it.

        The best figures and the log of another run are no business of this one.
        """
        self.validation_due = state_dict["validation_due"]
        if not self.goes_on:
            return
        self.best = state_dict["best"]
        if self.metrics_log is not None:
            self.metrics_log.truncate(state_dict[LOG_BYTES])
