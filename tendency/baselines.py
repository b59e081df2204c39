"""The baselines that need what only the application has: the solver, and the training data."""

import contextlib
import itertools
import math
from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor

from data.dataset import TrajectoryDataset
from data.manifest import read_manifest
from data.metadata import DatasetError
from data.recording import Recording
from evaluation.baselines import Baseline, TrainingPairs
from evaluation.metrics.metric import Subject
from simulation.annotations import PositiveInt
from simulation.moments import Moments
from simulation.problem import Problem
from simulation.simulator import Simulator
from surrogates.coarse_solver import CoarseSolver
from tendency.build import build_problem
from tendency.check import foreign_targets

COARSE_SOLVER = "coarse solver"
"""Its name in reports."""
MOST_VALUES = 2**26
"""Values of the training data that a baseline is fitted to; more would take longer than a report should."""
TRAJECTORIES_AT_ONCE = 16


class CoarseSolverBaseline(Baseline):
    """The problem's own solver on a coarser grid, with its own time step.

    Args:
        coarsening: how many times fewer points its grid has on each axis.
    """

    title = COARSE_SOLVER

    def __init__(self, coarsening: PositiveInt = 2) -> None:
        self.coarsening = coarsening

    def reason_against(self, subject: Subject) -> str | None:
        """No solver where the snapshots lie, or a grid that cannot be thinned."""
        if subject.solver is None:
            return "no reference solver works where the snapshots lie"
        try:
            CoarseSolver(subject.solver, self.coarsening).shape(subject.geometry)
        except ValueError as error:
            return str(error)
        return None

    def simulator(self, subject: Subject, training: TrainingPairs) -> Simulator:
        """The coarse solver."""
        if subject.solver is None:
            raise ValueError("no reference solver works where the snapshots lie")
        return CoarseSolver(subject.solver, self.coarsening)


def problem_of(dataset: TrajectoryDataset) -> Problem | None:
    """The problem that a dataset was made of; None where its manifest names none that may be built."""
    node = dataset.manifest.description.get("problem")
    if not node or foreign_targets(node):
        return None
    try:
        return build_problem(node)
    except (ValueError, TypeError):
        return None


def subject_of(dataset: TrajectoryDataset, home: Path | None = None) -> Subject:
    """What is judged in a report on a dataset.

    Args:
        dataset: whole test trajectories.
        home: of the training data, whose fields' sizes are units, where they are another dataset's.
    """
    metadata, problem = dataset.metadata, problem_of(dataset)
    solved_here = problem is not None and problem.stored_geometry is problem.geometry
    manifest = dataset.manifest
    with contextlib.suppress(DatasetError):
        manifest = manifest if home is None else read_manifest(home)
    known = manifest.statistics.get("u")
    moments = None
    if known is not None:
        mean, std = (torch.tensor(known[name], dtype=torch.float64) for name in ("mean", "std"))
        moments = Moments(mean, std)
    return Subject(
        metadata.fields,
        metadata.geometry,
        problem.simulator if problem is not None and solved_here else None,
        moments,
        None if metadata.dt is None else metadata.dt * dataset.stride,
    )


def training_pairs(test: TrajectoryDataset, home: Path | None, device: torch.device) -> TrainingPairs:
    """Neighbouring snapshots of the training split, of its first trajectories where there are very many.

    Args:
        test: what is judged; its dataset's own training split is taken where there is no other.
        home: of the training data, where they are another dataset's.
        device: where they go.
    """

    def pairs() -> Iterator[tuple[Tensor, Tensor]]:
        try:
            dataset = TrajectoryDataset.whole(home or test.folder, "train", stride=test.stride)
        except DatasetError:
            return
        metadata = dataset.metadata
        if (metadata.geometry, metadata.dt) != (test.metadata.geometry, test.metadata.dt):
            raise ValueError("it is fitted to the training data, which have another grid or another step")
        state = metadata.num_channels * math.prod(metadata.geometry.shape)
        most = max(MOST_VALUES // (state * metadata.num_snapshots), 1)
        for first in range(0, min(most, len(dataset)), TRAJECTORIES_AT_ONCE):
            count = min(TRAJECTORIES_AT_ONCE, most - first, len(dataset) - first)
            yield from itertools.pairwise(Recording(dataset, first, count, device).snapshots())

    return pairs
