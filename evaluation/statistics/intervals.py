"""Means with confidence intervals, of values from several seeds."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

from scipy.special import stdtrit


@dataclass(frozen=True)
class Interval:
    """A mean and the ends of its interval, which are None where there is one seed alone.

    Args:
        mean: mean over the seeds.
        low: lower end of the interval.
        high: upper end of the interval.
    """

    mean: float
    low: float | None = None
    high: float | None = None

    def to_dict(self) -> dict[str, float | None]:
        """Plain data, in which what is not finite is None."""
        return {
            key: value if value is not None and math.isfinite(value) else None for key, value in asdict(self).items()
        }

    @classmethod
    def from_dict(cls, content: Mapping[str, float | None]) -> "Interval":
        """The inverse of ``to_dict``: a mean that is None was not finite."""
        mean = content["mean"]
        return cls(math.inf if mean is None else mean, content["low"], content["high"])

    def text(self, digits: int = 3) -> str:
        """``0.12 [0.10, 0.14]``."""
        if not math.isfinite(self.mean):
            return "blew up"
        mean = f"{self.mean:.{digits}g}"
        return mean if self.low is None else f"{mean} [{self.low:.{digits}g}, {self.high:.{digits}g}]"


def t_interval(values: Sequence[float], level: float = 0.95) -> Interval:
    """The mean m and m ± t s / √n of n independent values, t the quantile of Student's distribution of n − 1.

    Args:
        values: one value for each seed; the mean alone where there is one, or where one is not finite.
        level: share of such intervals that hold the true mean.
    """
    mean = sum(values) / len(values)
    if len(values) < 2 or not math.isfinite(mean):
        return Interval(mean)
    deviation = math.sqrt(sum((value - mean) ** 2 for value in values) / (len(values) - 1))
    # scipy.stats has the same quantile, and takes a second to import.
    half = float(stdtrit(len(values) - 1, (1 + level) / 2)) * deviation / math.sqrt(len(values))
    return Interval(mean, mean - half, mean + half)


def log_t_interval(values: Sequence[float], level: float = 0.95) -> Interval:
    """As ``t_interval`` of the logarithms: for errors, which are positive and differ by factors.

    Args:
        values: positive values, one for each seed.
        level: share of such intervals that hold the true geometric mean.
    """
    if not all(0 < value < math.inf for value in values):
        return Interval(math.inf if not all(map(math.isfinite, values)) else 0.0)
    logs = t_interval([math.log(value) for value in values], level)
    if logs.low is None or logs.high is None:
        return Interval(math.exp(logs.mean))
    return Interval(math.exp(logs.mean), math.exp(logs.low), math.exp(min(logs.high, 700.0)))
