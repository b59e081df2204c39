"""Trajectories in arrays, read one by one."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from tendency.data.array_facts import numbers_of
from tendency.data.metadata import TrajectoryMetadata
from tendency.data.store_trajectories import TrajectorySource
from tendency.data.trajectory_file import Trajectories
from tendency.simulation.conditions import Conditions


class ArrayTrajectories(TrajectorySource):
    """Arrays that were checked, apart from the values of u.

    Args:
        metadata: that the trajectories share.
        splits: the numbers of the trajectories of each split.
        u: (n, T, C, *N), indexed one trajectory at a time.
        times: (n, T) float64.
        extent: (n, D) float64.
        params: each (n,) float64.
        given: each (n, *N) float32.
    """

    def __init__(
        self,
        metadata: TrajectoryMetadata,
        splits: Mapping[str, np.ndarray],
        u: Any,
        times: np.ndarray,
        extent: np.ndarray,
        params: Mapping[str, np.ndarray],
        given: Mapping[str, np.ndarray],
    ) -> None:
        super().__init__(metadata, {split: len(numbers) for split, numbers in splits.items()})
        self.splits, self.u, self.times, self.extent = splits, u, times, extent
        self.params, self.given = params, given

    def digest(self) -> str:
        """The SHA-256 of all that the dataset holds.

        Raises:
            ValueError: values of u that are not finite.
        """
        metadata, digest = self.metadata.to_dict(), hashlib.sha256()
        # Who calls it what says nothing of what is in it.
        del metadata["name"]
        digest.update(json.dumps(metadata, sort_keys=True).encode())
        for split in sorted(self.splits):
            digest.update(f"{split} {self.splits[split].tolist()}".encode())
        for values in (self.times, self.extent, *self.params.values(), *self.given.values()):
            digest.update(np.ascontiguousarray(values).tobytes())
        for number in range(self.u.shape[0]):
            digest.update(self._states(number).tobytes())
        return digest.hexdigest()

    def trajectories(self, split: str, rows: range) -> Trajectories:
        """As of ``TrajectorySource``."""
        numbers = self.splits[split][rows.start : rows.stop]
        metadata = self.metadata
        told, hidden = (
            {name: self.params[name][numbers] for name in names}
            for names in (metadata.param_names, metadata.hidden_names)
        )
        sides = list(self.extent[numbers].T)
        conditions = Conditions.from_values(metadata.geometry, sides, told, hidden, len(numbers))
        if self.given:
            fields = np.stack([values[numbers] for values in self.given.values()], 1)
            conditions = conditions.with_given(torch.from_numpy(fields), metadata.given_names)
        u = torch.from_numpy(np.stack([self._states(number) for number in numbers]))
        return Trajectories(u, torch.from_numpy(self.times[numbers]), conditions, None)

    def _states(self, number: int) -> np.ndarray:
        """One trajectory (T, C, *N) as it is stored."""
        values = numbers_of(self.u[int(number)], "u")
        with np.errstate(over="ignore"):
            stored = np.ascontiguousarray(values, dtype=np.float32)
        if not np.isfinite(stored).all():
            first = np.argwhere(~np.isfinite(stored))[0].tolist()
            raise ValueError(
                f"u: expected values that are finite in float32, got {values[tuple(first)]} in trajectory {number}, "
                f"snapshot {first[0]}"
            )
        return stored
