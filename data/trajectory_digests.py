"""Digests of the values of trajectories in data files: what tells a file that was copied from one that was changed."""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from torch import Tensor

from tendency.data.dataset_layout import digests_path
from tendency.data.manifest_schema import content_digest
from tendency.data.metadata import TrajectoryMetadata
from tendency.data.whole_file import write_whole
from tendency.simulation.conditions import Conditions

SCHEMA = 1

DIGESTED_VALUES = 2**28
"""Of which digests are taken when files are indexed, 1 GB in single precision; of more, of some trajectories."""

VALUES_AT_ONCE = 2**22

MOST_NAMED = 5
"""Of the trajectories whose values differ."""

ReportProgress = Callable[[int, int], None]


class NumberedStorage(Protocol):
    """Trajectories of data files, with the numbers that they have there."""

    metadata: TrajectoryMetadata
    numbers: np.ndarray

    def heads(self, rows: range) -> tuple[Tensor, Conditions]:
        """As of ``TrajectoryStorage``."""

    def states(self, rows: range, snapshots: slice) -> Tensor:
        """As of ``TrajectoryStorage``."""


@dataclass(frozen=True)
class TrajectoryDigests:
    """The SHA-256 of the values of trajectories, by their numbers in the data files.

    Args:
        known: of those of which one was taken.
    """

    known: Mapping[int, str]

    @classmethod
    def read(cls, folder: Path) -> "TrajectoryDigests":
        """What the folder of a dataset holds; none where it holds nothing that can be read."""
        try:
            content = json.loads(digests_path(folder).read_text(encoding="utf-8"))
            if content["schema"] != SCHEMA or content["sha256"] != content_digest(content):
                return cls({})
            return cls({int(number): str(digest) for number, digest in content["digests"].items()})
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return cls({})

    def write(self, folder: Path) -> None:
        """Writes them into the folder of a dataset, whole or not at all."""
        content: dict[str, object] = {
            "schema": SCHEMA,
            "digests": {str(number): digest for number, digest in sorted(self.known.items())},
        }
        write_whole(digests_path(folder), json.dumps(content | {"sha256": content_digest(content)}) + "\n")

    @classmethod
    def taken(cls, storage: NumberedStorage, progress: ReportProgress) -> "TrajectoryDigests":
        """Reads trajectories, evenly spread where all of them are too many.

        Args:
            storage: of the trajectories.
            progress: is told how many were read.

        Raises:
            DatasetError: as of ``TrajectoryStorage.states``.
        """
        count, most = len(storage.numbers), DIGESTED_VALUES // _values_of(storage.metadata)
        rows = range(count) if count <= most else np.unique(np.linspace(0, count - 1, most).astype(int)).tolist()
        known = {}
        for done, (number, digest) in enumerate(digests_of(storage, rows), 1):
            known[number] = digest
            progress(done, len(rows))
        return cls(known)

    def first_changed(self, storage: NumberedStorage, rows: Sequence[int]) -> int | None:
        """The number of the first trajectory whose values are not what they were; None where there is none.

        Args:
            storage: of the trajectories.
            rows: of them that are compared, as far as a digest of them is known.
        """
        compared = [row for row in rows if int(storage.numbers[row]) in self.known]
        changed = (number for number, digest in digests_of(storage, compared) if digest != self.known[number])
        return next(changed, None)


def changed_values(numbers: Sequence[int], folder: Path) -> str:
    """What is said of trajectories whose values differ, with the remedy.

    Args:
        numbers: of the trajectories in the data files.
        folder: of the dataset.
    """
    named = ", ".join(map(str, numbers[:MOST_NAMED])) + (", ..." if numbers[MOST_NAMED:] else "")
    which = f"trajectory {named} has" if len(numbers) == 1 else f"{len(numbers)} trajectories ({named}) have"
    return (
        f"{which} other values than dataset {folder.name} was made of; put the file back as it was, or give the "
        "changed one another name: that is another dataset"
    )


def digests_of(storage: NumberedStorage, rows: Sequence[int]) -> Iterator[tuple[int, str]]:
    """The SHA-256 of the states and constant fields of trajectories, as they are trained on, each with its number.

    Args:
        storage: of the trajectories.
        rows: of them; neighbours are read together where they are short.

    Raises:
        DatasetError: as of ``TrajectoryStorage.states``.
    """
    metadata = storage.metadata
    at_once = max(1, VALUES_AT_ONCE // _values_of(metadata))
    snapshots = max(1, VALUES_AT_ONCE * metadata.num_snapshots // _values_of(metadata))
    for run in _runs(rows, at_once):
        digests = [hashlib.sha256() for _ in run]
        for first in range(0, metadata.num_snapshots, snapshots):
            states = storage.states(run, slice(first, min(first + snapshots, metadata.num_snapshots)))
            for digest, u in zip(digests, states.numpy(), strict=True):
                digest.update(np.ascontiguousarray(u, dtype="<f4").data)
        given = storage.heads(run)[1].given if metadata.given else None
        for digest, fields in zip(digests, () if given is None else given.numpy(), strict=given is not None):
            digest.update(np.ascontiguousarray(fields, dtype="<f4").data)
        for row, digest in zip(run, digests, strict=True):
            yield int(storage.numbers[row]), digest.hexdigest()


def _runs(rows: Sequence[int], most: int) -> Iterator[range]:
    """Rows as runs of at most so many neighbours."""
    start, stop = None, 0
    for row in rows:
        if start is not None and row == stop and stop - start < most:
            stop += 1
            continue
        if start is not None:
            yield range(start, stop)
        start, stop = row, row + 1
    if start is not None:
        yield range(start, stop)


def _values_of(metadata: TrajectoryMetadata) -> int:
    """Numbers in one trajectory."""
    return metadata.num_snapshots * metadata.num_channels * int(np.prod(metadata.geometry.shape))
