"""Trajectories of data files that are looked at, spread over the splits, and what is measured of each."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import torch

from tendency.data.file_storage import FileStorage
from tendency.data.spectral_tail import tail_energy

SAMPLED = {"train": 16, "valid": 4, "test": 4}
"""Trajectories of each split, all of whose snapshots are read."""
SAMPLED_VALUES = 2**27
"""Of all trajectories together: of long ones fewer are read, of very long ones the first snapshots alone."""
VALUES_AT_ONCE = 2**22
SPECTRA = 8
"""Snapshots of a trajectory of which spectra are taken, evenly spread."""


@dataclass(frozen=True, eq=False)
class TrajectoryFacts:
    """What was measured of one trajectory.

    Args:
        number: of the trajectory in the data files.
        times: (T,).
        steps: (T - 1, C) root mean square over the points of the change from one snapshot to the next.
        means: (T, C) over the points.
        spreads: (T, C) standard deviations over the points.
        sizes: (C,) root mean square over snapshots and points.
        tail: (2, C) energy in the highest third of wavenumbers, and in all.
    """

    number: int
    times: np.ndarray
    steps: np.ndarray
    means: np.ndarray
    spreads: np.ndarray
    sizes: np.ndarray
    tail: np.ndarray


def spread_rows(count: int, most: int) -> list[int]:
    """At most so many of the rows from 0 to ``count``, evenly spread, the first and the last among them."""
    return np.unique(np.linspace(0, count - 1, min(most, count)).round().astype(int)).tolist() if count else []


def sampled_rows(storages: Mapping[str, FileStorage], snapshots: int, state: int) -> Iterator[tuple[FileStorage, int]]:
    """The trajectories that are looked at.

    Args:
        storages: of the splits.
        snapshots: of each trajectory.
        state: values of one snapshot.
    """
    share = min(1.0, SAMPLED_VALUES / (sum(SAMPLED.values()) * snapshots * state))
    for split, storage in storages.items():
        for row in spread_rows(len(storage.numbers), max(1, int(SAMPLED[split] * share))):
            yield storage, row


def measure_trajectory(storage: FileStorage, row: int) -> TrajectoryFacts:
    """Reads a trajectory some snapshots at a time.

    Args:
        storage: of its split.
        row: of the trajectory in the split.

    Raises:
        DatasetError: values that are not finite, with the trajectory and the snapshot.
    """
    metadata = storage.metadata
    state = metadata.num_channels * int(np.prod(metadata.geometry.shape))
    total = min(metadata.num_snapshots, max(2, SAMPLED_VALUES // state))
    at_once = max(1, VALUES_AT_ONCE // state)
    spectra = set(spread_rows(total, SPECTRA))
    steps, means, spreads, squares, tails = [], [], [], [], []
    before = None
    for first in range(0, total, at_once):
        last = min(first + at_once, total)
        u = storage.states(range(row, row + 1), slice(first, last))[0].double()
        means.append(u.flatten(2).mean(2))
        spreads.append(u.flatten(2).std(2, correction=0))
        squares.append(u.flatten(2).square().mean(2))
        along = u if before is None else torch.cat([before, u])
        steps.append(along.diff(dim=0).flatten(2).square().mean(2).sqrt())
        if chosen := [k - first for k in range(first, last) if k in spectra]:
            tails.append(np.stack(tail_energy(u[chosen].numpy(), metadata.geometry.boundary.periodic_axes)).sum(1))
        before = u[-1:]
    times, _ = storage.heads(range(row, row + 1))
    return TrajectoryFacts(
        number=int(storage.numbers[row]),
        times=times[0, :total].numpy(),
        steps=torch.cat(steps).numpy(),
        means=torch.cat(means).numpy(),
        spreads=torch.cat(spreads).numpy(),
        sizes=torch.cat(squares).mean(0).sqrt().numpy(),
        tail=np.sum(tails, axis=0),
    )
