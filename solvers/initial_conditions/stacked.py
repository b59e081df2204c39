"""Several fields, each with an initial condition of its own."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from tendency.simulation.conditions import Conditions
from tendency.simulation.problem import InitialCondition


class Stacked:
    """One initial condition after the other, as the channels of one state.

    Args:
        fields: drawn in this order.
    """

    def __init__(self, fields: Sequence[InitialCondition]) -> None:
        if not fields:
            raise ValueError("pde.initial_condition.fields: expected at least one, got none")
        self.fields = tuple(fields)

    def __call__(self, generator: np.random.Generator, conditions: Conditions) -> Tensor:
        """One state (1, C, *N), C the sum of the fields' channels."""
        return torch.cat([field(generator, conditions) for field in self.fields], 1)
