"""Windows of a dataset's trajectories, read lazily."""

import operator
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset
from torch.utils.data._utils.collate import default_collate_fn_map

from tendency.data.manifest import read_manifest
from tendency.data.metadata import DatasetError
from tendency.data.open_storage import open_storage
from tendency.data.trajectory_file import Trajectories
from tendency.simulation.annotations import NonNegativeInt, PositiveInt
from tendency.simulation.conditions import Conditions
from tendency.simulation.window import Window

IntArray = NDArray[np.int64]


def collate_windows(windows: Sequence[Window], *, collate_fn_map: object = None) -> Window:
    """Windows as one batch: what a plain ``torch.utils.data.DataLoader`` joins those of a dataset with.

    Args:
        windows: to be joined.
        collate_fn_map: torch's table of such functions, which it hands on.
    """
    return Window.joined(windows)


# The place that torch names for types of one's own (torch.utils.data.default_collate).
default_collate_fn_map[Window] = collate_windows


class TrajectoryHeads:
    """Times and conditions of all trajectories of the chunks that were read, side by side.

    A batch takes them with one operation for each tensor, whatever the number of chunks that it comes from; chunk by
    chunk, this would take as long as a layer of a small network at every step. They stay when a chunk is forgotten;
    constant fields and forcing are as large as states, and do not.

    Args:
        num_chunks: of the split.
    """

    def __init__(self, num_chunks: int) -> None:
        self.first = np.full(num_chunks, -1)
        self.times: Tensor | None = None
        self.conditions: Conditions | None = None

    def add(self, chunk: int, trajectories: Trajectories) -> None:
        """Takes in what a chunk holds, the first time that it is read."""
        if self.first[chunk] >= 0:
            return
        conditions = trajectories.conditions.without_fields()
        if self.times is None or self.conditions is None:
            self.first[chunk], self.times, self.conditions = 0, trajectories.times, conditions
            return
        self.first[chunk] = len(self.times)
        self.times = torch.cat([self.times, trajectories.times])
        self.conditions = Conditions.joined([self.conditions, conditions])

    def of(self, chunk: IntArray, row: IntArray) -> tuple[Tensor, Conditions]:
        """Times (B, T) and conditions of the trajectories at rows (B,) of the chunks (B,), which were read before."""
        if self.times is None or self.conditions is None:
            raise ValueError("expected chunks that were read before, got none")
        place = torch.from_numpy(self.first[chunk] + row)
        return self.times[place], self.conditions[place]


class TrajectoryDataset(Dataset[Window]):
    """One split of a dataset as windows, one for each trajectory and present.

    No data file is opened here: chunks are read when a window first asks for them, and kept in memory up to
    ``cache_bytes``. A pickled copy starts with an empty cache.

    Args:
        folder: of the dataset.
        split: ``train``, ``valid`` or ``test``.
        required: offsets that must exist, e.g. (0, 1).
        wanted: offsets that are moved inside the trajectory at its ends, so that no present is lost to a stencil.
        num_trajectories: the first so many of the split; all that were asked for when left out.
        cache_bytes: memory for decoded chunks.
        stride: every so many stored snapshots make a step: windows are those of a dataset with a time step so many
            times longer, one for each snapshot that may be their present.
        presents: neighbouring snapshots of a trajectory that are presents of windows; all that have the required
            offsets when left out.

    Raises:
        DatasetError: no complete dataset, or fewer trajectories than asked for.
        ValueError: windows longer than the trajectories, or a present that lacks a required offset.
    """

    def __init__(
        self,
        folder: Path,
        split: str,
        required: Sequence[int],
        wanted: Sequence[int] = (0,),
        num_trajectories: PositiveInt | None = None,
        cache_bytes: NonNegativeInt = 4 * 2**30,
        stride: PositiveInt = 1,
        presents: range | None = None,
    ) -> None:
        self.folder, self.split, self.stride = Path(folder), split, stride
        manifest = read_manifest(self.folder)
        self.manifest, self.metadata = manifest, manifest.metadata
        there = self.num_stored = manifest.counts.get(split, 0)
        self.num_trajectories = there if num_trajectories is None else num_trajectories
        if self.num_trajectories > there or there == 0:
            raise DatasetError(
                f"dataset {folder} has {there} {split} trajectories, {self.num_trajectories} are asked for; "
                "generate.py adds what is missing"
            )
        snapshots = self.metadata.num_snapshots
        self.low = min(*required, *wanted, 0)
        self.width = max(*required, *wanted, 0) - self.low + 1
        possible = range(max(0, -min(required)) * stride, snapshots - max(0, *required) * stride)
        self.presents = possible if presents is None else presents
        # Neighbours: the ends say it of all of them, however many a manifest promises.
        if self.presents.step != 1 or any(
            present not in possible for present in (*self.presents[:1], *self.presents[-1:])
        ):
            raise ValueError(f"presents: expected neighbours within {possible}, got {self.presents}")
        self._check_room()
        self.storage = open_storage(self.folder, manifest, split)
        self.chunk_size = self.storage.batch
        self.cache_bytes = cache_bytes
        self.cache: OrderedDict[int, Trajectories] = OrderedDict()
        self.heads = TrajectoryHeads(-(-there // self.chunk_size))

    def __repr__(self) -> str:
        """The split, how large it is, and of what."""
        return (
            f"TrajectoryDataset({self.split} of {self.folder.name}: {len(self)} windows of {self.width} snapshots, "
            f"{self.num_trajectories} trajectories; {self.metadata})"
        )

    @classmethod
    def whole(
        cls, folder: Path, split: str, num_trajectories: PositiveInt | None = None, stride: PositiveInt = 1
    ) -> "TrajectoryDataset":
        """Whole trajectories, present at their first snapshot; see the class for the arguments."""
        last = (read_manifest(Path(folder)).metadata.num_snapshots - 1) // stride
        return cls(folder, split, (0, last), num_trajectories=num_trajectories, stride=stride, presents=range(1))

    def _check_room(self) -> None:
        """Each present needs as many snapshots at its stride as a window holds."""
        snapshots, stride = self.metadata.num_snapshots, self.stride
        # A stride later there is the same room.
        some = self.presents[:stride]
        room = min((p // stride + (snapshots - 1 - p) // stride + 1 for p in some), default=0)
        if self.width > room:
            steps = f" {stride} apart" if stride > 1 else ""
            raise ValueError(f"windows of {self.width} snapshots{steps} do not fit into trajectories of {snapshots}")

    def __len__(self) -> int:
        """Number of windows."""
        return self.num_trajectories * len(self.presents)

    def __getitem__(self, index: int) -> Window:
        """The window of that index, as a batch of one; negative indices count from the end, as in a list.

        Raises:
            IndexError: there is no such window.
            TypeError: it is no whole number.
        """
        windows, position = len(self), operator.index(index)
        if not -windows <= position < windows:
            raise IndexError(f"index: expected one of the {windows} windows of {self.split}, got {position}")
        return self.windows([position % windows])

    def windows(self, indices: Sequence[int]) -> Window:
        """The windows of those indices as one batch, in their order.

        Args:
            indices: B numbers of windows, counted trajectory by trajectory and present by present.

        Raises:
            DatasetError: a chunk is missing or damaged.
            IndexError: there is no such window.
            ValueError: no index.
        """
        # Arrays, not tensors: an operation on a few numbers takes them a third of the time.
        index = np.asarray(indices, dtype=np.int64)
        if not index.size:
            raise ValueError("indices: expected at least one, got none")
        if index.min() < 0 or index.max() >= len(self):
            raise IndexError(f"indices: expected 0 to {len(self) - 1}, got {index.min()} to {index.max()}")
        trajectory, later = np.divmod(index, len(self.presents))
        present = self.presents.start + later
        # In steps of the stride; a window that would reach beyond the trajectory is moved inside.
        latest = (self.metadata.num_snapshots - 1 - present) // self.stride - (self.width - 1)
        low = np.maximum(np.minimum(latest, self.low), -(present // self.stride))
        part = self._snapshots(trajectory, present + self.stride * low)
        return Window(
            u=part.u,
            t=part.times,
            conditions=part.conditions,
            u_t=part.u_t,
            index=torch.from_numpy(index),
            present=torch.from_numpy(-low),
            stride=torch.ones(len(index), dtype=torch.int64),
        )

    def _snapshots(self, trajectory: IntArray, first: IntArray) -> Trajectories:
        """The W snapshots from ``first`` (B,) on of the trajectories (B,), put together from their chunks."""
        chunk, row = np.divmod(trajectory, self.chunk_size)
        places = sorted(zip(chunk.tolist(), range(len(chunk)), row.tolist(), first.tolist(), strict=True))
        part = self._chunk(places[0][0])
        u = part.u.new_empty(len(chunk), self.width, *part.u.shape[2:])
        u_t = None if part.u_t is None else torch.empty_like(u)
        # Slices of arrays: with tensors of indices, it would take several times as long, and each step waits for it.
        values, slopes = u.numpy(), None if u_t is None else u_t.numpy()
        known = {
            name: fields.new_empty(len(chunk), *fields.shape[1:]) for name, fields in _known(part.conditions).items()
        }
        span = self.stride * (self.width - 1) + 1
        for number, sample, r, begin in places:
            part, cut = self._chunk(number), slice(begin, begin + span, self.stride)
            values[sample] = part.u.numpy()[r, cut]
            if slopes is not None and part.u_t is not None:
                slopes[sample] = part.u_t.numpy()[r, cut]
            for name, fields in _known(part.conditions).items():
                known[name].numpy()[sample] = fields.numpy()[r]
        at = first[:, None] + self.stride * np.arange(self.width)
        times, conditions = self.heads.of(chunk, row)
        if known:
            conditions = replace(
                conditions,
                given=known.get("given"),
                given_names=part.conditions.given_names,
                forcing=known.get("forcing"),
                forcing_times=known.get("forcing_times"),
            )
        return Trajectories(u, times.gather(1, torch.from_numpy(at)), conditions, u_t)

    def _chunk(self, chunk: int) -> Trajectories:
        """Neighbouring trajectories that lie together, from memory where they are there."""
        if chunk in self.cache:
            self.cache.move_to_end(chunk)
            return self.cache[chunk]
        rows = range(chunk * self.chunk_size, min((chunk + 1) * self.chunk_size, self.num_stored))
        u, (times, conditions) = self.storage.states(rows, slice(None)), self.storage.heads(rows)
        trajectories = Trajectories(u, times, conditions, self.storage.slopes(rows, slice(None)))
        self.cache[chunk] = trajectories
        self.heads.add(chunk, trajectories)
        while len(self.cache) > 1 and sum(_bytes(part) for part in self.cache.values()) > self.cache_bytes:
            self.cache.popitem(last=False)
        return trajectories

    def __getstate__(self) -> dict[str, Any]:
        """Without the cache: each process reads for itself."""
        return self.__dict__ | {"cache": OrderedDict(), "heads": TrajectoryHeads(len(self.heads.first))}


def _known(conditions: Conditions) -> dict[str, Tensor]:
    """The constant fields and the forcing of some trajectories, by the names that ``Conditions`` has for them."""
    fields = {
        "given": conditions.given,
        "forcing": conditions.forcing,
        "forcing_times": conditions.forcing_times,
    }
    return {name: values for name, values in fields.items() if values is not None}


def _bytes(part: Trajectories) -> int:
    tensors = [part.u, *([] if part.u_t is None else [part.u_t]), *_known(part.conditions).values()]
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors)


def open_windows(
    folder: str | Path,
    split: str = "test",
    required: Sequence[int] = (0, 1),
    wanted: Sequence[int] = (0,),
    stride: int = 1,
) -> TrajectoryDataset:
    """Windows of a dataset's split, which iterate, are indexed and go into a ``torch.utils.data.DataLoader``.

    See ``tendency.data.dataset.TrajectoryDataset``; ``tendency.open_dataset`` gives whole trajectories to xarray.

    Example:
        >>> dataset = tendency.open_windows("datasets/heat", "test")
        >>> len(dataset), dataset.metadata.channel_names
        (14, ('u',))
        >>> dataset[0].u.shape  # trajectories, snapshots, channels, points
        torch.Size([1, 2, 1, 16])
    """
    return TrajectoryDataset(Path(folder), split, required, wanted, stride=stride)
