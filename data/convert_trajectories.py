"""A dataset as another one in chunks of this program, on fewer points and at fewer times where that is asked for."""

import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from tendency.data.manifest import Manifest
from tendency.data.metadata import TrajectoryMetadata
from tendency.data.open_storage import open_storage
from tendency.data.store_trajectories import TrajectorySource
from tendency.data.trajectory_file import Trajectories
from tendency.simulation.conditions import MASK
from tendency.simulation.geometry import Geometry, Grid

READ_BYTES = 2**25
"""Of the states that are read at once, before they are put on fewer points."""


class ConvertedTrajectories(TrajectorySource):
    """The trajectories of a dataset, read a few snapshots at a time.

    Args:
        folder: of the dataset.
        manifest: of the dataset.
        counts: trajectories of each split that are taken, the first so many.
        every: on each axis, so many points become one.
        stride: every so many snapshots are taken.

    Raises:
        ValueError: points or snapshots that do not allow that.
    """

    def __init__(
        self, folder: Path, manifest: Manifest, counts: Mapping[str, int], every: int = 1, stride: int = 1
    ) -> None:
        fine = manifest.metadata
        snapshots = (fine.num_snapshots - 1) // stride + 1
        if snapshots < 2:
            raise ValueError(
                f"convert_stride: expected at most {fine.num_snapshots - 1}, which leaves two of the "
                f"{fine.num_snapshots} snapshots, got {stride}"
            )
        metadata = replace(
            fine,
            geometry=coarser_grid(fine.geometry, every),
            num_snapshots=snapshots,
            dt=None if fine.dt is None else fine.dt * stride,
            resolution="unknown",
            has_time_derivative=False,
        )
        super().__init__(metadata, counts)
        self.fine, self.every, self.stride = fine, every, stride
        self.storages = {split: open_storage(folder, manifest, split) for split, count in counts.items() if count}

    def trajectories(self, split: str, rows: range) -> Trajectories:
        """As of ``TrajectorySource``."""
        storage, metadata = self.storages[split], self.metadata
        times, conditions = storage.heads(rows)
        u = torch.empty(len(rows), metadata.num_snapshots, metadata.num_channels, *metadata.geometry.shape)
        snapshot = 4 * metadata.num_channels * math.prod(self.fine.geometry.shape)
        block = max(READ_BYTES // snapshot, 1)
        for place, row in enumerate(rows):
            for first in range(0, metadata.num_snapshots, block):
                last = min(first + block, metadata.num_snapshots)
                chosen = slice(first * self.stride, (last - 1) * self.stride + 1, self.stride)
                states = storage.states(range(row, row + 1), chosen)[0]
                u[place, first:last] = on_fewer_points(states, self.fine.geometry, self.every)
        conditions = replace(conditions, geometry=metadata.geometry)
        if conditions.given is not None:
            given = _known_on_fewer_points(conditions.given, self.fine, self.every)
            conditions = replace(conditions, given=given)
        return Trajectories(u, times[:, :: self.stride].contiguous(), conditions, None)


def coarser_grid(geometry: Geometry, every: int) -> Geometry:
    """The grid with one point in place of ``every`` ones on each axis.

    Raises:
        ValueError: scattered nodes, a number of points that cannot be divided so, or fewer than four that are left.
    """
    if every == 1:
        return geometry
    if not isinstance(geometry, Grid):
        raise ValueError(f"convert_every: expected 1 on scattered nodes, got {every}")
    if any(n % every or n // every < 4 for n in geometry.shape):
        raise ValueError(
            f"convert_every: expected a divisor of the number of points {list(geometry.shape)} that leaves four on "
            f"each axis, got {every}"
        )
    return Grid([n // every for n in geometry.shape], geometry.boundary)


def on_fewer_points(u: Tensor, geometry: Geometry, every: int) -> Tensor:
    """States on a grid with one point in place of ``every`` ones on each axis, without aliasing.

    On a periodic axis the Fourier modes below the Nyquist mode of the new points are kept and all others cut; on any
    other the new value is the mean over its cell, which ``every`` cells make.

    Args:
        u: (T, C, *N).
        geometry: of the N points.
        every: on each axis.
    """
    if every == 1 or not isinstance(geometry, Grid):
        return u
    values = u.double()
    for axis, n in enumerate(geometry.shape):
        dim = axis - geometry.spatial_dims
        if geometry.boundary.is_periodic(axis):
            modes = torch.fft.rfft(values, dim=dim)
            kept = modes.narrow(dim, 0, (n // every + 1) // 2)
            values = torch.fft.irfft(kept, n=n // every, dim=dim) / every
        else:
            # Counted from the front: what is split has one axis more behind it.
            front = values.ndim + dim
            values = values.unflatten(front, (n // every, every)).mean(front + 1)
    return values.to(u.dtype)


def _known_on_fewer_points(given: Tensor, fine: TrajectoryMetadata, every: int) -> Tensor:
    """Constant fields (B, C_g, *N); of a mask the values at the points that are kept, since waves would ring at it."""
    if every == 1:
        return given
    found = on_fewer_points(given, fine.geometry, every)
    if MASK in fine.given_names:
        channel = fine.given_names.index(MASK)
        starts = [0 if periodic else every // 2 for periodic in fine.geometry.boundary.periodic_axes]
        found[:, channel] = given[:, channel][(slice(None), *(slice(start, None, every) for start in starts))]
    return found
