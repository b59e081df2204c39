"""Chunks solved in this process or in worker processes, each on one thread."""

import multiprocessing
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager

import torch

from tendency.data.dataset_layout import Chunk
from tendency.data.generation_job import ChunkSolver, GenerationJob
from tendency.data.interruption import interrupts_held_back
from tendency.data.machine import usable_cores
from tendency.data.metadata import DatasetError


@contextmanager
def one_thread() -> Iterator[None]:
    """Tensor operations run on one thread meanwhile: their last bits depend on the number of threads."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def write_chunks(solver: ChunkSolver, chunks: Sequence[Chunk], workers: int) -> Generator[None]:
    """Solves and writes chunks; yields once for each that is written. Closing it stops the worker processes.

    Args:
        solver: solves where there is one worker; its job goes to the worker processes.
        chunks: to be written.
        workers: processes; 0 for one per core.

    Raises:
        DatasetError: a worker process was killed, or as of ``ChunkSolver.write``.
        InstabilityError: as of ``ChunkSolver.write``.
    """
    workers = min(workers or usable_cores(), len(chunks))
    if workers > 1:
        yield from _write_in_workers(solver.job, chunks, workers)
        return
    with one_thread():
        for chunk in chunks:
            solver.write(chunk)
            yield


def _write_in_workers(job: GenerationJob, chunks: Sequence[Chunk], workers: int) -> Generator[None]:
    context = multiprocessing.get_context("spawn")
    others = set(multiprocessing.active_children())
    with ProcessPoolExecutor(workers, context, initializer=_start_worker, initargs=(job,)) as pool:
        try:
            with interrupts_held_back():
                waiting: set[Future[None]] = {pool.submit(_write_in_worker, chunk) for chunk in chunks}
            while waiting:
                finished, waiting = wait(waiting, return_when=FIRST_COMPLETED)
                for future in finished:
                    future.result()
                    yield
        except BrokenProcessPool:
            raise DatasetError(
                f"dataset {job.folder}: a worker process was killed, most likely for want of memory; lower "
                f"data.workers (now {workers}) or data.chunk_size and start again: the finished chunks are kept"
            ) from None
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            # Chunks exist whole or not at all, so that nobody has to wait for those that are being solved.
            for worker in set(multiprocessing.active_children()) - others:
                worker.kill()
            raise


_WORKER_SOLVER: ChunkSolver
"""Of a worker process, from its start on: an executor keeps what its initializer makes nowhere else."""


def _start_worker(job: GenerationJob) -> None:
    global _WORKER_SOLVER
    torch.set_num_threads(1)
    _WORKER_SOLVER = ChunkSolver(job)


def _write_in_worker(chunk: Chunk) -> None:
    _WORKER_SOLVER.write(chunk)
