"""The values that parameters and side lengths had in the training data, and what may be asked beyond them."""

import math
import warnings
from collections.abc import Mapping
from typing import Any

from torch import Tensor

CLOSE = 1e-6
"""Relative difference up to which a value counts as the constant of the training data."""


class TrainedValues:
    """From which to which value each quantity went.

    Args:
        nodes: of the distributions, by name or number, as a configuration has them; what says no range is not compared.
        what: the argument that gives values of them, for messages.
    """

    def __init__(self, nodes: Mapping[Any, Any], what: str) -> None:
        self.what = what
        ranges = {name: _range_of(node) for name, node in nodes.items()}
        self.ranges = {name: ends for name, ends in ranges.items() if ends is not None}

    @property
    def constants(self) -> dict[Any, float]:
        """The values of those that were the same for every trajectory."""
        return {name: low for name, (low, high) in self.ranges.items() if low == high}

    def check(self, name: Any, values: Tensor) -> None:
        """Refuses another value than the only one that was learned from; warns of those beyond a range.

        Args:
            name: of the quantity, or its number.
            values: that are asked for, of any shape.

        Raises:
            ValueError: with the value of the training data.
        """
        low, high = self.ranges.get(name, (-math.inf, math.inf))
        least, most = float(values.min()), float(values.max())
        key, slack = f"{self.what}[{name!r}]", CLOSE * max(abs(low), abs(high))
        if low == high and not (low - slack <= least and most <= high + slack):
            wrong = most if most > high + slack else least
            raise ValueError(
                f"{key}: expected {low:g}, which all training trajectories have: what another value does was not "
                f"learned; got {wrong:g}"
            )
        if math.isfinite(low) and not (low - slack <= least and most <= high + slack):
            wrong = most if most > high + slack else least
            warnings.warn(
                f"{key}: {wrong:g} is beyond the training data, which go from {low:g} to {high:g}: an extrapolation",
                stacklevel=4,
            )


def _range_of(node: Any) -> tuple[float, float] | None:
    """The lowest and the highest value of a distribution's node; None where it says neither."""
    if not isinstance(node, Mapping):
        return None
    listed = node.get("values")
    values = [*listed] if isinstance(listed, list) else [node.get(key) for key in ("value", "low", "high")]
    numbers = [number for number in map(_number, values) if number is not None]
    if "value" in node or isinstance(listed, list):
        return (min(numbers), max(numbers)) if numbers else None
    return (min(numbers), max(numbers)) if len(numbers) == 2 else None


def _number(value: Any) -> float | None:
    """A finite number of a file; None for what is none."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None
