"""Seconds of a rollout; operations and memory of a call."""

import time

import pytest
import torch
from torch import nn
from torch.nn import functional

from evaluation.baselines import Persistence
from evaluation.call_cost import cost_of_call
from evaluation.cost import seconds_per_step
from simulation import Boundary, Conditions, Grid, Window


class Sleeping(Persistence):
    """A simulator whose step takes 10 ms."""

    def advance(self, u, t, dt, conditions, memory):
        time.sleep(0.01)
        return u, memory


def test_a_step_costs_what_it_costs_shared_by_the_trajectories_of_its_batch():
    empty = torch.zeros(2, 0, dtype=torch.float64)
    conditions = Conditions(
        params=empty,
        hidden=empty,
        extent=torch.ones(2, 1, dtype=torch.float64),
        boundary_values=empty,
        geometry=Grid([4], Boundary.periodic(1)),
        param_names=(),
    )
    index = torch.arange(2)
    times = torch.arange(6, dtype=torch.float64).expand(2, -1)
    window = Window(torch.zeros(2, 6, 1, 4), times, conditions, None, index, 0 * index, torch.ones_like(index))
    assert 0.005 <= seconds_per_step(Sleeping(), window) < 0.0075
    assert seconds_per_step(Persistence(), window) < 0.001


class Applied(nn.Module):
    """A module without parameters."""

    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, *inputs):
        return self.function(*inputs)


REAL, COMPLEX = torch.randn(3, 8, 16), torch.randn(3, 8, 16, dtype=torch.cfloat)
QUERY = torch.randn(1, 2, 16, 8)


@pytest.mark.parametrize(
    ("network", "inputs", "flops"),
    [
        (nn.Linear(4, 8), [torch.randn(5, 4)], 2 * 5 * 4 * 8),
        (nn.Conv2d(3, 8, 3), [torch.randn(2, 3, 6, 7)], 2 * (2 * 8 * 4 * 5) * (3 * 9)),
        (Applied(torch.bmm), [torch.randn(5, 2, 3), torch.randn(5, 3, 4)], 2 * 5 * 2 * 3 * 4),
        # 2.5 n log2 n for each of 3 real fields, 5 n log2 n for each of 3 complex ones, n = 8 x 16.
        (Applied(torch.fft.rfft2), [REAL], 3 * 2.5 * 128 * 7),
        (Applied(lambda x: torch.fft.irfft2(torch.fft.rfft2(x), s=(8, 16))), [REAL], 2 * 3 * 2.5 * 128 * 7),
        (Applied(torch.fft.fft2), [COMPLEX], 3 * 5 * 128 * 7),
        # Q K and then times V, in 2 heads of 8 channels, for 16 x 16 pairs of points.
        (Applied(functional.scaled_dot_product_attention), [QUERY] * 3, 2 * 2 * 2 * 8 * 16 * 16),
    ],
    ids=["linear", "convolution", "product", "rfft", "irfft", "fft", "attention"],
)
def test_operations_are_counted_by_their_formulas(network, inputs, flops):
    assert cost_of_call(network, *inputs).flops == flops


def test_what_is_kept_for_the_backward_pass_is_counted_once_and_parameters_are_not():
    net = nn.Sequential(nn.Linear(4, 6), nn.GELU(), nn.Linear(6, 1))
    x = torch.randn(10, 4)
    # The input, what GELU is given and what it gives: 4 + 6 + 6 numbers for each row.
    assert cost_of_call(net, x).saved_bytes == 4 * 10 * (4 + 6 + 6)
    assert cost_of_call(net, torch.randn(20, 4)).saved_bytes == 4 * 20 * (4 + 6 + 6)


def test_counting_leaves_no_trace():
    net = nn.Sequential(nn.Linear(4, 6), nn.BatchNorm1d(6), nn.Dropout(0.5))
    before = {name: value.clone() for name, value in net.state_dict().items()}
    state = torch.random.get_rng_state()
    cost_of_call(net, torch.randn(3, 4, generator=torch.Generator().manual_seed(0)))
    assert torch.equal(torch.random.get_rng_state(), state)
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())
    assert net.training
    assert all(parameter.grad is None for parameter in net.parameters())
