"""The steps that a surrogate has learned, and how a rollout reaches the times that it is asked for by them."""

from dataclasses import dataclass

import torch
from torch import Tensor

SAME_STEP = 1e-4
"""Share of a step by which a step may differ from a learned one: what single precision leaves of 1,000 steps."""
MOST_STEPS = 1_000_000
"""From one time to the next: a rollout of more would take days, and its list of times the memory."""


class UnreachableTimeError(ValueError):
    """A time that no number of allowed steps reaches from the one before it."""

    def __init__(self, before: float, asked: float) -> None:
        super().__init__(before, asked)
        self.before, self.asked = before, asked

    def __str__(self) -> str:
        """Both times."""
        return f"times: no number of learned steps leads from {self.before:g} to {self.asked:g}"


@dataclass(frozen=True)
class LearnedSteps:
    """The range of steps that a surrogate was trained on.

    Args:
        shortest: step, physical units.
        longest: step; the same where all training data have one step and none is skipped.

    Raises:
        ValueError: steps that are not positive and finite, or in the wrong order.
    """

    shortest: float
    longest: float

    def __post_init__(self) -> None:
        if not 0 < self.shortest <= self.longest < torch.inf:
            raise ValueError(f"steps: expected 0 < shortest <= longest, got {self.shortest} and {self.longest}")

    def __str__(self) -> str:
        """Both ends, or the one step that there is."""
        if self.shortest == self.longest:
            return f"dt = {self.longest:g}"
        return f"dt from {self.shortest:g} to {self.longest:g}"

    def spaced(self, t: Tensor) -> Tensor:
        """Whether the snapshots of each history at times t (B, K) lie at one learned step: (B,) of booleans."""
        steps = torch.diff(t.double(), dim=1)
        # The network has seen evenly spaced snapshots only.
        even = (steps - steps[:, -1:]).abs() <= SAME_STEP * steps[:, -1:].abs()
        learned = (steps >= self.shortest * (1 - SAME_STEP)) & (steps <= self.longest * (1 + SAME_STEP))
        return (even & learned).all(1)


def legs(t: Tensor, times: Tensor, shortest: Tensor | float, longest: Tensor | float) -> list[Tensor]:
    """The fewest equal steps, each of an allowed length, to each of some times in turn.

    Args:
        t: (B,) the present.
        times: (B, T) finite and increasing.
        shortest: step that is allowed, one or (B,); 0 for any.
        longest: step that is allowed, likewise.

    Returns:
        T tensors (B, K) of times, each of which ends in the one that was asked for.

    Raises:
        UnreachableTimeError: an interval that no number of allowed steps makes up.
        ValueError: more steps than ``MOST_STEPS``.
    """
    before = torch.cat([t.double()[:, None], times.double()], 1)[:, :-1]
    spans = times.double() - before
    lower, upper = (
        torch.as_tensor(x, dtype=torch.float64, device=t.device).reshape(-1, 1) for x in (shortest, longest)
    )
    counts = torch.ceil(spans / (upper * (1 + SAME_STEP))).clamp(min=1).amax(0)
    allowed = spans / counts >= lower * (1 - SAME_STEP)
    # One question to the device, not two for each time.
    numbers, good = torch.stack([counts, allowed.all(0).double()]).tolist()
    for column, (number, is_allowed) in enumerate(zip(numbers, good, strict=True)):
        if not is_allowed:
            row = int(torch.nonzero(~allowed[:, column])[0])
            raise UnreachableTimeError(before[row, column].item(), times[row, column].item())
        if not number <= MOST_STEPS:
            raise ValueError(f"times: expected at most {MOST_STEPS:,} steps to the next time, got {number:.3g}")
    columns = zip(numbers, before.unbind(1), spans.unbind(1), times.double().unbind(1), strict=True)
    return [_equal_steps(int(number), begin, span, asked) for number, begin, span, asked in columns]


def _equal_steps(number: int, begin: Tensor, span: Tensor, asked: Tensor) -> Tensor:
    """The times (B, number) of equal steps over a span (B,), the last of them as it was asked for."""
    if number == 1:
        return asked[:, None]
    shares = torch.arange(1, number, dtype=torch.float64, device=span.device) / number
    return torch.cat([begin[:, None] + shares * span[:, None], asked[:, None]], 1)
