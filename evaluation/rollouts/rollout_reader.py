"""Reads rollouts.nc a snapshot at a time, so that a report needs the memory of a few snapshots."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import h5netcdf
import numpy as np

from tendency.evaluation.rollouts.rollout_file import GIVEN, GIVEN_CHANNEL
from tendency.simulation.conditions import MASK

Snapshots = Sequence[int] | np.ndarray
"""Which snapshots, counted from the start of the rollout."""


class RolloutReader:
    """Fields of ``rollouts.nc``; of a field in 3D, the slice through the middle of the last axis.

    Where a constant field ``mask`` says that there is an obstacle, truth and predictions are NaN.

    Args:
        path: path of the file.
        trajectories: numbers of the trajectories of the results, in their order; the file may hold some of them alone.
    """

    def __init__(self, path: Path, trajectories: Sequence[int] | np.ndarray) -> None:
        self.file = h5netcdf.File(path, "r")
        there = [int(number) for number in self.file.variables["trajectory"][...]]
        self.rows = {row: there.index(int(n)) for row, n in enumerate(trajectories) if int(n) in there}
        self.methods = [_text(name) for name in self.file.variables["simulator"][...]]
        self.channels = [_text(name) for name in self.file.variables["channel"][...]]
        there_are = GIVEN in self.file.variables
        self.given = [_text(name) for name in self.file.variables[GIVEN_CHANNEL][...]] if there_are else []
        truth = self.file.variables["truth"]
        self.num_snapshots = truth.shape[1]
        self.slice: tuple[int, ...] = (truth.shape[5] // 2,) if truth.ndim == 6 else ()
        self.shape: tuple[int, ...] = truth.shape[3:5]

    def __enter__(self) -> Self:
        """The reader, open."""
        return self

    def __exit__(self, *error: Any) -> None:
        """Closes the file."""
        self.file.close()

    def truth(self, row: int, snapshots: Snapshots, channel: int) -> np.ndarray:
        """One field (len(snapshots), *N) float32 of one trajectory, by its row in the results."""
        return self._read("truth", (self.rows[row],), snapshots, channel)

    def prediction(self, method: str, row: int, snapshots: Snapshots, channel: int) -> np.ndarray:
        """One field (len(snapshots), *N) float32 of one method's rollout."""
        return self._read("prediction", (self.methods.index(method), self.rows[row]), snapshots, channel)

    def compare(self, method: str, row: int, snapshots: Snapshots, channel: int) -> dict[str, np.ndarray]:
        """Truth, prediction and their difference, each as ``truth`` gives it."""
        truth = self.truth(row, snapshots, channel)
        prediction = self.prediction(method, row, snapshots, channel)
        with np.errstate(all="ignore"):
            return {"truth": truth, "prediction": prediction, "difference": prediction - truth}

    def constant_field(self, row: int, name: str) -> np.ndarray:
        """A constant field (*N) float32 of one trajectory, by the name of its channel."""
        at = (self.rows[row], self.given.index(name), *[slice(None)] * len(self.shape), *self.slice)
        return np.asarray(self.file.variables[GIVEN][at])

    def _read(self, name: str, before: tuple[int, ...], snapshots: Snapshots, channel: int) -> np.ndarray:
        """One snapshot after the other, since each is a chunk of the file; in 1D all at once, since they are small."""
        variable = self.file.variables[name]
        if len(self.shape) == 1:
            values = np.asarray(variable[(*before, slice(None), channel)])[list(snapshots)]
        else:
            space = (slice(None),) * len(self.shape)
            values = np.stack([variable[(*before, int(s), channel, *space, *self.slice)] for s in snapshots])
        if MASK not in self.given:
            return values
        variable = self.file.variables[GIVEN]
        mask = variable[(before[-1], self.given.index(MASK), *[slice(None)] * len(self.shape), *self.slice)]
        return np.where(mask > 0.5, values, np.float32(np.nan))


def _text(name: Any) -> str:
    return name.decode() if isinstance(name, bytes) else str(name)
