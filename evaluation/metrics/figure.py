"""What a metric states of its figures: title, unit, which values are better, how they are averaged, where they stand.

Everything that shows, ranks or compares a figure reads these records, and nothing is guessed from a figure's name. They
are stored with the results, so that a report which is read later knows them.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Any, Self

import numpy as np


@dataclass(frozen=True)
class Better:
    """Which values of a figure are better: the closer to a target, the better.

    Args:
        target: best value, -inf where smaller is better and inf where larger is; None where no value is better.
    """

    target: float | None

    @property
    def worst(self) -> float:
        """The worst value, which one that is not finite counts as."""
        return -math.inf if self.target == math.inf else math.inf

    def penalty(self, values: np.ndarray) -> np.ndarray:
        """Values of which the smaller is always the better; infinite where a value is not finite."""
        values = np.asarray(values, dtype=float)
        if self.target is None or self.target == -math.inf:
            penalty = values
        elif self.target == math.inf:
            penalty = -values
        else:
            penalty = np.abs(values - self.target)
        return np.where(np.isfinite(values), penalty, math.inf)

    def to_plain(self) -> str | float | None:
        """Plain data for JSON, which has no infinity."""
        return {-math.inf: "smaller", math.inf: "larger"}.get(self.target, self.target)  # type: ignore[arg-type]

    @classmethod
    def from_plain(cls, content: str | float | None) -> Self:
        """The inverse of ``to_plain``."""
        if isinstance(content, str):
            return cls({"smaller": -math.inf, "larger": math.inf}[content])
        return cls(content)


SMALLER = Better(-math.inf)
"""Smaller values are better: errors."""
LARGER = Better(math.inf)
"""Larger values are better: correlations, times that a rollout lasts."""
UNRANKED = Better(None)
"""No value is better: energies, counts."""


def closest_to(target: float) -> Better:
    """Values closer to a target are better."""
    return Better(target)


class Mean(StrEnum):
    """How a figure is averaged over seeds and problems, and compared."""

    ARITHMETIC = "arithmetic"
    """Means of values; methods are compared by differences."""
    GEOMETRIC = "geometric"
    """Means of logarithms, for positive figures that differ by factors; methods are compared by ratios."""


class Statistic(StrEnum):
    """How one number is made of a figure's values of all trajectories and snapshots."""

    LAST = "last"
    """Median over trajectories at the last snapshot."""
    FIRST_STEP = "first step"
    """Median over trajectories at the first snapshot after the start."""
    LARGEST = "largest"
    """Median over trajectories of the largest value over all snapshots and along the figure's own axes."""
    SINGLE_STEPS = "single steps"
    """Median over trajectories of the median over snapshots after the start, of figures that depend on no rollout."""
    ROLLOUT = "rollout"
    """Median over trajectories of a figure that a whole rollout has one of."""
    TIME = "time"
    """As ``ROLLOUT``, of times that may be censored, as the figure ``<name>_censored`` says (Kaplan-Meier)."""
    SHARE_WITHOUT = "share without"
    """Share of the trajectories for which the figure is false."""
    AVERAGE = "average"
    """Mean over trajectories and all snapshots after the start."""
    SPREAD_OVER_SKILL = "spread over skill"
    """√((M + 1) / M · mean(figure) / mean(denominator)) for M members, means as of ``AVERAGE``."""


@dataclass(frozen=True)
class Summary:
    """How a figure enters the summary of a report: one number for each method, or for each label of the figure's axis.

    Args:
        key: key in the summary; that of one label is ``<key>_<label>``.
        title: words for heads of columns; the label follows where there are several.
        statistic: how the number is made.
        labels: labels of the figure's axis that are summarised; None for all.
        denominator: name of another figure that each value is divided by.
        better: which values are better, where that is not as of the figure itself.
        table: whether it stands in the summary table.
        leaderboard: whether methods are ranked by it, and it is compared in distribution and out of it.
        comparisons: whether methods are compared by it in pairs.
        defined_at_start: whether it is left out where no trajectory has a value at the start: it does not exist there.
    """

    key: str
    title: str
    statistic: Statistic
    labels: tuple[Any, ...] | None = None
    denominator: str | None = None
    better: Better | None = None
    table: bool = False
    leaderboard: bool = False
    comparisons: bool = False
    defined_at_start: bool = False


@dataclass(frozen=True)
class MetricFigure:
    """One figure of a metric.

    Args:
        name: name of the variable in metrics.nc.
        title: words for axes and lists of choices.
        better: which values are better.
        mean: how it is averaged over seeds, and whether methods are compared by ratios or by differences.
        unit: unit, in words; empty where there is none.
        axes: axes beside those of simulators, trajectories and snapshots.
        lost: value that one which is not finite counts as in comparisons; None for one further from the best value than
            any that was measured.
        logarithmic: whether its curve starts on a logarithmic axis.
        curve: whether the page draws it against time, where it is one of each snapshot.
        of_truth: whether it depends on the truth alone, and is the same for every simulator.
        combined: name of the figure of all channels together, which this one repeats where there is one channel alone.
        mean_of: name of a figure of each snapshot of which this one, of a whole rollout, is the geometric mean over the
            snapshots after the start; methods that start at different snapshots are compared over those that both have.
        summaries: its numbers in the summary. None for the usual ones of its kind of metric, which stand in the summary
            table, the leaderboard and the comparisons.
    """

    name: str
    title: str
    better: Better
    mean: Mean = Mean.ARITHMETIC
    unit: str = ""
    axes: tuple[str, ...] = ()
    lost: float | None = None
    logarithmic: bool = False
    curve: bool = True
    of_truth: bool = False
    combined: str | None = None
    mean_of: str | None = None
    summaries: tuple[Summary, ...] | None = None


@dataclass(frozen=True)
class SummaryFigure:
    """One number of each method in the summary of a report, with all that is needed to compute, show and rank it.

    Args:
        key: key in the summary.
        title: words for heads of columns.
        better: which values are better.
        mean: how it is averaged over seeds, and whether methods are compared by ratios or by differences.
        statistic: how it is made of the values.
        source: name of the figure in metrics.nc.
        unit: unit, in words; empty where there is none.
        axis: axis of the figure of which one label is taken; None where there is none.
        label: that label.
        denominator: name of another figure that each value is divided by.
        divisor: number that the result is divided by.
        mean_of: name of a figure of each snapshot of which the source is the geometric mean over the rollout.
        lost: value that one which is not finite counts as in comparisons.
        table: whether it stands in the summary table.
        leaderboard: whether methods are ranked by it.
        comparisons: whether methods are compared by it in pairs.
        defined_at_start: whether it is left out where no trajectory has a value at the start.
    """

    key: str
    title: str
    better: Better
    mean: Mean
    statistic: Statistic
    source: str
    unit: str = ""
    axis: str | None = None
    label: Any = None
    denominator: str | None = None
    divisor: float = 1.0
    mean_of: str | None = None
    lost: float | None = None
    table: bool = False
    leaderboard: bool = False
    comparisons: bool = False
    defined_at_start: bool = False

    @property
    def by_ratio(self) -> bool:
        """Whether two methods are compared by the ratio of their figures: of errors that differ by factors."""
        return self.mean is Mean.GEOMETRIC and self.better == SMALLER

    def text(self, value: float, censored: bool = False) -> str:
        """A value as tables show it: ``> 12`` where it is censored, a percentage where it is a share."""
        if not math.isfinite(value):
            return "blew up"
        if self.statistic is Statistic.SHARE_WITHOUT:
            return f"{100 * value:.0f} %"
        brief = self.statistic is Statistic.TIME or not 0.1 <= abs(value) < 1e6
        text = f"{value:.3g}" if brief else f"{value:.3f}"
        return f"> {text}" if censored else text

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return {entry.name: getattr(self, entry.name) for entry in fields(self)} | {"better": self.better.to_plain()}

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Self:
        """The inverse of ``to_dict``; unknown entries are left out."""
        known = {entry.name: content[entry.name] for entry in fields(cls) if entry.name in content}
        known |= {"mean": Mean(known["mean"]), "statistic": Statistic(known["statistic"])}
        return cls(**known | {"better": Better.from_plain(known["better"])})


def summary_figures(figure: MetricFigure, summaries: Sequence[Summary], labels: Sequence[Any]) -> list[SummaryFigure]:
    """The numbers that a figure has in a summary, one for each label of its axis where it has one.

    Args:
        figure: figure of at most one axis, or summarised along all of its axes at once.
        summaries: how it enters the summary.
        labels: labels of its axis.
    """
    numbers = []
    for summary in summaries:
        along = bool(figure.axes) and summary.statistic is not Statistic.LARGEST
        wanted = (labels if summary.labels is None else summary.labels) if along else [None]
        for label in wanted:
            text = f"{label:g}" if isinstance(label, float) else str(label)
            numbers.append(
                SummaryFigure(
                    key=f"{summary.key}_{text}" if along else summary.key,
                    title=f"{summary.title} {text}" if along else summary.title,
                    better=summary.better or figure.better,
                    mean=figure.mean,
                    statistic=summary.statistic,
                    source=figure.name,
                    unit=figure.unit,
                    axis=figure.axes[0] if along else None,
                    label=label,
                    denominator=summary.denominator,
                    mean_of=figure.mean_of,
                    lost=figure.lost,
                    table=summary.table,
                    leaderboard=summary.leaderboard,
                    comparisons=summary.comparisons,
                    defined_at_start=summary.defined_at_start,
                )
            )
    return numbers
