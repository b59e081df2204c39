"""The stencils have the orders that they state, at every snapshot of a trajectory, its ends included."""

import dataclasses
import math

import pytest
import torch

from tendency.simulation.conditions import Conditions
from tendency.simulation.geometry import Boundary, Grid
from tendency.simulation.window import Window
from tendency.surrogates.predictions.differences import (
    CentralDifference,
    ForwardDifference,
    RichardsonDifference,
    StoredDerivative,
)

POINTS = 9


def signal(t: torch.Tensor) -> torch.Tensor:
    """A smooth field (B, W, 1, 4) of time, different at each of its four points."""
    phases = torch.arange(4, dtype=torch.float64)
    return torch.sin(1.3 * t[..., None] + phases)[:, :, None]


def slope(t: torch.Tensor) -> torch.Tensor:
    """Its derivative (B, 1, 4) at times (B,)."""
    phases = torch.arange(4, dtype=torch.float64)
    return 1.3 * torch.cos(1.3 * t[:, None] + phases)[:, None]


def windows(times: torch.Tensor) -> Window:
    """One sample for each snapshot of the trajectory, present there."""
    n = len(times)
    empty = torch.zeros(n, 0, dtype=torch.float64)
    extent = torch.ones(n, 1, dtype=torch.float64)
    conditions = Conditions(empty, empty, extent, empty, Grid([4], Boundary.periodic(1)))
    t = times.expand(n, -1)
    index = torch.arange(n)
    return Window(signal(t), t, conditions, None, index, index, torch.ones_like(index))


@pytest.mark.parametrize(
    ("difference", "order"), [(ForwardDifference(), 1), (CentralDifference(), 2), (RichardsonDifference(), 4)]
)
def test_order_at_every_snapshot(difference, order):
    errors = []
    for dt in (0.02, 0.01):
        window = windows(0.3 + dt * torch.arange(POINTS, dtype=torch.float64))
        errors.append((difference(window) - slope(window.time(0))).abs().amax((1, 2)))
    measured = torch.log2(errors[0] / errors[1])
    assert difference.order == order
    assert measured.min() > order - 0.2, measured
    assert measured.max() < order + 1.2, measured


@pytest.mark.parametrize(
    ("difference", "order"), [(ForwardDifference(), 1), (CentralDifference(), 2), (RichardsonDifference(), 4)]
)
def test_order_with_irregular_steps(difference, order):
    generator = torch.Generator().manual_seed(0)
    steps = 0.5 + torch.rand(POINTS, generator=generator, dtype=torch.float64)
    errors = []
    for dt in (0.02, 0.01):
        window = windows(0.3 + dt * steps.cumsum(0))
        errors.append((difference(window) - slope(window.time(0))).norm())
    assert math.log2(errors[0] / errors[1]) > order - 0.2


@pytest.mark.parametrize(
    ("difference", "formulas"),
    [
        (ForwardDifference(), {0: [-1, 1], 4: [-1, 1], -1: [-1, 1]}),
        (CentralDifference(), {0: [-3 / 2, 2, -1 / 2], 4: [-1 / 2, 0, 1 / 2], -1: [1 / 2, -2, 3 / 2]}),
        (
            RichardsonDifference(),
            {
                0: [-25 / 12, 4, -3, 4 / 3, -1 / 4],
                1: [-1 / 4, -5 / 6, 3 / 2, -1 / 2, 1 / 12],
                4: [1 / 12, -2 / 3, 0, 2 / 3, -1 / 12],
                -2: [-1 / 12, 1 / 2, -3 / 2, 5 / 6, 1 / 4],
                -1: [1 / 4, -4 / 3, 3, -4, 25 / 12],
            },
        ),
    ],
    ids=["forward", "central", "richardson"],
)
def test_even_steps_give_the_textbook_s_formulas(difference, formulas):
    """Inside, Richardson is 4/3 D(h) - 1/3 D(2h); one snapshot from an end it uses all five of the end's snapshots."""
    dt = 0.1
    window = windows(dt * torch.arange(POINTS, dtype=torch.float64))
    u = signal(window.t[:1])[0]
    for snapshot, weights in formulas.items():
        present = snapshot % POINTS
        first = min(max(present + difference.stencil[0], 0), POINTS - len(weights))
        expected = sum(w * x for w, x in zip(weights, u[first:], strict=False)) / dt
        assert torch.allclose(difference(window)[present], expected, rtol=1e-11), snapshot
    if isinstance(difference, RichardsonDifference):
        narrow, wide = (u[5] - u[3]) / (2 * dt), (u[6] - u[2]) / (4 * dt)
        assert torch.allclose(difference(window)[4], 4 / 3 * narrow - 1 / 3 * wide, rtol=1e-12)


@pytest.mark.parametrize("difference", [ForwardDifference(), CentralDifference(), RichardsonDifference()])
def test_polynomials_are_differentiated_exactly_whatever_the_spacing(difference):
    generator = torch.Generator().manual_seed(2)
    t = (0.1 + torch.rand(POINTS, generator=generator, dtype=torch.float64)).cumsum(0)
    window = windows(t)
    polynomial = dataclasses.replace(window, u=(window.t**difference.order)[:, :, None, None])
    exact = difference.order * t ** (difference.order - 1)
    assert torch.allclose(difference(polynomial).flatten(), exact, rtol=1e-10)


def test_stride_widens_the_stencil():
    times = 0.05 * torch.arange(POINTS, dtype=torch.float64)
    wide = CentralDifference()(windows(times).moved(stride=2))
    u = signal(times[None])[0]
    assert torch.allclose(wide[4], (u[6] - u[2]) / 0.2, rtol=1e-12)


def test_stored_derivative_is_what_the_dataset_carries():
    window = windows(0.1 * torch.arange(POINTS, dtype=torch.float64))
    with pytest.raises(ValueError, match="store_u_t"):
        StoredDerivative()(window)
    stored = dataclasses.replace(window, u_t=window.u + 1)
    assert torch.equal(StoredDerivative()(stored), window.at(0) + 1)


def test_a_window_that_is_too_short_is_named():
    window = windows(0.1 * torch.arange(3, dtype=torch.float64))
    with pytest.raises(ValueError, match="stencil of 5 snapshots does not fit into a window of 3"):
        RichardsonDifference()(window)
