"""Who hears from whom: neighbour tables of grids and point clouds."""

import itertools
from dataclasses import dataclass

import torch
from torch import Tensor

from simulation.geometry import Boundary


@dataclass(frozen=True)
class Neighbours:
    """K neighbours of each of M nodes.

    Args:
        index: (M, K) which nodes they are.
        offset: (B, M, K, D) or (1, M, K, D) where they are relative to the node, in mean spacings.
        present: (M, K) 1, or 0 where a neighbour lies beyond a wall and is not there.
    """

    index: Tensor
    offset: Tensor
    present: Tensor


def grid_neighbours(shape: tuple[int, ...], boundary: Boundary, radius: int) -> Neighbours:
    """The points of a grid within ``radius`` cells on each axis, the point itself left out."""
    steps = [s for s in itertools.product(range(-radius, radius + 1), repeat=len(shape)) if any(s)]
    axes = torch.meshgrid(*[torch.arange(n) for n in shape], indexing="ij")
    index = torch.zeros(*shape, len(steps), dtype=torch.int64)
    present = torch.ones(*shape, len(steps), dtype=torch.bool)
    for column, step in enumerate(steps):
        flat = torch.zeros(shape, dtype=torch.int64)
        for axis, (n, move) in enumerate(zip(shape, step, strict=True)):
            there = axes[axis] + move
            if boundary.is_periodic(axis):
                there = there % n
            else:
                present[..., column] &= (there >= 0) & (there < n)
                there = there.clamp(0, n - 1)
            flat = flat * n + there
        index[..., column] = flat
    offset = torch.tensor(steps, dtype=torch.float64)[None, None]
    nodes = index.reshape(-1, len(steps))
    return Neighbours(nodes, offset.expand(1, len(nodes), -1, -1), present.reshape(-1, len(steps)))


def nearest_neighbours(x: Tensor, extent: Tensor, boundary: Boundary, count: int) -> Neighbours:
    """The ``count`` nearest nodes of each node, around the torus on periodic axes.

    Args:
        x: (B, D, M) positions, alike in all trajectories but for the extent.
        extent: (B, D).
        boundary: of the domain.
        count: neighbours of each node.
    """
    unit = (x / extent[:, :, None])[0].T  # the same for all: nodes are stretched by the extent
    apart = unit[None, :, :] - unit[:, None, :]
    for axis in range(boundary.spatial_dims):
        if boundary.is_periodic(axis):
            apart[..., axis] -= apart[..., axis].round()
    stretched = apart * extent[0]
    distance = stretched.square().sum(-1)
    distance.fill_diagonal_(torch.inf)
    index = distance.topk(min(count, len(unit) - 1), largest=False).indices
    rows = torch.arange(len(unit), device=x.device)[:, None]
    spacing = extent.prod(1).div(len(unit)) ** (1 / boundary.spatial_dims)
    offset = apart[rows, index][None] * extent[:, None, None] / spacing[:, None, None, None]
    return Neighbours(index, offset, torch.ones_like(index, dtype=torch.bool))
