"""A copy of a split's decoded trajectories that is mapped into memory: made once, and nothing is lost with it.

<folder of the dataset>/mapped/
    train.f32     for each trajectory its states and, where they are stored, its u_t: (B, K, T, C, *N) float32
    train.json    what it was made of, a checksum of each trajectory, and one of its own
"""

import json
import shutil
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from tendency.data.dataset_layout import copying_lock_path, mapped_path
from tendency.data.folder_lock import only_one
from tendency.data.manifest_schema import content_digest
from tendency.data.metadata import DatasetError
from tendency.data.storage import TrajectoryStorage
from tendency.data.whole_file import sweep_leftovers, whole_file, write_whole
from tendency.data.window_source import IntArray, WindowSource, windows_of

SCHEMA = 1

SPARE_BYTES = 2**30
"""What a copy leaves free on its disk."""


class MappedWindows(WindowSource):
    """Windows that are cut from a copy; of each trajectory the checksum is compared when it is first used.

    Args:
        path: of the copy.
        shape: (B, K, T, C, *N).
        checksums: the CRC-32 of each trajectory.
    """

    where = "from a memory-mapped copy"

    def __init__(self, path: Path, shape: tuple[int, ...], checksums: list[int]) -> None:
        self.path, self.shape, self.checksums = path, shape, checksums
        self.values: np.ndarray | None = None
        self.compared = np.zeros(shape[0], dtype=bool)

    def cut(self, trajectory: IntArray, first: IntArray, width: int, stride: int) -> tuple[Tensor, Tensor | None]:
        """As of ``WindowSource``."""
        values = self._opened()
        if not self.compared[trajectory].all():
            self._compare(values, trajectory)
        _, kinds, snapshots, *inner = self.shape
        flat = values.reshape(-1, *inner)
        place = trajectory * (kinds * snapshots) + first
        u = torch.from_numpy(windows_of(flat, place, width, stride))
        return u, torch.from_numpy(windows_of(flat, place + snapshots, width, stride)) if kinds > 1 else None

    def __getstate__(self) -> dict[str, Any]:
        """Without the map: each process maps the file, whose pages they share."""
        return self.__dict__ | {"values": None}

    def _opened(self) -> np.ndarray:
        """The mapped file."""
        if self.values is None:
            try:
                self.values = np.memmap(self.path, dtype="<f4", mode="r", shape=self.shape)
            except (OSError, ValueError) as error:
                raise DatasetError(f"copy {self.path} cannot be mapped ({error}); {_remedy(self.path)}") from None
        return self.values

    def _compare(self, values: np.ndarray, trajectory: IntArray) -> None:
        """Refuses a trajectory whose values are not those that were written."""
        for number in np.unique(trajectory[~self.compared[trajectory]]).tolist():
            if zlib.crc32(values[number]) != self.checksums[number]:
                raise DatasetError(f"copy {self.path} is damaged: trajectory {number}; {_remedy(self.path)}")
            self.compared[number] = True


class MappedCopy:
    """The place of the copy of a split's first trajectories.

    Args:
        folder: of the dataset.
        split: ``train``, ``valid`` or ``test``.
        storage: of the split.
        shape: (B, K, T, C, *N) of the first trajectories; K is 2 with u_t.
    """

    def __init__(self, folder: Path, split: str, storage: TrajectoryStorage, shape: tuple[int, ...]) -> None:
        self.folder, self.split, self.storage, self.shape = folder, split, storage, shape
        self.path = mapped_path(folder, split)
        self.record = self.path.with_suffix(".json")

    @property
    def bytes(self) -> int:
        """Its size."""
        return int(np.prod(self.shape, dtype=np.int64)) * 4

    def there(self) -> MappedWindows | None:
        """The copy, if there is one that was made of what the dataset is now."""
        try:
            content = json.loads(self.record.read_text(encoding="utf-8"))
            checksums = content["crc32"]
            good = (
                content["schema"] == SCHEMA
                and content["sha256"] == content_digest(content)
                and content["made_of"] == self.storage.made_of(self.shape[0])
                and (content["shape"], len(checksums)) == (list(self.shape), self.shape[0])
                and self.path.stat().st_size == self.bytes
            )
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return MappedWindows(self.path, self.shape, checksums) if good else None

    def lacks_room(self) -> str | None:
        """Why there can be no copy; None where nothing is in its way."""
        if self.path.parent.is_symlink():
            return "it is a symbolic link, and nothing is written through those"
        there = self.path.stat().st_size if self.path.is_file() else 0
        free = shutil.disk_usage(self.folder).free + there
        if self.bytes + SPARE_BYTES > free:
            return f"its disk has {free / 1e9:.3g} GB free, a copy takes {self.bytes / 1e9:.3g} GB"
        return None

    def made(self, notice: Callable[[str], None], progress: Callable[[int, int], None]) -> MappedWindows:
        """The copy, which is made where there is none; one process makes it, the others wait.

        Args:
            notice: is told in a line who is waited for.
            progress: is told how many trajectories are copied.

        Raises:
            DatasetError: something of the dataset is missing or damaged.
            OSError: it cannot be written.
        """
        with only_one(copying_lock_path(self.folder), notice, f"which copies {self.folder}"):
            return self.there() or self._make(progress)

    def _make(self, progress: Callable[[int, int], None]) -> MappedWindows:
        made_of, total, checksums = self.storage.made_of(self.shape[0]), self.shape[0], []
        self.path.parent.mkdir(exist_ok=True)
        sweep_leftovers(self.path.parent)
        # First of all: it must not speak of a file that is another one by now.
        self.record.unlink(missing_ok=True)
        self.path.unlink(missing_ok=True)
        with whole_file(self.path, self.bytes) as temporary, temporary.open("wb") as file:
            for start in range(0, total, self.storage.batch):
                rows = range(start, min(start + self.storage.batch, total))
                u, u_t = self.storage.states(rows, slice(None)), self.storage.slopes(rows, slice(None))
                values = u[:, None] if u_t is None else torch.stack([u, u_t], 1)
                for each in np.ascontiguousarray(values.numpy(), dtype="<f4"):
                    checksums.append(zlib.crc32(each))
                    file.write(each)
                progress(rows.stop, total)
        content: dict[str, Any] = {
            "schema": SCHEMA,
            "shape": list(self.shape),
            "made_of": made_of,
            "crc32": checksums,
        }
        content["sha256"] = content_digest(content)
        write_whole(self.record, json.dumps(content) + "\n")
        return MappedWindows(self.path, self.shape, checksums)


def _remedy(path: Path) -> str:
    return f"delete {path.parent}, and it is made anew"
