"""Dormand-Prince beside SciPy's, each trajectory with steps of its own."""

import numpy as np
import pytest
import torch
from hopf import START, even_times, rolled, slope, solution, uneven_times
from scipy.integrate import solve_ivp

from tendency.simulation.simulator import InstabilityError
from tendency.surrogates.integrators.dormand_prince import ERROR, NODES, STAGES, DormandPrince


def test_the_tableau_is_consistent():
    """Nodes are row sums, the fifth-order weights meet the quadrature conditions, the error's weights sum to 0."""
    for row, node in zip(STAGES, NODES, strict=True):
        assert sum(row) == pytest.approx(node, abs=1e-14)
    nodes = np.array([0, *NODES[:-1]])
    weights = np.array(STAGES[-1])
    for power in range(5):
        assert weights @ nodes**power == pytest.approx(1 / (power + 1), abs=1e-14)
    embedded = weights - np.array(ERROR[:-1])
    for power in range(4):
        assert embedded @ nodes**power - ERROR[-1] == pytest.approx(1 / (power + 1), abs=1e-14)


@pytest.mark.parametrize("rtol", [1e-3, 1e-6, 1e-9])
def test_as_accurate_as_scipy_for_as_many_evaluations(rtol):
    end = 8.0
    u, memory = rolled(DormandPrince(rtol, rtol), even_times(1, end))
    errors = (u - solution(torch.full((3,), end, dtype=torch.float64))).flatten(1).norm(dim=1)
    for row in range(len(START)):

        def f(t, y):
            return slope(torch.from_numpy(y).reshape(1, 2, 1), torch.tensor([t])).flatten().numpy()

        other = solve_ivp(f, (0, end), START[row].flatten().numpy(), method="RK45", rtol=rtol, atol=rtol)
        exact = solution(torch.tensor([end], dtype=torch.float64), START[row : row + 1]).flatten().numpy()
        assert errors[row] < 3 * np.linalg.norm(other.y[:, -1] - exact) + 10 * rtol
        assert int(memory["evaluations"][row]) <= 1.2 * other.nfev


def test_the_error_follows_the_tolerance():
    times = uneven_times(5, 4.0)
    errors = [
        (rolled(DormandPrince(tol, tol), times)[0] - solution(times[:, -1])).norm() for tol in (1e-4, 1e-7, 1e-10)
    ]
    assert errors[0] > 30 * errors[1]
    assert errors[1] > 30 * errors[2]


def test_evaluations_are_counted_for_each_trajectory_and_a_batch_equals_its_members():
    """Row 1 is asked for three times as long, so it needs more steps; the others are as if it were not there."""
    calls = []

    def counted(u, t):
        calls.append(len(u))
        return slope(u, t)

    scheme = DormandPrince(1e-7, 1e-7)
    ends = torch.tensor([[1.0], [12.0], [1.0]], dtype=torch.float64)
    times = torch.cat([torch.zeros_like(ends), ends, ends + 0.5], 1)
    u, memory = rolled(scheme, times, f=counted)
    assert memory["evaluations"][1] > 3 * memory["evaluations"][0]
    assert int(memory["evaluations"].max()) <= len(calls) <= int(memory["evaluations"].max()) + 12
    for row in range(3):
        calls.clear()
        one, alone = rolled(scheme, times[row : row + 1], u=START[row : row + 1], f=counted)
        assert torch.allclose(one[0], u[row], rtol=1e-13)
        assert len(calls) == int(alone["evaluations"]) == int(memory["evaluations"][row])
        assert torch.allclose(alone["step"], memory["step"][row], rtol=1e-6)


def test_the_last_step_of_one_call_is_where_the_next_one_goes_on():
    """Asking for two times costs little more than asking for the second: the step is remembered."""
    scheme = DormandPrince(1e-6, 1e-6)
    _, once = rolled(scheme, even_times(1, 8.0))
    _, twice = rolled(scheme, even_times(2, 8.0))
    assert int((twice["evaluations"] - once["evaluations"]).max()) <= 24
    # One at the beginning of each call, one that chose the first step; all others belong to steps of six.
    assert ((twice["evaluations"] - 3) % 6 == 0).all()


def test_too_many_steps_are_refused_with_remedies():
    with pytest.raises(
        InstabilityError, match=r"DormandPrince took 5 steps and is at t = .* of 8 .* raise rtol"
    ) as error:
        rolled(DormandPrince(1e-9, 1e-9, max_steps=5), even_times(1, 8.0))
    assert error.value.rows == [0, 1, 2]
    # Exactly as many as are needed are enough.
    _, memory = rolled(DormandPrince(1e-3, 1e-3), even_times(1, 2.0))
    needed = int((memory["evaluations"].max() - 2) / 6)
    rolled(DormandPrince(1e-3, 1e-3, max_steps=needed), even_times(1, 2.0))


def test_a_trajectory_that_is_not_finite_is_given_up_alone():
    u = START.clone()
    u[1, 0] = torch.nan
    ends, _ = rolled(DormandPrince(1e-6, 1e-6), even_times(2, 2.0), u=u)
    assert torch.isnan(ends[1]).all()
    assert torch.allclose(ends[[0, 2]], solution(torch.full((3,), 2.0, dtype=torch.float64))[[0, 2]], rtol=1e-4)


def test_a_trial_step_that_overflows_is_repeated_shorter():
    """u' = -u^3 from 1e3: a step that is too long overflows, though the solution decays."""
    u = torch.full((1, 1, 1), 1e3, dtype=torch.float64)
    memory = DormandPrince().start(u) | {"step": torch.tensor([1e3], dtype=torch.float64)}
    zero = torch.zeros(1, dtype=torch.float64)
    end, _ = DormandPrince(1e-6, 1e-9).advance(lambda v, t: -(v**3), u, zero, zero + 1, memory)
    assert end.item() == pytest.approx((1e-6 + 2) ** -0.5, rel=1e-4)


def test_gradients_are_those_of_the_solution():
    times = even_times(2, 2.0)
    u = START.clone().requires_grad_()
    (ours,) = torch.autograd.grad(rolled(DormandPrince(1e-9, 1e-9), times, u=u)[0].square().sum(), u)
    v = START.clone().requires_grad_()
    (exact,) = torch.autograd.grad(solution(times[:, -1], v).square().sum(), v)
    assert torch.allclose(ours, exact, rtol=1e-6, atol=1e-8)


def test_after_steps_without_gradient_the_whole_next_step_has_one():
    """The gradient with respect to a factor in the slope, of the second of two calls alone."""
    factor = torch.ones(1, dtype=torch.float64, requires_grad=True)
    scheme, times = DormandPrince(1e-9, 1e-9), even_times(2, 1.0)
    h = times[:, 1] - times[:, 0]

    def scaled(u, t):
        return factor * slope(u, t)

    with torch.no_grad():
        middle, memory = scheme.advance(scaled, START, times[:, 0], h, scheme.start(START))

    def end(value):
        return scheme.advance(lambda u, t: value * slope(u, t), middle, times[:, 1], h, memory)[0].square().sum()

    (ours,) = torch.autograd.grad(end(factor), factor)
    difference = (end(1 + 1e-5) - end(1 - 1e-5)) / 2e-5
    assert ours.item() == pytest.approx(difference.item(), rel=1e-5)


def test_single_precision_reaches_its_own_rounding():
    times = even_times(4, 2.0)
    u, _ = rolled(DormandPrince(1e-5, 1e-5), times, u=START.float())
    assert u.dtype == torch.float32
    assert (u.double() - solution(times[:, -1])).abs().max() < 1e-4
