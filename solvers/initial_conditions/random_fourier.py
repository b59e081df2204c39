"""Random truncated Fourier series."""

import math
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from tendency.simulation.annotations import PositiveFloat, PositiveInt
from tendency.simulation.conditions import Conditions


class RandomFourierSeries:
    """u(x) = sum_j A_j sin(2 pi l_j . x / L + phi_j) with A ~ U(-a, a), integer l, phi ~ U(0, 2 pi).

    Args:
        num_terms: J.
        amplitude: a.
        min_wavenumber: smallest l on each axis.
        max_wavenumber: largest l on each axis.
        directions: ``positive`` as published, which in 2D and 3D leaves waves of one diagonal; ``all`` draws the signs
            of l as well.

    References:
        Brandstetter, Worrall, Welling: Message Passing Neural PDE Solvers. arXiv:2202.03376, section 4.
    """

    def __init__(
        self,
        num_terms: PositiveInt = 5,
        amplitude: PositiveFloat = 0.5,
        min_wavenumber: PositiveInt = 1,
        max_wavenumber: PositiveInt = 2,
        directions: Literal["positive", "all"] = "positive",
    ) -> None:
        if min_wavenumber > max_wavenumber:
            raise ValueError(
                f"initial_condition: expected min_wavenumber <= max_wavenumber, got {min_wavenumber} > {max_wavenumber}"
            )
        self.num_terms, self.amplitude = num_terms, amplitude
        self.min_wavenumber, self.max_wavenumber = min_wavenumber, max_wavenumber
        self.directions = directions

    def __call__(self, generator: np.random.Generator, conditions: Conditions) -> Tensor:
        """One state (1, 1, *N)."""
        dims = conditions.geometry.spatial_dims
        amplitude = generator.uniform(-self.amplitude, self.amplitude, self.num_terms)
        waves = generator.integers(self.min_wavenumber, self.max_wavenumber + 1, (self.num_terms, dims))
        phase = generator.uniform(0, 2 * math.pi, self.num_terms)
        if self.directions == "all":
            waves = waves * generator.choice([-1, 1], waves.shape)
        x = conditions.geometry.coordinates(conditions.extent) / conditions.extent.reshape(1, -1, *[1] * dims)
        angles = 2 * math.pi * torch.einsum("jd,bd...->bj...", torch.from_numpy(waves).double(), x)
        shape = (1, -1, *[1] * dims)
        terms = torch.from_numpy(amplitude).view(shape) * torch.sin(angles + torch.from_numpy(phase).view(shape))
        return terms.sum(1, keepdim=True)
