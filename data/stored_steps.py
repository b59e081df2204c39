"""Steps that data files hold: pairs of neighbouring snapshots, which a solver of their equation can be held against."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from tendency.data.file_sample import spread_rows
from tendency.data.file_storage import FileStorage
from tendency.simulation.conditions import Conditions
from tendency.simulation.simulator import InstabilityError, ReferenceSolver, begin
from tendency.simulation.tree import per_sample

TRAJECTORIES = {"train": 6, "valid": 1, "test": 1}
"""Of each split, evenly spread, of which steps are taken."""
STEPS = 4
"""Of each trajectory, evenly spread."""
STEP_VALUES = 2**22
"""Of all steps together: of large states there are fewer."""


@dataclass(frozen=True, eq=False)
class StoredSteps:
    """B steps from a stored snapshot to the next.

    Args:
        u: (B, C, *N) float64 at the beginning.
        v: (B, C, *N) float64 at the end.
        t: (B,) time at the beginning.
        dt: (B,) length of the step.
        conditions: of the B trajectories.
        numbers: (B,) of the trajectories in the data files.
    """

    u: Tensor
    v: Tensor
    t: Tensor
    dt: Tensor
    conditions: Conditions
    numbers: Tensor

    def __len__(self) -> int:
        return len(self.u)

    def chosen(self, rows: Tensor) -> "StoredSteps":
        """Some of the steps.

        Args:
            rows: int64 indices, or booleans (B,).
        """
        tensors = {name: getattr(self, name)[rows] for name in ("u", "v", "t", "dt", "numbers")}
        return replace(self, **tensors, conditions=self.conditions[rows])

    def sizes(self, p: float) -> Tensor:
        """The size of the change (B, C) in the L^p norm, at least a trace of the typical one of each field."""
        change = (self.v - self.u).flatten(2).norm(p, dim=2)
        return change.clamp(min=1e-300)

    def errors(self, end: Tensor, p: float) -> Tensor:
        """What states miss the ends by, as shares (B,) of the changes; each field counts by its typical change.

        Args:
            end: (B, C, *N), in place of ``v``.
            p: of the norm.
        """
        weights = 1 / self.sizes(p).square().mean(0).sqrt()
        missed = ((end - self.v).flatten(2).norm(p, dim=2) * weights).norm(dim=1)
        return missed / (self.sizes(p) * weights).norm(dim=1)


@torch.no_grad()
def stepped(solver: ReferenceSolver, steps: StoredSteps) -> Tensor:
    """The states (B, C, *N) that a solver reaches from the beginnings.

    Raises:
        InstabilityError: one that is not finite.
        ValueError: conditions that the solver refuses.
    """
    solver.check(steps.conditions)
    seed = torch.zeros(len(steps), dtype=torch.int64)
    start = begin(solver, steps.u[:, None], steps.t[:, None], steps.conditions, seed)
    return solver.advance(steps.u, steps.t, steps.dt, steps.conditions, start.memory)[0]


def step_errors(solver: ReferenceSolver, steps: StoredSteps) -> Tensor:
    """The errors (B,) of a solver's steps; infinite where it refuses the conditions or becomes unstable."""
    try:
        found = steps.errors(stepped(solver, steps), solver.error_norm)
    except (InstabilityError, ValueError):
        found = torch.full((len(steps),), torch.inf, dtype=torch.float64)
    return found.nan_to_num(nan=torch.inf)


def with_constant_term(solver: ReferenceSolver, steps: StoredSteps, term: Tensor, parts: int = 4) -> Tensor:
    """The ends of steps with a constant term in the equation: split after Strang.

    Args:
        solver: of the equation without the term.
        steps: to take.
        term: (C, *N), added to u_t.
        parts: into which each step is cut.
    """
    h = steps.dt / parts
    push = per_sample(h, steps.u) * term
    u = steps.u + push / 2
    for part in range(parts):
        u = stepped(solver, replace(steps, u=u, t=steps.t + part * h, dt=h)) + push
    return u - push / 2


def read_steps(storages: Mapping[str, FileStorage]) -> StoredSteps:
    """Some steps of some trajectories of each split.

    Args:
        storages: of the splits.

    Raises:
        DatasetError: values that are not finite.
    """
    metadata = next(iter(storages.values())).metadata
    state = metadata.num_channels * math.prod(metadata.geometry.shape)
    share = min(1.0, STEP_VALUES / (STEPS * sum(TRAJECTORIES.values()) * state))
    pieces: list[StoredSteps] = []
    for split, storage in storages.items():
        for row in spread_rows(len(storage.numbers), max(1, int(TRAJECTORIES[split] * share))):
            times, conditions = storage.heads(range(row, row + 1))
            for k in spread_rows(metadata.num_snapshots - 1, STEPS):
                u = storage.states(range(row, row + 1), slice(k, k + 2)).double()
                number = torch.tensor([int(storage.numbers[row])])
                t = times[:, k]
                pieces.append(StoredSteps(u[:, 0], u[:, 1], t, times[:, k + 1] - t, conditions, number))
    return StoredSteps(
        u=torch.cat([each.u for each in pieces]),
        v=torch.cat([each.v for each in pieces]),
        t=torch.cat([each.t for each in pieces]),
        dt=torch.cat([each.dt for each in pieces]),
        conditions=Conditions.joined([each.conditions for each in pieces]),
        numbers=torch.cat([each.numbers for each in pieces]),
    )
