"""Where the files of a dataset lie; every path of data is made here.

<root>/<name>-<hash of what it is made of>/
    train/chunk-00000.hdf5 ...  valid/ ...  test/ ...     trajectories that were solved together
    seconds.jsonl                                         what each chunk took to solve, and its checksum
    manifest.json                                         written last: without it the dataset is not complete
    mapped/train.f32 ...  train.json ...                  copies of splits for training; nothing is lost with them

A dataset of files of others has a manifest with their index, location.json, which says where they lie and when they
were changed, and digests.json, with a digest of the values of each of their trajectories.
"""

import hashlib
import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

NAME = re.compile(r"[a-z0-9][a-z0-9_.-]{0,63}")
"""Names of datasets that are safe as names of folders."""

SPLITS = ("train", "valid", "test")
"""Each has a folder of its own."""


MOST_LETTERS = 40
"""Of a file's or a folder's name in the name of a dataset."""


def safe_name(words: str) -> str:
    """The name of a file or a folder, made safe as the name of a dataset."""
    return re.sub(r"[^a-z0-9_.-]+", "_", words.lower()).lstrip("_.-")[:MOST_LETTERS] or "files"


def dataset_folder(root: Path, name: str, description: Mapping[str, Any]) -> Path:
    """The folder root/<name>-<hash of the description>.

    Args:
        root: folder of all datasets.
        name: of the problem.
        description: plain JSON data that says how the dataset is made.

    Raises:
        ValueError: a name that would not stay in the root.
    """
    if not NAME.fullmatch(name):
        raise ValueError(f"pde.name: expected lower case letters, digits, '_', '.', '-' (at most 64), got {name!r}")
    return root / f"{name}-{description_digest(description)[:10]}"


def description_digest(description: Mapping[str, Any]) -> str:
    """The SHA-256 of what a dataset is made of: its name ends in the first digits, each of its chunks says all.

    Args:
        description: plain JSON data, as of ``dataset_folder``.
    """
    return hashlib.sha256(json.dumps(description, sort_keys=True).encode()).hexdigest()


def manifest_path(folder: Path) -> Path:
    """The manifest of the dataset in ``folder``."""
    return folder / "manifest.json"


def seconds_path(folder: Path) -> Path:
    """The record of what each chunk of the dataset in ``folder`` took to solve."""
    return folder / "seconds.jsonl"


def location_path(folder: Path) -> Path:
    """Where the files of a dataset lie that was made of files of others; it is no part of what the dataset is."""
    return folder / "location.json"


def digests_path(folder: Path) -> Path:
    """Digests of the values of trajectories in files of others; no part of what the dataset is."""
    return folder / "digests.json"


def lock_path(folder: Path) -> Path:
    """What is there while a process writes chunks of the dataset in ``folder``."""
    return folder / ".generation.lock"


def mapped_path(folder: Path, split: str) -> Path:
    """The copy of a split's decoded trajectories; what it was made of stands beside it, in a file that ends in json."""
    return folder / "mapped" / f"{split}.f32"


def copying_lock_path(folder: Path) -> Path:
    """What is there while a process makes a copy of a split of the dataset in ``folder``."""
    return folder / ".copying.lock"


def stored_chunk_paths(folder: Path) -> list[Path]:
    """The chunk files that a dataset's folder holds, whether or not the dataset is complete."""
    return sorted(folder.glob("*/chunk-*.hdf5"))


@dataclass(frozen=True)
class Chunk:
    """The trajectories of a split that are solved together and stored in one file.

    Args:
        split: ``train``, ``valid`` or ``test``.
        number: counted from 0 in its split.
    """

    split: str
    number: int

    @property
    def name(self) -> str:
        """What the manifest calls it: the path of its file from the dataset's folder."""
        return f"{self.split}/chunk-{self.number:05d}.hdf5"

    def path(self, folder: Path) -> Path:
        """Its file in the dataset's folder."""
        return folder / self.name

    def trajectories(self, chunk_size: int) -> range:
        """Indices of its trajectories in their split."""
        return range(self.number * chunk_size, (self.number + 1) * chunk_size)


def chunks_of(counts: Mapping[str, int], chunk_size: int) -> list[Chunk]:
    """The chunks that hold the first trajectories of the splits.

    Args:
        counts: number of trajectories of each split.
        chunk_size: trajectories in each chunk.
    """
    return [Chunk(split, number) for split, n in counts.items() for number in range(math.ceil(n / chunk_size))]
