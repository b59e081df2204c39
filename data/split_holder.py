"""How the splits of a run are held: in memory, as a memory-mapped copy, or read from their files; by their size."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tendency.data.machine import available_memory
from tendency.data.manifest import Manifest
from tendency.data.mapped_copy import MappedCopy
from tendency.data.metadata import DatasetError
from tendency.data.open_storage import open_storage
from tendency.data.resident_windows import ResidentWindows
from tendency.data.storage import TrajectoryStorage
from tendency.data.trajectory_heads import TrajectoryHeads
from tendency.data.window_source import WindowSource
from tendency.simulation.annotations import NonNegativeInt, PositiveInt

Hold = Literal["auto", "memory", "mapped", "rows"]
"""``auto`` takes the first of the others that there is room for."""

Memory = PositiveInt | Literal["auto"]
"""Bytes of memory."""

LoaderWorkers = NonNegativeInt | Literal["auto"]
"""Processes that cut windows beside a training."""

UNKNOWN_MEMORY = 8 * 2**30
"""Taken for the memory of a machine that does not say how much it has."""


@dataclass(frozen=True, eq=False)
class HeldSplit:
    """The first trajectories of a split, open.

    Args:
        storage: where they lie.
        heads: their times and conditions.
        source: of their windows.
        bytes: of their decoded fields.
        reason: why no faster way was taken, where that could surprise.
    """

    storage: TrajectoryStorage
    heads: TrajectoryHeads
    source: WindowSource
    bytes: int
    reason: str | None = None

    def __str__(self) -> str:
        """How much is where."""
        reason = f" ({self.reason})" if self.reason else ""
        return f"{self.bytes / 1e6:.3g} MB {self.source.where}{reason}"


class SplitHolder:
    """The splits of a run, each of which is held once, whoever asks for windows of it.

    How a split is held changes none of its windows.

    Args:
        hold: how.
        memory: bytes that all splits together may take in memory. ``auto``: half of what this process may have; all of
            it where they are to be held in memory.
        copies: whether a memory-mapped copy may be made; one that is there is used in any case, and where there is none
            and none may be made, rows are read.
        notice: is told in a line what is waited for.
        progress: makes of a title what is told how many trajectories of how many are copied.
    """

    def __init__(
        self,
        hold: Hold = "auto",
        memory: Memory = "auto",
        copies: bool = False,
        notice: Callable[[str], None] = lambda line: None,
        progress: Callable[[str], Callable[[int, int], None]] = lambda title: lambda done, total: None,
    ) -> None:
        self.way, self.memory, self.copies = hold, memory, copies
        self.notice, self.progress = notice, progress
        self.processes = 1
        self.room: int | None = None
        self.held: dict[tuple[Path, str, int], HeldSplit] = {}

    def share(self, processes: int) -> None:
        """Says before the first split is held how many processes of a run share the memory of this machine."""
        self.processes = processes

    def hold(self, folder: Path, manifest: Manifest, split: str, count: int) -> HeldSplit:
        """Opens the first trajectories of a split, or gives them where they are open.

        Args:
            folder: of the dataset.
            manifest: of the dataset.
            split: ``train``, ``valid`` or ``test``.
            count: number of trajectories.

        Raises:
            DatasetError: the split cannot be held as it is asked for, or something of it is missing or damaged.
        """
        key = folder.resolve(), split, count
        if key not in self.held:
            storage, metadata = open_storage(folder, manifest, split), manifest.metadata
            kinds = 2 if metadata.has_time_derivative else 1
            shape = (count, kinds, metadata.num_snapshots, metadata.num_channels, *metadata.geometry.shape)
            copy = MappedCopy(folder, split, storage, shape)
            source, reason = self._source(copy)
            self.held[key] = HeldSplit(storage, TrajectoryHeads(storage, count), source, copy.bytes, reason)
        return self.held[key]

    def _source(self, copy: MappedCopy) -> tuple[WindowSource, str | None]:
        """Where windows come from, and why there can be no copy where one was wanted."""
        if self.way in ("auto", "memory"):
            if copy.bytes <= (room := self._room()):
                self.room = room - copy.bytes
                return ResidentWindows(copy.storage, copy.shape[0]), None
            if self.way == "memory":
                raise DatasetError(
                    f"data.hold=memory: expected splits that fit into {room / 1e9:.3g} GB of memory "
                    f"(data.memory={self.memory}), got {copy.bytes / 1e9:.3g} GB of the {copy.split} split; "
                    "data.hold=auto finds another way"
                )
        if self.way == "rows":
            return copy.storage, None
        if there := copy.there():
            return there, None
        if not self.copies:
            return copy.storage, None
        if (reason := copy.lacks_room()) is None:
            try:
                return copy.made(self.notice, self.progress(f"copying {copy.folder.name}/{copy.split}")), None
            except OSError as error:
                reason = error.strerror or str(error)
        reason = f"no copy can be made in {copy.path.parent}: {reason}"
        if self.way == "mapped":
            raise DatasetError(f"data.hold=mapped: of the {copy.split} split {reason}; data.hold=rows needs none")
        return copy.storage, reason

    def _room(self) -> int:
        """Bytes of memory that are left for further splits."""
        if self.room is None:
            if self.memory == "auto":
                there = available_memory()
                there = UNKNOWN_MEMORY if there is None else there
                share = 1 if self.way == "memory" else 2
                self.room = math.floor(there / share / self.processes)
            else:
                self.room = self.memory // self.processes
        return self.room
