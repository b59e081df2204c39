"""Progress of a run on the screen: one line per epoch, and a bar in between on a terminal."""

import time
from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer

from tendency.data.live_bar import LiveBar, shows_bars
from tendency.simulation.annotations import PositiveFloat

REDRAW_SECONDS = 0.5
MEASURED_STEPS, LONG_SECONDS = 20, 3600.0
"""After so many steps a run that will take longer than so many seconds says so."""


class EpochLines(Callback):
    """Prints ``epoch 3/10  step 192/640  loss 0.012  valid one-step nRMSE 0.011  rollout nRMSE 0.045  24 s  ETA 80 s``.

    Args:
        every_seconds: how often the steps are reported in between; on a terminal a bar shows them instead.
    """

    def __init__(self, every_seconds: PositiveFloat = 10.0) -> None:
        self.every_seconds = every_seconds
        self.bar: LiveBar | None = None
        self.began = self.shown = 0.0
        self.first_step, self.announced = 0, False
        self.total, self.count = 0.0, 0

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Starts the clock."""
        self.began = self.shown = time.monotonic()
        self.first_step = trainer.global_step
        if trainer.is_global_zero and shows_bars():
            self.bar = LiveBar()

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Takes the bar away; the lines of the epochs stay."""
        if self.bar is not None:
            self.bar.stop(keep=False)
            self.bar = None

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        """Leaves the bar where the run stopped; what is said of it goes below."""
        if self.bar is not None:
            self.bar.stop()
            self.bar = None

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Shows the step now and then."""
        # Summed where it lies: reading each loss would make a GPU wait.
        self.total, self.count = self.total + outputs["loss"].detach(), self.count + 1
        if trainer.global_step - self.first_step == MEASURED_STEPS and not self.announced:
            self._announce(trainer)
        if time.monotonic() - self.shown < (self.every_seconds if self.bar is None else REDRAW_SECONDS):
            return
        text = f"{self._mean_loss()}{self._clock(trainer)}"
        if self.bar is not None:
            self.bar.show(_epoch(trainer), trainer.global_step, _steps(trainer), text)
        else:
            self._print(trainer, text)

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Prints what the validation found."""
        if trainer.sanity_checking:
            return
        figures = trainer.callback_metrics
        one_step, whole = (float(figures[f"valid/{name}_nrmse"]) for name in ("one_step", "rollout"))
        valid = f"valid one-step nRMSE {one_step:.4f}  rollout nRMSE {whole:.4f}"
        self._print(trainer, f"{self._mean_loss()}{valid}  {self._clock(trainer)}")

    def _announce(self, trainer: Trainer) -> None:
        """Says so where the steps that are left will take hours; validations come on top."""
        self.announced = True
        each, left = (time.monotonic() - self.began) / MEASURED_STEPS, _steps(trainer) - trainer.global_step
        if each * left > LONG_SECONDS:
            hours = f"about {each * left / 3600:.3g} hours for {left} more steps of {each:.3g} s"
            self._print(trainer, f"{hours}; trainer.max_epochs and data.batches_per_epoch set their number")

    def _mean_loss(self) -> str:
        """The mean loss since it was last shown."""
        if not self.count:
            return ""
        mean, self.total, self.count = float(self.total) / self.count, 0.0, 0
        return f"loss {mean:.4f}  "

    def _clock(self, trainer: Trainer) -> str:
        """The seconds since the start and those left, as of now."""
        self.shown = time.monotonic()
        step, spent = trainer.global_step, self.shown - self.began
        left = spent / max(step - self.first_step, 1) * (_steps(trainer) - step)
        return f"{spent:.0f} s  ETA {left:.0f} s"

    def _print(self, trainer: Trainer, text: str) -> None:
        """Prints one line on the first rank, above the bar where there is one."""
        if not trainer.is_global_zero:
            return
        line = f"{_epoch(trainer)}  step {trainer.global_step}/{_steps(trainer)}  {text}"
        if self.bar is None:
            print(line, flush=True)
        else:
            self.bar.print(line)


def _epoch(trainer: Trainer) -> str:
    return f"epoch {trainer.current_epoch + 1}/{trainer.max_epochs}"


def _steps(trainer: Trainer) -> int:
    return int(trainer.estimated_stepping_batches)
