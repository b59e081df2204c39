"""PDEBench's one-dimensional starts: sines, some folded, some seen through a window."""

import math

import numpy as np
import torch
from torch import Tensor

from tendency.simulation.annotations import Fraction, PositiveInt
from tendency.simulation.conditions import Conditions

RAMP = 0.01
"""Width of a window's flanks, as a share of the domain."""


class WindowedSines:
    """u = s sum_j A_j sin(2 pi n_j x / L + phi_j) with A ~ U(0, 1), n ~ U{1, ..., N}, phi ~ U(0, 2 pi) and a sign s.

    Now and then it is |u|, and now and then only what lies in a window [U(0.1, 0.45), U(0.55, 0.9)] is left. The waves
    fit into L exactly; PDEBench's own have the period L - dx and so a small jump where the domain closes.

    Args:
        num_waves: how many are summed.
        max_wavenumber: N.
        folded: probability of |u|.
        windowed: probability of a window.

    References:
        Takamoto et al.: PDEBench. arXiv:2210.07182, appendix D.1.
    """

    def __init__(
        self,
        num_waves: PositiveInt = 2,
        max_wavenumber: PositiveInt = 8,
        folded: Fraction = 0.1,
        windowed: Fraction = 0.1,
    ) -> None:
        self.num_waves, self.max_wavenumber, self.folded, self.windowed = num_waves, max_wavenumber, folded, windowed

    def __call__(self, generator: np.random.Generator, conditions: Conditions) -> Tensor:
        """One state (1, 1, N).

        Raises:
            ValueError: more than one axis.
        """
        if conditions.geometry.spatial_dims != 1:
            raise ValueError(
                f"pde.initial_condition: WindowedSines is stated in 1D, got {conditions.geometry.spatial_dims} axes"
            )
        x = conditions.geometry.coordinates(torch.ones(1, 1, dtype=torch.float64))[0]
        amplitude = generator.uniform(0, 1, self.num_waves)
        wavenumber = generator.integers(1, self.max_wavenumber + 1, self.num_waves)
        phase = generator.uniform(0, 2 * math.pi, self.num_waves)
        # Everything is drawn whatever comes of it, so that a probability changes nothing else.
        fold, window = generator.uniform(size=2)
        sign = generator.choice([-1.0, 1.0])
        left, right = generator.uniform(0.1, 0.45), generator.uniform(0.55, 0.9)
        u = torch.zeros_like(x)
        for a, n, phi in zip(amplitude, wavenumber, phase, strict=True):
            u = u + float(a) * torch.sin(2 * math.pi * int(n) * x + float(phi))
        u = u.abs() if fold < self.folded else u
        if window < self.windowed:
            u = u * (torch.tanh((x - left) / RAMP) - torch.tanh((x - right) / RAMP)) / 2
        return float(sign) * u[None]
