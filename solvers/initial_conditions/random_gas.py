"""A gas that is stirred at random: density, velocity and pressure as sums of waves."""

import math

import numpy as np
import torch
from torch import Tensor

from tendency.simulation.annotations import PositiveFloat, PositiveInt
from tendency.simulation.conditions import Conditions
from tendency.simulation.parameters import Parameter


class RandomGas:
    """rho = rho_0 (1 + d r), T = T_0 (1 + d s), p = rho T and v = M c w, with c = sqrt(gamma T_0).

    r, s and each component of w are sums of J waves sin(2 pi k . x / L + phi) of sizes U(-1, 1) / sqrt(|k|), scaled to
    at most 1; so density and pressure are positive for every d below 1, and no velocity component exceeds M c.

    Args:
        density: rho_0.
        temperature: T_0 = p / rho, the gas constant being 1.
        contrast: d, within [0, 1).
        mach: M.
        num_waves: J.
        max_wavenumber: largest |k| on each axis.

    References:
        Takamoto et al.: PDEBench. arXiv:2210.07182, appendix D.5.
    """

    def __init__(
        self,
        density: Parameter,
        temperature: Parameter,
        contrast: Parameter,
        mach: PositiveFloat = 0.1,
        num_waves: PositiveInt = 2,
        max_wavenumber: PositiveInt = 4,
    ) -> None:
        self.density, self.temperature, self.contrast, self.mach = density, temperature, contrast, mach
        self.num_waves, self.max_wavenumber = num_waves, max_wavenumber

    def __call__(self, generator: np.random.Generator, conditions: Conditions) -> Tensor:
        """One state (1, C, *N).

        Raises:
            ValueError: a contrast that could empty the gas, or a density or temperature that is not positive.
        """
        dims = conditions.geometry.spatial_dims
        density, temperature = self.density.draw(generator), self.temperature.draw(generator)
        contrast = self.contrast.draw(generator)
        if not (density > 0 and temperature > 0 and 0 <= contrast < 1):
            raise ValueError(
                "pde.initial_condition: expected a positive density and temperature and a contrast in [0, 1), "
                f"got {density:g}, {temperature:g} and {contrast:g}"
            )
        x = conditions.geometry.coordinates(torch.ones(1, dims, dtype=torch.float64))[0]
        waves = [self._waves(generator, x) for _ in range(dims + 2)]
        rho = density * (1 + contrast * waves[0])
        pressure = rho * temperature * (1 + contrast * waves[1])
        sound = math.sqrt(float(conditions.parameter("heat_capacity_ratio")) * temperature)
        return torch.stack([rho, *(self.mach * sound * w for w in waves[2:]), pressure])[None]

    def _waves(self, generator: np.random.Generator, x: Tensor) -> Tensor:
        dims = len(x)
        total = torch.zeros_like(x[0])
        for _ in range(self.num_waves):
            # Of k and -k one is enough; the last axis is never still, so no wave is constant.
            k = generator.integers(-self.max_wavenumber, self.max_wavenumber + 1, dims)
            k[-1] = generator.integers(1, self.max_wavenumber + 1)
            size = generator.uniform(-1, 1) / math.sqrt(math.sqrt(float((k * k).sum())))
            angle = 2 * math.pi * torch.tensordot(torch.from_numpy(k).double(), x, 1) + generator.uniform(
                0, 2 * math.pi
            )
            total = total + size * torch.sin(angle)
        return total / total.abs().amax().clamp(min=1e-12)
