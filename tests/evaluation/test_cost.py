"""Seconds of a rollout."""

import time

import torch

from evaluation.baselines import Persistence
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
