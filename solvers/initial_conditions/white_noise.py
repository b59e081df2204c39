"""Noise without correlation."""

import numpy as np
import torch
from torch import Tensor

from tendency.simulation.annotations import PositiveFloat
from tendency.simulation.conditions import Conditions


class WhiteNoise:
    """Independent N(0, a^2) values at all points of the grid.

    No grid resolves it: on twice the points it is another state, not the same one drawn more finely.

    Args:
        amplitude: a.

    References:
        Takamoto et al.: PDEBench. arXiv:2210.07182 (the 2D diffusion-reaction equation).
    """

    def __init__(self, amplitude: PositiveFloat = 1.0) -> None:
        self.amplitude = amplitude

    def __call__(self, generator: np.random.Generator, conditions: Conditions) -> Tensor:
        """One state (1, 1, *N)."""
        return self.amplitude * torch.from_numpy(generator.normal(size=conditions.geometry.shape))[None, None]
