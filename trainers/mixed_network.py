"""Training with a network whose products are rounded to half precision."""

from typing import Literal

import torch
from lightning.pytorch.plugins.precision import MixedPrecision, Precision
from lightning.pytorch.utilities import GradClipAlgorithmType
from torch import nn
from torch.optim import Optimizer

from tendency.surrogates.stepper import SurrogateStepper
from tendency.trainers.precisions import ROUNDED


class MixedNetwork(MixedPrecision):
    """Autocast around the network alone, in training steps alone; weights, states, labels and losses are float32.

    Lightning's own plugin casts whatever a training step computes: labels by finite differences, solvers in the loop
    and the steps of integrators lose their digits with the network's products. It also refuses to clip gradients where
    the optimizer is fused, though without a scaler there is nothing to undo before, and with one torch can undo it.
    Validations are in float32, as reports are.

    Args:
        precision: ``bf16-mixed``; or ``16-mixed``, whose loss is scaled so that gradients do not vanish.
        device: kind of device that the network is trained on: cpu or cuda.
    """

    def __init__(self, precision: Literal["bf16-mixed", "16-mixed"], device: str) -> None:
        super().__init__(precision, device)

    def convert_module(self, module: nn.Module) -> nn.Module:
        """Tells the module's stepper what to round to."""
        for part in module.modules():
            if isinstance(part, SurrogateStepper):
                part.autocast = ROUNDED[self.precision]
        return module

    def autocast_context_manager(self) -> torch.autocast:
        """No autocast around a step; the stepper does it around its network."""
        return torch.autocast(self.device, enabled=False)

    def clip_gradients(
        self,
        optimizer: Optimizer,
        clip_val: int | float = 0.0,
        gradient_clip_algorithm: GradClipAlgorithmType = GradClipAlgorithmType.NORM,
    ) -> None:
        """Clips gradients of the loss itself: those of a scaled loss are divided by its scale before."""
        fused = getattr(optimizer, "_step_supports_amp_scaling", False)
        if self.scaler is not None and fused and clip_val > 0:
            # What is not fused has been unscaled by now. The scaler remembers it, and the step does not do it again.
            self.scaler.unscale_(optimizer)
        Precision.clip_gradients(self, optimizer, clip_val, gradient_clip_algorithm)
