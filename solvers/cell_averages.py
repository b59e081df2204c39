"""Averages over the cells of one grid from those over the cells of another."""

from collections.abc import Callable

import torch
from torch import Tensor

from tendency.simulation.geometry import Grid
from tendency.solvers.boundaries import with_ghosts
from tendency.solvers.finite_volume import MonotonizedCentral


def resample_axis(
    q: Tensor,
    grid: Grid,
    axis: int,
    number: int,
    signs: tuple[Tensor, Tensor],
    admissible: Callable[[Tensor], Tensor],
) -> Tensor:
    """The averages of q over ``number`` cells along one axis; the total stays.

    q is taken to be linear in each cell, with a limited slope, and integrated between the new faces. On a periodic axis
    a cell lies about its point i L / n, so that the cells of two grids do not nest there.

    Args:
        q: (B, C, *N).
        grid: that q lives on.
        axis: counted from 0 among the spatial ones.
        number: of new cells along it.
        signs: (C,) for the lower and the upper wall.
        admissible: where (B, 1, *N) q is a state at all: a cell one of whose ends is none has no slope.
    """
    dim, n = axis + 2, q.shape[axis + 2]
    if number == n:
        return q
    padded = with_ghosts(q, grid, axis, 1, signs)
    slope = MonotonizedCentral().slope(q - padded.narrow(dim, 0, n), padded.narrow(dim, 2, n) - q)
    # States form a convex set: with both ends, all averages between them are in it.
    slope = torch.where(admissible(q - slope / 2) & admissible(q + slope / 2), slope, 0.0)
    faces = torch.arange(number + 1, dtype=torch.float64, device=q.device) * (n / number)
    if grid.boundary.is_periodic(axis):
        faces = faces + (1 - n / number) / 2
    rounds = torch.div(faces, n, rounding_mode="floor") if grid.boundary.is_periodic(axis) else torch.zeros_like(faces)
    faces = faces - rounds * n
    cell = faces.long().clamp(max=n - 1)
    shape = (-1, *[1] * (q.ndim - 1 - dim))
    part, rounds = (faces - cell).reshape(shape), rounds.reshape(shape)
    # The integral from the first face, in units of a cell.
    sums = q.cumsum(dim)
    below = torch.cat([torch.zeros_like(sums.narrow(dim, 0, 1)), sums], dim).index_select(dim, cell)
    inside = q.index_select(dim, cell) * part + slope.index_select(dim, cell) * (part.square() - part) / 2
    return (rounds * sums.narrow(dim, n - 1, 1) + below + inside).diff(dim=dim) * (number / n)
