"""How far an output is from its label, per sample, in network units."""

from abc import ABC, abstractmethod

import torch
from torch import Tensor


class Loss(ABC):
    """One number per sample; the objective takes the mean over the batch."""

    @abstractmethod
    def __call__(self, output: Tensor, label: Tensor) -> Tensor:
        """The loss (B,) of outputs (B, C, *N) against labels of the same shape."""


class MeanSquaredError(Loss):
    """The mean of (p - y)² over channels and space."""

    def __call__(self, output: Tensor, label: Tensor) -> Tensor:
        """The loss (B,)."""
        return (output - label).square().flatten(1).mean(1)


class RelativeL2(Loss):
    """‖p - y‖₂ / ‖y‖₂ over channels and space.

    A label that vanishes altogether would divide by zero, so its norm is taken as at least 1e-6 of a unit field's.

    References:
        Li et al.: Fourier Neural Operator for Parametric PDEs. arXiv:2010.08895, section 5.
    """

    def __call__(self, output: Tensor, label: Tensor) -> Tensor:
        """The loss (B,)."""
        difference = torch.linalg.vector_norm((output - label).flatten(1), dim=1)
        norm = torch.linalg.vector_norm(label.flatten(1), dim=1)
        return difference / norm.clamp(min=1e-6 * label[0].numel() ** 0.5)
