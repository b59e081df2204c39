"""Ctrl-C and SIGTERM while trajectories are generated: one clear end, whatever the worker processes are doing."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import resource_tracker
from types import FrameType


class TerminatedError(Exception):
    """A generation was stopped by SIGTERM."""

    exit_code = 128 + signal.SIGTERM

    def __init__(self) -> None:
        super().__init__("stopped by SIGTERM; the finished chunks are kept: the same command goes on from there")


@contextmanager
def stopped_by_sigterm() -> Iterator[None]:
    """SIGTERM raises ``TerminatedError`` meanwhile, in the main thread; other threads cannot take signals."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(signum: int, frame: FrameType | None) -> None:
        raise TerminatedError

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        # None: a handler that Python did not set and cannot put back.
        signal.signal(signal.SIGTERM, before or signal.SIG_DFL)


@contextmanager
def interrupts_held_back() -> Iterator[None]:
    """Processes started meanwhile never see Ctrl-C, which reaches the whole group; this one sees it afterwards.

    A worker that began by ignoring it would be too late: Ctrl-C while it still imports torch shows a traceback.
    """
    # Started by the first process otherwise, the tracker would unblock the signal.
    resource_tracker.ensure_running()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
