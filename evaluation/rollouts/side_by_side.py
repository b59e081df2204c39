"""Several simulators side by side through the snapshots of one batch, none of which is kept."""

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from tendency.evaluation.metrics.pointwise import combined_nrmse
from tendency.evaluation.metrics.setting import Setting
from tendency.simulation.conditions import Conditions
from tendency.simulation.random import mix
from tendency.simulation.simulator import DrawsNoise, Simulator, begin, rollout


class SnapshotSource(Protocol):
    """B true trajectories whose states pass one after the other: a ``Window`` of whole trajectories, or a file."""

    @property
    def index(self) -> Tensor:
        """(B,) int64, each trajectory's number in its dataset."""
        ...

    @property
    def t(self) -> Tensor:
        """(B, T) float64."""
        ...

    @property
    def conditions(self) -> Conditions:
        """Of the B trajectories."""
        ...

    def snapshots(self) -> Iterator[Tensor]:
        """T states (B, C, *N)."""
        ...


@dataclass(frozen=True)
class Moment:
    """What is known at one snapshot.

    Args:
        snapshot: 0 at the start.
        truth: (B, C, *N).
        predictions: (B, C, *N) of each simulator, from its rollout.
        one_step: nRMSE (B,) of each simulator's single step from the true snapshot before; NaN at the start.
        members: (M, B, C, *N) of each simulator that draws noise, its own rollout being the first.
    """

    snapshot: int
    truth: Tensor
    predictions: Mapping[str, Tensor]
    one_step: Mapping[str, Tensor]
    members: Mapping[str, Tensor]


def recent(recording: SnapshotSource, start: int) -> tuple[list[Tensor], Iterator[Tensor]]:
    """The snapshots 0 ... start, and those that follow."""
    states = recording.snapshots()
    return [next(states) for _ in range(start + 1)], states


def side_by_side(
    simulators: Mapping[str, Simulator],
    recording: SnapshotSource,
    start: int,
    past: Sequence[Tensor],
    following: Iterator[Tensor],
    setting: Setting,
    ensemble: int = 1,
) -> Iterator[Moment]:
    """Rolls all simulators out in step, beside the truth.

    Args:
        simulators: by name.
        recording: of the truth.
        start: the snapshot where the rollouts start.
        past: the snapshots 0 ... start.
        following: the true snapshots after the start.
        setting: of the trajectories.
        ensemble: number of members M that a simulator which draws noise is rolled out with.

    Yields:
        One moment for each snapshot from the start on.
    """
    conditions, times, seed = recording.conditions, setting.times, recording.index
    history = deque(zip(past, recording.t.unbind(1), strict=False), maxlen=start + 1)

    def begun(simulator: Simulator, key: Tensor, until: Tensor) -> Iterator[Tensor]:
        states, moments = zip(*list(history)[-simulator.history :], strict=True)
        progress = begin(simulator, torch.stack(states, 1), torch.stack(moments, 1), conditions, key)
        return (state.u for state in rollout(simulator, progress, until, conditions))

    def further_members(simulator: Simulator) -> list[Iterator[Tensor]]:
        if not (isinstance(simulator, DrawsNoise) and simulator.draws_noise):
            return []
        return [begun(simulator, mix(seed, member), times[:, 1:]) for member in range(1, ensemble)]

    rollouts = {name: begun(simulator, seed, times[:, 1:]) for name, simulator in simulators.items()}
    members = {name: further_members(simulator) for name, simulator in simulators.items()}
    truth = past[-1]
    unknown = torch.full(seed.shape, torch.nan, dtype=torch.float64, device=truth.device)
    yield Moment(0, truth, dict.fromkeys(simulators, truth), dict.fromkeys(simulators, unknown), {})
    for snapshot, truth in enumerate(following, 1):
        step = times[:, snapshot : snapshot + 1]
        one = {
            name: combined_nrmse(next(begun(simulator, seed, step)), truth, setting.weights)
            for name, simulator in simulators.items()
        }
        predictions = {name: next(states) for name, states in rollouts.items()}
        drawn = {
            name: torch.stack([predictions[name], *(next(states) for states in others)])
            for name, others in members.items()
            if others
        }
        yield Moment(snapshot, truth, predictions, one, drawn)
        history.append((truth, step[:, 0]))
