"""Diffusion-sorption against exact and independent solutions, its mass balance, its bounds, its gradients."""

import itertools
import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.integrate import solve_ivp
from scipy.interpolate import CubicSpline
from scipy.optimize import brentq

from tendency.simulation.conditions import Conditions
from tendency.simulation.geometry import Boundary, Grid
from tendency.simulation.simulator import begin, rollout
from tendency.solvers.explicit_runge_kutta import RungeKuttaLegendre
from tendency.solvers.initial_conditions.uniform_state import UniformState
from tendency.solvers.method_of_lines_solver import MethodOfLinesSolver
from tendency.solvers.pdes.diffusion_sorption import DiffusionSorption

POROSITY, DENSITY, SORPTION, EXPONENT = 0.29, 2880.0, 3.5e-4, 0.874


def conditions(n, diffusivities, sides=("dirichlet", "open")):
    empty = torch.zeros(len(diffusivities), 0, dtype=torch.float64)
    params = torch.tensor(diffusivities, dtype=torch.float64)[:, None]
    lengths = torch.ones(len(diffusivities), 1, dtype=torch.float64)
    return Conditions(params, empty, lengths, empty, Grid([n], Boundary([list(sides)])), ("diffusivity",), ())


def solve(u, c, times, equation=None, max_step=0.1, stages=5):
    """States (B, T, 1, N) at the times."""
    solver = MethodOfLinesSolver(equation or DiffusionSorption(), RungeKuttaLegendre(stages), max_step)
    solver.check(c)
    start = begin(solver, u[:, None], torch.zeros(len(u), 1, dtype=torch.float64), c, torch.arange(len(u)))
    times = torch.as_tensor(times, dtype=torch.float64).expand(len(u), -1)
    with torch.no_grad():
        return torch.stack([state.u for state in rollout(solver, start, times, c)], 1)


def constant(n, *values):
    return torch.tensor(values, dtype=torch.float64).reshape(-1, 1, 1).expand(-1, 1, n).clone()


def cells(n):
    return (torch.arange(n, dtype=torch.float64) + 0.5) / n


def test_a_constant_retardation_has_an_exact_solution():
    """With exponent 1 the eigenfunctions are sin(b x) with tan b = -D b about the line 1 - x / (1 + D)."""
    diffusivity, u0, t = 0.3, 0.15, 0.4
    slowness = 1 + (1 - POROSITY) / POROSITY * DENSITY * SORPTION
    equation = DiffusionSorption(exponent=1.0)
    errors = []
    for n in (16, 32, 64):
        x = cells(n).numpy()
        exact = 1 - x / (1 + diffusivity)
        for k in range(1, 40):
            b = brentq(lambda b: math.sin(b) + diffusivity * b * math.cos(b), (k - 0.5) * math.pi, k * math.pi)
            line = (1 - math.cos(b)) / b * (u0 - 1) + (math.sin(b) / b**2 - math.cos(b) / b) / (1 + diffusivity)
            norm = 0.5 - math.sin(2 * b) / (4 * b)
            exact += line / norm * np.exp(-diffusivity / slowness * b**2 * t) * np.sin(b * x)
        end = solve(constant(n, u0), conditions(n, [diffusivity]), [t], equation, max_step=2e-3)
        errors.append(float((end[0, 0, 0] - torch.from_numpy(exact)).square().mean().sqrt()))
    assert errors[2] < 1e-4
    for coarse, fine in itertools.pairwise(errors):
        assert math.log2(coarse / fine) > 1.85


def test_it_agrees_with_an_implicit_solution_on_nodes():
    """PDEBench's numbers, by scipy's LSODA on points that include both walls; nothing is shared."""
    diffusivity, u0, number = 5e-4, 0.1, 400
    dx = 1 / number

    def rate(t, inner):
        last = diffusivity * (4 * inner[-1] - inner[-2]) / (2 * dx + 3 * diffusivity)
        u = np.concatenate([[1.0], inner, [last]])
        grains = (1 - POROSITY) / POROSITY * DENSITY * SORPTION * EXPONENT * (inner + 1e-6) ** (EXPONENT - 1)
        return diffusivity * (u[2:] - 2 * u[1:-1] + u[:-2]) / dx**2 / (1 + grains)

    start, options = np.full(number - 1, u0), {"method": "LSODA", "rtol": 1e-7, "atol": 1e-9, "lband": 1, "uband": 1}
    inner = solve_ivp(rate, (0, 20.0), start, **options).y[:, -1]
    spline = CubicSpline(np.linspace(0, 1, number + 1)[1:-1], inner)
    x = cells(128)
    end = solve(constant(128, u0), conditions(128, [diffusivity]), [20.0])[0, 0, 0]
    assert float((end - torch.from_numpy(spline(x.numpy()))).abs().max()) < 1e-3


def test_its_rate_by_the_book():
    """A profile that meets both walls' conditions, differentiated by hand."""
    diffusivity, n = 0.2, 400
    x = cells(n)
    # u = 1 - x + a x^2 with u(1) = -D u'(1).
    a = diffusivity / (1 + 2 * diffusivity)
    u = 1 - x + a * x**2
    retardation = 1 + (1 - POROSITY) / POROSITY * DENSITY * SORPTION * EXPONENT * (u + 1e-6) ** (EXPONENT - 1)
    solver = MethodOfLinesSolver(DiffusionSorption(), RungeKuttaLegendre(), 1.0)
    rate = solver.time_derivative(u[None, None], torch.zeros(1), conditions(n, [diffusivity]))[0, 0]
    expected = diffusivity * 2 * a / retardation
    assert torch.allclose(rate[1:-1], expected[1:-1], rtol=1e-9)
    # Half a cell off a wall the difference is of first order, as it is in every scheme on cells.
    assert torch.allclose(rate, expected, rtol=0.3)


def test_what_enters_and_does_not_leave_is_there():
    """The change of dissolved and sorbed mass is the flux at the left wall less the one at the right, in time."""
    diffusivity, n = 5e-4, 64
    times = torch.linspace(20, 40, 41, dtype=torch.float64)
    u = solve(constant(n, 0.02, 0.2), conditions(n, [diffusivity] * 2), times)[:, :, 0]
    held = u + (1 - POROSITY) / POROSITY * DENSITY * SORPTION * (u + 1e-6) ** EXPONENT
    enters = diffusivity * (1 - u[..., 0]) * 2 * n
    wall = 2 * n * diffusivity * u[..., -1] / (1 + 2 * n * diffusivity)  # u = -D u_x there
    weights = torch.ones(41, dtype=torch.float64) * 4 / 3
    weights[::2], weights[0], weights[-1] = 2 / 3, 1 / 3, 1 / 3
    gained = ((enters - wall) * weights).sum(1) * 0.5
    change = held[:, -1].mean(1) - held[:, 0].mean(1)
    assert torch.allclose(change, gained, rtol=1e-6)
    assert float(wall.min()) > 0


def test_it_stays_between_0_and_1():
    """From the jump on, in the longest steps that are allowed."""
    times = torch.tensor([0.3, 0.6, 1.5, 5.0, 20.0, 100.0], dtype=torch.float64)
    u = solve(constant(128, 0.0, 1e-4, 0.2), conditions(128, [5e-4] * 3), times, max_step=100.0, stages=9)
    assert float(u.min()) >= 0
    assert float(u.max()) <= 1
    # The front is a front: it falls from the wall on.
    assert float(u[:, -1].diff(dim=-1).max()) < 1e-12


def test_gradients_go_through_many_steps():
    c = conditions(6, [0.01, 0.02])
    solver = MethodOfLinesSolver(DiffusionSorption(), RungeKuttaLegendre(3), 0.05)
    t, dt = torch.zeros(2, dtype=torch.float64), torch.full((2,), 0.5, dtype=torch.float64)
    u = torch.linspace(0.7, 0.1, 6, dtype=torch.float64).expand(2, 1, 6).clone().requires_grad_()

    def end(u, params):
        return solver.advance(u, t, dt, replace(c, params=params), {})[0]

    assert torch.autograd.gradcheck(end, (u, c.params.clone().requires_grad_()), fast_mode=True)


def test_a_batch_equals_its_members_of_other_diffusivities():
    c, u = conditions(32, [2e-4, 5e-4, 2e-3]), constant(32, 0.1, 0.0, 0.2)
    together = solve(u, c, [2.0, 3.0])
    for row in range(3):
        alone = solve(u[row : row + 1], conditions(32, [c.params[row].item()]), [2.0, 3.0])
        assert torch.equal(alone[0], together[row])


def test_resampling():
    c = conditions(32, [5e-4])
    x, finer = cells(32), cells(64)
    solver = MethodOfLinesSolver(DiffusionSorption(), RungeKuttaLegendre(), 0.1)
    line = solver.resample((1 - 0.4 * x)[None, None], c, [64])
    assert torch.allclose(line[0, 0], 1 - 0.4 * finer, atol=1e-14)
    u = torch.exp(-5 * x)[None, None]
    assert torch.allclose(solver.resample(solver.resample(u, c, [96]), c, [32]), u, atol=1e-15)
    with pytest.raises(ValueError, match="pde.geometry.shape: expected cells that nest, got 32 and 40"):
        solver.resample(u, c, [40])


def test_what_is_refused():
    solver = MethodOfLinesSolver(DiffusionSorption(), RungeKuttaLegendre(), 0.1)
    with pytest.raises(ValueError, match=r"pde.geometry.boundary.sides\[0\].*expects \[dirichlet, open\], got"):
        solver.check(conditions(16, [5e-4], ("dirichlet", "neumann")))
    with pytest.raises(ValueError, match="pde.parameters.diffusivity: expected positive values, got -0.1"):
        solver.check(conditions(16, [5e-4, -0.1]))
    with pytest.raises(ValueError, match="pde.simulator.equation.porosity: expected a share between 0 and 1, got 1"):
        DiffusionSorption(porosity=1.0)
    with pytest.raises(ValueError, match="pde.initial_condition: expected low < high, got low=0.2, high=0.1"):
        UniformState(0.2, 0.1)


def test_uniform_states():
    states = [UniformState(0.0, 0.2)(np.random.default_rng(seed), conditions(16, [5e-4])) for seed in range(200)]
    values = torch.cat(states)
    assert values.shape == (200, 1, 16)
    assert float(values.std(-1).max()) < 1e-16
    assert 0 <= float(values.min()) < 0.01
    assert 0.19 < float(values.max()) <= 0.2
