"""States that are constant between jumps: shock tubes, quadrants, dams."""

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from tendency.simulation.annotations import Fraction, PositiveInt
from tendency.simulation.conditions import Conditions
from tendency.simulation.parameters import Parameter


class PiecewiseConstant:
    """Each axis is cut at random places, and each piece holds values of its own: a Riemann problem at every jump.

    In 1D two pieces are a shock tube, in 2D they are four quadrants. The places and values do not depend on the grid.

    Args:
        values: the distribution of each channel in turn; density and pressure want one of positive values.
        pieces: along each axis.
        lower: where on an axis cuts may lie, as a share of its side; each cut is uniform in an equal part of
            [lower, upper].
        upper: as ``lower``.

    Raises:
        ValueError: no values, or lower >= upper.

    References:
        Kurganov, Tadmor: Solution of two-dimensional Riemann problems for gas dynamics without Riemann problem solvers.
        Numer. Methods Partial Differential Eq. 18 (2002), doi:10.1002/num.10025.
    """

    def __init__(
        self, values: Sequence[Parameter], pieces: PositiveInt = 2, lower: Fraction = 0.25, upper: Fraction = 0.75
    ) -> None:
        if not values:
            raise ValueError("pde.initial_condition.values: expected one distribution for each channel, got none")
        if not lower < upper:
            raise ValueError(f"pde.initial_condition: expected lower < upper, got {lower:g} and {upper:g}")
        self.values, self.pieces, self.lower, self.upper = tuple(values), pieces, lower, upper

    def __call__(self, generator: np.random.Generator, conditions: Conditions) -> Tensor:
        """One state (1, C, *N)."""
        dims, cuts = conditions.geometry.spatial_dims, self.pieces - 1
        parts = (np.arange(cuts) + generator.uniform(size=(dims, cuts))) / max(cuts, 1)
        places = torch.from_numpy(self.lower + (self.upper - self.lower) * parts)
        number = math.prod([self.pieces] * dims)
        table = [[parameter.draw(generator) for parameter in self.values] for _ in range(number)]
        position = conditions.geometry.coordinates(torch.ones(1, dims, dtype=torch.float64))[0]
        piece = torch.zeros(position.shape[1:], dtype=torch.int64)
        for axis in range(dims):
            piece = piece * self.pieces + torch.bucketize(position[axis].contiguous(), places[axis])
        return torch.tensor(table, dtype=torch.float64).T[:, piece][None]
