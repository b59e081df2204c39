"""The wave equation is exact for any step: d'Alembert on a line, standing waves between walls, energy everywhere."""

import math

import pytest
import torch

from tendency.simulation.conditions import Conditions
from tendency.simulation.geometry import Boundary, Grid
from tendency.simulation.simulator import begin, rollout
from tendency.solvers.etdrk import ETDRK4
from tendency.solvers.pdes.wave import Wave
from tendency.solvers.reflected_solver import ReflectedSolver
from tendency.solvers.spectral_solver import SpectralSolver


def conditions(shape, sides, extent, speeds):
    empty = torch.zeros(len(speeds), 0, dtype=torch.float64)
    params = torch.tensor(speeds, dtype=torch.float64)[:, None]
    lengths = torch.tensor([extent] * len(speeds), dtype=torch.float64)
    return Conditions(params, empty, lengths, empty, Grid(shape, Boundary(sides)), ("speed",), ())


def solve(solver, u, c, end):
    solver.check(c)
    t = torch.zeros(len(u), 1, dtype=torch.float64)
    return next(iter(rollout(solver, begin(solver, u[:, None], t, c, torch.arange(len(u))), t + end, c))).u


def pulse(x, length):
    return torch.exp(-(((x - length / 2) / 0.8) ** 2))


def test_d_alembert():
    """A pulse at rest splits in two halves that travel apart; the mean of u moves with the mean of v."""
    length, t, drift, speeds = 20.0, 2.0, 0.4, (1.0, 2.3)
    c = conditions([256], [["periodic"] * 2], [length], speeds)
    x = c.geometry.coordinates(c.extent)[:, 0]
    start = torch.stack([pulse(x, length), torch.full_like(x, drift)], 1)
    end = solve(SpectralSolver(Wave(), ETDRK4(), 0.7), start, c, t)
    c_t = torch.tensor(speeds, dtype=torch.float64)[:, None] * t
    expected = (pulse(x - c_t, length) + pulse(x + c_t, length)) / 2 + drift * t
    assert torch.allclose(end[:, 0], expected, atol=1e-10)


@pytest.mark.parametrize(("kind", "sign"), [("dirichlet", -1.0), ("neumann", 1.0)])
def test_a_pulse_comes_back_from_a_wall(kind, sign):
    """Upside down from a fixed end, as it was from a free one."""
    length, speed = 16.0, 2.0
    c = conditions([256], [[kind] * 2], [length], [speed])
    x = c.geometry.coordinates(c.extent)[:, 0]
    # Moving to the right: u_t = -c u_x.
    distance = (x - length / 2) / 0.8
    start = torch.stack([pulse(x, length), speed * 2 * distance / 0.8 * pulse(x, length)], 1)
    solver = ReflectedSolver(Wave(), ETDRK4(), 1.0)
    end = solve(solver, start, c, length / speed)
    # To the wall and back to the middle, now moving to the left.
    assert torch.allclose(end[:, 0], sign * start[:, 0], atol=1e-8)
    assert torch.allclose(end[:, 1], -sign * start[:, 1], atol=1e-8)


def test_energy_is_kept_in_two_dimensions():
    c = conditions([24, 24], [["periodic"] * 2, ["dirichlet"] * 2], [2 * math.pi, math.pi], [1.5])
    x, y = c.geometry.coordinates(c.extent)[0]
    u = torch.sin(x) * torch.sin(y) + 0.4 * torch.cos(2 * x) * torch.sin(3 * y)
    v = 0.3 * torch.cos(x) * torch.sin(2 * y)
    solver = ReflectedSolver(Wave(), ETDRK4(), 5.0)
    end = solve(solver, torch.stack([u, v])[None], c, 3.3)

    def exact(t):
        """Mode by mode: cos(omega t) and sin(omega t) / omega."""
        modes = [(torch.sin(x) * torch.sin(y), 1.0, 2.0, 0.0), (torch.cos(2 * x) * torch.sin(3 * y), 0.4, 13.0, 0.0)]
        modes.append((torch.cos(x) * torch.sin(2 * y), 0.0, 5.0, 0.3))
        total = torch.zeros_like(x)
        for shape, start, squares, velocity in modes:
            omega = 1.5 * math.sqrt(squares)
            total = total + shape * (start * math.cos(omega * t) + velocity * math.sin(omega * t) / omega)
        return total

    assert torch.allclose(end[0, 0], exact(3.3), atol=1e-11)


def test_its_time_derivative():
    c = conditions([32], [["periodic"] * 2], [2 * math.pi], [1.5])
    x = c.geometry.coordinates(c.extent)[0, 0]
    state = torch.stack([torch.sin(2 * x) + 0.5, torch.cos(x) + 0.25])[None]
    rate = SpectralSolver(Wave(), ETDRK4(), 0.1).time_derivative(state, torch.zeros(1), c)
    expected = torch.stack([torch.cos(x) + 0.25, -(1.5**2) * 4 * torch.sin(2 * x)])[None]
    assert torch.allclose(rate, expected, atol=1e-11)
