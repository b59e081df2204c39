"""The index of a dataset that lies in files of others: what is in them, and which trajectories make which split."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from tendency.data.readers.block import Block
from tendency.data.readers.reader import Reader, StatedFacts


@dataclass(frozen=True, eq=False)
class IndexedFile:
    """One file of the dataset.

    Args:
        name: path from the dataset's path, with "/"; the file's own name where the dataset is one file.
        bytes: its size, that of all its parts where the format puts a folder in place of a file.
        header: SHA-256 of what the reader says of it: structure, coordinates, parameters.
        blocks: that are used, in order.
    """

    name: str
    bytes: int
    header: str
    blocks: tuple[Block, ...]

    @classmethod
    def of(cls, path: Path, name: str, reader: Reader, stated: StatedFacts) -> "IndexedFile":
        """Reads the structure of a file.

        Args:
            path: of the file.
            name: that it has in the index.
            reader: of its format.
            stated: by the user.

        Raises:
            DatasetError: the file is not what the format says.
        """
        with reader.open(path, stated) as file:
            blocks = tuple(file.blocks())
        size = sum(part.stat().st_size for part in reader.parts(path))
        return cls(name, size, header_of(blocks), blocks)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON data."""
        blocks = [block.to_dict() for block in self.blocks]
        return {"name": self.name, "bytes": self.bytes, "header": self.header, "blocks": blocks}

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> "IndexedFile":
        """The inverse of ``to_dict``; raises KeyError, TypeError or ValueError for what is none."""
        return cls(**{**content, "blocks": tuple(Block.from_dict(block) for block in content["blocks"])})


def header_of(blocks: Sequence[Block]) -> str:
    """The SHA-256 of what a reader says of a file."""
    content = json.dumps([block.to_dict() for block in blocks], sort_keys=True)
    return hashlib.sha256(content.encode()).hexdigest()


@dataclass(frozen=True, eq=False)
class FileIndex:
    """What a manifest says of a dataset that lies in files of others.

    Trajectories are numbered through the files and their blocks, in order.

    Args:
        reader: import path of the class that reads the files.
        stated: by the user, of files that do not say it themselves.
        files: in order.
        splits: for each split the numbers of its trajectories, in order.
        params: for each parameter of the dataset its name in the files.
        constants: parameters that have one value, which the user stated; hidden from surrogates.
        dt: time between snapshots, where the user stated it; the files' own times are not read then.
        extent: side lengths that the user stated, in place of the files' own.
    """

    reader: str
    stated: StatedFacts
    files: tuple[IndexedFile, ...]
    splits: Mapping[str, np.ndarray]
    params: Mapping[str, str] = field(default_factory=dict)
    constants: Mapping[str, float] = field(default_factory=dict)
    dt: float | None = None
    extent: tuple[float, ...] | None = None

    def places(self) -> np.ndarray:
        """(number of blocks, 4): of each block its file, its number in it, its first trajectory, how many there are."""
        rows, first = [], 0
        for number, file in enumerate(self.files):
            for place, block in enumerate(file.blocks):
                rows.append((number, place, first, block.num_trajectories))
                first += block.num_trajectories
        return np.asarray(rows, dtype=np.int64).reshape(-1, 4)

    def path_of(self, root: Path, number: int) -> Path:
        """Where a file lies.

        Args:
            root: file or folder that the dataset was indexed at, or where it was moved to.
            number: of the file.
        """
        name = self.files[number].name
        inside = root / name
        # A dataset of one file is the file itself, which some formats make a folder.
        alone = len(self.files) == 1 and name == root.name and not inside.exists()
        return root if alone or root.is_file() else inside

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON data."""
        return {
            "reader": self.reader,
            "stated": {name: list(v) if isinstance(v, tuple) else v for name, v in asdict(self.stated).items()},
            "files": [file.to_dict() for file in self.files],
            "splits": {split: numbers.tolist() for split, numbers in self.splits.items()},
            "params": dict(self.params),
            "constants": dict(self.constants),
            "dt": self.dt,
            "extent": None if self.extent is None else list(self.extent),
        }

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> "FileIndex":
        """The inverse of ``to_dict``; raises KeyError, TypeError or ValueError for what is none."""
        stated = {name: tuple(v) if isinstance(v, list) else v for name, v in content["stated"].items()}
        index = cls(
            **{
                **content,
                "stated": StatedFacts(**stated),
                "files": tuple(IndexedFile.from_dict(file) for file in content["files"]),
                "splits": {name: np.asarray(rows, dtype=np.int64) for name, rows in content["splits"].items()},
                "extent": None if content["extent"] is None else tuple(content["extent"]),
            }
        )
        total = int(index.places()[:, 3].sum()) if index.files else 0
        for split, numbers in index.splits.items():
            if numbers.ndim != 1 or (len(numbers) and not 0 <= numbers.min() <= numbers.max() < total):
                raise ValueError(f"files.splits.{split}: expected numbers below {total}")
        return index
