"""A disc, or ball, that differs from what surrounds it: dams that break all round, and blasts."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from tendency.simulation.annotations import Fraction
from tendency.simulation.conditions import Conditions
from tendency.simulation.parameters import Parameter

SUBCELLS = 4
"""Points along each axis by which the share of a cell that lies inside is found."""


class Disc:
    """One set of values within a radius of a centre, another beyond; a cell on the rim holds the mean of its parts.

    Args:
        radius: in the unit of the domain's sides.
        inside: the distribution of each channel in turn.
        outside: the same beyond the radius.
        shift: the centre lies in the middle of the domain, moved by up to this share of each side.

    Raises:
        ValueError: ``inside`` and ``outside`` of different lengths.
    """

    def __init__(
        self, radius: Parameter, inside: Sequence[Parameter], outside: Sequence[Parameter], shift: Fraction = 0.0
    ) -> None:
        if len(inside) != len(outside) or not inside:
            raise ValueError(
                "pde.initial_condition: expected one distribution for each channel inside and outside, "
                f"got {len(inside)} and {len(outside)}"
            )
        self.radius, self.inside, self.outside, self.shift = radius, tuple(inside), tuple(outside), shift

    def __call__(self, generator: np.random.Generator, conditions: Conditions) -> Tensor:
        """One state (1, C, *N)."""
        grid, dims = conditions.geometry, conditions.geometry.spatial_dims
        radius = self.radius.draw(generator)
        inside, outside = (
            torch.tensor([parameter.draw(generator) for parameter in values], dtype=torch.float64)
            for values in (self.inside, self.outside)
        )
        extent = conditions.extent[0].double()
        centre = (0.5 + self.shift * torch.from_numpy(generator.uniform(-1, 1, dims))) * extent
        x = grid.coordinates(conditions.extent.double())[0]
        within = ((torch.arange(SUBCELLS, dtype=torch.float64) + 0.5) / SUBCELLS - 0.5).repeat(dims, 1)
        points = torch.stack(torch.meshgrid(*within, indexing="ij")).flatten(1).T
        cell = extent / torch.tensor(grid.shape, dtype=torch.float64)
        shape = (dims, *[1] * dims)
        share = torch.zeros(grid.shape, dtype=torch.float64)
        for point in points:
            offset = x + (point * cell - centre).reshape(shape)
            share = share + (offset.square().sum(0) < radius**2) / len(points)
        around = outside.reshape(-1, *[1] * dims)
        return (around + share * (inside - outside).reshape(-1, *[1] * dims))[None]
