"""SIGTERM, SIGHUP and SIGUSR1 to a command: one sentence and an exit code, whatever it is doing."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

STOPPING = (signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1)
"""What a scheduler, a terminal that is closed and ``sbatch --signal=USR1`` send. Ctrl-C is Python's own."""


class StopRequest(BaseException):
    """A signal asks the command to stop; ``exit_code`` is 128 + its number.

    No ``Exception``: whoever goes on after one, as a sweep after a job that failed, does not go on after this.
    """

    def __init__(self, signum: int, way: str) -> None:
        super().__init__(f"stopped by {signal.Signals(signum).name}; what is finished is kept: {way}")
        self.exit_code = 128 + signum


@contextmanager
def signals_stop(way: str) -> Iterator[None]:
    """The signals raise ``StopRequest`` meanwhile, in the main thread; where one is ignored (nohup), it stays so.

    A training and a generation have handlers of their own while they work, which save what there is.

    Args:
        way: how the user goes on, as the end of a sentence.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(signum: int, frame: FrameType | None) -> None:
        raise StopRequest(signum, way)

    taken = [signum for signum in STOPPING if signal.getsignal(signum) is signal.SIG_DFL]
    for signum in taken:
        signal.signal(signum, stop)
    try:
        yield
    finally:
        for signum in taken:
            signal.signal(signum, signal.SIG_DFL)
