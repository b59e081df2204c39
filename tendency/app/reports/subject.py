"""What a report judges: fields, geometry, solver and units of a dataset."""

import contextlib
from pathlib import Path

import torch

from tendency.app.problems.dataset_problem import problem_of
from tendency.data.dataset import TrajectoryDataset
from tendency.data.manifest import read_manifest
from tendency.data.metadata import DatasetError
from tendency.evaluation.metrics.context import Subject
from tendency.simulation.moments import Moments


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
