"""How the chunks of a dataset are solved: the job that worker processes receive, and its work in one process."""

import hashlib
import itertools
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from tendency.data.chunk_seconds import record_seconds
from tendency.data.dataset_layout import Chunk
from tendency.data.metadata import DatasetError, metadata_of
from tendency.data.settled import MOST_REDRAWS, Settled, settled_from
from tendency.data.trajectory_file import Trajectories, chunk_content
from tendency.data.whole_file import NoRoomError, write_whole_bytes
from tendency.simulation.problem import Problem
from tendency.simulation.simulator import InstabilityError, begin, rollout


@dataclass(frozen=True)
class GenerationJob:
    """What has to be known to solve any chunk of a dataset; picklable, so that worker processes can hold it.

    Args:
        make_problem: builds the problem; picklable, called once in each process that solves.
        folder: of the dataset.
        chunk_size: trajectories in each chunk. They are solved as one batch, whose size changes their last bits.
        store_time_derivative: store the solver's u_t beside u.
        settled: what is done with a trajectory that comes to rest, in the digits that are stored.
        problem: the ``description_digest`` of the dataset, which its chunks state; None where they state none.
    """

    make_problem: Callable[[], Problem]
    folder: Path
    chunk_size: int
    store_time_derivative: bool = False
    settled: Settled = "keep"
    problem: str | None = None


class ChunkSolver:
    """A generation job with the problem that it builds, in one process.

    Args:
        job: of the dataset.
    """

    def __init__(self, job: GenerationJob) -> None:
        self.job, self.problem = job, job.make_problem()
        self.metadata = metadata_of(self.problem, job.store_time_derivative)

    def check(self, split: str, count: int) -> None:
        """Refuses a split whose first trajectories lie outside the solver's range, as a ValueError; solves nothing.

        Args:
            split: ``train``, ``valid`` or ``test``.
            count: number of trajectories; those of the first chunk are looked at.
        """
        draw = self.problem.draws(split, range(min(count, self.job.chunk_size)))
        self.problem.simulator.check(draw.conditions)

    @torch.no_grad()
    def write(self, chunk: Chunk) -> None:
        """Solves a chunk and writes its file, and on record what it took to solve.

        Raises:
            DatasetError: a trajectory that is not finite, all zero, or constant in time, or that settles where the job
                refuses those.
            InstabilityError: the solver fails; names split and trajectories.
            NoRoomError: the disk is full.
        """
        with record_seconds(self.job.folder, chunk.name) as line:
            content = chunk_content(chunk.name, self.solve(chunk), self.metadata, self.job.problem)
            line["sha256"] = hashlib.sha256(content).hexdigest()
        try:
            write_whole_bytes(chunk.path(self.job.folder), content)
        except NoRoomError as error:
            raise NoRoomError(f"{error}; the finished chunks are kept: the same command goes on from there") from None

    def solve(self, chunk: Chunk) -> Trajectories:
        """The trajectories of a chunk, on the points where they are stored; raises as ``write`` does."""
        indices = chunk.trajectories(self.job.chunk_size)
        redraws = [0] * len(indices)
        while True:
            trajectories = self._solve(chunk, redraws)
            if self.job.settled == "keep":
                return trajectories
            first = settled_from(trajectories.u)
            still = torch.nonzero(first < trajectories.u.shape[1] - 1).flatten().tolist()
            if not still:
                return trajectories
            row = still[0]
            if self.job.settled == "refuse" or redraws[row] == MOST_REDRAWS:
                times = f", nor in {MOST_REDRAWS} further draws" if redraws[row] else ""
                raise self._unusable(
                    chunk, row, f"does not change from snapshot {int(first[row])} on{times} (data.settled)"
                )
            # All of them are solved again: the bytes of a chunk depend on what is solved together.
            for row in still:
                redraws[row] += 1

    def _solve(self, chunk: Chunk, redraws: list[int]) -> Trajectories:
        """The trajectories of a chunk, of which some were drawn anew so many times."""
        problem, indices = self.problem, chunk.trajectories(self.job.chunk_size)
        solver, draw = problem.simulator, problem.draws(chunk.split, indices, redraws)
        states: list[Tensor] = []
        slopes: list[Tensor] = []
        try:
            start = problem.first_snapshot(draw)
            seed = torch.tensor(list(indices))
            progress = begin(solver, start[:, None], draw.times[:, :1], draw.conditions, seed)
            reached = (state.u for state in rollout(solver, progress, draw.times[:, 1:], draw.conditions))
            # One state at a time: where the solver's grid is the finer one, all of them would not fit into memory.
            for state, t in zip(itertools.chain([start], reached), draw.times.unbind(1), strict=True):
                states.append(problem.stored(state, draw.conditions))
                if self.job.store_time_derivative:
                    slope = solver.time_derivative(state, t, draw.conditions)
                    slopes.append(problem.stored(slope, draw.conditions).float())
        except InstabilityError as error:
            names = ", ".join(str(indices[row]) for row in error.rows[:4])
            raise InstabilityError(
                f"{chunk.split} trajectory {names} (pde.seed={problem.seed}): {error}", error.rows
            ) from None
        u = torch.stack(states, 1)
        self._require_usable(u, chunk)
        u_t = torch.stack(slopes, 1) if slopes else None
        conditions = replace(draw.conditions, geometry=problem.stored_geometry)
        return Trajectories(u.float(), draw.times, conditions, u_t)

    def _require_usable(self, u: Tensor, chunk: Chunk) -> None:
        """Refuses states u (B, T, C, *N) that nothing can be learned from, by what is stored of them."""
        stored = u.float().flatten(2)
        reasons = {
            "is not finite": ~torch.isfinite(stored).all(2).all(1),
            "is zero throughout": (stored == 0).all(2).all(1),
        }
        if self.job.settled != "redraw":
            # What settles in the stored digits alone is kept, unless the yaml says otherwise.
            reasons["never changes"] = settled_from(u) == 0
        for reason, rows in reasons.items():
            if bool(rows.any()):
                raise self._unusable(chunk, int(torch.nonzero(rows)[0]), reason)

    def _unusable(self, chunk: Chunk, row: int, reason: str) -> DatasetError:
        index = chunk.trajectories(self.job.chunk_size)[row]
        return DatasetError(
            f"{chunk.split} trajectory {index} (pde.seed={self.problem.seed}) {reason}; it was not written"
        )
