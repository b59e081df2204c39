"""One field of all trajectories as an array whose values are read when they are asked for."""

import uuid
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from torch import Tensor
from xarray.backends import BackendArray
from xarray.backends.locks import SerializableLock
from xarray.core import indexing

from tendency.data.metadata import DatasetError, TrajectoryMetadata
from tendency.data.storage import TrajectoryStorage

Part = tuple[TrajectoryStorage, int]
"""A split and its number of trajectories."""
Read = Callable[[TrajectoryStorage, range, slice], Tensor]
"""Reads (B, W, C, *N) of some snapshots of neighbouring trajectories; picklable."""


def read_stored_states(storage: TrajectoryStorage, rows: range, snapshots: slice) -> Tensor:
    """The states."""
    return storage.states(rows, snapshots)


def read_stored_slopes(storage: TrajectoryStorage, rows: range, snapshots: slice) -> Tensor:
    """The time derivatives."""
    slopes = storage.slopes(rows, snapshots)
    if slopes is None:
        raise DatasetError("expected trajectories with u_t, got some without")
    return slopes


def read_stored_given(storage: TrajectoryStorage, rows: range, snapshots: slice) -> Tensor:
    """The constant fields, as one snapshot."""
    given = storage.heads(rows)[1].given
    if given is None:
        raise DatasetError("expected trajectories with constant fields, got some without")
    return given[:, None]


class LazyField(BackendArray):
    """A field (n, T, C, *N) of the trajectories of some splits, one after the other.

    Args:
        parts: the splits.
        read: what is read of them.
        channels: of what is read, those that the field is.
        num_snapshots: T; 1 of what is constant in time.
        metadata: of the trajectories.
        lock: held while files are read, by all fields of the same files.
    """

    def __init__(
        self,
        parts: Sequence[Part],
        read: Read,
        channels: slice,
        num_snapshots: int,
        metadata: TrajectoryMetadata,
        lock: SerializableLock,
    ) -> None:
        self.parts, self.read, self.channels, self.lock = list(parts), read, channels, lock
        count, number = sum(number for _, number in parts), channels.stop - channels.start
        self.shape = (count, num_snapshots, number, *metadata.geometry.shape)
        self.dtype = np.dtype(np.float32)
        self.token = uuid.uuid4().hex

    def __dask_tokenize__(self) -> str:
        """One name for each opening: files may change between two of them."""
        return self.token

    def __getitem__(self, key: indexing.ExplicitIndexer) -> Any:
        """As of xarray, which makes slices and numbers of all other kinds of indices."""
        return indexing.explicit_indexing_adapter(key, self.shape, indexing.IndexingSupport.BASIC, self._values)

    def _values(self, key: tuple[int | slice, ...]) -> np.ndarray:
        """The values at numbers and slices, one for each axis."""
        rows, snapshots = (
            range(size)[at] if isinstance(at, slice) else range(at % size, at % size + 1)
            for at, size in zip(key[:2], self.shape[:2], strict=True)
        )
        values = np.empty((len(rows), len(snapshots), *self.shape[2:]), dtype=self.dtype)
        if values.size:
            backwards = snapshots.step < 0
            ordered = snapshots[::-1] if backwards else snapshots
            chosen = slice(ordered.start, ordered.stop, ordered.step)
            with self.lock:
                for places, storage, inside in self._runs(rows):
                    read = self.read(storage, inside, chosen).numpy()[:, :, self.channels]
                    values[places] = read[:, ::-1] if backwards else read
        taken = [at if isinstance(at, slice) else 0 for at in key[:2]]
        whole = [slice(None) if isinstance(at, slice) else at for at in taken]
        return values[(*whole, *key[2:])]

    def _runs(self, rows: range) -> Iterator[tuple[slice, TrajectoryStorage, range]]:
        """Neighbours that lie together: where they go in the answer, their split, and their numbers in it."""
        starts = np.cumsum([0, *(count for _, count in self.parts)])
        numbers, place = np.asarray(rows), 0
        while place < len(numbers):
            part = int(np.searchsorted(starts, numbers[place], side="right")) - 1
            storage, count = self.parts[part]
            inside, length = int(numbers[place] - starts[part]), 1
            if rows.step == 1:
                stop = min(count, (inside // storage.batch + 1) * storage.batch)
                length = min(stop - inside, len(numbers) - place)
            yield slice(place, place + length), storage, range(inside, inside + length)
            place += length
