"""Random sums of a domain's own modes, walls included."""

import math
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from tendency.simulation.annotations import PositiveFloat, PositiveInt
from tendency.simulation.conditions import Conditions
from tendency.simulation.geometry import BoundaryKind, Grid

DIRICHLET, NEUMANN = BoundaryKind.DIRICHLET, BoundaryKind.NEUMANN
BETWEEN_WALLS: dict[tuple[BoundaryKind, BoundaryKind], Callable[[Tensor, float], Tensor]] = {
    (DIRICHLET, DIRICHLET): lambda s, n: torch.sin(n * math.pi * s),
    (NEUMANN, NEUMANN): lambda s, n: torch.cos(n * math.pi * s),
    (DIRICHLET, NEUMANN): lambda s, n: torch.sin((n - 0.5) * math.pi * s),
    (NEUMANN, DIRICHLET): lambda s, n: torch.cos((n - 0.5) * math.pi * s),
}
"""The n-th mode at s = x / L between a lower and an upper wall."""


class RandomModes:
    """sum_j A_j prod_axis m(n_j, x / L) with A ~ U(-a, a) and n ~ U{1, ..., max_mode}.

    m is the sine or cosine that fits the walls of an axis, and sin(2 pi n x / L + phi) with phi ~ U(0, 2 pi) on a
    periodic one, so that the state meets its boundary conditions from the start.

    Args:
        num_terms: J.
        amplitude: a.
        max_mode: largest n on each axis.
        field: index of the field whose walls count.
    """

    def __init__(
        self,
        num_terms: PositiveInt = 5,
        amplitude: PositiveFloat = 0.5,
        max_mode: PositiveInt = 4,
        field: int = 0,
    ) -> None:
        self.num_terms, self.amplitude, self.max_mode, self.field = num_terms, amplitude, max_mode, field

    def __call__(self, generator: np.random.Generator, conditions: Conditions) -> Tensor:
        """One state (1, 1, *N).

        Raises:
            ValueError: no grid, or walls without modes.
        """
        grid = conditions.geometry
        if not isinstance(grid, Grid):
            raise ValueError("pde.initial_condition: RandomModes expects a grid")
        dims = grid.spatial_dims
        amplitude = generator.uniform(-self.amplitude, self.amplitude, self.num_terms)
        numbers = generator.integers(1, self.max_mode + 1, (self.num_terms, dims))
        phase = generator.uniform(0, 2 * math.pi, (self.num_terms, dims))
        position = grid.coordinates(torch.ones_like(conditions.extent, dtype=torch.float64))[0]
        state = torch.zeros(grid.shape, dtype=torch.float64)
        for term in range(self.num_terms):
            product = torch.full(grid.shape, float(amplitude[term]), dtype=torch.float64)
            for axis in range(dims):
                product = product * self._mode(grid, axis, position[axis], numbers[term, axis], phase[term, axis])
            state = state + product
        return state[None, None]

    def _mode(self, grid: Grid, axis: int, s: Tensor, n: int, phase: float) -> Tensor:
        if grid.boundary.is_periodic(axis):
            return torch.sin(2 * math.pi * int(n) * s + float(phase))
        walls = (grid.boundary.kind(axis, 0, self.field), grid.boundary.kind(axis, 1, self.field))
        if walls not in BETWEEN_WALLS:
            raise ValueError(f"pde.geometry.boundary.sides[{axis}]: RandomModes knows dirichlet and neumann walls")
        return BETWEEN_WALLS[walls](s, int(n))
