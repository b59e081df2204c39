"""Ctrl-C and other signals while trajectories are generated: one clear end, whatever the workers are doing."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import resource_tracker
from types import FrameType

TERMINATING = (signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1)


class TerminatedError(Exception):
    """A generation was stopped by a signal; ``exit_code`` is 128 + its number.

    Args:
        signum: of the signal.
    """

    def __init__(self, signum: int = signal.SIGTERM) -> None:
        name = signal.Signals(signum).name
        super().__init__(f"stopped by {name}; the finished chunks are kept: the same command goes on from there")
        self.exit_code = 128 + signum


_ASKED: list[BaseException] = []
"""To stop, by a signal; more than one where Python dropped the first."""


@contextmanager
def stopped_by_signals() -> Iterator[None]:
    """SIGTERM, SIGHUP and SIGUSR1 raise ``TerminatedError`` meanwhile, in the main thread; others cannot take signals.

    Ctrl-C raises KeyboardInterrupt as ever. What is ignored stays so; the rest is raised again by
    ``require_not_stopped``.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(signum: int, frame: FrameType | None) -> None:
        _ASKED.append(KeyboardInterrupt() if signum == signal.SIGINT else TerminatedError(signum))
        raise _ASKED[-1]

    taken = [signum for signum in TERMINATING if signal.getsignal(signum) != signal.SIG_IGN]
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        taken.append(signal.SIGINT)
    before = {signum: signal.signal(signum, stop) for signum in taken}
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
