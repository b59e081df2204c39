"""What a model must beat: exact where they can be, and absent with a reason where they cannot."""

import math

import pytest
import torch

from tendency.app.reports.coarse_baseline import CoarseSolverBaseline
from tendency.evaluation.baselines.baseline import build_baselines
from tendency.evaluation.baselines.linear_extrapolation import LinearExtrapolation
from tendency.evaluation.baselines.linear_fourier import LinearFourierModel
from tendency.evaluation.baselines.persistence import Persistence
from tendency.evaluation.metrics.context import Subject
from tendency.simulation.conditions import Conditions
from tendency.simulation.fields import Field
from tendency.simulation.geometry import Boundary, Grid, chebyshev_nodes
from tendency.simulation.simulator import begin, rollout


def rolled_out(simulator, u, t, conditions):
    """The states after the first ``history`` of u (B, T, C, *N)."""
    k = simulator.history
    progress = begin(simulator, u[:, :k], t[:, :k], conditions, torch.arange(len(u)))
    return torch.stack([state.u for state in rollout(simulator, progress, t[:, k:], conditions)], 1)


def test_what_moves_evenly_is_extrapolated_exactly_at_uneven_times(trajectories):
    window = trajectories(3)
    t = torch.tensor([[0.0, 0.3, 0.4, 1.0]], dtype=torch.float64).expand(3, -1) + 5
    start, slope = window.u[:, :1], window.u[:, 1:2]
    u = start + slope * t[:, :, None, None]
    found = rolled_out(LinearExtrapolation(), u, t, window.conditions)
    assert torch.allclose(found, u[:, 2:], rtol=1e-12)


def test_a_linear_equation_is_learned_exactly_by_the_linear_model():
    """u_t = v, v_t = ∂²u/∂x²: two channels that only a matrix for each wavenumber couples."""
    grid, n, dt = Grid([16], Boundary.periodic(1)), 16, 0.3
    generator = torch.Generator().manual_seed(0)
    k = torch.fft.rfftfreq(n, 1 / n, dtype=torch.float64)
    hat = torch.fft.rfft(torch.randn(30, 2, n, generator=generator, dtype=torch.float64))
    hat[..., -1] = 0
    hat[:, :, 0] = 0
    states = []
    for step in range(5):
        angle = k * dt * step
        a, b = hat.unbind(1)
        turned = torch.stack(
            [a * angle.cos() + b * torch.sinc(angle / math.pi) * dt * step, b * angle.cos() - a * k * angle.sin()], 1
        )
        states.append(torch.fft.irfft(turned, n=n))
    u = torch.stack(states, 1)
    subject = Subject((Field("u"), Field("v")), grid, step=dt)
    pairs = [(u[:20, i], u[:20, i + 1]) for i in range(4)]
    simulator = LinearFourierModel(ridge=1e-14).simulator(subject, lambda: pairs)
    empty = torch.zeros(10, 0, dtype=torch.float64)
    conditions = Conditions(empty, empty, torch.full((10, 1), 2 * math.pi).double(), empty, grid)
    t = (dt * torch.arange(5, dtype=torch.float64)).expand(10, -1)
    assert torch.allclose(rolled_out(simulator, u[20:], t, conditions), u[20:, 1:], atol=1e-7)
    with pytest.raises(ValueError, match="fitted to steps of 0.3 cannot take 0.6"):
        rolled_out(simulator, u[20:, ::2], t[:, ::2], conditions)


def test_the_linear_model_is_the_least_squares_one_of_each_wavenumber():
    generator = torch.Generator().manual_seed(1)
    u, after = torch.randn(2, 50, 1, 8, generator=generator, dtype=torch.float64)
    subject = Subject((Field("u"),), Grid([8], Boundary.periodic(1)), step=1.0)
    simulator = LinearFourierModel(ridge=1e-12).simulator(subject, lambda: [(u[:20], after[:20]), (u[20:], after[20:])])
    x, y = torch.fft.rfft(u[:, 0]), torch.fft.rfft(after[:, 0])
    expected = (y * x.conj()).sum(0) / x.abs().square().sum(0)
    assert torch.allclose(simulator.matrices[:, 0, 0], expected, rtol=1e-9)


def test_what_cannot_be_made_says_why():
    wanted = {"a": Persistence(), "b": CoarseSolverBaseline(), "c": LinearFourierModel()}
    nodes = Subject((Field("u"),), chebyshev_nodes(9, Boundary([["dirichlet", "dirichlet"]])), step=1.0)
    simulators, reasons = build_baselines(wanted, nodes, list)
    assert list(simulators) == ["persistence"]
    assert reasons["coarse solver"] == "no reference solver is known, or none works where the snapshots lie"
    assert "scattered nodes" in reasons["linear Fourier model"]
    periodic = Grid([8], Boundary.periodic(1))
    assert (
        "differs between trajectories"
        in build_baselines(wanted, Subject((Field("u"),), periodic), list)[1]["linear Fourier model"]
    )
    none = build_baselines(wanted, Subject((Field("u"),), periodic, step=1.0), list)[1]
    assert none["linear Fourier model"] == "there are no training trajectories to fit it to"


def test_the_coarse_solver_is_the_problems_own_on_half_the_points(solve):
    solved = solve("heat", "pde.geometry.shape=[32]")
    conditions = solved.conditions
    subject = Subject(solved.problem.fields, solved.problem.geometry, solved.problem.simulator)
    simulator = CoarseSolverBaseline().simulator(subject, list)
    found = rolled_out(simulator, solved.u[:, :5], solved.t[:, :5], conditions)
    # The heat equation is solved exactly on any grid that holds the waves: two of them, which 16 points do.
    assert torch.allclose(found, solved.u[:, 1:5], atol=1e-10)
    odd = Subject(subject.fields, Grid([9], Boundary.periodic(1)), subject.solver)
    assert "divisor of [9]" in CoarseSolverBaseline().reason_against(odd)
