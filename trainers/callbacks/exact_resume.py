"""Resuming at the position of a checkpoint, however often the run was stopped before."""

from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer

from tendency.trainers.run_position import RunPosition, position_in, stored_position


class ExactResume(Callback):
    """Writes the position of a run into its checkpoints, and sets Lightning's loops from it when the run goes on.

    Of a checkpoint Lightning is shown no state of its loops: it starts them anew, and they are set before any other
    callback's ``on_train_start``. ``make_trainer`` lists this callback first.
    """

    def __init__(self) -> None:
        self.loaded: dict[str, int] | None = None
        self.resumes = False

    def on_load_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        """Takes the position, and withholds what Lightning would restore by itself."""
        self.resumes, self.loaded = True, stored_position(checkpoint)
        checkpoint.pop("loops", None)

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Goes to the position.

        Raises:
            ValueError: the checkpoint does not say where its run stood, or the run has other epochs or steps.
        """
        if self.resumes:
            here = int(trainer.num_training_batches), trainer.accumulate_grad_batches
            position_in(self.loaded, *here).place_before_next_batch(trainer)
            self.resumes = False

    def on_save_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        """Writes the position in place of the loops' state, which depends on where the run was resumed before."""
        checkpoint.pop("loops", None)
        checkpoint["position"] = RunPosition.of(trainer).stored()
