"""Velocities without divergence."""

import numpy as np
import torch
from torch import Tensor

from tendency.simulation.annotations import PositiveFloat
from tendency.simulation.conditions import Conditions
from tendency.simulation.fourier import inverse_transform, transform, wavenumbers, without_nyquist
from tendency.simulation.problem import InitialCondition


class Solenoidal:
    """The curl of a random vector potential, scaled to a given root mean square speed, in 3D.

    Args:
        potential: the distribution of each component of the potential.
        speed: root mean square of the velocity.
    """

    def __init__(self, potential: InitialCondition, speed: PositiveFloat = 1.0) -> None:
        self.potential, self.speed = potential, speed

    def __call__(self, generator: np.random.Generator, conditions: Conditions) -> Tensor:
        """One state (1, 3, *N).

        Raises:
            ValueError: not in 3D.
        """
        shape = conditions.geometry.shape
        if len(shape) != 3:
            raise ValueError(
                f"pde.initial_condition: Solenoidal makes velocities in 3D, the grid has {len(shape)} axes"
            )
        potential = torch.cat([self.potential(generator, conditions) for _ in range(3)], 1)
        k = wavenumbers(shape, conditions.extent.double())
        wave = torch.cat(torch.broadcast_tensors(*(without_nyquist(axis, a, shape) for a, axis in enumerate(k))), 1)
        a_hat = transform(potential, 3)
        u = inverse_transform(torch.linalg.cross(1j * wave, a_hat, dim=1), shape)
        return u * (self.speed / u.square().sum(1).mean().sqrt())
