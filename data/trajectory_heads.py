"""Times and conditions of the trajectories of a split, which are read without their states."""

from collections import OrderedDict
from dataclasses import fields, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from tendency.data.storage import TrajectoryStorage
from tendency.data.window_source import IntArray
from tendency.simulation.conditions import Conditions
from tendency.simulation.tree import map_tensors

MOST_BYTES = 4 * 2**30
"""Memory for constant fields and forcing of trajectories."""

KNOWN = ("given", "forcing", "forcing_times")
"""What ``Conditions`` calls them."""


class TrajectoryHeads:
    """Times and conditions of the first trajectories of a split, side by side; read when they are first asked for.

    A batch takes them with one operation for each tensor, whatever the number of files that it comes from; file by
    file, this would take as long as a layer of a small network at every step. Constant fields and forcing are as large
    as states: those of trajectories that lie together are read anew when they were not used for long. A pickled copy
    starts empty.

    Args:
        storage: of the split.
        count: number of trajectories.
        most_bytes: memory for constant fields and forcing.
    """

    def __init__(self, storage: TrajectoryStorage, count: int, most_bytes: int = MOST_BYTES) -> None:
        self.storage, self.count, self.most_bytes = storage, count, most_bytes
        self.read = np.zeros(-(-count // storage.batch), dtype=bool)
        self.times: np.ndarray | None = None
        self.conditions: Conditions | None = None
        self.given_names: tuple[str, ...] = ()
        self.known: OrderedDict[int, dict[str, Tensor]] = OrderedDict()

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
        conditions = self.conditions[torch.from_numpy(trajectory)]
        if self.known:
            known = self._known_of(trajectory)
            conditions = replace(
                conditions,
                given=known.get("given"),
                given_names=self.given_names,
                forcing=known.get("forcing"),
                forcing_times=known.get("forcing_times"),
            )
        return torch.from_numpy(self.times[trajectory[:, None], snapshots]), conditions

    def __getstate__(self) -> dict[str, Any]:
        """Without what was read: each process reads for itself."""
        read = np.zeros_like(self.read)
        return self.__dict__ | {"times": None, "conditions": None, "read": read, "known": OrderedDict()}

    def _read(self, number: int) -> dict[str, Tensor]:
        """Reads those of trajectories that lie together; gives their constant fields and forcing."""
        size = self.storage.batch
        rows = range(number * size, min((number + 1) * size, self.count))
        times, every = self.storage.heads(rows)
        conditions = every.without_fields()
        if self.times is None or self.conditions is None:
            self.times = np.empty((self.count, *times.shape[1:]))
            self.conditions = map_tensors(lambda x: x.new_empty(self.count, *x.shape[1:]), conditions)
        self.times[rows.start : rows.stop] = times.numpy()
        for field in fields(conditions):
            value = getattr(conditions, field.name)
            if isinstance(value, Tensor):
                getattr(self.conditions, field.name)[rows.start : rows.stop] = value
        self.read[number] = True
        known = {name: value for name in KNOWN if (value := getattr(every, name)) is not None}
        if known:
            self.given_names, self.known[number] = every.given_names, known
            while len(self.known) > 1 and sum(map(_bytes, self.known.values())) > self.most_bytes:
                self.known.popitem(last=False)
        return known

    def _known_of(self, trajectory: IntArray) -> dict[str, Tensor]:
        """Constant fields and forcing (B, ...) of trajectories, in the order in which they lie."""
        numbers, rows = np.divmod(trajectory, self.storage.batch)
        found: dict[str, Tensor] = {}
        for sample in np.argsort(numbers, kind="stable").tolist():
            number = int(numbers[sample])
            if number in self.known:
                self.known.move_to_end(number)
            part = self.known.get(number) or self._read(number)
            for name, values in part.items():
                if name not in found:
                    found[name] = values.new_empty(len(trajectory), *values.shape[1:])
                found[name][sample] = values[int(rows[sample])]
        return found


def _bytes(known: dict[str, Tensor]) -> int:
    return sum(value.numel() * value.element_size() for value in known.values())
