"""An early, clear stop when a run diverges."""

import math
from typing import Any

import torch
from lightning.pytorch import Callback, LightningModule, Trainer


class DivergedError(ArithmeticError):
    """The loss is not finite; the message names the step, the learning rate, the samples and the remedy."""


class StopOnDivergence(Callback):
    """Raises after the first step whose loss is not finite. Checkpoints never hold weights from after it."""

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Looks at the step's loss, on every rank: gradients are shared, so all ranks stop."""
        finite = math.isfinite(outputs["loss"].item())
        if trainer.world_size > 1:
            bad = torch.tensor([float(not finite)], dtype=torch.float64, device=trainer.strategy.root_device)
            finite = not float(trainer.strategy.reduce(bad, reduce_op="sum"))
        if finite:
            return
        rate = trainer.optimizers[0].param_groups[0]["lr"]
        samples = batch.index.tolist()
        shown = ", ".join(map(str, samples[:8])) + (", ..." if len(samples) > 8 else "")
        raise DivergedError(
            f"training diverged: the loss is not finite at step {trainer.global_step} (learning rate {rate:.3g}, "
            f"samples {shown}). Lower optimizer.lr, or set trainer.gradient_clip_val; the last checkpoint is finite."
        )
