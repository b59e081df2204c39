"""Integrators with fixed steps: orders on a nonlinear system with a known solution, and the schemes' own formulas."""

import math

import pytest
import torch
from hopf import START, even_times, rolled, slope, solution, uneven_times

from tendency.surrogates.integrators.adams_bashforth import AdamsBashforth, RungeKuttaStartedAdamsBashforth
from tendency.surrogates.integrators.runge_kutta import ForwardEuler, Heun, Midpoint, RungeKutta4, SSPRungeKutta3
from tendency.surrogates.integrators.substeps import Substeps

INTEGRATORS = {
    "euler": (ForwardEuler(), 1),
    "midpoint": (Midpoint(), 2),
    "heun": (Heun(), 2),
    "rk3_ssp": (SSPRungeKutta3(), 3),
    "rk4": (RungeKutta4(), 4),
    **{f"ab{k}": (AdamsBashforth(k), 2) for k in (2, 3, 4)},
    **{f"ab{k}_rk": (RungeKuttaStartedAdamsBashforth(k), k) for k in (2, 3, 4)},
    "substeps_rk4": (Substeps(RungeKutta4(), 3), 4),
    "substeps_ab3_rk": (Substeps(RungeKuttaStartedAdamsBashforth(3), 2), 3),
}
SCHEMES = pytest.mark.parametrize("name", INTEGRATORS)


def error(integrator, times):
    return (rolled(integrator, times)[0] - solution(times[:, -1])).norm().item()


def test_the_solution_solves_the_equation():
    t = torch.tensor([0.3, 0.7, 1.1], dtype=torch.float64)
    h = 1e-4
    difference = (solution(t + h) - solution(t - h)) / (2 * h)
    assert torch.allclose(difference, slope(solution(t), t), atol=1e-7)


@SCHEMES
@pytest.mark.parametrize("times", [even_times, uneven_times], ids=["even", "uneven"])
def test_a_rollout_converges_with_the_order_that_is_stated(name, times):
    integrator, order = INTEGRATORS[name]
    assert integrator.order == order
    n = 30 if name.startswith("substeps") else 160
    coarse, fine = (error(integrator, times(steps, 2.0)) for steps in (n, 2 * n))
    assert math.log2(coarse / fine) == pytest.approx(order, abs=0.25)


@pytest.mark.parametrize("k", [3, 4])
def test_with_exact_slopes_before_the_start_adams_bashforth_has_its_full_order(k):
    """What limits AB3 and AB4 from one snapshot is Euler's first step alone."""
    errors = []
    for n in (160, 320):
        times = uneven_times(n, 2.0)
        past = range(k - 2, -1, -1)
        memory = {
            "slopes": [slope(solution(times[:, i]), times[:, i]) for i in past],
            "times": torch.stack([times[:, i] for i in past], 1),
        }
        u = solution(times[:, k - 1])
        for i in range(k - 1, n):
            u, memory = AdamsBashforth(k).advance(slope, u, times[:, i], times[:, i + 1] - times[:, i], memory)
        errors.append((u - solution(times[:, -1])).norm().item())
    assert math.log2(errors[0] / errors[1]) == pytest.approx(k, abs=0.3)


@pytest.mark.parametrize("k", [2, 3, 4])
def test_polynomial_slopes_are_integrated_exactly_whatever_the_steps(k):
    """The Runge-Kutta starts integrate them exactly as well, so nothing is left to err."""
    generator = torch.Generator().manual_seed(k)
    times = (0.05 + torch.rand(3, 9, generator=generator, dtype=torch.float64)).cumsum(1)
    power = k - 1

    def polynomial(u, t):
        return (t**power).reshape(-1, 1, 1).expand_as(u)

    u, _ = rolled(RungeKuttaStartedAdamsBashforth(k), times, f=polynomial)
    exact = START + ((times[:, -1] ** k - times[:, 0] ** k) / k).reshape(-1, 1, 1)
    assert torch.allclose(u, exact, rtol=1e-12)
    if k > 2:  # and AdamsBashforth of one order less does not
        u, _ = rolled(RungeKuttaStartedAdamsBashforth(k - 1), times, f=polynomial)
        assert (u - exact).abs().max() > 1e-4


def test_adams_bashforth_starts_with_euler_and_reaches_the_classical_weights():
    dt = 0.1
    times = even_times(6, 6 * dt)
    classical = [[1], [3 / 2, -1 / 2], [23 / 12, -16 / 12, 5 / 12], [55 / 24, -59 / 24, 37 / 24, -9 / 24]]
    u, slopes = START, []
    scheme = AdamsBashforth(4)
    memory = scheme.start(u)
    for step in range(6):
        slopes.insert(0, slope(u, times[:, step]))
        weights = classical[min(step, 3)]
        expected = u + dt * sum(w * f for w, f in zip(weights, slopes, strict=False))
        u, memory = scheme.advance(slope, u, times[:, step], times[:, step + 1] - times[:, step], memory)
        assert torch.allclose(u, expected, rtol=1e-13), step
    first, _ = AdamsBashforth(2).advance(slope, START, times[:, 0], times[:, 1], AdamsBashforth(2).start(START))
    assert torch.allclose(first, START + dt * slope(START, times[:, 0]), rtol=1e-15)


@SCHEMES
def test_stages_count_the_slope_evaluations_once_started(name):
    integrator, _ = INTEGRATORS[name]
    u, memory, inside = START, integrator.start(START), False
    dt = torch.full((3,), 0.1, dtype=torch.float64)
    for step in range(5):
        t = step * dt
        calls = []

        def counted(u, s, calls=calls):
            calls.append(s)
            return slope(u, s)

        u, memory = integrator.advance(counted, u, t, dt, memory)
        inside = inside or any(bool((s > t + 1e-9).any()) for s in calls)
    assert len(calls) == integrator.stages
    assert integrator.evaluates_inside == inside


@SCHEMES
def test_a_batch_equals_its_members_wherever_each_of_them_stands(name):
    """Row 0 has just started, row 1 has one step behind it, row 2 many."""
    integrator, _ = INTEGRATORS[name]
    members = []
    for row, n in enumerate((0, 1, 5)):
        u, memory = rolled(integrator, even_times(n, 0.1 * n, rows=1), u=START[row : row + 1])
        members.append((u, torch.tensor([0.1 * n], dtype=torch.float64), memory))
    dt = torch.tensor([0.1, 0.2, 0.07], dtype=torch.float64)
    alone = [integrator.advance(slope, u, t, dt[i : i + 1], memory)[0] for i, (u, t, memory) in enumerate(members)]
    u, t = torch.cat([m[0] for m in members]), torch.cat([m[1] for m in members])
    memory = members[0][2]
    if "times" in memory:
        memory = {
            "slopes": [torch.cat(rows) for rows in zip(*(m[2]["slopes"] for m in members), strict=True)],
            "times": torch.cat([m[2]["times"] for m in members]),
        }
    together, _ = integrator.advance(slope, u, t, dt, memory)
    assert torch.allclose(together, torch.cat(alone), rtol=1e-14)


def test_substeps_are_the_same_as_asking_for_more_times():
    times = uneven_times(4, 1.0)
    between = torch.stack([times[:, :-1] + (times[:, 1:] - times[:, :-1]) * i / 3 for i in range(3)], 2).flatten(1)
    dense = torch.cat([between, times[:, -1:]], 1)
    for integrator in (ForwardEuler(), RungeKutta4(), AdamsBashforth(3)):
        assert torch.allclose(rolled(Substeps(integrator, 3), times)[0], rolled(integrator, dense)[0], rtol=1e-12)


def test_ssp_rk3_keeps_the_bounds_that_euler_keeps():
    """Upwind advection of a jump: at a Courant number of 1 Euler makes no new extremum, and nor does this scheme."""

    def upwind(u, t):
        return -(u - u.roll(1, -1)) / 0.1

    u = (torch.arange(20) < 7).double().reshape(1, 1, -1)
    t = 0.1 * torch.arange(30, dtype=torch.float64)[None]
    kept, _ = rolled(SSPRungeKutta3(), t, u=u, f=upwind)
    assert kept.min() >= -1e-14
    assert kept.max() <= 1 + 1e-14
    overshooting, _ = rolled(AdamsBashforth(2), t[:, :3], u=u, f=upwind)
    assert overshooting.max() > 1.1


@pytest.mark.parametrize("make", [AdamsBashforth, RungeKuttaStartedAdamsBashforth])
def test_other_numbers_of_steps_are_refused(make):
    for steps in (1, 5):
        with pytest.raises(ValueError, match=f"integrator.steps: expected 2 to 4, got {steps}"):
            make(steps)
