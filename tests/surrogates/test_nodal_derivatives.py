"""Derivatives from neighbours: exact for polynomials, central differences on a grid, and heat that does not grow."""

import itertools
import math

import pytest
import torch

from tendency.simulation.geometry import Boundary, Grid, PointCloud, chebyshev_nodes, random_nodes
from tendency.surrogates.layers.messages.nodal_derivatives import LeastSquares

WALL, AROUND = ["dirichlet", "neumann"], ["periodic", "periodic"]
CPU = torch.device("cpu")


def derivatives(geometry, rule=None, box=None):
    box = (1.0,) * geometry.spatial_dims if box is None else box
    return (rule or LeastSquares()).on(geometry, box, CPU, torch.float64)


def matrix(found, derivative):
    """(M, M) of one derivative."""
    nodes, per_row = len(found.weights), found.weights.shape[-1]
    dense = torch.zeros(nodes, nodes, dtype=torch.float64)
    return dense.scatter_add_(1, found.senders.view(nodes, per_row), found.weights[:, derivative])


@pytest.mark.parametrize("dims", [1, 2, 3])
@pytest.mark.parametrize("degree", [2, 3])
def test_polynomials_are_differentiated_exactly(dims, degree):
    """On random nodes between walls, in a box of three sides; derivatives are in mean spacings."""
    box = torch.tensor([[1.0], [2.0, 0.5], [2.0, 0.5, 1.0]][dims - 1], dtype=torch.float64)
    cloud = random_nodes(150, Boundary([WALL] * dims), seed=3)
    found = derivatives(cloud, LeastSquares(degree), box.tolist())
    x = (cloud.positions * box * 150 ** (1 / dims)).requires_grad_()
    generator = torch.Generator().manual_seed(0)
    value = torch.zeros(150, dtype=torch.float64)
    for powers in itertools.product(range(degree + 1), repeat=dims):
        if sum(powers) <= degree:
            value = value + torch.randn((), generator=generator) * (x / 5).pow(torch.tensor(powers)).prod(1)
    gradient = torch.autograd.grad(value.sum(), x, create_graph=True)[0]
    expected = [gradient[:, axis] for axis in range(dims)]
    second = [torch.autograd.grad(g.sum(), x, retain_graph=True)[0] for g in expected]
    # xx, xy, xz, yy, yz, zz
    expected += [second[a][:, b] for a in range(dims) for b in range(a, dims)]
    got = found.of(value.detach()[:, None, None])[:, 0]
    assert got.shape == (150, LeastSquares(degree).number(dims))
    assert torch.allclose(got, torch.stack(expected, 1).detach(), rtol=0, atol=1e-7 * value.detach().abs().max().item())


def test_on_a_grid_they_are_central_differences():
    found = derivatives(Grid([9], Boundary.periodic(1)), LeastSquares(2, 2))
    u = torch.randn(9, 1, 1, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    up, down = u.roll(-1, 0), u.roll(1, 0)
    assert torch.allclose(found.of(u), torch.cat([(up - down) / 2, up - 2 * u + down], 2), rtol=0, atol=1e-12)


@pytest.mark.parametrize(("degree", "order"), [(2, 2), (3, 4)])
def test_on_a_grid_the_error_falls_with_the_order(degree, order):
    """Symmetry gives the second derivative one order more than the degree's."""
    errors = []
    for points in (16, 32):
        grid = Grid([points, points], Boundary.periodic(2))
        x = 2 * math.pi * grid.coordinates(torch.ones(1, 2, dtype=torch.float64))[0].flatten(1)
        u = torch.sin(x[0]) * torch.cos(x[1])
        got = derivatives(grid, LeastSquares(degree)).of(u[:, None, None])[:, 0, 0]
        exact = torch.cos(x[0]) * torch.cos(x[1]) * 2 * math.pi / points
        errors.append(((got - exact).norm() / exact.norm()).item())
    assert math.log2(errors[0] / errors[1]) == pytest.approx(order, abs=0.3)


@pytest.mark.parametrize(("dims", "nodes"), [(2, 400), (3, 300)])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_heat_on_random_nodes_does_not_grow(dims, nodes, seed):
    """What ``count`` is chosen by: no eigenvalue of the Laplacian is above zero; with few neighbours there are some."""
    cloud = random_nodes(nodes, Boundary.periodic(dims), seed=seed)

    def largest(rule):
        found = derivatives(cloud, rule)
        # xx, yy, zz among the second derivatives, which are sorted.
        pure = [dims, *itertools.accumulate(range(dims, 1, -1), initial=dims)][1:]
        return torch.linalg.eigvals(sum(matrix(found, p) for p in pure)).real.max().item()

    assert largest(LeastSquares()) < 1e-9
    if dims == 2:
        assert largest(LeastSquares(3, 12)) > 0.1


@pytest.mark.parametrize("sides", [[AROUND, WALL], [AROUND, AROUND]])
def test_the_order_of_nodes_does_not_matter(sides):
    cloud = random_nodes(60, Boundary(sides), seed=2)
    order = torch.randperm(60, generator=torch.Generator().manual_seed(0))
    shuffled = PointCloud(cloud.positions[order], cloud.node_weights[order], cloud.boundary)
    u = torch.randn(60, 2, 3, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    assert torch.allclose(derivatives(shuffled).of(u[order]), derivatives(cloud).of(u)[order], rtol=0, atol=1e-10)


def test_batches_and_channels_are_independent():
    found = derivatives(chebyshev_nodes(20, Boundary([WALL])))
    u = torch.randn(20, 3, 4, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    whole = found.of(u).unflatten(2, (2, 4))
    for b, c in itertools.product(range(3), range(4)):
        assert torch.allclose(whole[:, b, :, c], found.of(u[:, b : b + 1, c : c + 1])[:, 0], rtol=0, atol=1e-12)


def test_what_nodes_in_a_line_cannot_tell_is_nought():
    positions = torch.stack([torch.linspace(0, 1, 30).double(), torch.full((30,), 0.5).double()], 1)
    cloud = PointCloud(positions, torch.full((30,), 1 / 30).double(), Boundary([WALL, WALL]))
    found = derivatives(cloud)
    across = found.weights[:, [1, 3, 4]]
    assert across.abs().max() < 1e-9
    spacing = math.sqrt(30) / 29
    got = found.of(torch.arange(30.0, dtype=torch.float64)[:, None, None] * spacing)[:, 0]
    assert torch.allclose(got, torch.tensor([1.0, 0, 0, 0, 0], dtype=torch.float64), rtol=0, atol=1e-6)


def test_small_clouds_use_all_nodes_and_too_small_ones_are_refused():
    boundary = Boundary.periodic(2)
    assert derivatives(random_nodes(15, boundary)).weights.shape == (15, 5, 15)
    with pytest.raises(ValueError, match=r"degree 3 needs at least 9 neighbours in 2 dimensions, got 7"):
        derivatives(random_nodes(8, boundary))
    with pytest.raises(ValueError, match=r"model.derivatives.count: .* at least 14 neighbours .*, got 12"):
        derivatives(random_nodes(100, boundary), LeastSquares(4, 12))
    with pytest.raises(ValueError, match=r"model.derivatives.count: expected one number or three, got \[12, 28\]"):
        LeastSquares(3, [12, 28])
    with pytest.raises(ValueError, match=r"model.derivatives.degree: expected at least 2, got 1"):
        LeastSquares(1)
