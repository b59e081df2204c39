"""Grids and point clouds: where their points are, what their cells weigh, and what their boundaries allow."""

import pytest
import torch

from tendency.simulation.geometry import Boundary, BoundaryKind, Grid, PointCloud, geometry_from_dict


def test_periodic_axis_has_its_left_end_and_not_its_right():
    x = Grid([8], Boundary.periodic(1)).coordinates(torch.tensor([[16.0], [8.0]], dtype=torch.float64))
    assert x.shape == (2, 1, 8)
    assert torch.equal(x[0, 0], torch.arange(8.0, dtype=torch.float64) * 2)
    assert torch.equal(x[1, 0], torch.arange(8.0, dtype=torch.float64))


def test_walled_axis_has_its_points_in_the_cells():
    grid = Grid([4, 8], Boundary([["dirichlet", "neumann"], ["periodic", "periodic"]]))
    x = grid.coordinates(torch.ones(1, 2, dtype=torch.float64))
    assert torch.allclose(x[0, 0, :, 0], torch.tensor([0.125, 0.375, 0.625, 0.875], dtype=torch.float64))
    assert x[0, 1, 0, 0] == 0


def test_weights_sum_to_the_volume():
    extent = torch.tensor([[2.0, 3.0], [1.0, 5.0]], dtype=torch.float64)
    weights = Grid([8, 4], Boundary.periodic(2)).weights(extent)
    assert weights.shape == (2, 8, 4)
    assert torch.allclose(weights.sum((1, 2)), extent.prod(1))


def test_point_cloud_is_stretched_by_the_extent():
    positions = torch.rand(10, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    cloud = PointCloud(positions, torch.full((10,), 0.1, dtype=torch.float64), Boundary.periodic(2))
    extent = torch.tensor([[2.0, 3.0]], dtype=torch.float64)
    assert torch.allclose(cloud.coordinates(extent)[0, 1], 3 * positions[:, 1])
    assert torch.allclose(cloud.weights(extent).sum(1), extent.prod(1))
    with pytest.raises(ValueError, match="expected positions of shape"):
        PointCloud(positions, torch.ones(9), Boundary.periodic(2))


def test_boundary_kind_by_axis_side_and_field():
    boundary = Boundary([[["dirichlet", "neumann"], "open"], ["periodic", "periodic"]])
    assert boundary.kind(0, 0, 0) is BoundaryKind.DIRICHLET
    assert boundary.kind(0, 0, 1) is BoundaryKind.NEUMANN
    assert boundary.kind(0, 1, 1) is BoundaryKind.OPEN
    assert boundary.is_periodic(1)
    assert not boundary.is_periodic(0)


@pytest.mark.parametrize(
    ("sides", "message"),
    [
        ([["periodic", "open"]], "periodic on both sides"),
        ([["perodic", "perodic"]], "expected one of"),
        ([["periodic"]], r"expected \(lower, upper\)"),
    ],
)
def test_impossible_boundaries_are_refused(sides, message):
    with pytest.raises(ValueError, match=message):
        Boundary(sides)


def test_impossible_grids_are_refused():
    with pytest.raises(ValueError, match=r"geometry.shape: expected 1 to 3 axes of at least 4 points, got \[2\]"):
        Grid([2], Boundary.periodic(1))
    with pytest.raises(ValueError, match="shape has 2 axes, boundary.sides 1"):
        Grid([8, 8], Boundary.periodic(1))


def test_geometries_survive_a_file():
    grid = Grid([8, 4], Boundary([["dirichlet", "open"], ["periodic", "periodic"]]))
    assert geometry_from_dict(grid.to_dict()) == grid
    cloud = PointCloud(torch.rand(5, 1, dtype=torch.float64), torch.full((5,), 0.2).double(), Boundary.periodic(1))
    assert geometry_from_dict(cloud.to_dict()) == cloud
