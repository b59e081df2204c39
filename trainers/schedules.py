"""Learning rates over a run: factors between 0 and 1 as pure functions of the step."""

import math
from abc import ABC, abstractmethod

from tendency.simulation.annotations import Fraction, NonNegativeInt


class Schedule(ABC):
    """The factor on the optimizer's learning rate at each step."""

    @abstractmethod
    def __call__(self, step: int, total: int) -> float:
        """The factor at ``step`` of ``total``."""

    def check(self, total: int) -> None:
        """Refuses a run of ``total`` steps that the schedule does not fit with a ValueError, before any work."""
        del total


class ConstantRate(Schedule):
    """The learning rate as it is."""

    def __call__(self, step: int, total: int) -> float:
        """1."""
        return 1.0


LONGEST_OWN_WARMUP = 100
"""Steps of a rise whose length is left to the schedule."""


class WarmupCosine(Schedule):
    """A linear rise over the first steps, then half a cosine down to ``final``.

    Args:
        warmup_steps: length of the rise; None takes a tenth of the run and at most 100 steps.
        final: the factor at the end.

    References:
        Loshchilov, Hutter: SGDR. arXiv:1608.03983, eq. 5 (one period).
    """

    def __init__(self, warmup_steps: NonNegativeInt | None = None, final: Fraction = 0.0) -> None:
        self.warmup_steps, self.final = warmup_steps, final

    def __call__(self, step: int, total: int) -> float:
        """The factor at ``step`` of ``total``."""
        warmup = min(total // 10, LONGEST_OWN_WARMUP) if self.warmup_steps is None else self.warmup_steps
        if step < warmup:
            return (step + 1) / (warmup + 1)
        progress = min((step - warmup) / max(total - warmup, 1), 1.0)
        return self.final + (1 - self.final) * (1 + math.cos(math.pi * progress)) / 2

    def check(self, total: int) -> None:
        """Refuses a run that would end before the rise does: next to nothing would be learned."""
        if self.warmup_steps is not None and self.warmup_steps >= total:
            raise ValueError(
                f"scheduler.warmup_steps: expected fewer than the {total} steps of this run, got {self.warmup_steps}"
            )
