"""Ctrl-C and SIGTERM while trajectories are generated: one clear end, whatever the worker processes are doing."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing import resource_tracker
from types import FrameType


class TerminatedError(Exception):
    """A generation was stopped by SIGTERM."""

    exit_code = 128 + signal.SIGTERM

    def __init__(self) -> None:
        super().__init__("stopped by SIGTERM; the finished chunks are kept: the same command goes on from there")


_ASKED: list[type[BaseException]] = []
"""To stop, by a signal; more than one where Python dropped the first."""


@contextmanager
def stopped_by_signals() -> Iterator[None]:
    """SIGTERM raises ``TerminatedError`` meanwhile, in the main thread; other threads cannot take signals.

    Ctrl-C raises KeyboardInterrupt as ever, if it is not ignored. Either is raised again by ``require_not_stopped``.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def raising(error: type[BaseException]) -> Callable[[int, FrameType | None], None]:
        def stop(signum: int, frame: FrameType | None) -> None:
            _ASKED.append(error)
            raise error

        return stop

    before = {signal.SIGTERM: signal.signal(signal.SIGTERM, raising(TerminatedError))}
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        before[signal.SIGINT] = signal.signal(signal.SIGINT, raising(KeyboardInterrupt))
    try:
        yield
    finally:
        for signum, handler in before.items():
            # None: a handler that Python did not set and cannot put back.
            signal.signal(signum, handler or signal.SIG_DFL)
        _ASKED.clear()


def require_not_stopped() -> None:
    """Raises again what a signal has raised: inside a destructor Python drops it with a warning, and goes on."""
    if _ASKED:
        raise _ASKED[-1]


@contextmanager
def interrupts_held_back() -> Iterator[None]:
    """Processes started meanwhile never see Ctrl-C, which reaches the whole group; this one sees it afterwards.

    A worker that began by ignoring it would be too late: Ctrl-C while it still imports torch shows a traceback. Where
    the system cannot hold signals back, nothing happens.
    """
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    # Started by the first process otherwise, the tracker would unblock the signal.
    resource_tracker.ensure_running()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
