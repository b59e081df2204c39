"""The Lightning module: objective, optimizer, schedule and rollout validation around one stepper."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from lightning.pytorch import LightningModule
from torch import Tensor
from torch.nn import Parameter
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR

from tendency.evaluation.metrics.error_figures import error_figures
from tendency.evaluation.rollouts.trajectory_errors import TrajectoryErrors, measure_trajectories
from tendency.simulation.window import Window
from tendency.surrogates.stepper import SurrogateStepper
from tendency.trainers.callbacks.weight_average import resume_trained_weights
from tendency.trainers.objectives.objective import Objective
from tendency.trainers.schedules import Schedule

Admit = Callable[[dict[str, Any]], dict[str, Any]]
"""Of the content of a checkpoint, what Lightning may be given; refuses one that no training can go on from."""


class SurrogateModule(LightningModule):
    """Fits a stepper.

    Args:
        stepper: network, prediction and normalizer; the only part with a state.
        objective: how a window becomes a loss.
        optimizer: makes the optimizer from the parameters.
        schedule: the learning rate's factor at each step.
        seed: what the objective's draws depend on, with the step and the sample's index.
        recipe: plain data that rebuild the stepper; goes into every checkpoint.
        admit: what of a checkpoint may be gone on from; None admits it as it is.
    """

    def __init__(
        self,
        stepper: SurrogateStepper,
        objective: Objective,
        optimizer: Callable[[Iterator[Parameter]], Optimizer],
        schedule: Schedule,
        seed: int,
        recipe: dict[str, Any],
        admit: Admit | None = None,
    ) -> None:
        super().__init__()
        self.stepper, self.objective = stepper, objective
        self.make_optimizer, self.schedule = optimizer, schedule
        self.seed, self.recipe, self.admit = seed, recipe, admit
        self.measured: list[tuple[Tensor, TrajectoryErrors]] = []

    def __setattr__(self, name: str, value: Any) -> None:
        """Sets an attribute; the name of Lightning's current hook, forty times a step, past torch's search for tensors.

        Raises:
            AttributeError: as of ``torch.nn.Module``.
        """
        if name == "_current_fx_name":
            object.__setattr__(self, name, value)
        else:
            super().__setattr__(name, value)

    def configure_optimizers(self) -> Any:
        """One optimizer, stepped through the schedule."""
        optimizer = self.make_optimizer(self.stepper.parameters())
        total = int(self.trainer.estimated_stepping_batches)
        scheduler = LambdaLR(optimizer, lambda step: self.schedule(step, total))
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler, "interval": "step"}}

    def on_train_start(self) -> None:
        """Sets the rate of the step to come from the schedule of this run.

        A run that goes on from another's checkpoint may be longer than that one was. Its rate is that of a run of its
        own length from here on, which is said where it jumps.
        """
        step, total = self.trainer.global_step, int(self.trainer.estimated_stepping_batches)
        scheduler = self.trainer.lr_scheduler_configs[0].scheduler
        for group, base in zip(self.trainer.optimizers[0].param_groups, scheduler.base_lrs, strict=True):
            rate = base * self.schedule(step, total)
            if group["lr"] != rate and self.trainer.is_global_zero:
                print(f"learning rate {group['lr']:.3g} in the checkpoint, {rate:.3g} in this run of {total} steps")
            group["lr"] = rate

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
        self.measured = []

    def validation_step(self, window: Window, batch_idx: int) -> None:
        """Rolls whole trajectories out and compares each with the truth, as a report does."""
        self.measured.append((window.index, measure_trajectories(self.stepper, window)))

    def on_validation_epoch_end(self) -> None:
        """Logs the figures of a report on the validation trajectories: medians over those of all ranks."""
        figures = error_figures(*self._measured_on_all_ranks())
        # The ranks have the same trajectories now, and log the same numbers.
        named = {f"valid/{name}": value for name, value in figures.items()}
        self.log_dict(named, rank_zero_only=False, sync_dist=False)

    def _measured_on_all_ranks(self) -> np.ndarray:
        """The errors (3, trajectories) in the order of ``error_figures``, however unevenly the ranks share them."""
        parts = [
            torch.stack([index.double(), e.rollout_nrmse, e.one_step_nrmse, e.final_correlation], 1)
            for index, e in self.measured
        ]
        rows = torch.cat([torch.empty(0, 4, dtype=torch.float64, device=self.device), *parts])
        if self.trainer.world_size > 1:
            counts = self._gathered(torch.tensor(len(rows), device=self.device)).tolist()
            # Ranks exchange tensors of one shape: the padding is cut off again.
            padded = torch.cat([rows, rows.new_zeros(max(counts) - len(rows), 4)])
            rows = torch.cat([part[:count] for part, count in zip(self._gathered(padded), counts, strict=True)])
        return each_once(rows.cpu().numpy()).T

    def _gathered(self, tensor: Tensor) -> Tensor:
        """(ranks, ...), the tensor of each rank."""
        return self.trainer.strategy.all_gather(tensor)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Adds what rebuilds the stepper."""
        checkpoint["recipe"] = self.recipe

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Training goes on with the weights that were trained, where the checkpoint shows their average.

        Raises:
            UnfitStateError: it is not what ``admit`` lets pass. Lightning calls this before it takes anything of it.
        """
        if self.admit is not None:
            checkpoint.update(self.admit(checkpoint))
            # Once is enough, and this module may live longer than the run whose folder that holds.
            self.admit = None
        resume_trained_weights(checkpoint)


def each_once(rows: np.ndarray) -> np.ndarray:
    """The errors (trajectories, figures) of rows (R, 1 + figures) that begin with a trajectory's number, in its order.

    A rank that would have no trajectory measures one that is another's.
    """
    _, first = np.unique(rows[:, 0], return_index=True)
    errors: np.ndarray = rows[first, 1:]
    return errors
