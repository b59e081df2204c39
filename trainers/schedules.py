"""Learning rates over a run: factors between 0 and 1 as pure functions of the step."""

import math
from abc import ABC, abstractmethod

from simulation.annotations import Fraction, NonNegativeInt


class Schedule(ABC):
    """The factor on the optimizer's learning rate at each step."""

    @abstractmethod
    def __call__(self, step: int, total: int) -> float:
        """The factor at ``step`` of ``total``."""


class ConstantRate(Schedule):
    """The learning rate as it is."""

    def __call__(self, step: int, total: int) -> float:
        """1."""
        return 1.0


class WarmupCosine(Schedule):
    """A linear rise over the first steps, then half a cosine down to ``final``.

    Args:
        warmup_steps: length of the rise.
        final: the factor at the end.

    References:
        Loshchilov, Hutter: SGDR. arXiv:1608.03983, eq. 5 (one period).
    """

    def __init__(self, warmup_steps: NonNegativeInt = 0, final: Fraction = 0.0) -> None:
        self.warmup_steps, self.final = warmup_steps, final

    def __call__(self, step: int, total: int) -> float:
        """The factor at ``step`` of ``total``."""
        if step < self.warmup_steps:
            return (step + 1) / (self.warmup_steps + 1)
        progress = min((step - self.warmup_steps) / max(total - self.warmup_steps, 1), 1.0)
        return self.final + (1 - self.final) * (1 + math.cos(math.pi * progress)) / 2
