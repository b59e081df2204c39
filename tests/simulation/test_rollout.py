"""Rollouts and windows: the one loop, offsets, and trees of tensors."""

import dataclasses
import pickle

import pytest
import torch

from tendency.simulation.conditions import Conditions
from tendency.simulation.geometry import Boundary, Grid
from tendency.simulation.simulator import InstabilityError, begin, rollout
from tendency.simulation.tree import map_tensors
from tendency.simulation.window import Window


@dataclasses.dataclass
class Decay:
    """u' = -u, with a count of steps as memory."""

    history: int = 2

    def start(self, u, t, conditions, seed):
        return {"count": torch.zeros_like(seed), "seed": seed}

    def advance(self, u, t, dt, conditions, memory):
        factor = torch.exp(-dt).reshape(-1, *[1] * (u.ndim - 1))
        return u * factor, {"count": memory["count"] + 1, "seed": memory["seed"]}


def conditions(n):
    empty = torch.zeros(n, 0, dtype=torch.float64)
    return Conditions(empty, empty, torch.ones(n, 1).double(), empty, Grid([4], Boundary.periodic(1)))


def window(n=3, width=6):
    t = torch.arange(width, dtype=torch.float64).expand(n, -1) * 0.5
    u = (torch.arange(n)[:, None] * 100 + torch.arange(width)).double()[..., None, None].expand(-1, -1, 1, 4)
    index = torch.arange(n)
    return Window(u, t, conditions(n), None, index, torch.tensor([0, 2, 3])[:n], torch.ones_like(index))


def test_rollout_reaches_each_time_and_carries_memory():
    times = torch.tensor([[0.5, 1.5, 1.75], [1.0, 2.0, 4.0]], dtype=torch.float64)
    u, t = torch.ones(2, 2, 1, 4, dtype=torch.float64), torch.zeros(2, 2, dtype=torch.float64)
    states = list(rollout(Decay(), begin(Decay(), u, t, conditions(2), torch.arange(2)), times, conditions(2)))
    for k, state in enumerate(states):
        assert torch.equal(state.t, times[:, k])
        assert torch.allclose(state.u[:, 0, 0], torch.exp(-times[:, k]))
        assert state.memory["count"].tolist() == [k + 1, k + 1]


@pytest.mark.parametrize("times", [[torch.inf], [torch.nan], [0.5, 0.25], [0.0], [-1.0], [0.5, 0.5], [0.5, torch.nan]])
def test_times_that_do_not_increase_are_refused_before_the_first_step(times):
    u, t = torch.ones(2, 2, 1, 4, dtype=torch.float64), torch.zeros(2, 2, dtype=torch.float64)
    start = begin(Decay(), u, t, conditions(2), torch.arange(2))
    asked = torch.stack([torch.arange(1.0, len(times) + 1).double(), torch.tensor(times, dtype=torch.float64)])
    with pytest.raises(ValueError, match="times: expected finite times that increase from t = 0, got .* after 0"):
        next(rollout(Decay(), start, asked, conditions(2)))


def test_rollout_goes_on_from_any_progress():
    times = torch.tensor([[0.5, 1.5, 1.75, 3.0]], dtype=torch.float64)
    u, t = torch.ones(1, 2, 1, 4, dtype=torch.float64), torch.zeros(1, 2, dtype=torch.float64)
    states = list(rollout(Decay(), begin(Decay(), u, t, conditions(1), torch.arange(1)), times, conditions(1)))
    rest = list(rollout(Decay(), states[1], times[:, 2:], conditions(1)))
    assert torch.equal(rest[-1].u, states[-1].u)
    assert rest[-1].memory["count"] == 4


def test_begin_wants_the_simulator_s_history():
    with pytest.raises(ValueError, match="expected 2 snapshots to start from, got 1"):
        begin(Decay(), torch.ones(1, 1, 1, 4), torch.zeros(1, 1), conditions(1), torch.arange(1))


def test_offsets_count_from_each_sample_s_present():
    w = window()
    assert w.at(0)[:, 0, 0].tolist() == [0, 102, 203]
    assert w.at(2)[:, 0, 0].tolist() == [2, 104, 205]
    assert w.time(1).tolist() == [0.5, 1.5, 2.0]
    later = window(2).moved(shift=1, stride=2)
    assert later.at(0)[:, 0, 0].tolist() == [1, 103]
    assert later.at(1)[:, 0, 0].tolist() == [3, 105]
    u, t = window(3).moved(shift=2).history(3)
    assert u[:, :, 0, 0].tolist() == [[0, 1, 2], [102, 103, 104], [203, 204, 205]]
    assert t[0].tolist() == [0, 0.5, 1]


def test_trees_are_mapped_and_static_parts_pass_through():
    w = window()
    second = map_tensors(lambda x: x[1:2], w)
    assert second.at(0)[0, 0, 0] == 102
    assert second.conditions.geometry is w.conditions.geometry
    tree = {"a": (torch.ones(2), [torch.zeros(1)]), "b": "name", "c": None}
    doubled = map_tensors(lambda x: 2 * x, tree)
    assert doubled["a"][0].tolist() == [2, 2]
    assert doubled["b"] == "name"
    assert doubled["c"] is None


def test_an_instability_survives_the_way_from_a_worker_process():
    error = pickle.loads(pickle.dumps(InstabilityError("unstable by t = 1", [3])))  # noqa: S301  our own bytes
    assert (str(error), error.rows) == ("unstable by t = 1", [3])
