"""The points of a grid as a cloud, for the tests of neighbours and message passing."""

import torch

from tendency.simulation.geometry import PointCloud


def as_cloud(grid):
    """A point cloud of equal weights."""
    unit = grid.coordinates(torch.ones(1, grid.spatial_dims, dtype=torch.float64))[0].flatten(1).T
    return PointCloud(unit, torch.full((len(unit),), 1 / len(unit), dtype=torch.float64), grid.boundary)


def box_of_square_cells(grid):
    """The D sides, over their geometric mean, of the domain in which the grid's cells are square."""
    sides = torch.tensor(grid.shape, dtype=torch.float64)
    return (sides / sides.prod() ** (1 / grid.spatial_dims)).tolist()
