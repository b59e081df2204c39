"""Whether the whole chunks of a dataset are those of the problem that its manifest names, before any is replaced.

A chunk of today says which problem it is of. Of older chunks one is solved once more: another seed, parameter or
equation shows in the first step already, where rounding, other processors and other library versions do not.
"""

from collections.abc import Sequence
from pathlib import Path

import torch

from tendency.data.chunk_workers import one_thread
from tendency.data.dataset_layout import Chunk
from tendency.data.generation_job import ChunkSolver
from tendency.data.metadata import DatasetError
from tendency.data.trajectory_file import Trajectories
from tendency.data.trajectory_reader import read_trajectories, stated_problem

SAME_STEP = 1e-2
"""Largest difference after one step, in units of the change in that step: a hundredth is no rounding."""
ROUNDING = 1e-5
"""Of stored states, parameters and times, relative to their size."""


def require_own_chunks(solver: ChunkSolver, folder: Path, whole: Sequence[Chunk]) -> bool:
    """Refuses to repair a dataset whose whole chunks are not what its manifest's problem gives.

    Args:
        solver: of the manifest's problem.
        folder: of the dataset.
        whole: its chunks that are as the manifest says.

    Returns:
        Whether chunks of this dataset say which problem they are of; true where there is none to ask.

    Raises:
        DatasetError: naming the chunk and what differs; nothing was changed.
    """
    stated = {chunk: stated_problem(chunk.path(folder)) for chunk in whole}
    own = solver.job.problem
    for chunk, problem in stated.items():
        if own is not None and problem not in (None, own):
            raise _refusal(folder, chunk, f"it says that it is of problem {problem[:10]}, the manifest of {own[:10]}")
    if not whole or (own is not None and any(problem is not None for problem in stated.values())):
        return True
    witness = whole[0]
    stored = read_trajectories(witness.path(folder), solver.metadata)
    with torch.no_grad(), one_thread():
        solved = solver.solve(witness)
    if (found := _difference(stored, solved)) is not None:
        raise _refusal(folder, witness, found)
    return False


def _difference(stored: Trajectories, solved: Trajectories) -> str | None:
    """What two solutions of the same trajectories differ in beyond rounding, by the states up to the first step."""
    if len(stored.u) != len(solved.u):
        return f"it holds {len(stored.u)} trajectories, {len(solved.u)} are solved"
    for name, one, other in (
        ("times", stored.times, solved.times),
        ("parameters", stored.conditions.params, solved.conditions.params),
        ("hidden parameters", stored.conditions.hidden, solved.conditions.hidden),
        ("side lengths", stored.conditions.extent, solved.conditions.extent),
    ):
        if one.shape != other.shape or not torch.allclose(one, other.to(one), rtol=ROUNDING, atol=ROUNDING):
            return f"its {name} are others"
    one, other = (each.u[:, :2].double().flatten(2) for each in (stored, solved))
    size, change = one.norm(dim=2), (one[:, 1] - one[:, 0]).norm(dim=1)
    allowed = ROUNDING * size + torch.stack([torch.zeros_like(change), SAME_STEP * change], 1)
    if bool(((one - other).norm(dim=2) > allowed).any()):
        return "its states are others"
    return None


def _refusal(folder: Path, chunk: Chunk, found: str) -> DatasetError:
    return DatasetError(
        f"dataset {folder}: {chunk.name} is whole, and not what the manifest's problem gives: {found}. The manifest "
        "was changed, or this program solves its problem otherwise; nothing was repaired; put back a manifest"
    )
