"""The most memory that tensors take while something runs."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch.profiler import ProfilerActivity, profile

LOG_LEVEL_VARIABLE, ABOVE_ALL_LEVELS = "KINETO_LOG_LEVEL", "6"
"""Torch's profiler logs on stderr that it starts and stops, unless its log level is above all there are."""


def peak_bytes(run: Callable[[], object], device: torch.device) -> int | None:
    """The most bytes that torch's allocator held at one moment of a run, beside what it held before.

    What counts is what the run allocates: states, intermediate results, and what operations ask torch for besides
    (unfolded images of a convolution). What was there before (weights, the initial state) does not count, nor does
    what libraries take from the system by themselves (work space of a Fourier transform on a CPU), the interpreter, or
    memory that the allocator keeps for later.

    On a GPU the allocator's own record tells; on a CPU, where it keeps none, torch's profiler writes down each
    allocation and release of the calling thread, which takes the longer the more operations there are.

    Args:
        run: function that is watched; called once.
        device: device of its tensors; on others than a CPU or a CUDA device None is returned.
    """
    if device.type == "cuda":
        torch.cuda.synchronize(device)
        torch.cuda.reset_peak_memory_stats(device)
        before = torch.cuda.memory_allocated(device)
        run()
        torch.cuda.synchronize(device)
        return torch.cuda.max_memory_allocated(device) - before
    if device.type != "cpu":
        return None
    with _silent_profiler(), profile(activities=[ProfilerActivity.CPU], profile_memory=True) as watched:
        run()
    results = watched.profiler.kineto_results if watched.profiler is not None else None
    events = [] if results is None else [event for event in results.events() if event.name() == "[memory]"]
    held = most = 0
    for event in sorted(events, key=lambda event: event.start_ns()):
        held += event.nbytes()
        most = max(most, held)
    return most


@contextmanager
def _silent_profiler() -> Iterator[None]:
    before = os.environ.get(LOG_LEVEL_VARIABLE)
    os.environ.setdefault(LOG_LEVEL_VARIABLE, ABOVE_ALL_LEVELS)
    try:
        yield
    finally:
        if before is None:
            del os.environ[LOG_LEVEL_VARIABLE]
