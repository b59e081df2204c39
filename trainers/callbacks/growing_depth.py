"""A curriculum: rollouts in training grow deeper from epoch to epoch."""

from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer

from tendency.simulation.annotations import PositiveInt
from tendency.trainers.objectives.depth import Depth
from tendency.trainers.objectives.objective import Objective


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

    def check(self, objective: Objective) -> None:
        """Refuses an objective that makes no rollouts, or one that is no deeper than the first epoch's.

        Raises:
            ValueError: in one sentence, why.
        """
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

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int) -> None:
        """Sets the limit of the batch that is about to be trained on."""
        depth: Depth = pl_module.objective.depth  # type: ignore[union-attr, assignment]
        depth.limit = min(self.first + trainer.current_epoch // self.every_n_epochs, depth.steps)
