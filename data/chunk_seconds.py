"""What the chunks of a dataset took to solve, and their checksums, in a file of its own beside them.

Seconds differ from one run of the same job to the next, so they stand neither in the chunks nor in the manifest, which
do not. Each chunk has a line from the moment it was solved: a generation that was stopped and goes on, or is asked for
more trajectories later, knows what all of them took, and that the files it finds are those that were written.
"""

import json
import os
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tendency.data.append_file import open_to_append
from tendency.data.dataset_layout import seconds_path
from tendency.data.file_kind import require_file
from tendency.data.machine import processor_name


@dataclass(frozen=True)
class SolvingSeconds:
    """What it took to solve some chunks.

    Args:
        processor: seconds of a processor core, summed over the chunks, whatever the number of workers.
        wall: seconds of wall-clock time, each chunk's own; chunks that were solved side by side count one by one.
        machines: the processors that solved them, in alphabetical order.
    """

    processor: float
    wall: float
    machines: tuple[str, ...]


@contextmanager
def record_seconds(folder: Path, chunk: str) -> Iterator[dict[str, str]]:
    """Appends the seconds that the block took to the dataset's record, unless it raises.

    Args:
        folder: of the dataset.
        chunk: name of the chunk that is solved in the block, as in the manifest.

    Yields:
        What else is to stand in the line: ``sha256``, the checksum of the file that follows.
    """
    processor, wall = time.process_time(), time.perf_counter()
    further: dict[str, str] = {}
    yield further
    line = further | {
        "chunk": chunk,
        "processor_seconds": round(time.process_time() - processor, 6),
        "wall_seconds": round(time.perf_counter() - wall, 6),
        "machine": processor_name(),
    }
    folder.mkdir(parents=True, exist_ok=True)
    # Whoever cannot write this will not be able to write the chunk, and says so.
    with suppress(OSError):
        _append(seconds_path(folder), json.dumps(line) + "\n")


def _append(path: Path, line: str) -> None:
    """Writes a line to the end of a file at once: lines of several workers never mix, and a kill leaves one or none."""
    with open_to_append(path) as file:
        handle = file.fileno()
        size = os.fstat(handle).st_size
        # A disk that was full may have left the beginning of a line.
        os.lseek(handle, max(size - 1, 0), os.SEEK_SET)
        cut = size > 0 and os.read(handle, 1) != b"\n"
        os.write(handle, ("\n" * cut + line).encode())


def read_seconds(folder: Path, chunks: Iterable[str]) -> SolvingSeconds | None:
    """Sums what chunks of a dataset took to solve; None where that is not on record for all of them.

    Args:
        folder: of the dataset.
        chunks: names of the chunks, as in the manifest.
    """
    # A chunk that had to be solved again took what it took the last time.
    recorded = dict(_parsed(_entries(folder)))
    try:
        parts = [recorded[chunk] for chunk in chunks]
    except KeyError:
        return None
    machines = sorted({machine for part in parts for machine in part.machines})
    return SolvingSeconds(sum(part.processor for part in parts), sum(part.wall for part in parts), tuple(machines))


def read_checksums(folder: Path) -> dict[str, str]:
    """The SHA-256, by name, of each chunk file that was written, as far as it is on record.

    Args:
        folder: of the dataset.
    """
    return {
        str(entry["chunk"]): str(entry["sha256"]) for entry in _entries(folder) if {"chunk", "sha256"} <= set(entry)
    }


def _entries(folder: Path) -> Iterator[dict[str, Any]]:
    """The lines of the record; those that a power cut spoiled are left out."""
    try:
        require_file(seconds_path(folder))
        lines = seconds_path(folder).read_bytes().splitlines()
    except OSError:
        return
    for line in lines:
        with suppress(ValueError, RecursionError):
            entry = json.loads(line)
            if isinstance(entry, dict):
                yield entry


def _parsed(entries: Iterable[Mapping[str, Any]]) -> Iterator[tuple[str, SolvingSeconds]]:
    """The chunk and the seconds of each line that has both."""
    for entry in entries:
        with suppress(ValueError, TypeError, KeyError):
            seconds = float(entry["processor_seconds"]), float(entry["wall_seconds"])
            yield str(entry["chunk"]), SolvingSeconds(*seconds, (str(entry["machine"]),))
