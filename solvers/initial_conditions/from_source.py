"""States that an equation's own source determines."""

import numpy as np
import torch
from torch import Tensor

from tendency.simulation.annotations import PositiveInt
from tendency.simulation.conditions import Conditions
from tendency.solvers.pdes.combined import source


class FromSource:
    """u(0, x) = delta(0, x), the source of the combined equation at time 0; nothing else is drawn.

    Args:
        num_waves: as in the equation.
    """

    def __init__(self, num_waves: PositiveInt = 5) -> None:
        self.num_waves = num_waves

    def __call__(self, generator: np.random.Generator, conditions: Conditions) -> Tensor:
        """One state (1, 1, N)."""
        return source(conditions, torch.zeros(1, dtype=torch.float64), self.num_waves)
