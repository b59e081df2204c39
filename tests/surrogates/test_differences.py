"""The stencils have the orders that they state, at every snapshot of a trajectory, its ends included."""

import dataclasses
import math

import pytest
import torch

from simulation import Boundary, Conditions, Grid, Window
from surrogates.differences import CentralDifference, ForwardDifference, RichardsonDifference, StoredDerivative

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


def test_richardson_is_the_paper_s_formula_inside():
    window = windows(0.1 * torch.arange(POINTS, dtype=torch.float64))
    u = signal(window.t[:1])[0]
    inside = (-u[6] + 8 * u[5] - 8 * u[3] + u[2]) / (12 * 0.1)
    end = (-25 * u[0] + 48 * u[1] - 36 * u[2] + 16 * u[3] - 3 * u[4]) / (12 * 0.1)
    label = RichardsonDifference()(window)
    assert torch.allclose(label[4], inside, rtol=1e-12)
    assert torch.allclose(label[0], end, rtol=1e-12)


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
