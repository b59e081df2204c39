"""How many blocks an objective rolls out at each step of a run."""

from abc import ABC, abstractmethod

import torch

from tendency.simulation.annotations import NonNegativeInt, PositiveInt
from tendency.simulation.random import mix, uniform

_STREAM = 11


class Depth(ABC):
    """A number of blocks between 1 and ``steps``; a block is one network evaluation's worth of snapshots.

    Windows are as long as the deepest rollout asks for, always, so that the number of batches does not change when the
    depth does.

    Args:
        steps: the most blocks.
        warmup_steps: batches at the beginning of the run that are rolled out over one block only.
    """

    def __init__(self, steps: PositiveInt, warmup_steps: NonNegativeInt = 0) -> None:
        self.steps, self.warmup_steps = steps, warmup_steps
        self.limit = steps
        """The most blocks at present; a curriculum lowers it."""

    def __call__(self, seed: int, step: int) -> int:
        """The depth of batch ``step`` of a run: a function of (seed, step) and the limit alone."""
        return 1 if step < self.warmup_steps else self.draw(seed, step)

    @abstractmethod
    def draw(self, seed: int, step: int) -> int:
        """The depth after the warm-up, from 1 to ``limit``."""


class FixedDepth(Depth):
    """Always as deep as the limit."""

    def draw(self, seed: int, step: int) -> int:
        """The limit."""
        return self.limit


class RandomDepth(Depth):
    """Uniform on 1 ... limit, one draw for each batch.

    References:
        Brandstetter, Worrall, Welling: Message Passing Neural PDE Solvers. arXiv:2202.03376.
    """

    def draw(self, seed: int, step: int) -> int:
        """A draw from (seed, step)."""
        key = mix(mix(torch.tensor([seed]), step), _STREAM)
        return 1 + int(uniform(key) * self.limit)
