"""Cells beyond the boundary, for schemes that work on stencils."""

import torch
from torch import Tensor

from tendency.simulation.geometry import BoundaryKind, Grid


def with_ghosts(u: Tensor, grid: Grid, axis: int, depth: int, signs: tuple[Tensor, Tensor]) -> Tensor:
    """u (B, C, *N) with ``depth`` cells more at both ends of one axis.

    A periodic axis goes on with its other end, an open one with its last cell; a wall mirrors, and turns the sign of
    what vanishes there.

    Args:
        u: (B, C, *N).
        grid: its kinds are asked for field 0; walls differ between channels by their signs.
        axis: counted from 0 among the spatial ones.
        depth: at most the number of points.
        signs: (C,) for the lower and the upper wall, from ``wall_signs``.
    """
    dim, n = axis + 2, u.shape[axis + 2]
    if grid.boundary.is_periodic(axis):
        return torch.cat([u.narrow(dim, n - depth, depth), u, u.narrow(dim, 0, depth)], dim)
    ends = []
    for side, start in ((0, 0), (1, n - depth)):
        if grid.boundary.kind(axis, side, 0) is BoundaryKind.OPEN:
            shape = list(u.shape)
            shape[dim] = depth
            ends.append(u.narrow(dim, 0 if side == 0 else n - 1, 1).expand(shape))
        else:
            sign = signs[side].to(u).reshape(1, -1, *[1] * (u.ndim - 2))
            ends.append(sign * u.narrow(dim, start, depth).flip(dim))
    return torch.cat([ends[0], u, ends[1]], dim)
