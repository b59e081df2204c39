"""A curriculum: rollouts in training grow deeper from epoch to epoch."""

from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer

from tendency.simulation.annotations import PositiveInt
from tendency.trainers.objectives.depth import Depth
from tendency.trainers.run_hooks import RunContext


class GrowingDepth(Callback):
    """Limits the objective's depth to first + epoch // every_n_epochs, and to ``objective.depth.steps``.

    ``first: 1, every_n_epochs: 1`` grows by one block each epoch; with two steps and ``every_n_epochs: 5`` it is a
    warm-up of five epochs. The limit is a function of the epoch alone, set before every batch, so that a resumed run
    has it whatever its checkpoint.

    Args:
        first: blocks in the first epoch.
        every_n_epochs: epochs until one more is allowed.
    """

    def __init__(self, first: PositiveInt = 1, every_n_epochs: PositiveInt = 1) -> None:
        self.first, self.every_n_epochs = first, every_n_epochs
        self.depth: Depth | None = None

    def begin_run(self, run: RunContext) -> None:
        """Takes the objective's depth.

        Raises:
            ValueError: an objective that makes no rollouts, or one that is no deeper than the first epoch's.
        """
        objective = run.objective
        if objective.depth is None:
            raise ValueError(
                f"callbacks.curriculum: {type(objective).__name__} rolls nothing out whose depth could grow; "
                "use objective=pushforward or unrolled"
            )
        if self.first >= objective.depth.steps:
            raise ValueError(
                f"callbacks.curriculum.first: expected less than objective.depth.steps={objective.depth.steps}, "
                f"got {self.first}"
            )
        self.depth = objective.depth

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int) -> None:
        """Sets the limit of the batch that is about to be trained on."""
        if self.depth is not None:
            reached = self.first + trainer.current_epoch // self.every_n_epochs
            self.depth.limit = min(reached, self.depth.steps)
