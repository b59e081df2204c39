"""Solved states at the points where they are stored: coarser grids, Chebyshev nodes between walls, scattered nodes."""

import math

import pytest
import torch

from tendency.app.configuration.build import build_problem, load_problem
from tendency.app.configuration.identity import identity
from tendency.simulation.geometry import Boundary, Grid, chebyshev_nodes, random_nodes
from tendency.solvers.etdrk import ETDRK4
from tendency.solvers.pdes.heat import Heat
from tendency.solvers.pdes.wave import Wave
from tendency.solvers.reflected_solver import ReflectedSolver
from tendency.solvers.spectral_solver import SpectralSolver


def wave_field(x, extent):
    """A product of band-limited waves at positions x (B, D, *N); extents may differ between trajectories."""
    phase = 2 * math.pi * x / extent.reshape(*extent.shape, *[1] * (x.ndim - 2))
    dims = x.shape[1]
    return sum(torch.cos((axis + 2) * phase[:, axis] + axis) for axis in range(dims))[:, None] + torch.sin(
        phase.sum(1, keepdim=True)
    )


@pytest.mark.parametrize("shape", [[16], [16, 15], [9, 12, 10]])
def test_a_periodic_field_is_known_everywhere(conditions, shape):
    dims = len(shape)
    extent = [[16.0, 8.0, 4.0][:dims], [3.0, 2.0, 1.0][:dims]]
    c = conditions(shape, extent, diffusivity=[0.3, 0.4])
    solver = SpectralSolver(Heat(), ETDRK4(), 1.0)
    u = wave_field(c.geometry.coordinates(c.extent), c.extent)
    nodes = random_nodes(40, c.geometry.boundary, seed=1)
    at_nodes = solver.sample(u, c, nodes)
    assert at_nodes.shape == (2, 1, 40)
    assert torch.allclose(at_nodes, wave_field(nodes.coordinates(c.extent), c.extent), atol=1e-12)
    other = Grid([7] * dims, c.geometry.boundary)
    assert torch.allclose(solver.sample(u, c, other), wave_field(other.coordinates(c.extent), c.extent), atol=1e-12)


def test_a_coarser_grid_takes_every_second_point_and_filters_nothing(conditions):
    c = conditions([16, 12], [[1.0, 1.0]], diffusivity=[0.3])
    solver = SpectralSolver(Heat(), ETDRK4(), 1.0)
    u = torch.randn(1, 1, 16, 12, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    stored = solver.sample(u, c, Grid([8, 6], c.geometry.boundary))
    assert torch.allclose(stored, u[..., ::2, ::2], atol=1e-12)


def test_a_filtered_store_keeps_the_waves_that_the_coarser_grid_resolves_and_folds_none(compose_config):
    node = compose_config("generate", ["pde=heat", "pde.geometry.shape=[32]"])["pde"]
    node["store_on"] = node["geometry"] | {"shape": [8]}
    pointwise, filtered = build_problem(node), build_problem(node | {"store_filtered": True})
    c = pointwise.draws("train", [0, 1]).conditions
    share = torch.arange(32, dtype=torch.float64) / 32
    slow, fast = torch.cos(2 * math.pi * 3 * share), torch.cos(2 * math.pi * 11 * share)
    u = (slow + fast).expand(2, 1, 32)
    # Eleven waves look like three on eight points.
    assert torch.allclose(pointwise.stored(u, c), 2 * slow[::4].expand(2, 1, 8), atol=1e-12)
    assert torch.allclose(filtered.stored(u, c), slow[::4].expand(2, 1, 8), atol=1e-12)
    assert identity(node) != identity(node | {"store_filtered": True})
    without = {key: value for key, value in node.items() if key != "store_on"}
    with pytest.raises(ValueError, match=r"pde.store_filtered: expected a grid in pde.store_on beside it, got None"):
        build_problem(without | {"store_filtered": True})


@pytest.mark.parametrize("walls", [("dirichlet", "dirichlet"), ("neumann", "neumann"), ("dirichlet", "neumann")])
def test_chebyshev_nodes_reach_the_walls(conditions, walls):
    c = conditions([24], [[16.0]], speed=[2.0])
    boundary = Boundary([list(walls)])
    c = type(c)(c.params, c.hidden, c.extent, c.boundary_values, Grid([24], boundary), c.param_names)
    nodes = chebyshev_nodes(33, boundary)
    modes = {
        ("dirichlet", "dirichlet"): lambda s: torch.sin(3 * math.pi * s) - torch.sin(5 * math.pi * s),
        ("neumann", "neumann"): lambda s: 1 + torch.cos(3 * math.pi * s) - torch.cos(5 * math.pi * s),
        ("dirichlet", "neumann"): lambda s: torch.sin(2.5 * math.pi * s) - torch.sin(5.5 * math.pi * s),
    }[walls]
    both = torch.cat([modes(c.geometry.coordinates(c.extent) / 16)] * 2, 1)
    found = ReflectedSolver(Wave(), ETDRK4(), 1.0).sample(both, c, nodes)
    expected = modes(nodes.coordinates(c.extent) / 16)
    assert torch.allclose(found, torch.cat([expected] * 2, 1), atol=1e-12)
    ends = found[0, 0, [0, -1]].abs()
    for side, wall in enumerate(walls):
        assert (float(ends[side]) < 1e-12) == (wall == "dirichlet")


def test_chebyshev_weights_are_those_of_clenshaw_curtis():
    """Exact for polynomials below the number of nodes, in even and odd counts."""
    for count in (9, 10):
        nodes = chebyshev_nodes(count, Boundary([["dirichlet", "neumann"]]))
        for degree in range(count):
            found = float((nodes.node_weights * nodes.positions[:, 0] ** degree).sum())
            assert found == pytest.approx(1 / (degree + 1), abs=1e-14)


@pytest.mark.parametrize(("name", "walls"), [("wave_we1", (-1, -1)), ("wave_we2", (1, 1)), ("wave_we3", (-1, 1))])
def test_a_pulse_between_walls_comes_back_as_dalembert_says(name, walls):
    """The pulse starts to the left; after t its images by reflection are where they must be."""
    problem = load_problem(name)
    draw = problem.draws("train", [0, 1, 2])
    x = problem.stored_geometry.coordinates(draw.conditions.extent)
    start = problem.geometry.coordinates(draw.conditions.extent)[:, 0]
    centre = (start * draw.u[:, 0]).sum(1, keepdim=True)[:, None] / draw.u[:, 0].sum(1, keepdim=True)[:, None]
    lower, upper = walls
    for t in (1.0, 3.0, 8.0, 15.0):
        zero = torch.zeros(3, dtype=torch.float64)
        end, _ = problem.simulator.advance(draw.u, zero, zero + t, draw.conditions, {})
        found = problem.stored(end, draw.conditions)[:, :1]
        travelled = 2.0 * t
        # Images of the pulse and of its mirror image on the periodic line of length 64.
        expected = torch.zeros_like(found)
        for period in range(-3, 4):
            for image, sign in enumerate((1, upper, lower * upper, lower)):
                # Even images look along the pulse, odd ones against it.
                offset = 32.0 * (image // 2) + 64.0 * period
                place = centre + offset if image % 2 == 0 else 32.0 * ((image + 1) // 2) + 64.0 * period - centre
                moved = place - travelled if image % 2 == 0 else place + travelled
                expected = expected + sign * torch.exp(-((x - moved) ** 2))
        assert torch.allclose(found, expected, atol=1e-6), t


def test_stored_nodes_must_share_the_boundary():
    from tendency.simulation.problem import Problem

    problem = load_problem("wave_we1")
    with pytest.raises(ValueError, match=r"pde.store_on.boundary: expected that of pde.geometry"):
        Problem(
            problem.name, problem.simulator, problem.geometry, problem.extent, problem.parameters,
            problem.initial_condition, problem.times, problem.tolerances,
            store_on=chebyshev_nodes(8, Boundary([["neumann", "neumann"]])),
        )  # fmt: skip
