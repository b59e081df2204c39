"""Windows that are cut from trajectories in memory."""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from tendency.data.storage import TrajectoryStorage
from tendency.data.window_source import IntArray, WindowSource, windows_of


class ResidentWindows(WindowSource):
    """The first trajectories of a split, decoded when a window first asks for them and kept.

    Those that lie together in the storage are decoded together. A pickled copy starts empty.

    Args:
        storage: of the split.
        count: number of trajectories.
    """

    where = "in memory"

    def __init__(self, storage: TrajectoryStorage, count: int) -> None:
        self.storage, self.count = storage, count
        self.u: np.ndarray | None = None
        self.u_t: np.ndarray | None = None
        self.loaded = np.zeros(-(-count // storage.batch), dtype=bool)

    def load(self) -> None:
        """As of ``WindowSource``."""
        for number in np.flatnonzero(~self.loaded).tolist():
            self._load(number)

    def cut(self, trajectory: IntArray, first: IntArray, width: int, stride: int) -> tuple[Tensor, Tensor | None]:
        """As of ``WindowSource``."""
        numbers = trajectory // self.storage.batch
        if not self.loaded[numbers].all():
            for number in np.unique(numbers[~self.loaded[numbers]]).tolist():
                self._load(number)
        return self._windows(self.u, trajectory, first, width, stride), (
            None if self.u_t is None else self._windows(self.u_t, trajectory, first, width, stride)
        )

    def __getstate__(self) -> dict[str, Any]:
        """Without the trajectories: each process reads for itself."""
        return self.__dict__ | {"u": None, "u_t": None, "loaded": np.zeros_like(self.loaded)}

    def _load(self, number: int) -> None:
        """Decodes trajectories that lie together."""
        size = self.storage.batch
        rows = range(number * size, min((number + 1) * size, self.count))
        u, u_t = self.storage.states(rows, slice(None)), self.storage.slopes(rows, slice(None))
        if self.u is None:
            # The system gives memory where something is written: what is never asked for takes none.
            self.u = np.empty((self.count, *u.shape[1:]), dtype=np.float32)
            self.u_t = None if u_t is None else np.empty_like(self.u)
        self.u[rows.start : rows.stop] = u.numpy()
        if self.u_t is not None and u_t is not None:
            self.u_t[rows.start : rows.stop] = u_t.numpy()
        self.loaded[number] = True

    def _windows(
        self, values: np.ndarray | None, trajectory: IntArray, first: IntArray, width: int, stride: int
    ) -> Tensor:
        """The windows of loaded trajectories (B, W, ...)."""
        if values is None:
            raise ValueError("expected trajectories that were loaded, got none")
        flat = values.reshape(-1, *values.shape[2:])
        return torch.from_numpy(windows_of(flat, trajectory * values.shape[1] + first, width, stride))
