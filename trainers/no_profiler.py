"""The profiler of a run that is not profiled."""

from contextlib import AbstractContextManager, nullcontext

from lightning.pytorch.profilers import Profiler

NOTHING = nullcontext()


class NoProfiler(Profiler):
    """Measures nothing, at a tenth of the cost of Lightning's own.

    Lightning enters its profiler around each hook of each callback, sixty times a step. Its ``PassThroughProfiler``
    makes a generator and a context manager each time, which a small network's training step notices.
    """

    def start(self, action_name: str) -> None:
        """Does nothing."""

    def stop(self, action_name: str) -> None:
        """Does nothing."""

    def profile(self, action_name: str) -> AbstractContextManager[None]:  # type: ignore[override]
        """A context that does nothing."""
        return NOTHING
