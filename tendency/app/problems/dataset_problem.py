"""The problem that a dataset was made of, and the training data that baselines are fitted to."""

import itertools
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from tendency.app.configuration.build import build_problem
from tendency.app.configuration.moved_targets import current_targets
from tendency.app.configuration.plain_data import require_plain
from tendency.app.configuration.stored_nodes import examine
from tendency.data.dataset import TrajectoryDataset
from tendency.data.manifest import Manifest
from tendency.data.metadata import DatasetError
from tendency.data.streamed_trajectories import StreamedTrajectories
from tendency.evaluation.baselines.baseline import TrainingPairs
from tendency.simulation.problem import Problem

MOST_VALUES = 2**26
"""Values of the training data that a baseline is fitted to; more would take longer than a report should."""

TRAJECTORIES_AT_ONCE = 16


def problem_node_of(manifest: Manifest) -> dict[str, Any]:
    """The node of the problem that a dataset was made of, classes by their paths of today; empty where unknown."""
    node = manifest.description.get("problem", {})
    try:
        require_plain(node)
    except ValueError:
        return {}
    return current_targets(node) if isinstance(node, dict) else {}


def problem_of(dataset: TrajectoryDataset) -> Problem | None:
    """The problem that a dataset was made of; None where its manifest names none that may be built."""
    node = problem_node_of(dataset.manifest)
    found = examine(node, Problem, "pde")
    if found.foreign or found.wrong:
        return None
    try:
        return build_problem(node)
    except Exception:
        # Whatever a constructor makes of it, it is the file's arguments that it was given.
        return None


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
            yield from itertools.pairwise(StreamedTrajectories(dataset, first, count, device).snapshots())

    return pairs
