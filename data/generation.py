"""Generation of datasets: chunk by chunk, resumable, the same bytes whatever the number of workers."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

from torch import Tensor

from tendency.data.certificate import Certificate, certify
from tendency.data.chunk_workers import one_thread, write_chunks
from tendency.data.dataset_layout import chunks_of, manifest_path
from tendency.data.generation_job import ChunkSolver, GenerationJob
from tendency.data.interruption import require_not_stopped, stopped_by_signals
from tendency.data.manifest import Manifest, file_entry, read_manifest
from tendency.data.statistics import channel_statistics
from tendency.data.trajectory_reader import open_chunk, read_states
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

    Raises:
        DatasetError: the certificate fails, or a trajectory is not usable.
        InstabilityError: the solver fails; names split and trajectory.
        TerminatedError: SIGTERM; like Ctrl-C it keeps the finished chunks.
    """
    folder = job.folder
    manifest = read_manifest(folder) if manifest_path(folder).exists() else None
    if manifest is not None and _complete(folder, manifest, counts):
        return manifest
    with one_thread():
        solver = ChunkSolver(job)
    asked = dict(counts) if manifest is None else {s: max(n, manifest.counts.get(s, 0)) for s, n in counts.items()}
    for split, count in asked.items():
        solver.check(split, count)
    certificate = manifest.certificate if manifest is not None else _certified(solver)
    certificate.require()
    sweep_leftovers(folder)
    _write_missing(solver, asked, manifest.chunks if manifest is not None else {}, workers, progress)
    finished = Manifest(
        description=dict(description),
        metadata=solver.metadata,
        counts=asked,
        chunk_size=job.chunk_size,
        chunks={chunk.name: file_entry(chunk.path(folder)) for chunk in chunks_of(asked, job.chunk_size)},
        certificate=certificate,
        statistics=_statistics(solver, asked["train"]),
        provenance=dict(provenance or {}),
    )
    finished.write(folder)
    return finished


def _complete(folder: Path, manifest: Manifest, counts: Mapping[str, int]) -> bool:
    enough = all(manifest.counts.get(split, 0) >= count for split, count in counts.items())
    return enough and all((folder / name).exists() for name in manifest.chunks)


def _write_missing(
    solver: ChunkSolver,
    counts: Mapping[str, int],
    entries: Mapping[str, Mapping[str, Any]],
    workers: int,
    progress: ReportProgress,
) -> None:
    """Writes the chunks of the splits' first trajectories that are missing or differ from their manifest entries."""
    folder = solver.job.folder
    chunks = chunks_of(counts, solver.job.chunk_size)
    missing = [chunk for chunk in chunks if not _usable(chunk.path(folder), entries.get(chunk.name))]
    done = len(chunks) - len(missing)
    progress(done, len(chunks))
    with closing(write_chunks(solver, missing, workers)) as written:
        for _ in written:
            done += 1
            progress(done, len(chunks))
            require_not_stopped()


def _usable(path: Path, entry: Mapping[str, Any] | None) -> bool:
    """A chunk is there; chunks exist whole or not at all, so a checksum is only compared where one is known."""
    return path.exists() and (entry is None or file_entry(path) == entry)


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
