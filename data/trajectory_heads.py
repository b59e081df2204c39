"""Times and conditions of the trajectories of a split, which are read without their fields."""

from dataclasses import fields
from typing import Any

import numpy as np
import torch
from torch import Tensor

from tendency.data.storage import TrajectoryStorage
from tendency.data.window_source import IntArray
from tendency.simulation.conditions import Conditions
from tendency.simulation.tree import map_tensors


class TrajectoryHeads:
    """Times and conditions of the first trajectories of a split, side by side; read when they are first asked for.

    A batch takes them with one operation for each tensor, whatever the number of files that it comes from; file by
    file, this would take as long as a layer of a small network at every step. A pickled copy starts empty.

    Args:
        storage: of the split.
        count: number of trajectories.
    """

    def __init__(self, storage: TrajectoryStorage, count: int) -> None:
        self.storage, self.count = storage, count
        self.read = np.zeros(-(-count // storage.batch), dtype=bool)
        self.times: np.ndarray | None = None
        self.conditions: Conditions | None = None

    def of(self, trajectory: IntArray, snapshots: IntArray) -> tuple[Tensor, Conditions]:
        """Times (B, W) float64 of some snapshots of the trajectories (B,), and the trajectories' conditions.

        Args:
            trajectory: (B,) indices.
            snapshots: (B, W) of each of them.

        Raises:
            DatasetError: what holds them is missing, damaged, or not what it was.
        """
        numbers = trajectory // self.storage.batch
        if not self.read[numbers].all():
            for number in np.unique(numbers[~self.read[numbers]]).tolist():
                self._read(number)
        if self.times is None or self.conditions is None:
            raise ValueError("trajectory: expected at least one, got none")
        return (
            torch.from_numpy(self.times[trajectory[:, None], snapshots]),
            self.conditions[torch.from_numpy(trajectory)],
        )

    def __getstate__(self) -> dict[str, Any]:
        """Without what was read: each process reads for itself."""
        return self.__dict__ | {"times": None, "conditions": None, "read": np.zeros_like(self.read)}

    def _read(self, number: int) -> None:
        """Reads those of trajectories that lie together."""
        size = self.storage.batch
        rows = range(number * size, min((number + 1) * size, self.count))
        times, conditions = self.storage.heads(rows)
        if self.times is None or self.conditions is None:
            self.times = np.empty((self.count, *times.shape[1:]))
            self.conditions = map_tensors(lambda x: x.new_empty(self.count, *x.shape[1:]), conditions)
        self.times[rows.start : rows.stop] = times.numpy()
        for field in fields(conditions):
            value = getattr(conditions, field.name)
            if isinstance(value, Tensor):
                getattr(self.conditions, field.name)[rows.start : rows.stop] = value
        self.read[number] = True
