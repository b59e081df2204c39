"""Whole trajectories that are read from disk a few snapshots at a time, however long they are."""

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from tendency.data.dataset import TrajectoryDataset
from tendency.data.trajectory_file import SNAPSHOTS_PER_BLOCK
from tendency.simulation.conditions import Conditions
from tendency.simulation.tree import map_tensors


class StreamedTrajectories:
    """Neighbouring trajectories of a split, whose snapshots are read one after the other.

    Memory holds ``SNAPSHOTS_PER_BLOCK`` snapshots of them. It offers what a ``Window`` of whole trajectories offers to
    those who go through its snapshots once: ``index``, ``t``, ``conditions`` and ``snapshots()``.

    Args:
        dataset: the split, with its stride.
        first: index of the first trajectory.
        count: number of trajectories B.
        device: where times, conditions and states go.

    Raises:
        DatasetError: a chunk is missing or damaged.
    """

    def __init__(self, dataset: TrajectoryDataset, first: int, count: int, device: torch.device) -> None:
        self.dataset, self.device = dataset, device
        self.index = torch.arange(first, first + count, device=device)
        self.rows = range(first, first + count)
        times, conditions = dataset.storage.heads(self.rows)
        self.t = times[:, :: dataset.stride].to(device)
        self.conditions: Conditions = map_tensors(lambda x: x.to(device), conditions)

    def snapshots(self) -> Iterator[Tensor]:
        """The states (B, C, *N), one after the other.

        Raises:
            DatasetError: a chunk is damaged.
        """
        stride, total = self.dataset.stride, self.dataset.metadata.num_snapshots
        block = SNAPSHOTS_PER_BLOCK * stride
        for start in range(0, total, block):
            some = slice(start, min(start + block, total), stride)
            yield from self.dataset.storage.states(self.rows, some).to(self.device).unbind(1)


class StreamedSplit:
    """All trajectories of a split in batches of ``StreamedTrajectories``, in order; may be iterated many times.

    Args:
        dataset: the split, with its stride.
        batch_size: trajectories in one batch; the last batch may have fewer.
        device: where times, conditions and states go.
    """

    def __init__(self, dataset: TrajectoryDataset, batch_size: int, device: torch.device) -> None:
        self.dataset, self.batch_size, self.device = dataset, batch_size, device

    @property
    def num_snapshots(self) -> int:
        """T of each trajectory, at the dataset's stride."""
        return (self.dataset.metadata.num_snapshots - 1) // self.dataset.stride + 1

    def __len__(self) -> int:
        """Number of batches."""
        return -(-self.dataset.num_trajectories // self.batch_size)

    def __iter__(self) -> Iterator[StreamedTrajectories]:
        """The batches in order."""
        total = self.dataset.num_trajectories
        for first in range(0, total, self.batch_size):
            yield StreamedTrajectories(self.dataset, first, min(self.batch_size, total - first), self.device)

    def extents(self) -> np.ndarray:
        """The side lengths (B, D) of all trajectories' domains, float64."""
        return np.concatenate([batch.conditions.extent.double().cpu().numpy() for batch in self])
