"""Where windows of trajectories are cut from: memory, a memory-mapped copy, or the files themselves."""

from abc import ABC, abstractmethod
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

IntArray = NDArray[np.int64]


class WindowSource(ABC):
    """The snapshots of a split's trajectories. Every kind gives the same numbers to the bit."""

    where: ClassVar[str]
    """Where the snapshots are, as a user reads it."""

    @abstractmethod
    def cut(self, trajectory: IntArray, first: IntArray, width: int, stride: int) -> tuple[Tensor, Tensor | None]:
        """The states (B, W, C, *N) float32 of B windows, all finite, and u_t like them; None where it is not stored.

        Args:
            trajectory: (B,) indices of trajectories.
            first: (B,) the first snapshot of each window.
            width: W.
            stride: stored snapshots from one snapshot of a window to the next.

        Raises:
            DatasetError: what holds the trajectories is missing, damaged, or not what it was.
        """

    def load(self) -> None:  # noqa: B027  most have nothing to read beforehand
        """Reads what is kept in memory, for processes that are forked afterwards."""


def windows_of(values: np.ndarray, place: IntArray, width: int, stride: int) -> np.ndarray:
    """Copies windows out of snapshots that lie one after the other.

    Args:
        values: (S, ...) contiguous.
        place: (B,) the first snapshot of each window.
        width: W.
        stride: snapshots from one snapshot of a window to the next.

    Returns:
        (B, W, ...).
    """
    span = stride * (width - 1) + 1
    step = values.strides[0]
    # One operation for the batch, and one copy for each window where its snapshots are neighbours.
    every = np.lib.stride_tricks.as_strided(
        values,
        (len(values) - span + 1, width, *values.shape[1:]),
        (step, stride * step, *values.strides[1:]),
        writeable=False,
    )
    return every[place]
