"""Seconds, memory and network calls of a rollout; operations and memory of a call."""

import time

import pytest
import torch
from torch import nn
from torch.nn import functional

from tendency.evaluation.baselines.persistence import Persistence
from tendency.evaluation.cost.call_cost import cost_of_call
from tendency.evaluation.cost.peak_memory import peak_bytes
from tendency.evaluation.cost.rollout_cost import (
    RolloutStart,
    count_network_work,
    rollout_peak_bytes,
    seconds_per_step,
    time_rollout,
)
from tendency.simulation.conditions import Conditions
from tendency.simulation.geometry import Boundary, Grid
from tendency.simulation.window import Window


class Sleeping(Persistence):
    """A simulator whose step takes 10 ms."""

    def advance(self, u, t, dt, conditions, memory):
        time.sleep(0.01)
        return u, memory


def whole(batch=2, snapshots=6, step=1.0):
    """Trajectories of zeros on four points."""
    empty = torch.zeros(batch, 0, dtype=torch.float64)
    conditions = Conditions(
        params=empty,
        hidden=empty,
        extent=torch.ones(batch, 1, dtype=torch.float64),
        boundary_values=empty,
        geometry=Grid([4], Boundary.periodic(1)),
        param_names=(),
    )
    index = torch.arange(batch)
    times = step * torch.arange(snapshots, dtype=torch.float64).expand(batch, -1)
    zeros = torch.zeros(batch, snapshots, 1, 4)
    return Window(zeros, times, conditions, None, index, 0 * index, torch.ones_like(index))


def start_of(window):
    u, t = window.history(1)
    return RolloutStart(u, t, window.times(1, window.u.shape[1] - 1), window.conditions, window.index)


def test_a_step_costs_what_it_costs_shared_by_the_trajectories_of_its_batch():
    window = whole()
    assert 0.005 <= seconds_per_step(Sleeping(), window) < 0.0075
    assert seconds_per_step(Persistence(), window) < 0.001


class Waking(Persistence):
    """A simulator whose first rollouts are slow, as on a machine that is busy with something else."""

    def __init__(self):
        self.rollouts = 0

    def start(self, u, t, conditions, seed):
        self.rollouts += 1
        time.sleep(0.02 if self.rollouts < 5 else 0.001)
        return {}


def test_a_short_rollout_is_timed_until_its_fastest_is_found():
    cost, _ = time_rollout(Waking(), start_of(whole(1)), repeats=2)
    assert 0.001 <= cost.seconds < 0.01


class Allocating(Persistence):
    """A simulator that takes 1 MB for each trajectory, then twice as much in two pieces, and keeps the last piece."""

    def start(self, u, t, conditions, seed):
        return {"kept": u.new_zeros(len(u), 1)}

    def advance(self, u, t, dt, conditions, memory):
        first = torch.zeros(len(u), 250_000)
        del first
        second = torch.zeros(len(u), 250_000)
        third = torch.zeros(len(u), 250_000)
        del second
        return u, {"kept": third}


@pytest.mark.parametrize("batch", [1, 3])
def test_memory_is_the_most_that_is_held_at_one_moment(batch):
    # While the second step works, 1 MB from the first is still there: 3 MB for each trajectory, and never 4.
    held = rollout_peak_bytes(Allocating(), start_of(whole(batch)))
    assert held == pytest.approx(3e6 * batch, rel=0.001)
    assert rollout_peak_bytes(Persistence(), start_of(whole(batch))) < 1000


def test_memory_counts_what_an_operation_takes_for_itself_and_gives_back():
    x = torch.randn(1, 250, 1000)
    made = 4 * x.numel()
    # A sort returns values (float32) and indices (int64).
    assert peak_bytes(lambda: x.sort(), torch.device("cpu")) >= 3 * made
    assert peak_bytes(lambda: x + x, torch.device("cpu")) == made
    assert peak_bytes(lambda: x.add_(1), torch.device("cpu")) < 100


def test_watching_memory_is_quiet(capfd):
    peak_bytes(lambda: torch.ones(3) + 1, torch.device("cpu"))
    out, error = capfd.readouterr()
    assert (out, error) == ("", "")


class Halving(Persistence):
    """A simulator that calls its network twice in each step."""

    def __init__(self):
        self.network = nn.Linear(4, 4)

    def advance(self, u, t, dt, conditions, memory):
        return self.network(self.network(u)), memory


@pytest.mark.parametrize("batch", [1, 3])
def test_calls_and_operations_are_those_of_one_trajectory_in_a_unit_of_time(batch):
    simulator = Halving()
    work = count_network_work(simulator, simulator.network, start_of(whole(batch, step=0.25)))
    # Five steps of 0.25, two calls in each, and 2 x 4 x 4 operations in a call.
    assert work.calls == pytest.approx(2 / 0.25)
    assert work.flops == pytest.approx(2 / 0.25 * 2 * 4 * 4)
    assert not simulator.network._forward_pre_hooks


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
