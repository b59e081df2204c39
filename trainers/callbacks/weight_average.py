"""An exponential moving average of the weights, which is what is validated, reported and kept."""

from collections.abc import Mapping
from typing import Any

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from torch import Tensor

from tendency.simulation.annotations import Fraction
from tendency.trainers.stored_state import TRAINED, ResumedRun, UnfitStateError, require_kind

AVERAGED, COUNTS = "averaged_parameters", "weight_average"
"""The average in a checkpoint that is being loaded; how many steps are in it."""


class WeightAverage(Callback):
    """ā ← ā + (1 - β)(w - ā) after every optimizer step, β = min(decay, (1 + n) / (10 + n)) at the n-th.

    The average takes the weights' place during each validation and in the ``state_dict`` of every checkpoint, so that
    whatever is validated is what is reported and loaded later. The trained weights lie beside it, and a run goes on
    with them, whether or not it goes on averaging. A step is averaged once, by whichever asks first: this callback's
    turn at the step's end, or a checkpoint of the same step; so the order of callbacks does not matter.

    Lightning 2.6 has a ``WeightAveraging`` of its own, which was tried with ``tests/trainers/test_resume.py``. Listed
    before ``StopOnSignal`` it resumes to the bit, but listed after it, a run that is stopped and resumed loses one step
    from the average (weights differ by 1e-3), and a run that goes on without averaging goes on from the averaged
    weights in place of the trained ones. It also keeps a copy of the whole module, and the first steps weigh too much
    at a constant decay.

    Args:
        decay: largest β; 0.999 averages over the last thousand steps or so.

    References:
        Polyak, Juditsky: Acceleration of stochastic approximation by averaging. SIAM J. Control Optim. 30 (1992),
        doi:10.1137/0330046.
    """

    def __init__(self, decay: Fraction = 0.999) -> None:
        self.decay = decay
        self.average: dict[str, Tensor] = {}
        self.trained: dict[str, Tensor] = {}
        self.updates = self.averaged_step = 0

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """The average of no steps is the weights as they are."""
        if not self.average:
            self.average = _copies(pl_module)
            self.averaged_step = trainer.global_step
        # A checkpoint is loaded before the weights move to their device.
        for name, weight in pl_module.named_parameters():
            self.average[name] = self.average[name].to(weight.device)

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Takes in the step's weights."""
        self._take_in(trainer, pl_module)

    def _take_in(self, trainer: Trainer, pl_module: LightningModule) -> None:
        # Batches whose gradients are still being added up change no weights and no step.
        if trainer.global_step == self.averaged_step:
            return
        self.averaged_step = trainer.global_step
        decay = min(self.decay, (1 + self.updates) / (10 + self.updates))
        self.updates += 1
        for name, weight in pl_module.named_parameters():
            self.average[name].lerp_(weight.detach(), 1 - decay)

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """The average steps in."""
        if self.average:
            self._take_in(trainer, pl_module)
            self.trained = _copies(pl_module)
            _set(pl_module, self.average)

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """The trained weights go on; checkpoints of this validation come later and hold the average all the same."""
        if self.trained:
            _set(pl_module, self.trained)
            self.trained = {}

    def on_save_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        """Puts the average where weights are looked for, and the trained weights beside it."""
        if not self.average:
            return
        if not self.trained:
            self._take_in(trainer, pl_module)
        weights = checkpoint["state_dict"]
        checkpoint[TRAINED] = self.trained or {name: weights[name] for name in self.average}
        checkpoint["state_dict"] = {**weights, **self.average}
        checkpoint[COUNTS] = {"updates": self.updates, "step": self.averaged_step}

    def require_stored(self, checkpoint: Mapping[str, Any], run: ResumedRun) -> None:
        """Looks for the average's counts and the trained weights beside it, which the run's own checkpoints have.

        Raises:
            UnfitStateError: see ``StoresState``.
        """
        if not run.is_own and TRAINED not in checkpoint and COUNTS not in checkpoint:
            return
        require_kind(checkpoint.get(TRAINED), dict[str, Any], TRAINED)
        require_kind(checkpoint.get(COUNTS), dict[str, int], COUNTS)
        counts, steps = checkpoint[COUNTS], run.position.steps
        least = steps if run.from_start else 0
        if counts.get("step") != steps or not least <= counts.get("updates", -1) <= steps:
            raise UnfitStateError(f"{COUNTS}: expected the counts of {steps} steps by its position, got {counts}")

    def on_load_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        """Goes on averaging where the checkpoint stood."""
        if AVERAGED in checkpoint:
            self.average = {name: value.clone() for name, value in checkpoint[AVERAGED].items()}
            self.updates, self.averaged_step = (checkpoint[COUNTS][key] for key in ("updates", "step"))


def resume_trained_weights(checkpoint: dict[str, Any]) -> None:
    """Puts the trained weights of a checkpoint back into its ``state_dict``: training goes on with them."""
    if TRAINED in checkpoint:
        trained: Mapping[str, Tensor] = checkpoint[TRAINED]
        checkpoint[AVERAGED] = {name: checkpoint["state_dict"][name] for name in trained}
        checkpoint["state_dict"] = {**checkpoint["state_dict"], **trained}


def _copies(module: LightningModule) -> dict[str, Tensor]:
    return {name: weight.detach().clone() for name, weight in module.named_parameters()}


@torch.no_grad()
def _set(module: LightningModule, weights: Mapping[str, Tensor]) -> None:
    for name, weight in module.named_parameters():
        weight.copy_(weights[name])
