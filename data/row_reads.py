"""Windows that are read from a storage a few snapshots at a time."""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from tendency.data.window_source import IntArray


def read_windows(
    read: Callable[[range, slice], Tensor], trajectory: IntArray, first: IntArray, width: int, stride: int
) -> Tensor:
    """Windows (B, W, ...), read in the order in which they lie and in few calls.

    Windows of one trajectory that overlap are read together, and so are those of neighbouring trajectories that ask for
    the same snapshots.

    Args:
        read: gives the snapshots of a slice of neighbouring trajectories, (rows, snapshots, ...).
        trajectory: (B,) indices of trajectories.
        first: (B,) the first snapshot of each window.
        width: W.
        stride: snapshots from one snapshot of a window to the next.
    """
    windows: Tensor | None = None
    for rows, snapshots, samples in _reads(trajectory, first, stride * (width - 1) + 1, stride):
        part = read(rows, snapshots)
        if windows is None:
            windows = part.new_empty(len(trajectory), width, *part.shape[2:])
        for sample, row, begin in samples:
            at = (begin - snapshots.start) // snapshots.step
            step = stride // snapshots.step
            windows[sample] = part[row - rows.start, at : at + step * (width - 1) + 1 : step]
    return torch.empty(0) if windows is None else windows


Samples = list[tuple[int, int, int]]
"""Of windows that are read together: place in the batch, trajectory, first snapshot."""


def _reads(trajectory: IntArray, first: IntArray, span: int, stride: int) -> Iterator[tuple[range, slice, Samples]]:
    """Which snapshots of which neighbouring trajectories are read at once, and the windows that they hold."""
    rows, low, high, samples = range(0), 0, 0, Samples()
    for row, begin, end, inside in _spans(trajectory, first, span):
        if samples and (row, begin, end) == (rows.stop, low, high):
            rows = range(rows.start, row + 1)
            samples += inside
            continue
        if samples:
            yield rows, slice(low, high, _step(samples, stride)), samples
        rows, low, high, samples = range(row, row + 1), begin, end, inside
    if samples:
        yield rows, slice(low, high, _step(samples, stride)), samples


def _spans(trajectory: IntArray, first: IntArray, span: int) -> Iterator[tuple[int, int, int, Samples]]:
    """Of each trajectory the stretches of snapshots that overlapping windows cover, in order."""
    places = sorted(zip(trajectory.tolist(), first.tolist(), range(len(first)), strict=True))
    row, low, high, samples = -1, 0, 0, Samples()
    for number, begin, sample in places:
        if samples and (number != row or begin >= high):
            yield row, low, high, samples
            samples = []
        if not samples:
            row, low = number, begin
        high = begin + span
        samples.append((sample, number, begin))
    if samples:
        yield row, low, high, samples


def _step(samples: Samples, stride: int) -> int:
    """The snapshots between those that are needed: all of them where windows begin between one another's."""
    return stride if len({begin % stride for _, _, begin in samples}) == 1 else 1
