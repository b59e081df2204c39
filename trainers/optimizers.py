"""Optimizers as functions of the parameters; the other arguments come from the configuration."""

from collections.abc import Iterator
from typing import Annotated

import torch
from annotated_types import Ge, Le, Lt
from torch.nn import Parameter

from tendency.simulation.annotations import NonNegativeFloat, PositiveFloat


def adamw(
    parameters: Iterator[Parameter],
    lr: Annotated[PositiveFloat, Le(100)],
    weight_decay: Annotated[NonNegativeFloat, Le(100)] = 0.0,
    beta1: Annotated[float, Ge(0), Lt(1)] = 0.9,
    beta2: Annotated[float, Ge(0), Lt(1)] = 0.999,
) -> torch.optim.AdamW:
    """AdamW, with the fused kernel (CPU and CUDA), which has no complex numbers, where all parameters are real.

    Args:
        parameters: of the stepper.
        lr: largest learning rate, which the schedule multiplies; about the size of an update of each weight.
        weight_decay: decoupled from the gradient.
        beta1: decay of the first moment.
        beta2: decay of the second moment.

    References:
        Loshchilov, Hutter: Decoupled Weight Decay Regularization. arXiv:1711.05101.
    """
    trained = list(parameters)
    fused = not any(parameter.is_complex() for parameter in trained)
    return torch.optim.AdamW(trained, lr=lr, weight_decay=weight_decay, betas=(beta1, beta2), fused=fused)
