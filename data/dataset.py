"""Windows of a dataset's trajectories, read lazily."""

import operator
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch.utils.data import Dataset
from torch.utils.data._utils.collate import default_collate_fn_map

from tendency.data.given_arguments import given_count, given_offsets, given_path
from tendency.data.manifest import read_manifest
from tendency.data.metadata import DatasetError
from tendency.data.split_holder import SplitHolder
from tendency.simulation.annotations import PositiveInt
from tendency.simulation.problem import SPLITS
from tendency.simulation.window import Window


def collate_windows(windows: Sequence[Window], *, collate_fn_map: object = None) -> Window:
    """Windows as one batch: what a plain ``torch.utils.data.DataLoader`` joins those of a dataset with.

    Args:
        windows: to be joined.
        collate_fn_map: torch's table of such functions, which it hands on.
    """
    return Window.joined(windows)


# The place that torch names for types of one's own (torch.utils.data.default_collate).
default_collate_fn_map[Window] = collate_windows


class TrajectoryDataset(Dataset[Window]):
    """One split of a dataset as windows, one for each trajectory and present.

    No data file is read here, unless a memory-mapped copy is made: trajectories are read when a window first asks for
    them. A pickled copy holds none of them.

    Args:
        folder: of the dataset.
        split: ``train``, ``valid`` or ``test``.
        required: offsets that must exist, e.g. (0, 1).
        wanted: offsets that are moved inside the trajectory at its ends, so that no present is lost to a stencil.
        num_trajectories: the first so many of the split; all that were asked for when left out.
        stride: every so many stored snapshots make a step: windows are those of a dataset with a time step so many
            times longer, one for each snapshot that may be their present.
        presents: neighbouring snapshots of a trajectory that are presents of windows; all that have the required
            offsets when left out.
        holder: that holds the split, in memory where it fits, when left out.

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
        stride: PositiveInt = 1,
        presents: range | None = None,
        holder: SplitHolder | None = None,
    ) -> None:
        self.folder, self.split, self.stride = Path(folder), split, stride
        manifest = read_manifest(self.folder)
        self.manifest, self.metadata = manifest, manifest.metadata
        there = manifest.counts.get(split, 0)
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
        self.held = (holder or SplitHolder()).hold(self.folder, manifest, split, self.num_trajectories)
        self.storage = self.held.storage

    def __repr__(self) -> str:
        """The split, how large it is, and of what."""
        return (
            f"TrajectoryDataset({self.split} of {self.folder.name}: {len(self)} windows of {self.width} snapshots, "
            f"{self.num_trajectories} trajectories; {self.metadata})"
        )

    @classmethod
    def whole(
        cls,
        folder: Path,
        split: str,
        num_trajectories: PositiveInt | None = None,
        stride: PositiveInt = 1,
        holder: SplitHolder | None = None,
    ) -> "TrajectoryDataset":
        """Whole trajectories, present at their first snapshot; see the class for the arguments."""
        last = (read_manifest(Path(folder)).metadata.num_snapshots - 1) // stride
        return cls(
            folder,
            split,
            (0, last),
            num_trajectories=num_trajectories,
            stride=stride,
            presents=range(1),
            holder=holder,
        )

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
        try:
            windows, position = len(self), operator.index(index)
        except TypeError:
            raise TypeError(f"index: expected a whole number, got {index!r}") from None
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
        index = np.asarray(indices)
        if not index.size:
            raise ValueError("indices: expected at least one, got none")
        if index.ndim != 1 or index.dtype.kind not in "iu":
            raise ValueError(f"indices: expected a list of whole numbers, got {indices!r:.100}")
        index = index.astype(np.int64, copy=False)
        # A negative number is a very large one without its sign.
        if (index.view(np.uint64) >= len(self)).any():
            raise IndexError(f"indices: expected 0 to {len(self) - 1}, got {index.min()} to {index.max()}")
        trajectory, later = np.divmod(index, len(self.presents))
        present = self.presents.start + later
        # In steps of the stride; a window that would reach beyond the trajectory is moved inside.
        latest = (self.metadata.num_snapshots - 1 - present) // self.stride - (self.width - 1)
        low = np.maximum(np.minimum(latest, self.low), -(present // self.stride))
        first = present + self.stride * low
        u, u_t = self.held.source.cut(trajectory, first, self.width, self.stride)
        t, conditions = self.held.heads.of(trajectory, first[:, None] + self.stride * np.arange(self.width))
        return Window(
            u=u,
            t=t,
            conditions=conditions,
            u_t=u_t,
            index=torch.from_numpy(index),
            present=torch.from_numpy(-low),
            stride=torch.ones(len(index), dtype=torch.int64),
        )


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

    Raises:
        DatasetError: there is no dataset, or its split has no trajectories.
        ValueError: another argument that does not fit; the message names it.
    """
    if split not in SPLITS:
        raise ValueError(f"split: expected one of {', '.join(SPLITS)}, got {split!r}")
    return TrajectoryDataset(
        given_path(folder, "folder"),
        split,
        given_offsets(required, "required", least=1),
        given_offsets(wanted, "wanted"),
        stride=given_count(stride, "stride"),
    )
