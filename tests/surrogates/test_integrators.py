"""Integrators: orders on an equation with an exact solution, with regular and irregular steps."""

import math

import pytest
import torch

from surrogates.integrators import AdamsBashforth, ForwardEuler, Heun, RungeKutta4

INTEGRATORS = [ForwardEuler(), AdamsBashforth(2), Heun(), RungeKutta4()]


def slope(u, t):
    """u_t = -u cos t, so u = u0 exp(-sin t)."""
    return -u * torch.cos(t).reshape(-1, 1, 1)


def end(integrator, times):
    """The state (B, 1, 2) at the last of the times (B, T), from 1 and 2 at the first."""
    u = torch.tensor([[[1.0, 2.0]]], dtype=torch.float64).expand(len(times), 1, 2)
    memory = integrator.start(u)
    for t, t_next in zip(times.unbind(1)[:-1], times.unbind(1)[1:], strict=True):
        u, memory = integrator.advance(slope, u, t, t_next - t, memory)
    return u


def error(integrator, times):
    exact = torch.exp(-torch.sin(times[:, -1]) + torch.sin(times[:, 0])).reshape(-1, 1, 1)
    return (end(integrator, times) / torch.tensor([1.0, 2.0], dtype=torch.float64) - exact).abs().max().item()


@pytest.mark.parametrize("integrator", INTEGRATORS, ids=lambda i: type(i).__name__)
@pytest.mark.parametrize("irregular", [False, True])
def test_order(integrator, irregular):
    errors = []
    for n in (80, 160):
        steps = torch.ones(2, n, dtype=torch.float64)
        if irregular:
            # Smoothly varying, and different for the two rows of the batch.
            phase = torch.arange(n) / n * 2 * math.pi
            steps = 1 + 0.6 * torch.stack([torch.sin(phase), torch.cos(phase)]).double()
        times = torch.cat(
            [torch.zeros(2, 1, dtype=torch.float64), (2 * steps / steps.sum(1, keepdim=True)).cumsum(1)], 1
        )
        errors.append(error(integrator, times))
    assert math.log2(errors[0] / errors[1]) == pytest.approx(integrator.order, abs=0.25)


@pytest.mark.parametrize("integrator", INTEGRATORS, ids=lambda i: type(i).__name__)
def test_stages_count_the_slope_evaluations(integrator):
    calls = []

    def counted(u, t):
        calls.append(t)
        return slope(u, t)

    u = torch.ones(1, 1, 2, dtype=torch.float64)
    t, dt = torch.zeros(1, dtype=torch.float64), torch.full((1,), 0.1, dtype=torch.float64)
    integrator.advance(counted, u, t, dt, integrator.start(u))
    assert len(calls) == integrator.stages
    assert integrator.evaluates_inside == any(bool((call > t).any()) for call in calls)


def test_adams_bashforth_starts_with_euler():
    u = torch.ones(1, 1, 2, dtype=torch.float64)
    t, dt = torch.full((1,), 0.3, dtype=torch.float64), torch.full((1,), 0.1, dtype=torch.float64)
    scheme = AdamsBashforth(2)
    first, memory = scheme.advance(slope, u, t, dt, scheme.start(u))
    assert torch.equal(first, u + 0.1 * slope(u, t))
    second, _ = scheme.advance(slope, first, t + dt, dt, memory)
    expected = first + 0.1 * (1.5 * slope(first, t + dt) - 0.5 * slope(u, t))
    assert torch.allclose(second, expected, rtol=1e-14)
