"""Whole trajectories of a split, in batches."""

from collections.abc import Iterator

import numpy as np
import torch

from tendency.data.dataset import TrajectoryDataset
from tendency.data.recording import Recording


class WholeTrajectories:
    """The trajectories of a split in batches, as often as they are asked for.

    Args:
        dataset: whose windows are whole trajectories.
        batch_size: trajectories in one batch.
        device: where they go.
    """

    def __init__(self, dataset: TrajectoryDataset, batch_size: int, device: torch.device) -> None:
        self.dataset, self.batch_size, self.device = dataset, batch_size, device

    @property
    def num_snapshots(self) -> int:
        """T of each trajectory."""
        return (self.dataset.metadata.num_snapshots - 1) // self.dataset.stride + 1

    def __len__(self) -> int:
        """Number of batches."""
        return -(-len(self.dataset) // self.batch_size)

    def __iter__(self) -> Iterator[Recording]:
        """The batches in order."""
        for first in range(0, len(self.dataset), self.batch_size):
            yield Recording(self.dataset, first, min(self.batch_size, len(self.dataset) - first), self.device)

    def extents(self) -> np.ndarray:
        """The side lengths (B, D) of all trajectories' domains, float64."""
        return np.concatenate([recording.conditions.extent.double().cpu().numpy() for recording in self])
