"""What data files hold, read once: their structure, whether they belong together, and some of their values."""

import functools
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from pathlib import Path

import numpy as np

from tendency.data.file_index import IndexedFile, header_of
from tendency.data.readers.block import Block
from tendency.data.readers.reader import OpenedFile, Reader, StatedFacts, unreadable_file

SAMPLED_VALUES = 2**24
"""Of a trajectory that is looked at when files are indexed; of a longer one fewer snapshots are read."""

ReportProgress = Callable[[int, int], None]


@dataclass(frozen=True)
class DataFiles:
    """The files of one dataset and how they are read.

    Args:
        path: of a file or a folder.
        reader: of their format.
        stated: by the user.
    """

    path: Path
    reader: Reader
    stated: StatedFacts

    @functools.cached_property
    def found(self) -> dict[str, Path]:
        """The files by the names that they have in an index, in order.

        Raises:
            ValueError: there is none.
        """
        files = self.reader.files(self.path)
        if not files:
            raise ValueError(
                f"data.path: expected a file or a folder of files of {name_of(self.reader)}, got {self.path}"
            )
        names = (file.name if file == self.path else file.relative_to(self.path).as_posix() for file in files)
        return dict(zip(names, files, strict=True))

    def stamps(self) -> dict[str, list[list[int]]]:
        """Size and time of change of the parts of each file."""
        return {
            name: [[part.stat().st_size, part.stat().st_mtime_ns] for part in self.reader.parts(file)]
            for name, file in self.found.items()
        }

    def index(self, only: str | None, progress: ReportProgress) -> list[IndexedFile]:
        """Reads the structure of the files.

        Args:
            only: pattern of the names of files, or of blocks in them, that are used; None for all.
            progress: is told how many files were read.

        Raises:
            DatasetError: a file is not what the format says.
            ValueError: nothing is left.
        """
        found, indexed = self.found, []
        for number, (name, path) in enumerate(found.items(), 1):
            entry = IndexedFile.of(path, name, self.reader, self.stated)
            if kept := tuple(block for block in entry.blocks if only is None or _is_named(only, name, block)):
                indexed.append(replace(entry, blocks=kept, header=header_of(kept)))
            progress(number, len(found))
        if not indexed:
            keys = [
                f"{name} {block.key}".strip() for name, path in list(found.items())[:4] for block in self._blocks(path)
            ]
            raise ValueError(
                f"data.only: expected a pattern of a file's or a block's name, such as {keys[:4]}, got {only!r}"
            )
        return indexed

    def number_type(self, entry: IndexedFile) -> str:
        """The number type of the values of a file; one snapshot is read."""
        with self.reader.open(self.found[entry.name], self.stated) as file:
            return str(file.read(entry.blocks[0], slice(0, 1), slice(0, 1)).dtype)

    def _blocks(self, path: Path) -> list[Block]:
        with self.reader.open(path, self.stated) as file:
            return file.blocks()

    def sample(self, files: Sequence[IndexedFile], number: int, used: np.ndarray, num_snapshots: int) -> str:
        """Reads the first and the last trajectory of a file that are used.

        Args:
            files: of the index, in order.
            number: of the file among them.
            used: sorted numbers of the trajectories, counted through files and blocks.
            num_snapshots: of each trajectory that are used.

        Returns:
            The SHA-256 of the values that were read.

        Raises:
            DatasetError: values that are not finite, of another shape than the reader says, or no numbers.
        """
        entry, digest = files[number], hashlib.sha256()
        first = sum(block.num_trajectories for file in files[:number] for block in file.blocks)
        path = self.found.get(entry.name)
        if path is None:
            raise unreadable_file(self.path if self.path.name == entry.name else self.path / entry.name, "is missing")
        places = []
        for block in entry.blocks:
            inside = used[(used >= first) & (used < first + block.num_trajectories)]
            places += [(block, int(chosen) - first, int(chosen)) for chosen in inside[[0, -1] if len(inside) else []]]
            first += block.num_trajectories
        with self.reader.open(path, self.stated) as file:
            for block, row, chosen in dict.fromkeys([*places[:1], *places[-1:]]):
                digest.update(_sample(path, file, block, row, chosen, num_snapshots))
        return digest.hexdigest()


def name_of(reader: Reader) -> str:
    """What a format is called: the module of its reader."""
    return type(reader).__module__.rpartition(".")[2]


def _is_named(pattern: str, name: str, block: Block) -> bool:
    texts = (name, name.rpartition("/")[2], block.key, f"{name}/{block.key}")
    return any(fnmatchcase(text, pattern) for text in texts)


def _sample(path: Path, file: OpenedFile, block: Block, row: int, number: int, num_snapshots: int) -> bytes:
    """Values of one trajectory, of some of its snapshots where it is very long.

    Args:
        path: of the file.
        file: opened.
        block: of the file.
        row: of the trajectory in the block.
        number: of the trajectory in the dataset.
        num_snapshots: of it that are used.
    """
    state = block.num_channels * int(np.prod(block.shape))
    step = -(-num_snapshots * state // SAMPLED_VALUES)
    chosen = range(0, num_snapshots, step)
    values = file.read(block, slice(row, row + 1), slice(0, num_snapshots, step))
    expected = (1, len(chosen), block.num_channels, *block.shape)
    if values.shape != expected or values.dtype.kind not in "fiub":
        raise unreadable_file(
            path, f"{block.key}: expected numbers of shape {expected}, got {values.dtype} {values.shape}"
        )
    finite = np.isfinite(values).reshape(*values.shape[1:3], -1).all(2)
    if not finite.all():
        snapshot, channel = np.argwhere(~finite)[0].tolist()
        of = f" of {block.key}" if block.key else ""
        raise unreadable_file(
            path,
            f"holds values of {block.field_of_channel(channel).name} that are not finite: trajectory {row}{of}, "
            f"snapshot {chosen[snapshot]}; leave it out by data.leave_out=[{number}], or clean the file",
        )
    given = file.read_given(block, slice(row, row + 1))
    if not np.isfinite(given).all():
        raise unreadable_file(
            path,
            f"holds constant fields that are not finite: trajectory {row}; leave it out by data.leave_out=[{number}], "
            "or clean the file",
        )
    return np.ascontiguousarray(values).tobytes() + np.ascontiguousarray(given).tobytes()
