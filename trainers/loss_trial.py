"""A loss of two fields of noise: whether it is a number that can be trained on."""

import math

import torch

from tendency.simulation.conditions import Conditions
from tendency.trainers.losses import Loss

SMALLEST_LOSS, LARGEST_LOSS = 1e-12, 1e12
"""Of fields of unit variance; beyond them the gradient's squares, which optimizers add up, leave single precision."""


def try_loss(loss: Loss, channels: int, conditions: Conditions, dtype: torch.dtype) -> None:
    """Compares white noise with white noise, both of unit variance as labels are: every wavenumber is in them.

    Args:
        loss: how outputs are compared with labels.
        channels: of an output.
        conditions: of B trajectories, with their geometry.
        dtype: of outputs and labels.

    Raises:
        ValueError: the loss cannot be evaluated, or it or its gradient is no number that can be trained on.
    """
    generator = torch.Generator().manual_seed(0)
    shape = (len(conditions.extent), channels, *conditions.geometry.shape)
    output, label = (torch.randn(shape, generator=generator, dtype=torch.float64).to(dtype) for _ in range(2))
    output.requires_grad_()
    try:
        values = loss(output, label, conditions)
        if tuple(values.shape) != shape[:1]:
            raise ValueError(f"one number for each of {shape[0]} samples is needed, not {tuple(values.shape)}")
        (gradient,) = torch.autograd.grad(values.mean(), output)
        value, size = float(values.mean().detach()), float(gradient.double().norm())
    except ArithmeticError:
        # A number is too large for Python as well.
        value = size = math.inf
    except Exception as error:
        reason = " ".join(f"{type(error).__name__}: {error}".split())[:300]
        raise ValueError(
            f"objective.loss: expected a {type(loss).__name__} of fields of shape {shape} (samples, channels, points "
            f"of each axis), got {reason}"
        ) from error
    if not (SMALLEST_LOSS <= value <= LARGEST_LOSS and 0 < size <= LARGEST_LOSS):
        raise ValueError(
            f"objective.loss: expected a loss from {SMALLEST_LOSS:g} to {LARGEST_LOSS:g} between fields of unit "
            f"variance, with a gradient, got {value:.3g} with a gradient of {size:.3g}"
        )
