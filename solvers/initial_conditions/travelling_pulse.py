"""Pulses that set out in one direction."""

import numpy as np
import torch
from torch import Tensor

from tendency.simulation.annotations import PositiveFloat
from tendency.simulation.conditions import Conditions


class TravellingPulse:
    """u = exp(-((x - s) / w)^2) and v = c u_x, which the wave equation carries to the left; s is drawn.

    Args:
        low: smallest s.
        high: largest s.
        width: w.
        speed: name of the parameter that is c.

    Raises:
        ValueError: low >= high.

    References:
        Brandstetter, Worrall, Welling: Message Passing Neural PDE Solvers. arXiv:2202.03376, section 4.1 (WE1 to WE3).
    """

    def __init__(self, low: float, high: float, width: PositiveFloat = 1.0, speed: str = "speed") -> None:
        if not low < high:
            raise ValueError(f"pde.initial_condition: expected low < high, got low={low}, high={high}")
        self.low, self.high, self.width, self.speed = float(low), float(high), width, speed

    def __call__(self, generator: np.random.Generator, conditions: Conditions) -> Tensor:
        """One state (1, 2, N).

        Raises:
            ValueError: more than one axis.
        """
        if conditions.geometry.spatial_dims != 1:
            raise ValueError(
                f"pde.initial_condition: a travelling pulse lives on 1 axis, got {conditions.geometry.spatial_dims}"
            )
        x = conditions.geometry.coordinates(conditions.extent.double())
        distance = (x - generator.uniform(self.low, self.high)) / self.width
        u = torch.exp(-distance.square())
        speed = conditions.parameter(self.speed).reshape(-1, 1, 1)
        return torch.cat([u, -2 * speed / self.width * distance * u], 1)
