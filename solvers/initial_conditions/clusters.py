"""Clusters of one substance in another."""

import numpy as np
import torch
from torch import Tensor

from tendency.simulation.annotations import PositiveFloat, PositiveInt
from tendency.simulation.conditions import Conditions


class GaussianClusters:
    """Two fields, a = 1 - b and b = sum_j A exp(-|x - c_j|^2 / (2 w^2)), capped at 1: the start of Gray-Scott patterns.

    Args:
        min_clusters: smallest number of clusters.
        max_clusters: largest number of clusters.
        width: w as a share of the domain's first side.
        amplitude: A.
    """

    def __init__(
        self,
        min_clusters: PositiveInt = 5,
        max_clusters: PositiveInt = 20,
        width: PositiveFloat = 0.03,
        amplitude: PositiveFloat = 0.5,
    ) -> None:
        if min_clusters > max_clusters:
            raise ValueError(
                f"pde.initial_condition: expected min_clusters <= max_clusters, got {min_clusters} > {max_clusters}"
            )
        self.min_clusters, self.max_clusters = min_clusters, max_clusters
        self.width, self.amplitude = width, amplitude

    def __call__(self, generator: np.random.Generator, conditions: Conditions) -> Tensor:
        """One state (1, 2, *N)."""
        dims = conditions.geometry.spatial_dims
        number = int(generator.integers(self.min_clusters, self.max_clusters + 1))
        extent = conditions.extent[0].double()
        centres = torch.from_numpy(generator.uniform(size=(number, dims))) * extent
        x = conditions.geometry.coordinates(conditions.extent)[0].double()
        shape = (-1, *[1] * dims)
        offset = x[None] - centres.reshape(number, dims, *[1] * dims)
        # Each cluster is seen through the nearest of its periodic images.
        sides = extent.reshape(shape)
        offset = offset - sides * (offset / sides).round()
        squares = offset.square().sum(1)
        width = self.width * float(extent[0])
        b = (self.amplitude * torch.exp(-squares / (2 * width**2))).sum(0).clamp(max=1.0)
        return torch.stack([1 - b, b])[None]
