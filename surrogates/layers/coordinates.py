"""What a network may know about where it is, independent of units and sizes."""

import math

import torch
from torch import Tensor

from simulation.geometry import Boundary


def num_features(boundary: Boundary) -> int:
    """Channels of ``coordinate_features``: two for a periodic axis, one for any other."""
    return sum(2 if boundary.is_periodic(axis) else 1 for axis in range(boundary.spatial_dims))


def coordinate_features(x: Tensor, boundary: Boundary) -> Tensor:
    """Position in the domain on a uniform grid.

    On a periodic axis the raw coordinate would jump where the domain closes, so its sine and cosine stand for it.

    Args:
        x: (B, D, *N) coordinates of a uniform grid.
        boundary: of the domain.

    Returns:
        (B, F, *N) with values in [-1, 1].
    """
    features = []
    for axis in range(boundary.spatial_dims):
        # On a uniform grid a coordinate depends on the index along its own axis alone.
        along = x[:, axis]
        for other in reversed(range(boundary.spatial_dims)):
            along = along if other == axis else along.select(other + 1, 0)
        n = along.shape[1]
        share = along / (n * (along[:, 1:2] - along[:, :1]))
        if boundary.is_periodic(axis):
            found = [torch.sin(2 * math.pi * share), torch.cos(2 * math.pi * share)]
        else:
            found = [2 * share - 1]
        sizes = [x.shape[0], *(n if other == axis else 1 for other in range(boundary.spatial_dims))]
        features += [feature.view(sizes).expand(-1, *x.shape[2:]) for feature in found]
    return torch.stack(features, 1)
