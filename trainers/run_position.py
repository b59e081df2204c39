"""Where a run stands after a batch, and what Lightning's loops are to say of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lightning.pytorch import Trainer


@dataclass(frozen=True)
class RunPosition:
    """The place of a run between two of its batches: all counters of Lightning's loops are functions of it.

    Lightning's own counters depend on where a run was resumed before: one that goes on from the end of an epoch counts
    the next one differently, and the checkpoint after that starts at a wrong place. Hence checkpoints hold a position
    in place of the loops' state, and a resumed run sets the loops from it.

    Args:
        batches: of the run that were trained on.
        batches_per_epoch: batches in one epoch, on all ranks together.
        accumulate: batches of one optimizer step; the last step of an epoch may have fewer.
    """

    batches: int
    batches_per_epoch: int
    accumulate: int

    @classmethod
    def of(cls, trainer: "Trainer") -> "RunPosition":
        """The position of a running trainer."""
        batches = trainer.fit_loop.epoch_loop.batch_progress.total.ready
        return cls(batches, int(trainer.num_training_batches), trainer.accumulate_grad_batches)

    @property
    def epoch(self) -> int:
        """The epoch of the last batch, from 0."""
        return max(self.batches - 1, 0) // self.batches_per_epoch

    @property
    def batch_in_epoch(self) -> int:
        """Batches of that epoch that were trained on."""
        return self.batches - self.epoch * self.batches_per_epoch

    @property
    def steps(self) -> int:
        """Optimizer steps that were taken."""
        in_epoch = -(-self.batch_in_epoch // self.accumulate) if self._ends_epoch else self._whole_steps
        return self.epoch * -(-self.batches_per_epoch // self.accumulate) + in_epoch

    @property
    def between_steps(self) -> bool:
        """Whether no gradients are being added up here; a checkpoint holds none."""
        return self._ends_epoch or self.batch_in_epoch % self.accumulate == 0

    @property
    def _ends_epoch(self) -> bool:
        return self.batch_in_epoch == self.batches_per_epoch

    @property
    def _whole_steps(self) -> int:
        return self.batch_in_epoch // self.accumulate

    def stored(self) -> dict[str, int]:
        """Plain data for a checkpoint."""
        return {
            "batches": self.batches,
            "batches_per_epoch": self.batches_per_epoch,
            "accumulate_grad_batches": self.accumulate,
            "global_step": self.steps,
        }

    def place_after_batch(self, trainer: "Trainer") -> None:
        """Sets the loops as they are when the last batch has been trained on and its validation begins."""
        self._place(trainer, epochs=self.epoch, batch=self.batch_in_epoch, logged_step=self.steps - 1)
        trainer.fit_loop.epoch_loop.batch_progress.is_last_batch = self._ends_epoch

    def place_before_next_batch(self, trainer: "Trainer") -> None:
        """Sets the loops as they are when an epoch begins, whose first batches are left out if they were trained on."""
        epochs, batch = divmod(self.batches, self.batches_per_epoch)
        # An epoch loop that restarts keeps its count of batches, and raises its count of logged steps by one.
        self._place(trainer, epochs=epochs, batch=batch, logged_step=self.steps - (batch > 0))
        loop = trainer.fit_loop.epoch_loop
        loop.batch_progress.is_last_batch = False
        # Not the property, which would make the loop of validations restart as well.
        loop._restarting = batch > 0

    def _place(self, trainer: "Trainer", *, epochs: int, batch: int, logged_step: int) -> None:
        """Sets the counters.

        Args:
            trainer: whose loops they are.
            epochs: that are complete.
            batch: of the present epoch that were trained on.
            logged_step: the x axis of Lightning's own logs.
        """
        loop = trainer.fit_loop.epoch_loop
        progress = trainer.fit_loop.epoch_progress
        for tracker, count in (
            (progress.total, epochs),
            (progress.current, epochs),
            (loop.batch_progress.total, self.batches),
            (loop.batch_progress.current, batch),
        ):
            tracker.reset()
            tracker.increment_by(count)
        steps = loop.automatic_optimization.optim_progress.optimizer.step.total
        steps.reset()
        steps.increment_by(self.steps)
        loop._batches_that_stepped = logged_step


KNOWN = {"batches", "batches_per_epoch", "accumulate_grad_batches", "global_step", "batch_in_epoch"}


def stored_position(checkpoint: Mapping[str, Any]) -> dict[str, int] | None:
    """What a checkpoint says of its position: as ``RunPosition.stored``, or less where an older version wrote it.

    None where it says nothing.
    """
    try:
        if "position" in checkpoint:
            position = dict(checkpoint["position"])
            # A truth value is no number of batches, and neither is a text or a fraction.
            return position if all(type(value) is int for value in position.values()) else None
        batches = checkpoint["loops"]["fit_loop"]["epoch_loop.batch_progress"]
        return {
            "batches": int(batches["total"]["ready"]),
            "batch_in_epoch": int(batches["current"]["ready"]),
            "global_step": int(checkpoint["global_step"]),
        }
    except (AttributeError, KeyError, TypeError, ValueError):
        return None


def position_in(stored: Mapping[str, int] | None, batches_per_epoch: int, accumulate: int) -> RunPosition:
    """The position of a checkpoint in a run.

    Args:
        stored: of ``stored_position``.
        batches_per_epoch: of the run that goes on.
        accumulate: batches of one optimizer step of the run that goes on.

    Raises:
        ValueError: the run that goes on has other epochs or steps, or no run can go on from the checkpoint.
    """
    if not stored or "batches" not in stored or not KNOWN.issuperset(stored) or min(stored.values()) < 0:
        raise ValueError("it does not say where its run stood; it can be judged, but no run goes on from it")
    position = RunPosition(stored["batches"], batches_per_epoch, accumulate)
    here = {**position.stored(), "batch_in_epoch": position.batch_in_epoch}
    if changed := [f"{name} {value} there, {here[name]} here" for name, value in stored.items() if value != here[name]]:
        raise ValueError(
            f"it stands after {position.batches} batches of a run with other epochs "
            f"({', '.join(changed)}); restore data.batch_size, data.num_train, data.batches_per_epoch, data.stride and "
            "trainer.accumulate_grad_batches, or train anew under another name="
        )
    if not position.between_steps:
        raise ValueError("it was written while gradients were added up, which it does not hold; no run goes on from it")
    return position
