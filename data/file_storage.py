"""Trajectories that lie in files of others, read in place."""

import hashlib
import json
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from tendency.data.chunk_blocks import stamp_of
from tendency.data.dataset_layout import location_path
from tendency.data.file_index import FileIndex, header_of
from tendency.data.file_location import FileLocation
from tendency.data.metadata import DatasetError
from tendency.data.readers.block import Block
from tendency.data.readers.known_readers import reader_named
from tendency.data.readers.reader import OpenedFile, unreadable_file
from tendency.data.row_reads import read_windows
from tendency.data.storage import TrajectoryStorage
from tendency.data.trajectory_digests import TrajectoryDigests, changed_values
from tendency.data.window_source import IntArray
from tendency.simulation.conditions import Conditions

MOST_OPEN = 16
"""Files that are kept open."""

BEYOND = "beyond the range of float32 (3.4e38)"
RESCALE = "rescale the field to other units"

TOGETHER = 16
"""Trajectories that are read at once where a whole batch is asked for."""


def read_location(folder: Path) -> Path:
    """Where the files of a dataset were last seen.

    Args:
        folder: of the dataset, which holds its index.

    Raises:
        DatasetError: nothing says where.
    """
    path = location_path(folder)
    try:
        return Path(json.loads(path.read_text(encoding="utf-8"))["path"])
    except (OSError, ValueError, KeyError, TypeError):
        raise DatasetError(
            f"dataset {folder}: {path.name} does not say where its files lie; "
            "run python generate.py data=files data.path=<where they are>"
        ) from None


class FileStorage(TrajectoryStorage):
    """One split of a dataset that lies in files of others.

    A file is compared with the index when it is first opened: its size, and what its reader says of it. Where its time
    of change is another one than when it was indexed, the values of its trajectories are compared as well.

    Args:
        folder: of the dataset, which holds its index.
        manifest: of the dataset.
        index: of its files.
        split: ``train``, ``valid`` or ``test``.
        root: where the files lie, whose values are not compared; where the folder says that they do when left out.
    """

    def __init__(self, folder: Path, manifest: Any, index: FileIndex, split: str, root: Path | None = None) -> None:
        self.folder, self.metadata, self.index, self.batch = folder, manifest.metadata, index, TOGETHER
        self.root, self.numbers, self.places = root or read_location(folder), index.splits[split], index.places()
        self.reader = reader_named(index.reader)
        location = None if root else FileLocation.read(folder)
        self.stamps = {} if location is None else location.stamps
        self.digests = TrajectoryDigests({}) if root else TrajectoryDigests.read(folder)
        self.open_files: OrderedDict[int, OpenedFile] = OrderedDict()
        self.compared: set[int] = set()

    @classmethod
    def of_all(cls, folder: Path, manifest: Any, index: FileIndex, root: Path) -> "FileStorage":
        """The trajectories of all splits, in the order of the files.

        Args:
            folder: of the dataset.
            manifest: of the dataset.
            index: of its files.
            root: where the files lie.
        """
        used = np.sort(np.concatenate(list(index.splits.values())))
        return cls(folder, manifest, replace(index, splits={"train": used}), "train", root)

    def heads(self, rows: range) -> tuple[Tensor, Conditions]:
        """As of ``TrajectoryStorage``."""
        times, conditions = self.heads_without_fields(rows)
        given = self._given(rows)
        return times, conditions if given is None else conditions.with_given(given, self.metadata.given_names)

    def heads_without_fields(self, rows: range) -> tuple[Tensor, Conditions]:
        """As of ``TrajectoryStorage``; no file is opened."""
        times, conditions = [], []
        for _, block, part in self._parts(rows):
            times.append(torch.from_numpy(self._times(block, part)))
            conditions.append(self._conditions(block, part))
        return torch.cat(times), Conditions.joined(conditions)

    def states(self, rows: range, snapshots: slice) -> Tensor:
        """As of ``TrajectoryStorage``."""
        begin, end, step = snapshots.indices(self.metadata.num_snapshots)
        pieces = []
        for number, block, part in self._parts(rows):
            values = self._opened(number).read(block, part, slice(begin, end, step))
            self._require(values, number, block, part)
            pieces.append(_single_precision(values))
        u = torch.cat(pieces) if len(pieces) > 1 else pieces[0]
        if not bool(torch.isfinite(u).all()):
            row, snapshot, channel = torch.nonzero(~torch.isfinite(u).flatten(3).all(3))[0].tolist()
            number, block, part = self._part_of(rows.start + row)
            leave_out = f"data.leave_out=[{self.numbers[rows.start + row]}]"
            name, snapshot = block.field_of_channel(channel).name, begin + snapshot * step
            place = f"trajectory {part.start}{_of(block)}, snapshot {snapshot}"
            stored = self._opened(number).read(block, part, slice(snapshot, snapshot + 1))[:, :, channel]
            if np.isfinite(stored).all():
                raise unreadable_file(self._path(number), f"holds values of {name} {BEYOND}: {place}; {RESCALE}")
            raise unreadable_file(
                self._path(number),
                f"holds values of {name} that are not finite: {place}; leave it out by {leave_out}, or clean the file",
            )
        return u

    def slopes(self, rows: range, snapshots: slice) -> Tensor | None:
        """As of ``TrajectoryStorage``: files of others hold no u_t."""
        return None

    def cut(self, trajectory: IntArray, first: IntArray, width: int, stride: int) -> tuple[Tensor, Tensor | None]:
        """As of ``WindowSource``."""
        return read_windows(self.states, trajectory, first, width, stride), None

    def made_of(self, count: int) -> dict[str, str]:
        """As of ``TrajectoryStorage``: the index, and for each file that it uses sizes and times of change."""
        index = json.dumps(self.index.to_dict(), sort_keys=True)
        made = {"index": hashlib.sha256(index.encode()).hexdigest()}
        for number in sorted({self._part_of(row)[0] for row in range(count)}):
            stamps = [stamp_of(part) for part in self.reader.parts(self._path(number))]
            made[self.index.files[number].name] = str([None if stamp is None else stamp[:2] for stamp in stamps])
        return made

    def rows_in(self, number: int) -> list[int]:
        """The trajectories of the split that lie in a file.

        Args:
            number: of the file in the index.
        """
        places = self.places[self.places[:, 0] == number]
        first, stop = places[0, 2], places[-1, 2] + places[-1, 3]
        inside: list[int] = np.flatnonzero((self.numbers >= first) & (self.numbers < stop)).tolist()
        return inside

    def close(self) -> None:
        """As of ``TrajectoryStorage``."""
        while self.open_files:
            self.open_files.popitem()[1].close()

    def __getstate__(self) -> dict[str, Any]:
        """Without open files: each process opens its own."""
        return self.__dict__ | {"open_files": OrderedDict()}

    def _path(self, number: int) -> Path:
        """Where a file of the index lies."""
        return self.index.path_of(self.root, number)

    def _opened(self, number: int) -> OpenedFile:
        """A file of the index, compared with it when it is first opened."""
        if number in self.open_files:
            self.open_files.move_to_end(number)
            return self.open_files[number]
        path, entry = self._path(number), self.index.files[number]
        if not path.exists():
            raise unreadable_file(
                path,
                f"is missing: dataset {self.folder.name} was indexed there; where the files were moved, run the same "
                "train.py or generate.py with data.path=<where they are now>",
            )
        file = self.reader.open(path, self.index.stated)
        if number not in self.compared:
            size = sum(part.stat().st_size for part in self.reader.parts(path))
            if size != entry.bytes:
                raise unreadable_file(path, f"was changed since it was indexed: {entry.bytes} bytes then, {size} now")
            keys = {block.key for block in entry.blocks}
            if header_of([block for block in file.blocks() if block.key in keys]) != header_of(entry.blocks):
                raise unreadable_file(path, "was changed since it was indexed: its structure or its parameters differ")
            self.compared.add(number)
            self.open_files[number] = file
            self._require_values(number, path)
        self.open_files[number] = file
        while len(self.open_files) > MOST_OPEN:
            self.open_files.popitem(last=False)[1].close()
        return file

    def _require_values(self, number: int, path: Path) -> None:
        """Refuses a file that was written to since it was indexed, and whose values are others now.

        A copy of it, whose time of change is another one too, holds the same values.
        """
        stamps = [[part.stat().st_size, part.stat().st_mtime_ns] for part in self.reader.parts(path)]
        if self.stamps.get(self.index.files[number].name) == stamps:
            return
        try:
            changed = self.digests.first_changed(self, self.rows_in(number))
        except DatasetError:
            self._forget(number)
            raise
        if changed is not None:
            self._forget(number)
            raise unreadable_file(path, f"was changed since it was indexed: {changed_values([changed], self.folder)}")

    def _forget(self, number: int) -> None:
        """Lets a file be compared again when it is next asked for."""
        self.compared.discard(number)
        self.open_files.pop(number).close()

    def _part_of(self, row: int) -> tuple[int, Block, slice]:
        """The file, the block and the row in it of one trajectory of the split."""
        number = self.numbers[row]
        place = int(np.searchsorted(self.places[:, 2], number, side="right")) - 1
        file, block, first, _ = self.places[place].tolist()
        return file, self.index.files[file].blocks[block], slice(int(number) - first, int(number) - first + 1)

    def _parts(self, rows: range) -> Iterator[tuple[int, Block, slice]]:
        """Runs of trajectories that are neighbours in one block."""
        run: tuple[int, Block, slice] | None = None
        for row in rows:
            file, block, part = self._part_of(row)
            if run is not None and run[:2] == (file, block) and run[2].stop == part.start:
                run = (file, block, slice(run[2].start, part.stop))
                continue
            if run is not None:
                yield run
            run = (file, block, part)
        if run is not None:
            yield run

    def _times(self, block: Block, part: slice) -> np.ndarray:
        """(B, T) float64."""
        count, snapshots = part.stop - part.start, self.metadata.num_snapshots
        if self.index.dt is not None:
            times = self.index.dt * np.arange(snapshots, dtype=np.float64)
        elif block.times is not None:
            times = block.times[..., :snapshots]
        else:
            raise DatasetError(f"dataset {self.folder.name}: its index has neither times nor data.dt")
        return np.array(times[part] if times.ndim == 2 else np.broadcast_to(times, (count, snapshots)))

    def _conditions(self, block: Block, part: slice) -> Conditions:
        """Parameters and side lengths of some trajectories of a block."""
        extent = block.extent if self.index.extent is None else np.asarray(self.index.extent, dtype=np.float64)
        if extent is None:
            raise DatasetError(f"dataset {self.folder.name}: its index has no side lengths")
        sides = extent[part] if extent.ndim == 2 else np.tile(extent, (part.stop - part.start, 1))
        values = {name: block.params[inside][part] for name, inside in self.index.params.items()}
        values |= {name: np.full(len(sides), value) for name, value in self.index.constants.items()}
        told, hidden = (
            {name: values[name] for name in names} for names in (self.metadata.param_names, self.metadata.hidden_names)
        )
        return Conditions.from_values(self.metadata.geometry, list(sides.T), told, hidden, len(sides))

    def _given(self, rows: range) -> Tensor | None:
        """Constant fields (B, C_g, *N) float32 of neighbouring trajectories; None where there are none."""
        if not self.metadata.given:
            return None
        pieces = [self._opened(number).read_given(block, part) for number, block, part in self._parts(rows)]
        stored = np.concatenate(pieces)
        given = _single_precision(stored)
        if not bool(torch.isfinite(given).all()):
            row = int(torch.nonzero(~torch.isfinite(given).flatten(1).all(1))[0])
            number, block, part = self._part_of(rows.start + row)
            place = f"trajectory {part.start}{_of(block)}"
            if np.isfinite(stored[row]).all():
                raise unreadable_file(self._path(number), f"holds constant fields {BEYOND}: {place}; {RESCALE}")
            raise unreadable_file(
                self._path(number),
                f"holds constant fields that are not finite: {place}; leave it out by "
                f"data.leave_out=[{self.numbers[rows.start + row]}], or clean the file",
            )
        return given

    def _require(self, values: np.ndarray, number: int, block: Block, part: slice) -> None:
        """Refuses values of another shape or kind than the reader promised."""
        expected = (part.stop - part.start, block.num_channels, *block.shape)
        if (values.shape[0], *values.shape[2:]) != expected or values.dtype.kind not in "fiub":
            raise unreadable_file(
                self._path(number),
                f"{block.key}: expected numbers (B, W, C, *N) with B, C, *N = {expected}, got {values.dtype} "
                f"{values.shape}",
            )


def _single_precision(values: np.ndarray) -> Tensor:
    """Values as float32; what is beyond its range is infinite, which the caller refuses."""
    with np.errstate(over="ignore"):
        return torch.from_numpy(np.ascontiguousarray(values, dtype=np.float32))


def _of(block: Block) -> str:
    return f" of {block.key}" if block.key else ""
