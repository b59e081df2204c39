"""How large a dataset is, from shapes alone: on the disk, in memory while it is solved, in steps of the solver."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from tendency.app.machine_limits import CHECK_BYTES, bounded, free_disk, require_writable
from tendency.data.machine import available_memory, usable_cores
from tendency.errors import ConfigError
from tendency.evaluation.cost.call_cost import with_prefix
from tendency.simulation.conditions import Conditions
from tendency.simulation.problem import Problem
from tendency.simulation.simulator import AdjustableSolver

if TYPE_CHECKING:
    from tendency.app.problems.solved_data import SolvedData

STATE_BYTES, STORED_BYTES, FILE_BYTES = 8, 8 + 8 + 4, 4
"""Of a value in a chunk that is solved: where it is solved; of all snapshots, twice and as stored; and in a file."""

STATES = 12
"""States of a chunk that a solver of several stages holds at once, about; the snapshots before are not kept."""

TYPICAL = {"data": 128, "pde.times.num_snapshots": 100, "points": 128**2, "data.chunk_size": 16}
"""Sizes of an ordinary dataset: what exceeds its own by most is named where a dataset is too large."""

MOST_CHUNKS = 10**6
MOST_STEPS = 10**9
"""Steps of a trajectory: at 30 microseconds, the least that a step of any solver here takes, they last eight hours."""

MOST_COPIES = 4
"""Copies of a state that the simplest solver holds at once."""

MOST_WINDOWS = 10**7
"""Length of a trajectory in times of ``pde.tolerances.window``, for solvers that choose their steps themselves."""


@dataclass(frozen=True)
class DatasetSize:
    """The size of a dataset.

    Args:
        trajectories: stored, the last chunk of each split full.
        chunks: files.
        disk_bytes: of all chunks, before compression.
        chunk_bytes: memory for solving one chunk.
        workers: processes that solve chunks.
        values: a text, ``176 trajectories x 41 snapshots x 1 x 128 values``.
        largest: the key of what makes it large, and its value.
    """

    trajectories: int
    chunks: int
    disk_bytes: int
    chunk_bytes: int
    workers: int
    values: str
    largest: str

    @classmethod
    def of(cls, problem: Problem, plan: "SolvedData") -> "DatasetSize":
        """The size of the dataset of a problem."""
        channels = sum(field.channels(problem.geometry.spatial_dims) for field in problem.fields)
        snapshots, u_t = problem.times.num_snapshots, 2 if plan.store_u_t else 1
        solved, stored = (math.prod(geometry.shape) for geometry in (problem.geometry, problem.stored_geometry))
        chunks = sum(math.ceil(count / plan.chunk_size) for count in plan.counts.values())
        trajectories = chunks * plan.chunk_size
        return cls(
            trajectories=trajectories,
            chunks=chunks,
            disk_bytes=FILE_BYTES * u_t * trajectories * snapshots * channels * stored,
            chunk_bytes=plan.chunk_size
            * channels
            * (STATES * STATE_BYTES * solved + snapshots * STORED_BYTES * u_t * stored),
            workers=plan.workers or usable_cores(),
            values=f"{trajectories} trajectories x {snapshots} snapshots x {channels} x {stored} values",
            largest=_largest(problem, plan, max(solved, stored)),
        )

    def line(self) -> str:
        """The size in a line's worth of text."""
        return (
            f"{self.values}: at most {with_prefix(self.disk_bytes)}B on disk, "
            f"{with_prefix(self.chunk_bytes)}B of memory for a chunk, {min(self.workers, self.chunks)} at once"
        )

    def check(self, root: Path | None) -> None:
        """Refuses a dataset that this machine has no room for.

        Args:
            root: of the datasets, where something is to be made; None where all is there.

        Raises:
            ConfigError: with what it needs, what there is, and the key of what makes it large.
        """
        most = max(16, 4 * usable_cores())
        if self.workers > most:
            raise ConfigError([f"data.workers: expected at most {most} on {usable_cores()} cores, got {self.workers}"])
        if root is None:
            return
        require_writable("paths.datasets", root)
        if self.chunks > MOST_CHUNKS:
            raise ConfigError(
                [
                    f"{self.largest}: expected at most {MOST_CHUNKS} chunks of a dataset, got {self.chunks}; "
                    f"data.chunk_size={self.trajectories // self.chunks} trajectories are one"
                ]
            )
        if self.disk_bytes > (free := free_disk(root)):
            raise ConfigError(
                [
                    f"{self.largest}: expected a dataset of at most {with_prefix(free)}B, what is free on the disk of "
                    f"{str(root)!r}, got {with_prefix(self.disk_bytes)}B ({self.values})"
                ]
            )
        at_once = min(self.workers, self.chunks)
        needed, there = self.chunk_bytes * at_once, available_memory()
        if there is not None and needed > there:
            raise ConfigError(
                [
                    f"{self.largest}: expected chunks that fit into {with_prefix(there)}B of memory, got "
                    f"{with_prefix(needed)}B for {at_once} that are solved at once (data.workers, data.chunk_size)"
                ]
            )


def check_first_trajectory(problem: Problem, pde: Mapping[str, object]) -> None:
    """Draws the first trajectory, which solves nothing: the solver's own checks, and the number of its steps.

    Args:
        problem: to be solved.
        pde: its node, plain data.

    Raises:
        ConfigError: a draw that takes too much memory or time, times that are not finite, or too many steps.
        ValueError: what the solver refuses.
    """
    channels = sum(field.channels(problem.geometry.spatial_dims) for field in problem.fields)
    state = 8 * channels * math.prod(problem.geometry.shape)
    there = available_memory()
    if there is not None and MOST_COPIES * state > there:
        shape = list(problem.geometry.shape)
        raise ConfigError(
            [
                f"pde.geometry.shape={shape}: expected states of which {MOST_COPIES} fit into {with_prefix(there)}B of "
                f"memory, got {with_prefix(state)}B each"
            ]
        )
    _check_ends(problem)
    # An initial state is a sum of waves or a transform: some copies of it, and what its own numbers ask for.
    with bounded("pde", pde, "drawing an initial state", CHECK_BYTES + 64 * state):
        draw = problem.draws("train", [0])
        problem.simulator.check(draw.conditions)
    end = float(draw.times[0, -1])
    if not torch.isfinite(draw.times).all():
        raise ConfigError([f"pde.times: expected finite times, got {end} for the last snapshot"])
    limit, reason = MOST_WINDOWS * problem.tolerances.window, f"{MOST_WINDOWS:.0e} of pde.tolerances.window"
    if isinstance(problem.simulator, AdjustableSolver) and (settings := problem.simulator.settings()).step_is_time:
        limit, reason = MOST_STEPS * settings.step, f"{MOST_STEPS:.0e} steps of pde.simulator.max_step"
    if end > limit:
        raise ConfigError(
            [f"pde.times: expected a trajectory of at most {limit:.3g} units of time, {reason}, got {end:.3g}"]
        )


def _check_ends(problem: Problem) -> None:
    """Refuses parameters and side lengths of which only some values can be solved: the first trajectory has one each.

    Raises:
        ConfigError: what the solver refuses at the lowest or at the highest values.
    """
    refusals = {}
    for end in ("lowest", "highest"):
        values = {name: getattr(parameter, end) for name, parameter in problem.parameters.items()}
        params, hidden = (
            {name: values[name] for name in names} for names in (problem.param_names, problem.hidden_names)
        )
        extent = [getattr(length, end) for length in problem.extent]
        try:
            problem.simulator.check(Conditions.from_values(problem.geometry, extent, params, hidden))
        except ValueError as error:
            refusals[end] = str(error)
    if len(set(refusals.values())) == 1 and len(refusals) == 2:
        # Whatever the values are: it is about something else, such as the grid.
        raise ConfigError([refusals["lowest"]])
    for end, sentence in refusals.items():
        raise ConfigError([f"{sentence}, the {end} value of its distribution"])


def _largest(problem: Problem, plan: "SolvedData", points: int) -> str:
    """The key and the value of what makes a dataset large."""
    nodes = problem.stored_geometry is not problem.geometry and math.prod(problem.stored_geometry.shape) == points
    shown = "pde.store_on" if nodes else "pde.geometry.shape"
    shape = problem.stored_geometry.shape if nodes else problem.geometry.shape
    sizes = {f"data.num_{split}={count}": count / TYPICAL["data"] for split, count in plan.counts.items()} | {
        f"pde.times.num_snapshots={problem.times.num_snapshots}": problem.times.num_snapshots
        / TYPICAL["pde.times.num_snapshots"],
        f"{shown}={list(shape)}": points / TYPICAL["points"],
        f"data.chunk_size={plan.chunk_size}": plan.chunk_size / TYPICAL["data.chunk_size"],
    }
    return max(sizes, key=lambda key: sizes[key])
