"""Mean and standard deviation of a stream."""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Moments:
    """Mean and standard deviation of some channels, both (C,) float64."""

    mean: Tensor
    std: Tensor


class RunningMoments:
    """Mean and standard deviation of a stream of batches, per channel, merged in float64.

    References:
        Chan, Golub, LeVeque: Algorithms for computing the sample variance. Am. Stat. 37 (1983), eq. 2.1.
    """

    def __init__(self) -> None:
        self.count = 0
        self.mean: Tensor | None = None
        self.squares: Tensor | None = None

    def update(self, x: Tensor) -> None:
        """Takes in a batch (B, C, ...)."""
        x = x.detach().double().transpose(0, 1).flatten(1)
        count, mean = x.shape[1], x.mean(1)
        squares = (x - mean[:, None]).square().sum(1)
        if self.mean is None or self.squares is None:
            self.count, self.mean, self.squares = count, mean, squares
            return
        total, delta = self.count + count, mean - self.mean
        self.squares = self.squares + squares + delta.square() * self.count * count / total
        self.mean = self.mean + delta * count / total
        self.count = total

    def moments(self) -> Moments:
        """What has been seen so far.

        Raises:
            ValueError: nothing yet.
        """
        if self.mean is None or self.squares is None:
            raise ValueError("moments of no data: the training split has no windows")
        return Moments(self.mean, (self.squares / self.count).sqrt())


class KnownMoments:
    """Mean and standard deviation of known fields; 0 and 1 for channels that hold 0 and 1 alone, such as masks."""

    def __init__(self) -> None:
        self.running = RunningMoments()
        self.binary: Tensor | None = None

    def update(self, x: Tensor | None) -> None:
        """Takes in a batch (B, C, ...); None where there are no such fields."""
        if x is None:
            return
        self.running.update(x)
        binary = ((x == 0) | (x == 1)).transpose(0, 1).flatten(1).all(1)
        self.binary = binary if self.binary is None else self.binary & binary

    def moments(self) -> Moments | None:
        """What has been seen so far; None where there are no such fields."""
        if self.binary is None:
            return None
        seen = self.running.moments()
        return Moments(torch.where(self.binary, 0.0, seen.mean), torch.where(self.binary, 1.0, seen.std))
