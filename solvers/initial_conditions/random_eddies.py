"""Eddies in a box that the walls do not feel."""

import math

import numpy as np
import torch
from torch import Tensor

from tendency.simulation.annotations import NonNegativeFloat, PositiveInt
from tendency.simulation.conditions import Conditions
from tendency.solvers.pdes.lid_driven_cavity import velocity


class RandomEddies:
    """The velocity of psi = sin^2(pi x) sin^2(pi y) sum_j A_j sin(p_j pi x + phi_j) sin(q_j pi y + theta_j).

    With A ~ U(-a, a), p, q ~ U{1, ..., max_mode} and phases ~ U(0, 2 pi). psi and its gradient vanish on the walls of
    the unit square, and so does the velocity.

    Args:
        num_terms: J.
        amplitude: a; 0 is a fluid at rest.
        max_mode: largest p and q.
    """

    def __init__(
        self, num_terms: PositiveInt = 5, amplitude: NonNegativeFloat = 0.05, max_mode: PositiveInt = 4
    ) -> None:
        self.num_terms, self.amplitude, self.max_mode = num_terms, amplitude, max_mode

    def __call__(self, generator: np.random.Generator, conditions: Conditions) -> Tensor:
        """One state (1, 2, n, n).

        Raises:
            ValueError: no square grid.
        """
        shape = conditions.geometry.shape
        if len(shape) != 2 or shape[0] != shape[1]:
            raise ValueError(f"pde.initial_condition: RandomEddies expects a square 2D grid, got {list(shape)}")
        amplitude = generator.uniform(-self.amplitude, self.amplitude, self.num_terms)
        modes = generator.integers(1, self.max_mode + 1, (2, self.num_terms, 1))
        phases = generator.uniform(0, 2 * math.pi, (2, self.num_terms, 1))
        # Nodes are the corners of the cells, where the streamfunction of a cell-centred velocity lives.
        nodes = math.pi * torch.arange(shape[0] + 1, dtype=torch.float64) / shape[0]
        wave = torch.sin(nodes).square() * torch.sin(torch.from_numpy(modes) * nodes + torch.from_numpy(phases))
        return velocity(torch.einsum("j,jx,jy->xy", torch.from_numpy(amplitude), wave[0], wave[1])[None])
