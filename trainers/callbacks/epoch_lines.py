"""Progress of a run on the screen: one line per epoch, and a moving one in between on a terminal."""

import sys
import time
from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer

from tendency.simulation.annotations import PositiveFloat


class EpochLines(Callback):
    """Prints ``epoch 3/10  step 1920/6400  loss 0.0123  valid one-step 0.011  rollout 0.045  24 s  ETA 2 min``.

    Args:
        every_seconds: how often the steps are reported in between; on a terminal the line is overwritten.
    """

    def __init__(self, every_seconds: PositiveFloat = 10.0) -> None:
        self.every_seconds = every_seconds
        self.began = self.shown = 0.0
        self.first_step = 0
        self.total, self.count = 0.0, 0

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Starts the clock."""
        self.began = self.shown = time.monotonic()
        self.first_step = trainer.global_step

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Shows the step now and then."""
        # Summed where it lies: reading each loss would make a GPU wait.
        self.total, self.count = self.total + outputs["loss"].detach(), self.count + 1
        interval = 0.5 if sys.stdout.isatty() else self.every_seconds
        if time.monotonic() - self.shown >= interval:
            self.show(trainer, self.mean_loss(), end="\r" if sys.stdout.isatty() else "\n")

    def mean_loss(self) -> str:
        """The mean loss since it was last shown."""
        if not self.count:
            return ""
        mean, self.total, self.count = float(self.total) / self.count, 0.0, 0
        return f"loss {mean:.4f}  "

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Shows what the validation found."""
        if trainer.sanity_checking:
            return
        figures = trainer.callback_metrics
        one_step, whole = (float(figures[f"valid/{name}_nrmse"]) for name in ("one_step", "rollout"))
        text = f"{self.mean_loss()}valid one-step nRMSE {one_step:.4f}  rollout nRMSE {whole:.4f}  "
        self.show(trainer, text, end="\n")

    def show(self, trainer: Trainer, text: str, end: str) -> None:
        """Prints one line on the first rank."""
        self.shown = time.monotonic()
        if not trainer.is_global_zero:
            return
        total, step, spent = int(trainer.estimated_stepping_batches), trainer.global_step, self.shown - self.began
        left = spent / max(step - self.first_step, 1) * (total - step)
        head = f"epoch {trainer.current_epoch + 1}/{trainer.max_epochs}  step {step}/{total}"
        line = f"{head}  {text}{spent:.0f} s  ETA {left:.0f} s"
        print(f"\033[2K{line}" if sys.stdout.isatty() else line, end=end, flush=True)
