"""Padding that follows the boundary of each axis."""

import torch
from torch import Tensor
from torch.nn import functional

from simulation.geometry import Boundary


def pad(h: Tensor, width: int, boundary: Boundary) -> Tensor:
    """Extends hidden channels beyond the domain by ``width`` points on every side.

    A periodic axis goes on with its other end. Beyond a wall or an open end hidden channels, which are no fields and
    have no sign of their own, are mirrored at the wall (cell centres lie half a cell off it, so the first mirrored
    value is the last inner one): the zero padding that is usual would tell a jump that is not there.

    Args:
        h: (B, C, *N).
        width: at most the number of points on each axis.
        boundary: of the domain.

    Returns:
        (B, C, *(N + 2 width)).
    """
    dims = boundary.spatial_dims
    if width == 0:
        return h
    if all(boundary.is_periodic(axis) for axis in range(dims)):
        return functional.pad(h, [width] * (2 * dims), mode="circular")
    for axis in range(dims):
        dim, n = axis + 2, h.shape[axis + 2]
        if boundary.is_periodic(axis):
            lower, upper = h.narrow(dim, n - width, width), h.narrow(dim, 0, width)
        else:
            lower, upper = h.narrow(dim, 0, width).flip(dim), h.narrow(dim, n - width, width).flip(dim)
        h = torch.cat([lower, h, upper], dim)
    return h
