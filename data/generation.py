"""Generation of datasets: chunk by chunk, resumable, the same bytes whatever the number of workers."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from torch import Tensor

from tendency.data.certificate import Certificate, certify
from tendency.data.chunk_seconds import read_checksums
from tendency.data.chunk_workers import one_thread, write_chunks
from tendency.data.dataset_layout import Chunk, chunks_of, lock_path, manifest_path
from tendency.data.folder_lock import only_one
from tendency.data.generation_job import ChunkSolver, GenerationJob
from tendency.data.interruption import require_not_stopped, stopped_by_signals
from tendency.data.manifest import (
    SOLVED_ANEW,
    Manifest,
    file_digest,
    file_entry,
    has_size,
    read_manifest,
    require_own_files,
    same_file,
    solved_anew,
)
from tendency.data.metadata import DatasetError
from tendency.data.statistics import channel_statistics
from tendency.data.trajectory_reader import open_chunk, read_states, stated_problem
from tendency.data.whole_file import sweep_leftovers

ReportProgress = Callable[[int, int], None]
"""Is called with (chunks done, chunks in all)."""


@stopped_by_signals()
def generate(
    job: GenerationJob,
    description: Mapping[str, Any],
    counts: Mapping[str, int],
    *,
    workers: int = 0,
    provenance: Mapping[str, Any] | None = None,
    progress: ReportProgress = lambda done, total: None,
    notice: Callable[[str], None] = lambda line: None,
) -> Manifest:
    """Generates what is missing of a dataset; returns at once where nothing is.

    A chunk is a fixed batch solved on one thread: results change in the last bits with the batch size and the number of
    threads, so this unit is what makes the bytes independent of the workers.

    Args:
        job: says how each chunk is solved, and where the dataset lies.
        description: what the dataset is made of; recorded in the manifest.
        counts: number of trajectories of each split; the last chunk of a split is stored full.
        workers: processes; 0 for one per core.
        provenance: versions and commit, recorded in the manifest.
        progress: is told how many chunks are done.
        notice: is told in a line what was found, or who is waited for: one process generates a dataset at a time.

    Raises:
        DatasetError: the certificate fails, a trajectory is not usable, or files would be written outside the folder.
        InstabilityError: the solver fails; names split and trajectory.
        TerminatedError: SIGTERM, SIGHUP or SIGUSR1; like Ctrl-C they keep the finished chunks.
    """
    folder = job.folder
    if (manifest := _complete(folder, counts)) is not None:
        return manifest
    require_own_files(folder)
    with only_one(lock_path(folder), notice, f"which generates {folder}"):
        # Whoever was waited for may have made it.
        return _complete(folder, counts) or _generate(job, description, counts, workers, provenance, progress, notice)


def _generate(
    job: GenerationJob,
    description: Mapping[str, Any],
    counts: Mapping[str, int],
    workers: int,
    provenance: Mapping[str, Any] | None,
    progress: ReportProgress,
    notice: Callable[[str], None],
) -> Manifest:
    """As of ``generate``, of a dataset that is not complete, and in this process alone."""
    folder = job.folder
    manifest = read_manifest(folder) if manifest_path(folder).exists() else None
    with one_thread():
        solver = ChunkSolver(job)
    asked = dict(counts) if manifest is None else {s: max(n, manifest.counts.get(s, 0)) for s, n in counts.items()}
    for split, count in asked.items():
        solver.check(split, count)
    known = manifest is not None and manifest.certificate.certified
    certificate = manifest.certificate if manifest is not None and known else _certified(solver)
    certificate.require()
    sweep_leftovers(folder)
    entries = manifest.chunks if manifest is not None else {}
    chunks = chunks_of(asked, job.chunk_size)
    missing = _unusable(job, chunks, entries, notice)
    write_missing(solver, missing, len(chunks), workers, progress)
    # Once more: workers that were killed together with the process before this one may have taken a while to end.
    sweep_leftovers(folder)
    kept = {chunk.name: entries[chunk.name] for chunk in chunks if chunk not in missing and chunk.name in entries}
    repaired = [name for name in solved_anew(manifest) if name in kept] if manifest is not None else []
    finished = Manifest(
        description=dict(description),
        metadata=solver.metadata,
        counts=asked,
        chunk_size=job.chunk_size,
        chunks={c.name: kept.get(c.name) or file_entry(c.path(folder), solver.metadata) for c in chunks},
        certificate=certificate,
        statistics=_statistics(solver, asked["train"]),
        provenance=dict(provenance or {}) | ({SOLVED_ANEW: repaired} if repaired else {}),
    )
    finished.write(folder)
    return finished


def _complete(folder: Path, counts: Mapping[str, int]) -> Manifest | None:
    """The manifest of a dataset that has all that is asked for, as far as the sizes of its files say."""
    if not manifest_path(folder).exists():
        return None
    manifest = read_manifest(folder)
    enough = all(manifest.counts.get(split, 0) >= count for split, count in counts.items())
    if not enough or not all(has_size(folder / name, e) for name, e in manifest.chunks.items()):
        return None
    if manifest.certificate.certified:
        manifest.certificate.require()
    return manifest


def _unusable(
    job: GenerationJob,
    chunks: Sequence[Chunk],
    entries: Mapping[str, Mapping[str, Any]],
    notice: Callable[[str], None],
) -> list[Chunk]:
    """The chunks that are missing, of another problem, or not what the manifest or the record of their writing says.

    Raises:
        DatasetError: the manifest names a chunk of another problem; it was changed.
    """
    recorded = read_checksums(job.folder)
    missing = []
    for chunk in chunks:
        path, entry = chunk.path(job.folder), entries.get(chunk.name)
        if not path.exists():
            missing.append(chunk)
        elif not (same_file(path, entry) if entry else file_digest(path) == recorded.get(chunk.name)):
            notice(f"{path} is not the file that was written; it is made anew")
            missing.append(chunk)
        elif job.problem is not None and stated_problem(path) not in (None, job.problem):
            if entry:
                raise DatasetError(
                    f"{path} is of another problem than its dataset, whose manifest names it: the manifest was "
                    "changed; put back a copy of it, or move the folder away to make the dataset anew"
                )
            notice(f"{path} is of another problem than this dataset; it is solved anew")
            missing.append(chunk)
    return missing


def write_missing(
    solver: ChunkSolver, missing: Sequence[Chunk], total: int, workers: int, progress: ReportProgress
) -> None:
    """Solves and writes chunks, and reports how many of all are there.

    Args:
        solver: of the dataset.
        missing: the chunks.
        total: number of all chunks.
        workers: processes; 0 for one per core.
        progress: is told how many chunks are done.
    """
    done = total - len(missing)
    progress(done, total)
    with closing(write_chunks(solver, missing, workers)) as written:
        for _ in written:
            done += 1
            progress(done, total)
            require_not_stopped()


def _certified(solver: ChunkSolver) -> Certificate:
    with one_thread():
        return certify(solver.problem)


def _statistics(solver: ChunkSolver, count: int) -> dict[str, Any]:
    """Those of the first ``count`` training trajectories."""
    with one_thread():
        return channel_statistics(_training_states(solver, count), solver.metadata)


def _training_states(solver: ChunkSolver, count: int) -> Iterator[Tensor]:
    """The states (B, T, C, *N) of the first ``count`` training trajectories, a chunk at a time."""
    for chunk in chunks_of({"train": count}, solver.job.chunk_size):
        path = chunk.path(solver.job.folder)
        kept = min(solver.job.chunk_size, count - chunk.number * solver.job.chunk_size)
        with open_chunk(path) as file:
            yield read_states(file, path, solver.metadata, slice(0, kept), slice(None))
