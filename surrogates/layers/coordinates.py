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
    shares = []
    for axis in range(boundary.spatial_dims):
        along = x[:, axis]
        n = along.shape[axis + 1]
        spacing = along.select(axis + 1, 1) - along.select(axis + 1, 0)
        shares.append(along / (n * spacing.unsqueeze(axis + 1)))
    return share_features(torch.stack(shares, 1), boundary)


def share_features(share: Tensor, boundary: Boundary) -> Tensor:
    """Position in the domain, on whatever points.

    Args:
        share: (B, D, *N) positions over the side lengths, in [0, 1].
        boundary: of the domain.

    Returns:
        (B, F, *N): sine and cosine on a periodic axis, a number in [-1, 1] on any other.
    """
    features = []
    for axis in range(boundary.spatial_dims):
        along = share[:, axis]
        if boundary.is_periodic(axis):
            features += [torch.sin(2 * math.pi * along), torch.cos(2 * math.pi * along)]
        else:
            features.append(2 * along - 1)
    return torch.stack(features, 1)


def with_coordinates(u: Tensor, x: Tensor, boundary: Boundary) -> Tensor:
    """Channels followed by the features of their positions.

    Args:
        u: (B, C, *N).
        x: (D, *N) or (B, D, *N) coordinates of a uniform grid.
        boundary: of the domain.

    Returns:
        (B, C + F, *N).
    """
    x = (x if x.ndim == u.ndim else x[None]).expand(u.shape[0], *x.shape[-u.ndim + 1 :])
    return torch.cat([u, coordinate_features(x, boundary).to(u.dtype)], 1)
