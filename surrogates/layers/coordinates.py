"""Coordinates as input channels, independent of the unit of length and the size of the domain."""

import math

import torch
from torch import Tensor

from tendency.simulation.geometry import Boundary


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
        sizes = [x.shape[0], *(n if other == axis else 1 for other in range(boundary.spatial_dims))]
        features += [f.view(sizes).expand(-1, *x.shape[2:]) for f in axis_features(share, boundary, axis)]
    return torch.stack(features, 1)


def share_features(share: Tensor, boundary: Boundary) -> Tensor:
    """Position in the domain, on whatever points.

    Args:
        share: (B, D, *N) positions over the side lengths, in [0, 1].
        boundary: of the domain.

    Returns:
        (B, F, *N): sine and cosine on a periodic axis, a number in [-1, 1] on any other.
    """
    axes = range(boundary.spatial_dims)
    return torch.stack([f for axis in axes for f in axis_features(share[:, axis], boundary, axis)], 1)


def axis_features(share: Tensor, boundary: Boundary, axis: int) -> list[Tensor]:
    """The features of one axis, each of the shape of the positions ``share`` along it."""
    if boundary.is_periodic(axis):
        return [torch.sin(2 * math.pi * share), torch.cos(2 * math.pi * share)]
    return [2 * share - 1]


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
