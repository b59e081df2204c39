"""CPU seconds of the parts of each training step, measured by a callback inside our Trainer loop."""

import json
import time
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import Callback, LightningModule, Trainer

PARTS = ("network", "loss", "backward", "optimizer", "step")


class StepTimes(Callback):
    """Writes ``{"network": [...], "loss": [...], "backward": [...], "optimizer": [...], "step": [...]}`` in seconds.

    ``network`` is its forward, all evaluations of the step together; ``loss`` the rest of the objective: what changes
    units, makes the label and compares; ``optimizer`` its update and the clipping of gradients. A ``step`` begins where
    the previous one ended and includes the fetching of its batch, callbacks and logs. The time is that of this
    process's CPU, so that others on the machine count little; it belongs to one thread.

    Args:
        path: of the file, written when the training ends.
    """

    def __init__(self, path: str) -> None:
        self.path = Path(path)
        self.seconds: dict[str, list[float]] = {part: [] for part in PARTS}
        self.spent, self.began = dict.fromkeys(PARTS, 0.0), dict.fromkeys(PARTS, 0.0)

    def begin(self, part: str) -> None:
        """Starts the clock of a part."""
        self.began[part] = time.process_time()

    def end(self, part: str) -> None:
        """Stops the clock of a part."""
        self.spent[part] += time.process_time() - self.began[part]

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Listens to the network, to the objective and to the optimizer."""
        surrogate: Any = pl_module.stepper.surrogate  # type: ignore[union-attr]
        surrogate.register_forward_pre_hook(lambda *given: self.begin("network"))
        surrogate.register_forward_hook(lambda *given: self.end("network"))
        objective: Any = pl_module.objective
        loss = objective.loss

        def measured(*given: Any) -> torch.Tensor:
            self.begin("loss")
            value: torch.Tensor = loss(*given)
            self.end("loss")
            return value

        objective.loss = measured
        trainer.optimizers[0].register_step_post_hook(lambda *given: self.end("optimizer"))
        self._begin_step()

    def on_before_backward(self, trainer: Trainer, pl_module: LightningModule, loss: torch.Tensor) -> None:
        """The loss is there."""
        self.begin("backward")

    def on_after_backward(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """The gradients are there."""
        self.end("backward")

    def on_before_optimizer_step(self, trainer: Trainer, pl_module: LightningModule, optimizer: Any) -> None:
        """Lightning calls it inside of the optimizer's own step, after the backward and before the clipping."""
        self.begin("optimizer")

    def on_train_batch_end(self, trainer: Trainer, pl_module: LightningModule, *given: Any) -> None:
        """A step is over and the next one begins."""
        self.end("step")
        self.spent["loss"] -= self.spent["network"]
        for part in PARTS:
            self.seconds[part].append(self.spent[part])
        self._begin_step()

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """What a validation takes belongs to no step."""
        self._begin_step()

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Writes what was measured."""
        self.path.write_text(json.dumps(self.seconds), encoding="utf-8")

    def _begin_step(self) -> None:
        self.spent = dict.fromkeys(PARTS, 0.0)
        self.begin("step")
