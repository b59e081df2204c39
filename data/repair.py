"""A dataset that is there: every byte of it compared with its manifest, and what is damaged solved anew."""

import itertools
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tendency.data.chunk_seconds import read_seconds
from tendency.data.dataset_layout import Chunk, chunks_of, lock_path
from tendency.data.folder_lock import only_one
from tendency.data.generation import ReportProgress, write_missing
from tendency.data.generation_job import ChunkSolver, GenerationJob
from tendency.data.interruption import stopped_by_signals
from tendency.data.manifest import (
    SOLVED_ANEW,
    Manifest,
    file_digest,
    file_entry,
    read_manifest,
    require_own_files,
    same_file,
    solved_anew,
)
from tendency.data.metadata import DatasetError
from tendency.data.trajectory_reader import read_trajectories
from tendency.data.witness import require_own_chunks


@dataclass(frozen=True)
class Damage:
    """A chunk that must not be read, and why.

    Args:
        chunk: that is damaged.
        reason: in a sentence.
        whole: whether it can be read all the same, but is not the one that the manifest names.
    """

    chunk: Chunk
    reason: str
    whole: bool = False


def find_damage(folder: Path, manifest: Manifest, progress: ReportProgress = lambda done, total: None) -> list[Damage]:
    """Reads every chunk that a manifest names, and compares it with the manifest.

    Args:
        folder: of the dataset.
        manifest: of the dataset.
        progress: is told how many chunks were read.

    Returns:
        What is damaged or missing, chunk by chunk.
    """
    chunks, found = chunks_of(manifest.counts, manifest.chunk_size), []
    progress(0, len(chunks))
    for done, chunk in enumerate(chunks, 1):
        path = chunk.path(folder)
        try:
            read_trajectories(path, manifest.metadata)
            if not same_file(path, manifest.chunks[chunk.name]):
                found.append(Damage(chunk, f"chunk {path} is whole, but not the one that the manifest names", True))
        except (DatasetError, OSError) as error:
            found.append(Damage(chunk, str(error).split("; it alone")[0]))
        progress(done, len(chunks))
    return found


@stopped_by_signals()
def repair(
    job: GenerationJob,
    *,
    workers: int = 0,
    provenance: Mapping[str, Any] | None = None,
    progress: ReportProgress = lambda done, total: None,
    notice: Callable[[str], None] = lambda line: None,
) -> Manifest:
    """Solves the damaged and missing chunks of a dataset anew, and nothing else.

    Chunks that come out with another checksum than before replace it in the manifest, which lists them from then on;
    what is known to differ is said. Nothing is repaired where a whole chunk is not what the manifest's problem gives,
    and a whole chunk that the manifest does not name is kept beside the one that takes its place.

    Args:
        job: says how each chunk is solved, and where the dataset lies.
        workers: processes; 0 for one per core.
        provenance: versions and commit of this program.
        progress: is told how many chunks are whole.
        notice: is told in a line what was found and done.

    Returns:
        The manifest.

    Raises:
        DatasetError: there is no dataset, its manifest is damaged or of another problem, or this program solves its
            problem otherwise.
        NoRoomError: the disk is full.
    """
    folder = job.folder
    require_own_files(folder)
    with only_one(lock_path(folder), notice, f"which generates {folder}"):
        manifest = read_manifest(folder)
        damage = find_damage(folder, manifest)
        for each in damage:
            notice(each.reason)
        if not damage:
            return manifest
        solver = ChunkSolver(job)
        _require_same_problem(solver, manifest, folder)
        chunks = [each.chunk for each in damage]
        others = [chunk for chunk in chunks_of(manifest.counts, manifest.chunk_size) if chunk not in chunks]
        if not require_own_chunks(solver, folder, others):
            # The bytes that are on record are of a version that had them say nothing.
            solver = ChunkSolver(replace(job, problem=None))
        machines = {chunk.name: _machine(folder, chunk) for chunk in chunks}
        kept = _put_aside([each.chunk.path(folder) for each in damage if each.whole])
        write_missing(solver, chunks, len(manifest.chunks), workers, progress)
        entries = {chunk.name: file_entry(chunk.path(folder), manifest.metadata) for chunk in chunks}
        _drop_copies(kept, {entry["sha256"] for entry in (manifest.chunks | entries).values()}, notice)
        versions = dict(provenance or {})
        for chunk in chunks:
            before, name = manifest.chunks[chunk.name], chunk.name
            if entries[name]["sha256"] == before["sha256"]:
                notice(f"{name} was solved anew: it has the checksum that the manifest says")
                entries[name] = before
                continue
            other = _differences(manifest.provenance, versions) + (
                [] if "header" in before else ["an older version wrote it, without checksums"]
            )
            if machines[name] != (machine := _machine(folder, chunk)):
                other.append(f"processor {machines[name]} then, {machine} now")
            reason = "; ".join(other) or "other versions or another processor, or the manifest was changed"
            sums = f"sha256 {before['sha256']} on record, {entries[name]['sha256']} now"
            notice(f"{name} was solved anew; its bytes differ from those on record ({sums}): {reason}")
        if changed := [name for name, entry in entries.items() if manifest.chunks[name] != entry]:
            manifest = replace(
                manifest,
                chunks=manifest.chunks | entries,
                provenance=manifest.provenance | {SOLVED_ANEW: sorted({*solved_anew(manifest), *changed})},
            )
            manifest.write(folder)
        return manifest


def _put_aside(paths: Sequence[Path]) -> list[Path]:
    """Renames whole chunks that others take the place of; where they are now."""
    kept = []
    for path in paths:
        names = (path.with_name(f"{path.name}.replaced{number or ''}") for number in itertools.count())
        kept.append(next(name for name in names if not name.exists()))
        path.rename(kept[-1])
    return kept


def _drop_copies(kept: Sequence[Path], known: Set[str], notice: Callable[[str], None]) -> None:
    """Removes files that a chunk of the dataset is equal to, and says where the others are.

    Args:
        kept: files that were put aside.
        known: the checksums of the chunks.
        notice: is told in a line.
    """
    for path in kept:
        if file_digest(path) in known:
            path.unlink()
        else:
            notice(f"the chunk that was there, which the manifest does not name, is kept as {path}")


def _require_same_problem(solver: ChunkSolver, manifest: Manifest, folder: Path) -> None:
    """Refuses to mix trajectories of two problems, or of two versions of an equation."""
    if solver.metadata != replace(manifest.metadata, characteristic_time=solver.metadata.characteristic_time):
        there, here = manifest.metadata.to_dict(), solver.metadata.to_dict()
        changed = [f"{key} {there[key]} there, {here[key]} here" for key in here if there[key] != here[key]]
        raise DatasetError(f"dataset {folder}: this program solves another problem; {'; '.join(changed)}")


def _machine(folder: Path, chunk: Chunk) -> str:
    """The processor that solved a chunk, as far as it is on record."""
    took = read_seconds(folder, [chunk.name])
    return "unknown" if took is None else ", ".join(took.machines)


def _differences(then: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """What the versions and commits of two programs differ in."""
    return [f"{key} {then.get(key)} then, {value} now" for key, value in now.items() if then.get(key) != value]
