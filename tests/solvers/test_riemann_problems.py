"""Finite volumes against exact Riemann problems, which are solved here by the book and without the solvers' code.

References:
    Toro: Riemann Solvers and Numerical Methods for Fluid Dynamics. Springer 2009, chapter 4 and table 4.1.
    Toro: Shock-Capturing Methods for Free-Surface Shallow Flows. Wiley 2001, chapter 5.
"""

import functools
import math

import pytest
import torch
from scipy.optimize import brentq

from tendency.simulation.simulator import begin, rollout
from tendency.solvers.explicit_runge_kutta import ExplicitSSPRK3
from tendency.solvers.finite_volume import HLL, HLLC, MUSCL, WENO5, MonotonizedCentral, Piecewise, VanLeer
from tendency.solvers.finite_volume_solver import FiniteVolumeSolver
from tendency.solvers.pdes.compressible_flow import CompressibleFlow
from tendency.solvers.pdes.inviscid_burgers import InviscidBurgers
from tendency.solvers.pdes.shallow_water import ShallowWater

OPEN = [["open", "open"]]
MC = MUSCL(MonotonizedCentral())


class Gas:
    """An ideal gas; states are (density, velocity, pressure)."""

    def __init__(self, gamma=1.4):
        self.gamma = gamma

    def sound(self, state):
        return math.sqrt(self.gamma * state[2] / state[0])

    def change(self, p, state):
        """The velocity that a wave from ``state`` to pressure p adds or takes."""
        g, (rho, _, p0) = self.gamma, state
        if p > p0:
            return (p - p0) * math.sqrt(2 / ((g + 1) * rho) / (p + (g - 1) / (g + 1) * p0))
        return 2 * self.sound(state) / (g - 1) * ((p / p0) ** ((g - 1) / (2 * g)) - 1)

    @functools.cache  # noqa: B019  a few states
    def between(self, left, right):
        """(p*, u*)."""
        p = brentq(
            lambda p: self.change(p, left) + self.change(p, right) + right[1] - left[1],
            1e-12,
            1e5,
            xtol=1e-13,
            rtol=1e-14,
        )
        return p, (left[1] + right[1] + self.change(p, right) - self.change(p, left)) / 2

    def behind(self, p, state):
        """The density behind the wave."""
        g, (rho, _, p0) = self.gamma, state
        ratio, m = p / p0, (g - 1) / (g + 1)
        return rho * (ratio + m) / (m * ratio + 1) if p > p0 else rho * ratio ** (1 / g)

    def sample(self, left, right, s):
        """The state on the ray x / t = s."""
        p, u = self.between(left, right)
        if s > u:
            # The mirror image.
            rho, v, pressure = self.sample((right[0], -right[1], right[2]), (left[0], -left[1], left[2]), -s)
            return rho, -v, pressure
        g, (rho, v, p0), c = self.gamma, left, self.sound(left)
        if p > p0:
            shock = v - c * math.sqrt((g + 1) / (2 * g) * p / p0 + (g - 1) / (2 * g))
            return left if s < shock else (self.behind(p, left), u, p)
        tail = u - c * (p / p0) ** ((g - 1) / (2 * g))
        if s < v - c:
            return left
        if s > tail:
            return self.behind(p, left), u, p
        fan = 2 / (g + 1) + (g - 1) / ((g + 1) * c) * (v - s)
        return rho * fan ** (2 / (g - 1)), 2 / (g + 1) * (c + (g - 1) / 2 * v + s), p0 * fan ** (2 * g / (g - 1))


class Water:
    """Shallow water; states are (depth, velocity)."""

    def __init__(self, gravity=1.0):
        self.gravity = gravity

    def change(self, h, state):
        g, h0 = self.gravity, state[0]
        if h > h0:
            return (h - h0) * math.sqrt(g / 2 * (h + h0) / (h * h0))
        return 2 * (math.sqrt(g * h) - math.sqrt(g * h0))

    @functools.cache  # noqa: B019  a few states
    def between(self, left, right):
        """(h*, u*)."""
        h = brentq(
            lambda h: self.change(h, left) + self.change(h, right) + right[1] - left[1],
            1e-9,
            1e3,
            xtol=1e-14,
            rtol=1e-14,
        )
        return h, (left[1] + right[1] + self.change(h, right) - self.change(h, left)) / 2

    def shock_speed(self, h, state):
        """Into a state at rest on the right."""
        return state[1] + math.sqrt(self.gravity * h * (h + state[0]) / (2 * state[0]))

    def sample(self, left, right, s):
        """The state on the ray x / t = s."""
        h, u = self.between(left, right)
        if s > u:
            depth, v = self.sample((right[0], -right[1]), (left[0], -left[1]), -s)
            return depth, -v
        g, (h0, v) = self.gravity, left
        if h > h0:
            return left if s < v - math.sqrt(g * h * (h + h0) / (2 * h0)) else (h, u)
        c = math.sqrt(g * h0)
        if s < v - c:
            return left
        if s > u - math.sqrt(g * h):
            return h, u
        celerity = (v + 2 * c - s) / 3
        return celerity**2 / g, s + celerity


def solve(solver, u, conditions, end):
    t = torch.zeros(len(u), 1, dtype=torch.float64)
    progress = begin(solver, u[:, None], t, conditions, torch.arange(len(u)))
    return next(iter(rollout(solver, progress, t + end, conditions))).u


def averages(sample, n, x0, t, low=0.0, side=1.0, points=8):
    """(1, C, n) of a solution that is a function of (x - x0) / t, by the midpoint rule in each cell."""
    values = []
    for i in range(n):
        inside = [sample((low + side * (i + (j + 0.5) / points) / n - x0) / t) for j in range(points)]
        values.append([sum(channel) / points for channel in zip(*inside, strict=True)])
    return torch.tensor(values, dtype=torch.float64).T[None]


def tube(conditions, n, left, right, x0, side=1.0):
    x = conditions.geometry.coordinates(conditions.extent)[0, 0]
    return torch.stack([b + (a - b) * (x < x0).double() for a, b in zip(left, right, strict=True)])[None]


SOD = ((1.0, 0.0, 1.0), (0.125, 0.0, 0.1))
TORO = {
    # states, where they meet, when they are compared, (p*, u*), largest L1 error of the density relative to its own.
    "1, a sonic fan": ((1.0, 0.75, 1.0), (0.125, 0.0, 0.1), 0.3, 0.2, (0.46629, 1.36091), 0.012),
    "2, nearly a vacuum": ((1.0, -2.0, 0.4), (1.0, 2.0, 0.4), 0.5, 0.15, (0.00189, 0.0), 0.03),
    "3, a blast": ((1.0, 0.0, 1000.0), (1.0, 0.0, 0.01), 0.5, 0.012, (460.894, 19.5975), 0.11),
    "4, two shocks": ((5.99924, 19.5975, 460.894), (5.99242, -6.19633, 46.0950), 0.4, 0.035, (1691.64, 8.68975), 0.033),
    "5, a contact at rest": ((1.0, -19.59745, 1000.0), (1.0, -19.59745, 0.01), 0.8, 0.012, (460.894, 0.0), 0.04),
}


def test_the_exact_solutions_are_those_of_the_books():
    p, u = Gas().between(*SOD)
    assert (p, u) == pytest.approx((0.30313, 0.92745), abs=1e-5)
    assert Gas().behind(p, SOD[0]) == pytest.approx(0.42632, abs=1e-5)
    assert Gas().behind(p, SOD[1]) == pytest.approx(0.26557, abs=1e-5)
    for left, right, _, _, expected, _ in TORO.values():
        assert Gas().between(left, right) == pytest.approx(expected, rel=1e-4, abs=1e-4)
    h, u = Water().between((2.0, 0.0), (1.0, 0.0))
    assert (h, u) == pytest.approx((1.453841, 0.416921), abs=1e-6)
    assert Water().shock_speed(h, (1.0, 0.0)) == pytest.approx(1.335570, abs=1e-6)


def gas(conditions, n, states, x0, t, reconstruction=MC, riemann=None, cfl=0.4):
    """Solution and exact averages, each (1, 3, n)."""
    c = conditions([n], [[1.0]], OPEN, heat_capacity_ratio=[1.4])
    solver = FiniteVolumeSolver(CompressibleFlow(), reconstruction, riemann or HLLC(), ExplicitSSPRK3(), cfl)
    end = solve(solver, tube(c, n, *states, x0), c, t)
    return end, averages(lambda s: Gas().sample(*states, s), n, x0, t)


@pytest.mark.parametrize(
    ("reconstruction", "n", "most"),
    [
        (MC, 100, 6e-3),
        (MC, 400, 1.6e-3),
        (MUSCL(VanLeer()), 100, 6e-3),
        (WENO5(), 100, 6e-3),
        (Piecewise(), 100, 2.2e-2),
    ],
)
def test_sods_shock_tube(conditions, reconstruction, n, most):
    end, exact = gas(conditions, n, SOD, 0.5, 0.2, reconstruction)
    assert float((end - exact)[0, 0].abs().mean()) < most
    # Between the fan and the contact, and between the contact and the shock.
    p, u = Gas().between(*SOD)
    tolerance = 0.05 if isinstance(reconstruction, Piecewise) else 3e-3
    assert end[0, :, int(0.62 * n)].tolist() == pytest.approx([0.42632, u, p], abs=tolerance)
    assert end[0, 1:, int(0.76 * n)].tolist() == pytest.approx([u, p], abs=tolerance)


def test_a_contact_is_sharper_with_hllc_than_with_hll(conditions):
    """A contact at rest stays as it is for HLLC, to the last digit, and is smeared by HLL."""
    c = conditions([32], [[1.0]], OPEN, heat_capacity_ratio=[1.4])
    start = tube(c, 32, (2.0, 0.0, 1.0), (1.0, 0.0, 1.0), 0.5)
    kept, smeared = (
        solve(FiniteVolumeSolver(CompressibleFlow(), MC, riemann, ExplicitSSPRK3()), start, c, 0.2)
        for riemann in (HLLC(), HLL())
    )
    assert float((kept - start).abs().max()) < 1e-13
    assert float((smeared - start).abs().max()) > 0.05


@pytest.mark.parametrize("name", TORO)
def test_toros_five_riemann_problems(conditions, name):
    left, right, x0, t, _, most = TORO[name]
    end, exact = gas(conditions, 100, (left, right), x0, t)
    error = float((end - exact)[0, 0].abs().sum() / exact[0, 0].abs().sum())
    assert error < most


def test_a_mirrored_tube_gives_the_mirrored_solution(conditions):
    flipped = tuple((rho, -v, p) for rho, v, p in reversed(SOD))
    one, _ = gas(conditions, 40, SOD, 0.5, 0.1)
    other, _ = gas(conditions, 40, flipped, 0.5, 0.1)
    mirror = torch.tensor([1.0, -1.0, 1.0], dtype=torch.float64)[:, None]
    assert float((one - mirror * other.flip(2)).abs().max()) < 1e-12


@pytest.mark.parametrize("riemann", [HLL(), HLLC()])
@pytest.mark.parametrize(("n", "most"), [(128, 4.6e-3), (256, 2.4e-3)])
def test_a_dam_breaks(conditions, riemann, n, most):
    c = conditions([n], [[5.0]], OPEN, gravity=[1.0])
    dam = ((2.0, 0.0), (1.0, 0.0))
    end = solve(FiniteVolumeSolver(ShallowWater(), MC, riemann, ExplicitSSPRK3()), tube(c, n, *dam, 2.5), c, 0.6)
    exact = averages(lambda s: Water().sample(*dam, s), n, 2.5, 0.6, side=5.0)
    assert float((end - exact)[0, 0].abs().mean()) < most
    assert end[0, :, int((2.5 + 0.6 * 0.9) / 5 * n)].tolist() == pytest.approx([1.453841, 0.416921], abs=2e-3)


def burgers(conditions, n, left, right, t, reconstruction=MC):
    c = conditions([n], [[4.0]], OPEN)
    x = c.geometry.coordinates(c.extent)[0, 0]
    solver = FiniteVolumeSolver(InviscidBurgers(), reconstruction, HLL(), ExplicitSSPRK3())
    return x - 2, solve(solver, (right + (left - right) * (x < 2).double())[None, None], c, t)[0, 0]


@pytest.mark.parametrize("reconstruction", [MC, WENO5(), Piecewise()])
@pytest.mark.parametrize(("left", "right"), [(1.0, 0.2), (0.4, -1.0), (0.7, -0.7)])
def test_a_burgers_shock_moves_at_the_mean_of_both_sides(conditions, left, right, reconstruction):
    _, u = burgers(conditions, 128, left, right, 1.2, reconstruction)
    # Where it is follows from the total: what lies left of it is ``left``.
    place = float((u - right).sum() * 4 / 128 / (left - right)) - 2
    assert place == pytest.approx(1.2 * (left + right) / 2, abs=1e-12)
    assert float(u.max()) < left + 1e-3
    assert float(u.min()) > right - 1e-3
    assert int(((u - left).abs() + (u - right).abs() > (left - right) + 1e-2).sum()) == 0


@pytest.mark.parametrize("reconstruction", [MC, WENO5(), Piecewise()])
@pytest.mark.parametrize(("left", "right"), [(0.2, 1.0), (-0.8, 0.9)])
def test_a_burgers_jump_upwards_fans_out(conditions, left, right, reconstruction):
    """Also through 0, where a flux without the entropy condition would keep the jump."""
    x, u = burgers(conditions, 128, left, right, 1.0, reconstruction)
    exact = x.clamp(left, right)
    assert float((u - exact).abs().mean()) < (0.02 if isinstance(reconstruction, Piecewise) else 5e-3)
    assert float(u.diff().max()) < 0.1
