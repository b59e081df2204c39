"""Distributions of one scalar, drawn once per trajectory: PDE parameters, domain lengths, time steps."""

import math
from collections.abc import Sequence
from typing import Protocol

import numpy as np

from tendency.simulation.annotations import FiniteFloat, PositiveFloat


class Parameter(Protocol):
    """A scalar of the problem. ``observed`` ones are told to surrogates, the others to the solver alone."""

    observed: bool

    @property
    def varies(self) -> bool:
        """Whether two trajectories can have different values."""
        ...

    @property
    def lowest(self) -> float:
        """No value is below it."""
        ...

    @property
    def highest(self) -> float:
        """No value is above it."""
        ...

    def draw(self, generator: np.random.Generator) -> float:
        """One value."""
        ...


class Constant:
    """The same value for every trajectory; hidden from surrogates unless ``observed``, since it tells them nothing."""

    def __init__(self, value: FiniteFloat, observed: bool = False) -> None:
        self.value, self.observed = float(value), observed

    @property
    def varies(self) -> bool:
        """Never."""
        return False

    @property
    def lowest(self) -> float:
        """The lowest value."""
        return self.value

    @property
    def highest(self) -> float:
        """The highest value."""
        return self.value

    def draw(self, generator: np.random.Generator) -> float:
        """The value; the generator is not touched."""
        return self.value


class Uniform:
    """U(low, high).

    Raises:
        ValueError: low >= high.
    """

    def __init__(self, low: FiniteFloat, high: FiniteFloat, observed: bool = True) -> None:
        _check_range(low, high)
        self.low, self.high, self.observed = float(low), float(high), observed

    @property
    def varies(self) -> bool:
        """Always."""
        return True

    @property
    def lowest(self) -> float:
        """The lowest value."""
        return self.low

    @property
    def highest(self) -> float:
        """The highest value."""
        return self.high

    def draw(self, generator: np.random.Generator) -> float:
        """One value in [low, high)."""
        return float(generator.uniform(self.low, self.high))


class LogUniform:
    """exp(U(log low, log high)): every decade is equally likely.

    Raises:
        ValueError: low >= high.
    """

    def __init__(self, low: PositiveFloat, high: PositiveFloat, observed: bool = True) -> None:
        _check_range(low, high)
        if low <= 0:
            raise ValueError(f"low: a log-uniform range is positive, got {low}")
        self.low, self.high, self.observed = float(low), float(high), observed

    @property
    def varies(self) -> bool:
        """Always."""
        return True

    @property
    def lowest(self) -> float:
        """The lowest value."""
        return self.low

    @property
    def highest(self) -> float:
        """The highest value."""
        return self.high

    def draw(self, generator: np.random.Generator) -> float:
        """One value in [low, high)."""
        return float(math.exp(generator.uniform(math.log(self.low), math.log(self.high))))


class Choice:
    """One of a list of values, each equally likely.

    Raises:
        ValueError: an empty list.
    """

    def __init__(self, values: Sequence[FiniteFloat], observed: bool = True) -> None:
        if not values:
            raise ValueError("values: expected at least one value, got none")
        self.values, self.observed = [float(value) for value in values], observed

    @property
    def varies(self) -> bool:
        """Whether the list has two different values."""
        return len(set(self.values)) > 1

    @property
    def lowest(self) -> float:
        """The lowest value."""
        return min(self.values)

    @property
    def highest(self) -> float:
        """The highest value."""
        return max(self.values)

    def draw(self, generator: np.random.Generator) -> float:
        """One of the values."""
        return self.values[int(generator.integers(len(self.values)))]


def _check_range(low: float, high: float) -> None:
    if not low < high:
        raise ValueError(f"expected low < high, got low={low}, high={high}")
