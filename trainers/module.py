"""The Lightning module: objective, optimizer, schedule and rollout validation around one stepper."""

from collections.abc import Callable, Iterator
from typing import Any

import torch
from lightning.pytorch import LightningModule
from torch import Tensor
from torch.nn import Parameter
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR

from tendency.evaluation.metrics.pointwise import correlation, nrmse
from tendency.simulation.simulator import begin, rollout
from tendency.simulation.window import Window
from tendency.surrogates.stepper import SurrogateStepper
from tendency.trainers.callbacks.weight_average import resume_trained_weights
from tendency.trainers.objectives.objective import Objective
from tendency.trainers.schedules import Schedule


class SurrogateModule(LightningModule):
    """Fits a stepper.

    Args:
        stepper: network, prediction and normalizer; the only part with a state.
        objective: how a window becomes a loss.
        optimizer: makes the optimizer from the parameters.
        schedule: the learning rate's factor at each step.
        seed: what the objective's draws depend on, with the step and the sample's index.
        recipe: plain data that rebuild the stepper; goes into every checkpoint.
    """

    def __init__(
        self,
        stepper: SurrogateStepper,
        objective: Objective,
        optimizer: Callable[[Iterator[Parameter]], Optimizer],
        schedule: Schedule,
        seed: int,
        recipe: dict[str, Any],
    ) -> None:
        super().__init__()
        self.stepper, self.objective = stepper, objective
        self.make_optimizer, self.schedule = optimizer, schedule
        self.seed, self.recipe = seed, recipe
        self.judged: list[Tensor] = []

    def configure_optimizers(self) -> Any:
        """One optimizer, stepped through the schedule."""
        optimizer = self.make_optimizer(self.stepper.parameters())
        total = int(self.trainer.estimated_stepping_batches)
        scheduler = LambdaLR(optimizer, lambda step: self.schedule(step, total))
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler, "interval": "step"}}

    def training_step(self, window: Window, batch_idx: int) -> Tensor:
        """The objective's loss at this step of the run."""
        step = self.trainer.fit_loop.epoch_loop.total_batch_idx
        loss = self.objective.loss(self.stepper, window, self.seed, step)
        if step % self.trainer.log_every_n_steps == 0:  # type: ignore[attr-defined]
            # For callbacks that look at it. At every step, this would take a tenth of a small network's evaluation.
            self.log("train/loss", loss, batch_size=len(window.index), logger=False)
            self._write_step(loss, step)
        return loss

    def optimizer_zero_grad(self, epoch: int, batch_idx: int, optimizer: Optimizer) -> None:
        """Forgets the gradients, as ``optimizer.zero_grad()`` does, without its records for a profiler."""
        for group in optimizer.param_groups:
            for weight in group["params"]:
                weight.grad = None

    def _write_step(self, loss: Tensor, step: int) -> None:
        """Logs a step within it: Lightning would log after the checkpoint of the same step, which would lack it."""
        mean = loss.detach()
        if self.trainer.world_size > 1:
            mean = self.trainer.strategy.reduce(mean, reduce_op="mean")
        rate = self.trainer.optimizers[0].param_groups[0]["lr"]
        for logger in self.loggers:
            figures = {"train/loss": float(mean), "learning_rate": rate, "epoch": self.current_epoch}
            logger.log_metrics(figures, step)

    def on_validation_epoch_start(self) -> None:
        """Forgets the previous validation."""
        self.judged = []

    def validation_step(self, window: Window, batch_idx: int) -> None:
        """Rolls whole trajectories out and judges each against the truth."""
        self.judged.append(judge_rollout(self.stepper, window))

    def on_validation_epoch_end(self) -> None:
        """Means over the trajectories of all ranks, however unevenly these share them."""
        total = torch.zeros(4, dtype=torch.float64, device=self.device)
        if self.judged:
            judged = torch.cat(self.judged)
            total = torch.cat([judged.sum(0), judged.new_tensor([len(judged)])]).to(self.device)
        if self.trainer.world_size > 1:
            total = self.trainer.strategy.reduce(total, reduce_op="sum")
        one_step, whole, final = (total[:3] / total[3]).tolist()
        # Already reduced over the ranks, which therefore log the same numbers.
        figures = {"valid/one_step_nrmse": one_step, "valid/rollout_nrmse": whole, "valid/final_correlation": final}
        self.log_dict(figures, rank_zero_only=False, sync_dist=False)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Adds what rebuilds the stepper."""
        checkpoint["recipe"] = self.recipe

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Training goes on with the weights that were trained, where the checkpoint shows their average."""
        resume_trained_weights(checkpoint)


@torch.no_grad()
def judge_rollout(stepper: SurrogateStepper, window: Window) -> Tensor:
    """Rolls a window of whole trajectories out from its first snapshots.

    Args:
        stepper: what is judged.
        window: B trajectories of T snapshots, present at 0.

    Returns:
        (B, 3) float64: nRMSE after one step, nRMSE over the rollout (mean over snapshots; infinite once it blows up),
        and the correlation with the last snapshot.
    """
    start, last = stepper.history - 1, window.u.shape[1] - 1
    u, t = window.moved(start).history(stepper.history)
    weights = window.conditions.geometry.weights(window.conditions.extent)
    states = rollout(
        stepper,
        begin(stepper, u, t, window.conditions, window.index),
        window.times(start + 1, last),
        window.conditions,
    )
    errors = []
    for offset, state in enumerate(states, start + 1):
        error = nrmse(state.u, window.at(offset), weights).mean(1)
        errors.append(error.double().nan_to_num(nan=torch.inf))
    whole = torch.stack(errors, 1).mean(1)
    final = correlation(state.u, window.at(last), weights).mean(1).double().nan_to_num(nan=0.0)
    return torch.stack([errors[0], whole, final], 1)
