"""Rolls several simulators out side by side over the snapshots of one batch, and keeps none of them."""

import itertools
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from tendency.evaluation.metrics.pointwise import combined_nrmse
from tendency.simulation.conditions import Conditions
from tendency.simulation.random import mix
from tendency.simulation.simulator import DrawsNoise, Simulator, begin, rollout


class SnapshotSource(Protocol):
    """B true trajectories whose snapshots are read one after the other: from a ``Window`` in memory, or from files."""

    @property
    def index(self) -> Tensor:
        """(B,) int64, number of each trajectory in its dataset."""
        ...

    @property
    def t(self) -> Tensor:
        """(B, T) float64, times of the snapshots."""
        ...

    @property
    def conditions(self) -> Conditions:
        """Conditions of the B trajectories."""
        ...

    def snapshots(self) -> Iterator[Tensor]:
        """The T states (B, C, *N) in order."""
        ...


@dataclass(frozen=True)
class RolloutSnapshot:
    """The truth and the predictions of the simulators at one snapshot.

    A simulator that needs more snapshots than there are yet is missing until its history is complete.

    Args:
        snapshot: number of the snapshot, 0 at the start of the rollouts.
        truth: (B, C, *N) true state.
        predictions: (B, C, *N) state of each simulator's rollout, by its name; the truth where its rollout starts.
        one_step_nrmse: (B,) nRMSE of each simulator's single step from the true snapshot before; NaN where its rollout
            starts.
        members: (M, B, C, *N) ensemble of each simulator that draws noise, the first member being its own rollout.
    """

    snapshot: int
    truth: Tensor
    predictions: Mapping[str, Tensor]
    one_step_nrmse: Mapping[str, Tensor]
    members: Mapping[str, Tensor]


def split_at_start(source: SnapshotSource, start: int) -> tuple[list[Tensor], Iterator[Tensor]]:
    """The true snapshots 0 ... start, and those that follow."""
    states = source.snapshots()
    return [next(states) for _ in range(start + 1)], states


def roll_out_side_by_side(
    simulators: Mapping[str, Simulator],
    source: SnapshotSource,
    start: int,
    past: Sequence[Tensor],
    following: Iterator[Tensor],
    weights: Tensor,
    ensemble: int = 1,
) -> Iterator[RolloutSnapshot]:
    """Rolls all simulators out, one snapshot at a time, and sets the truth beside them.

    A simulator starts at the snapshot ``start``, or at a later one where its history ends.

    Args:
        simulators: simulators by name.
        source: true trajectories.
        start: number of the snapshot where the rollouts start.
        past: true snapshots 0 ... start.
        following: true snapshots after the start.
        weights: (B, *N) cell volumes.
        ensemble: number of members that simulators which draw noise are rolled out with.

    Yields:
        One record for each snapshot from the start on.
    """
    conditions, times, seed = source.conditions, source.t, source.index
    history: deque[tuple[Tensor, Tensor]] = deque(maxlen=max(one.history for one in simulators.values()))
    history.extend(zip(past[:-1], times.unbind(1), strict=False))

    def begun(simulator: Simulator, key: Tensor, until: Tensor) -> Iterator[Tensor]:
        states, moments = zip(*list(history)[-simulator.history :], strict=True)
        progress = begin(simulator, torch.stack(states, 1), torch.stack(moments, 1), conditions, key)
        return (state.u for state in rollout(simulator, progress, until, conditions))

    def further_members(simulator: Simulator, until: Tensor) -> list[Iterator[Tensor]]:
        if not (isinstance(simulator, DrawsNoise) and simulator.draws_noise):
            return []
        return [begun(simulator, mix(seed, member), until) for member in range(1, ensemble)]

    rollouts: dict[str, Iterator[Tensor]] = {}
    members: dict[str, list[Iterator[Tensor]]] = {}
    unknown = torch.full(seed.shape, torch.nan, dtype=torch.float64, device=past[-1].device)
    for number, truth in enumerate(itertools.chain(past[-1:], following), start):
        now, later = times[:, number : number + 1], times[:, number + 1 :]
        one_step = {name: combined_nrmse(next(begun(simulators[name], seed, now)), truth, weights) for name in rollouts}
        predictions = {name: next(states) for name, states in rollouts.items()}
        drawn = {
            name: torch.stack([predictions[name], *(next(states) for states in others)])
            for name, others in members.items()
            if others
        }
        history.append((truth, now[:, 0]))
        for name, simulator in simulators.items():
            if name not in rollouts and len(history) >= simulator.history:
                rollouts[name] = begun(simulator, seed, later)
                members[name] = further_members(simulator, later)
                predictions[name], one_step[name] = truth, unknown
        yield RolloutSnapshot(number - start, truth, predictions, one_step, drawn)
