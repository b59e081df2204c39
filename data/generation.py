"""Generation jobs: chunks solved in worker processes, resumable, the same bytes whatever the number of workers."""

import hashlib
import json
import math
import multiprocessing
import os
import re
from collections.abc import Callable, Generator, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
import yaml

from tendency.data.certificate import certify
from tendency.data.chunk_seconds import chunk_timed
from tendency.data.interruption import interrupts_held_back, require_not_stopped, stopped_by_signals
from tendency.data.manifest import Manifest, chunk_name, file_entry, read_manifest
from tendency.data.metadata import DatasetError, TrajectoryMetadata, metadata_of
from tendency.data.statistics import measure
from tendency.data.trajectory_file import Trajectories, read_trajectories, write_trajectories
from tendency.data.whole_file import sweep_leftovers, write_whole
from tendency.simulation.problem import Problem
from tendency.simulation.simulator import InstabilityError, begin, rollout

MakeProblem = Callable[[], Problem]
NAME = re.compile(r"[a-z0-9][a-z0-9_.-]{0,63}")


def dataset_folder(root: Path, name: str, description: Mapping[str, Any]) -> Path:
    """The folder root/<name>-<hash of the description>.

    Raises:
        ValueError: a name that would not stay in the root.
    """
    if not NAME.fullmatch(name):
        raise ValueError(f"pde.name: expected lower case letters, digits, '_', '.', '-' (at most 64), got {name!r}")
    digest = hashlib.sha256(json.dumps(description, sort_keys=True).encode()).hexdigest()[:10]
    return root / f"{name}-{digest}"


@stopped_by_signals()
def generate(
    make_problem: MakeProblem,
    folder: Path,
    description: Mapping[str, Any],
    counts: Mapping[str, int],
    *,
    chunk_size: int,
    workers: int = 0,
    store_time_derivative: bool = False,
    provenance: Mapping[str, Any] | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Manifest:
    """Makes what is missing of a dataset; returns at once where nothing is.

    A chunk is a fixed batch solved on one thread: results change in the last bits with the batch size and the number of
    threads, so this unit is what makes the bytes independent of the workers.

    Args:
        make_problem: picklable; called in each worker.
        folder: of the dataset.
        description: what its name is a hash of.
        counts: trajectories of each split; the last chunk of a split is stored full.
        chunk_size: trajectories in each chunk.
        workers: processes; 0 for one per core.
        store_time_derivative: store the solver's u_t.
        provenance: recorded in the manifest.
        progress: called with (chunks done, chunks in all).

    Raises:
        DatasetError: the certificate fails, or a trajectory is not usable.
        InstabilityError: the solver fails; names split and trajectory.
        TerminatedError: SIGTERM; like Ctrl-C it keeps the finished chunks.
    """
    manifest = _existing(folder)
    if manifest is not None and _complete(folder, manifest, counts):
        return manifest
    problem = make_problem()
    metadata = metadata_of(problem, store_time_derivative)
    asked = dict(counts) if manifest is None else {s: max(n, manifest.counts.get(s, 0)) for s, n in counts.items()}
    for split, count in asked.items():
        problem.simulator.check(problem.draws(split, range(min(count, chunk_size))).conditions)
    certificate = manifest.certificate if manifest is not None else _certified(problem)
    certificate.require()
    sweep_leftovers(folder)
    names = [(split, chunk) for split, count in asked.items() for chunk in range(math.ceil(count / chunk_size))]
    known = manifest.chunks if manifest is not None else {}
    missing = [key for key in names if not _usable(folder / chunk_name(*key), known.get(chunk_name(*key)))]
    done = len(names) - len(missing)
    progress(done, len(names))
    with closing(_solved(make_problem, folder, missing, chunk_size, store_time_derivative, workers)) as chunks:
        for _ in chunks:
            done += 1
            progress(done, len(names))
            require_not_stopped()
    statistics = _statistics(folder, metadata, asked["train"], chunk_size)
    finished = Manifest(
        dict(description),
        metadata,
        asked,
        chunk_size,
        {chunk_name(*key): file_entry(folder / chunk_name(*key)) for key in names},
        certificate,
        statistics,
        dict(provenance or {}),
    )
    write_whole(folder / "stats.yaml", yaml.safe_dump(statistics, sort_keys=False))
    finished.write(folder)
    return finished


def _existing(folder: Path) -> Manifest | None:
    return read_manifest(folder) if (folder / "manifest.json").exists() else None


def _complete(folder: Path, manifest: Manifest, counts: Mapping[str, int]) -> bool:
    enough = all(manifest.counts.get(split, 0) >= count for split, count in counts.items())
    return enough and all((folder / name).exists() for name in manifest.chunks)


def _certified(problem: Problem) -> Any:
    with _one_thread():
        return certify(problem)


def _usable(path: Path, entry: Mapping[str, Any] | None) -> bool:
    """A chunk is there; chunks exist whole or not at all, so a checksum is only compared where one is known."""
    return path.exists() and (entry is None or file_entry(path) == entry)


def _statistics(folder: Path, metadata: TrajectoryMetadata, count: int, chunk_size: int) -> dict[str, Any]:
    def chunks() -> Iterator[Trajectories]:
        for chunk in range(math.ceil(count / chunk_size)):
            trajectories = read_trajectories(folder / chunk_name("train", chunk), metadata)
            keep = min(chunk_size, count - chunk * chunk_size)
            u_t = None if trajectories.u_t is None else trajectories.u_t[:keep]
            yield Trajectories(trajectories.u[:keep], trajectories.times[:keep], trajectories.conditions, u_t)

    with _one_thread():
        return measure(chunks(), metadata)


def _solved(
    make_problem: MakeProblem,
    folder: Path,
    missing: list[tuple[str, int]],
    chunk_size: int,
    store_time_derivative: bool,
    workers: int,
) -> Generator[None]:
    """Yields once for each chunk that is written."""
    workers = min(workers or len(os.sched_getaffinity(0)), len(missing))
    if workers <= 1:
        with _one_thread():
            problem = make_problem() if missing else None
            for split, chunk in missing:
                solve_chunk(problem, folder, split, chunk, chunk_size, store_time_derivative)
                yield
        return
    context = multiprocessing.get_context("spawn")
    others = set(multiprocessing.active_children())
    with ProcessPoolExecutor(workers, context, initializer=_start_worker, initargs=(make_problem,)) as pool:
        try:
            with interrupts_held_back():
                waiting: set[Future[None]] = {
                    pool.submit(_solve_in_worker, folder, split, chunk, chunk_size, store_time_derivative)
                    for split, chunk in missing
                }
            while waiting:
                finished, waiting = wait(waiting, return_when=FIRST_COMPLETED)
                for future in finished:
                    future.result()
                    yield
        except BrokenProcessPool:
            raise DatasetError(
                f"dataset {folder}: a worker process was killed, most likely for want of memory; lower data.workers "
                f"(now {workers}) or data.chunk_size and start again: the finished chunks are kept"
            ) from None
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            # Chunks exist whole or not at all, so that nobody has to wait for those that are being solved.
            for worker in set(multiprocessing.active_children()) - others:
                worker.kill()
            raise


_PROBLEM: Problem | None = None


def _start_worker(make_problem: MakeProblem) -> None:
    global _PROBLEM
    torch.set_num_threads(1)
    _PROBLEM = make_problem()


def _solve_in_worker(folder: Path, split: str, chunk: int, chunk_size: int, store_time_derivative: bool) -> None:
    if _PROBLEM is None:
        raise RuntimeError("the worker was not started")
    solve_chunk(_PROBLEM, folder, split, chunk, chunk_size, store_time_derivative)


@contextmanager
def _one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


@torch.no_grad()
def solve_chunk(
    problem: Problem | None, folder: Path, split: str, chunk: int, chunk_size: int, store_time_derivative: bool
) -> None:
    """Solves and writes one chunk.

    Raises:
        DatasetError: a trajectory that is not finite, all zero, or constant in time.
        InstabilityError: with split and trajectories.
    """
    if problem is None:
        raise RuntimeError("no problem to solve")
    with chunk_timed(folder, chunk_name(split, chunk)):
        indices = range(chunk * chunk_size, (chunk + 1) * chunk_size)
        trajectories = _trajectories(problem, split, indices, store_time_derivative)
    write_trajectories(folder / chunk_name(split, chunk), trajectories, metadata_of(problem, store_time_derivative))


def _trajectories(problem: Problem, split: str, indices: range, store_time_derivative: bool) -> Trajectories:
    """Solves the trajectories of a chunk."""
    solver = problem.simulator
    draw = problem.draws(split, indices)
    try:
        start = problem.first_snapshot(draw)
        seed = torch.tensor(list(indices))
        progress = begin(solver, start[:, None], draw.times[:, :1], draw.conditions, seed)
        states = [start, *(state.u for state in rollout(solver, progress, draw.times[:, 1:], draw.conditions))]
    except InstabilityError as error:
        names = ", ".join(str(indices[row]) for row in error.rows[:4])
        raise InstabilityError(f"{split} trajectory {names} (pde.seed={problem.seed}): {error}", error.rows) from None
    u = torch.stack([problem.stored(state, draw.conditions) for state in states], 1)
    _check_values(u, split, indices, problem.seed)
    u_t = None
    if store_time_derivative:
        slopes = [
            problem.stored(solver.time_derivative(state, t, draw.conditions), draw.conditions)
            for state, t in zip(states, draw.times.unbind(1), strict=True)
        ]
        u_t = torch.stack(slopes, 1).float()
    conditions = replace(draw.conditions, geometry=problem.stored_geometry)
    return Trajectories(u.float(), draw.times, conditions, u_t)


def _check_values(u: torch.Tensor, split: str, indices: range, seed: int) -> None:
    flat = u.flatten(2)
    reasons = {
        "is not finite": ~torch.isfinite(flat.float()).all(2).all(1),
        "is zero throughout": (flat == 0).all(2).all(1),
        "never changes": (flat == flat[:, :1]).all(2).all(1),
    }
    for reason, rows in reasons.items():
        if bool(rows.any()):
            row = int(torch.nonzero(rows)[0])
            raise DatasetError(f"{split} trajectory {indices[row]} (pde.seed={seed}) {reason}; it was not written")
