"""Exponential Adams schemes: their order, their past, and what they save."""

import math

import pytest
import torch

from tendency.simulation.simulator import begin, rollout
from tendency.simulation.tree import map_tensors
from tendency.solvers.etdrk import ETDRK4
from tendency.solvers.exponential_adams import ExponentialAdams, ExponentialAdamsMoulton
from tendency.solvers.pdes.advection import Advection
from tendency.solvers.pdes.heat import Heat
from tendency.solvers.pdes.korteweg_de_vries import KortewegDeVries
from tendency.solvers.pdes.kuramoto_sivashinsky import KuramotoSivashinsky
from tendency.solvers.spectral_solver import SpectralSolver


def waves(conditions):
    x = 2 * math.pi * conditions.geometry.coordinates(conditions.extent) / conditions.extent[:, :, None]
    return torch.cos(x) * (1 + torch.sin(2 * x)) + 0.3 * torch.sin(3 * x)


def solve(solver, u, conditions, times):
    zero = torch.zeros(len(u), 1, dtype=torch.float64)
    progress = begin(solver, u[:, None], zero, conditions, torch.arange(len(u)))
    return list(rollout(solver, progress, times, conditions))


def regular(dt, frames, rows=1):
    return dt * torch.arange(1, frames + 1, dtype=torch.float64).expand(rows, -1)


@pytest.mark.parametrize("order", [2, 3, 4, 5])
@pytest.mark.parametrize("scheme", [ExponentialAdams, ExponentialAdamsMoulton])
def test_order_on_a_soliton(conditions, scheme, order):
    """An imaginary symbol: real parts of the weights alone would leave first order here."""
    c = conditions([128], [[40.0]])
    x = c.geometry.coordinates(c.extent)

    def soliton(t, speed=2.0):
        distance = (x - speed * t) % 40 - 20
        return speed / 2 / torch.cosh(math.sqrt(speed) / 2 * distance) ** 2

    reference = solve(SpectralSolver(KortewegDeVries(), ETDRK4(), 1e-3), soliton(0.0), c, regular(1.0, 1))[-1].u
    errors = []
    for h in (0.005, 0.0025):
        solver = SpectralSolver(KortewegDeVries(), scheme(order), h)
        errors.append(float((solve(solver, soliton(0.0), c, regular(1.0, 1))[-1].u - reference).norm()))
    assert math.log2(errors[0] / errors[1]) > order - 0.3
    assert float((reference - soliton(1.0)).norm() / reference.norm()) < 1e-3


@pytest.mark.parametrize("scheme", [ExponentialAdams, ExponentialAdamsMoulton])
def test_linear_equations_are_solved_exactly(conditions, scheme):
    c = conditions([32], [[5.0]], diffusivity=[0.3])
    k = 2 * math.pi / 5
    u = torch.sin(k * c.geometry.coordinates(c.extent))
    end = solve(SpectralSolver(Heat(), scheme(), 0.1), u, c, regular(0.5, 4))[-1].u
    assert torch.allclose(end, math.exp(-0.3 * k**2 * 2.0) * u, atol=1e-13)
    c = conditions([32], [[5.0]], speed=[0.7])
    end = solve(SpectralSolver(Advection(), scheme(), 0.1), u, c, regular(0.5, 4))[-1].u
    assert torch.allclose(end, torch.sin(k * (c.geometry.coordinates(c.extent) - 1.4)), atol=1e-13)


def test_a_quarter_of_the_evaluations_buys_the_accuracy_of_the_runge_kutta_scheme(conditions):
    c = conditions([128], [[64.0]] * 2)
    developed = solve(SpectralSolver(KuramotoSivashinsky(), ETDRK4(), 0.1), waves(c), c, regular(60.0, 1, 2))[-1].u
    counted = []

    class Counted(KuramotoSivashinsky):
        def nonlinear_term(self, *arguments):
            counted.append(1)
            return super().nonlinear_term(*arguments)

    def end(integrator, h):
        counted.clear()
        u = solve(SpectralSolver(Counted(), integrator, h), developed, c, regular(0.2, 50, 2))[-1].u
        return u, len(counted)

    exact, _ = end(ETDRK4(), 0.2 / 16)
    (runge_kutta, many), (adams, few) = end(ETDRK4(), 0.1), end(ExponentialAdams(), 0.1)
    assert float((adams - exact).norm()) < float((runge_kutta - exact).norm())
    # One in each of 100 steps, and three more in each of the first three.
    assert (many, few) == (400, 109)


@pytest.mark.parametrize("scheme", [ExponentialAdams, ExponentialAdamsMoulton])
def test_rows_keep_their_own_past(conditions, scheme):
    """Steps that differ, counts that differ, and a step that changes on the way: a batch equals its members."""
    c = conditions([32], [[22.0], [20.0]])
    times = torch.tensor([[0.3, 0.6, 0.9, 1.2, 1.25], [0.2, 0.4, 0.6, 1.1, 1.6]], dtype=torch.float64)
    solver = SpectralSolver(KuramotoSivashinsky(), scheme(), 0.06)
    together = solve(solver, waves(c), c, times)
    for row in range(2):
        alone = map_tensors(lambda x, row=row: x[row : row + 1], c)
        single = solve(solver, waves(c)[row : row + 1], alone, times[row : row + 1])
        assert torch.allclose(single[-1].u, together[-1].u[row : row + 1], rtol=1e-12, atol=1e-13)
    resumed = list(rollout(solver, together[1], times[:, 2:], c))
    assert torch.equal(resumed[-1].u, together[-1].u)


def test_a_changed_step_starts_anew(conditions):
    c = conditions([32], [[22.0]])
    solver = SpectralSolver(KuramotoSivashinsky(), ExponentialAdams(), 0.1)
    times = torch.tensor([[0.5, 1.0, 1.31]], dtype=torch.float64)
    states = solve(solver, waves(c), c, times)
    zero = torch.ones(1, dtype=torch.float64)
    fresh, _ = solver.advance(states[1].u, zero, 0.31 * zero, c, {})
    assert torch.allclose(fresh, states[2].u, atol=1e-13)
    # Going on at the same step uses the past, which a fresh start lacks.
    again, _ = solver.advance(states[0].u, zero / 2, zero / 2, c, {})
    assert not torch.allclose(again, states[1].u, atol=1e-9)


@pytest.mark.parametrize("scheme", [ExponentialAdams, ExponentialAdamsMoulton])
def test_gradients_flow_through_the_past(conditions, scheme):
    c = conditions([8], [[5.0]])
    u = torch.randn(1, 1, 8, generator=torch.Generator().manual_seed(0), dtype=torch.float64, requires_grad=True)
    solver = SpectralSolver(KuramotoSivashinsky(), scheme(3), 0.01)

    def end(v):
        return solve(solver, v, c, regular(0.04, 2))[-1].u

    assert torch.autograd.gradcheck(end, (u,), fast_mode=True)
