"""States stretched to a range."""

import numpy as np
from torch import Tensor

from tendency.simulation.annotations import FiniteFloat
from tendency.simulation.conditions import Conditions
from tendency.simulation.problem import InitialCondition


class Rescaled:
    """low + (high - low) (u - min u) / (max u - min u): each channel of another initial condition u fills the range.

    Args:
        field: the distribution of u.
        low: the smallest value afterwards.
        high: the largest value afterwards.

    Raises:
        ValueError: low >= high.
    """

    def __init__(self, field: InitialCondition, low: FiniteFloat = 0.0, high: FiniteFloat = 1.0) -> None:
        if not low < high:
            raise ValueError(f"pde.initial_condition: expected low < high, got low={low}, high={high}")
        self.field, self.low, self.high = field, low, high

    def __call__(self, generator: np.random.Generator, conditions: Conditions) -> Tensor:
        """One state (1, C, *N).

        Raises:
            ValueError: a channel that is the same everywhere.
        """
        u = self.field(generator, conditions)
        axes = tuple(range(2, u.ndim))
        least, most = u.amin(axes, keepdim=True), u.amax(axes, keepdim=True)
        if bool((most <= least).any()):
            raise ValueError("pde.initial_condition.field: a state that is the same everywhere fills no range")
        return self.low + (self.high - self.low) * (u - least) / (most - least)
