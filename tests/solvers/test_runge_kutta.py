"""The explicit schemes: order, stability intervals, and steps of each trajectory's own."""

import itertools
import math

import pytest
import torch
from scipy.integrate import solve_ivp

from tendency.simulation.simulator import InstabilityError
from tendency.solvers.explicit_runge_kutta import (
    ExplicitRK4,
    ExplicitSSPRK3,
    RungeKuttaLegendre,
    SemiDiscreteSystem,
    advance_in_stable_steps,
)

SCHEMES = [ExplicitSSPRK3(), ExplicitRK4(), RungeKuttaLegendre(3), RungeKuttaLegendre(7)]


def one_step(scheme, z):
    """The stability polynomial P(z), z (B,): one step of size 1 of q' = z q, real or complex."""
    one, zero = torch.ones(len(z), 1, dtype=z.dtype), torch.zeros(len(z), dtype=torch.float64)
    return scheme.advance(one, zero, zero + 1, lambda q, t: z[:, None] * q)[:, 0]


@pytest.mark.parametrize("scheme", SCHEMES, ids=lambda scheme: f"{type(scheme).__name__}-{scheme.real_stability:g}")
def test_the_order_in_time(scheme):
    """q' = -q^2 + cos t, in which the rate depends on the time as well: stages must know theirs."""

    def end(steps):
        q, t = torch.full((1, 1), 0.5, dtype=torch.float64), torch.zeros(1, dtype=torch.float64)
        h = torch.full((1,), 1.0 / steps, dtype=torch.float64)
        for _ in range(steps):
            q, t = scheme.advance(q, t, h, lambda q, t: -q.square() + torch.cos(t)[:, None]), t + h
        return float(q)

    truth = _reference()
    errors = [abs(end(steps) - truth) for steps in (20, 40, 80)]
    for coarse, fine in itertools.pairwise(errors):
        assert math.log2(coarse / fine) == pytest.approx(scheme.order, abs=0.2)


def _reference():
    solution = solve_ivp(lambda t, q: -(q**2) + math.cos(t), (0, 1), [0.5], method="DOP853", rtol=1e-13, atol=1e-14)
    return float(solution.y[0, -1])


@pytest.mark.parametrize("scheme", SCHEMES, ids=lambda scheme: f"{type(scheme).__name__}-{scheme.real_stability:g}")
def test_the_stability_intervals_are_what_they_are_said_to_be(scheme):
    share = torch.linspace(0, 1, 4001, dtype=torch.float64)
    real = one_step(scheme, -scheme.real_stability * share)
    assert float(real.abs().max()) <= 1 + 1e-12
    # A Legendre scheme ends its interval well damped, and so a little early.
    much = 1.02 if scheme.imaginary_stability else 1.6
    beyond = one_step(scheme, torch.tensor([-much * scheme.real_stability], dtype=torch.float64))
    assert float(beyond.abs()) > 1
    if scheme.imaginary_stability:
        imaginary = one_step(scheme, 1j * scheme.imaginary_stability * share)
        assert float(imaginary.abs().max()) <= 1 + 1e-12
        assert (
            float(one_step(scheme, torch.tensor([1.02j * scheme.imaginary_stability], dtype=torch.complex128)).abs())
            > 1
        )


@pytest.mark.parametrize("scheme", [ExplicitSSPRK3(), ExplicitRK4()], ids=["ssp", "classical"])
def test_diffusion_and_transport_together_are_stable(scheme):
    """Where h (lambda / real + omega / imaginary) <= 0.9, whatever the share of each."""
    share = torch.linspace(0, 1, 101, dtype=torch.float64)[:, None]
    size = torch.linspace(0, 0.9, 91, dtype=torch.float64)
    z = size * (-scheme.real_stability * share + 1j * scheme.imaginary_stability * (1 - share))
    assert float(one_step(scheme, z.flatten()).abs().max()) <= 1 + 1e-12


@pytest.mark.parametrize("stages", [3, 5, 9, 21])
def test_the_legendre_scheme_damps_what_is_fast(stages):
    """(s^2 + s - 2) / 2, and modes beyond the slow ones shrink to 0.8 in every step: 50 steps leave 1e-5."""
    scheme = RungeKuttaLegendre(stages)
    assert scheme.real_stability == (stages**2 + stages - 2) / 2
    z = -torch.linspace(2, 0.9 * scheme.real_stability, 2001, dtype=torch.float64)
    assert float(one_step(scheme, z).abs().max()) < 0.8
    with pytest.raises(ValueError, match="integrator.stages: expected an odd number from 3 on, got 4"):
        RungeKuttaLegendre(4)


def counted(longest, dt, rate=lambda q, t: -q):
    """(end, steps taken) of q' = rate from 1, at most ``longest`` (B,) at a time."""
    steps = []
    scheme = ExplicitRK4()

    class Counting(ExplicitRK4):
        def advance(self, q, t, h, rate):
            steps.append(h)
            return scheme.advance(q, t, h, rate)

    dt = torch.tensor(dt, dtype=torch.float64)
    q, t = torch.ones(len(dt), 1, 1, dtype=torch.float64), torch.zeros(len(dt), dtype=torch.float64)
    longest = torch.tensor(longest, dtype=torch.float64)
    system = SemiDiscreteSystem(
        "decay", rate, lambda q: longest, lambda q: torch.isfinite(q).flatten(1).all(1), remedy="wait"
    )
    end = advance_in_stable_steps(Counting(), system, q, t, dt)
    return end[:, 0, 0], torch.stack(steps)


def test_steps_are_equal_shares_and_each_trajectory_takes_its_own():
    end, steps = counted([0.3, 0.05, 2.0], [1.0, 0.5, 1.0])
    taken = [row[row > 0] for row in steps.T]
    assert [len(row) for row in taken] == [4, 10, 1]
    assert torch.allclose(taken[0], torch.full((4,), 0.25, dtype=torch.float64))
    assert torch.allclose(taken[1], torch.full((10,), 0.05, dtype=torch.float64))
    for row, (longest, dt) in enumerate(((0.3, 1.0), (0.05, 0.5), (2.0, 1.0))):
        assert float(counted([longest], [dt])[0][0]) == float(end[row])


def test_what_collapses_is_refused_with_its_time():
    with pytest.raises(InstabilityError, match=r"decay became unstable at t = 0 .*longest stable step 1e-09") as caught:
        counted([0.1, 1e-9], [1.0, 1.0])
    assert caught.value.rows == [1]
    # A pole at t = 0.5, which the last step lands on or beyond.
    with pytest.raises(InstabilityError, match="became unstable at t = 1 "):
        counted([1.0], [1.0], lambda q, t: q / torch.where(t > 0.9, 0.0, 1.0)[:, None, None])
