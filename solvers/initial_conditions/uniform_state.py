"""States that are the same everywhere."""

import numpy as np
import torch
from torch import Tensor

from tendency.simulation.annotations import FiniteFloat
from tendency.simulation.conditions import Conditions


class UniformState:
    """u(x) = c with c ~ U(low, high).

    Args:
        low: smallest c.
        high: largest c.

    Raises:
        ValueError: low >= high.
    """

    def __init__(self, low: FiniteFloat, high: FiniteFloat) -> None:
        if not low < high:
            raise ValueError(f"pde.initial_condition: expected low < high, got low={low}, high={high}")
        self.low, self.high = low, high

    def __call__(self, generator: np.random.Generator, conditions: Conditions) -> Tensor:
        """One state (1, 1, *N)."""
        value = float(generator.uniform(self.low, self.high))
        return torch.full((1, 1, *conditions.geometry.shape), value, dtype=torch.float64)
