"""The three kinds of metrics: of one snapshot, of a whole rollout, and of an ensemble of rollouts.

A new metric is one file with a class of one of the three kinds, and one entry in ``conf/evaluation/metrics``. No kind
averages over trajectories: figures are stored for each trajectory, and reports summarise them.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor

from tendency.evaluation.metrics.context import BatchContext, Subject
from tendency.evaluation.metrics.figure import UNRANKED, MetricFigure, Statistic, Summary


class Metric(ABC):
    """A metric's figures, and where they make no sense; common to the three kinds.

    ``figures`` states of each figure what it is; reports, leaderboards and comparisons read nothing else.
    """

    figures: Sequence[MetricFigure]

    @property
    def variables(self) -> dict[str, tuple[str, ...]]:
        """The axes of each figure beside those of simulators, trajectories and snapshots, by its name."""
        return {figure.name: figure.axes for figure in self.figures}

    @abstractmethod
    def usual_summary(self, figure: MetricFigure) -> Summary:
        """How a figure that states no summaries enters the summary, its tables and comparisons."""

    def summaries(self, figure: MetricFigure) -> tuple[Summary, ...]:
        """How one of the figures enters the summary; the usual way is for figures of at most one axis."""
        if figure.summaries is not None:
            return figure.summaries
        if figure.of_truth or len(figure.axes) > 1:
            return ()
        return (self.usual_summary(figure),)

    def reason_against(self, subject: Subject) -> str | None:
        """The reason why the metric does not apply to a subject; None where it applies."""
        return None

    def labels(self, context: BatchContext) -> Mapping[str, Sequence[Any]]:
        """The labels along the axes of its own, by their names."""
        return {}


class SnapshotMetric(Metric):
    """Figures of one predicted snapshot."""

    def usual_summary(self, figure: MetricFigure) -> Summary:
        """The value at the horizon, ``final_<name>``."""
        return _usual(f"final_{figure.name}", f"{figure.title} at the horizon", Statistic.LAST, figure)

    @abstractmethod
    def measure(self, prediction: Tensor, truth: Tensor, context: BatchContext) -> dict[str, Tensor]:
        """The figures by name.

        Args:
            prediction: (B, C, *N) predicted state, which may hold values that are not finite.
            truth: (B, C, *N) true state.
            context: subject, conditions, times, start and weights of the B trajectories.

        Returns:
            (B, ...) float64 for each of ``variables``.
        """


class TrajectoryMetric(Metric):
    """Figures of a whole rollout, computed snapshot by snapshot: no more than one snapshot is in memory."""

    def usual_summary(self, figure: MetricFigure) -> Summary:
        """The value itself."""
        return _usual(figure.name, figure.title, Statistic.ROLLOUT, figure)

    def update(self, memory: Any, snapshot: int, prediction: Tensor, truth: Tensor, context: BatchContext) -> Any:
        """The memory after one more snapshot; a metric of curves alone needs none.

        Args:
            memory: memory after the snapshot before; None at the start.
            snapshot: number of the snapshot, 0 at the start, where prediction and truth are the same.
            prediction: (B, C, *N) predicted state.
            truth: (B, C, *N) true state.
            context: subject, conditions, times, start and weights of the B trajectories.
        """
        return memory

    @abstractmethod
    def result(self, memory: Any, curves: Mapping[str, Tensor], context: BatchContext) -> dict[str, Tensor]:
        """The figures by name, after the last snapshot.

        Args:
            memory: memory after the last snapshot, from ``update``.
            curves: (B, T, ...) values of each snapshot metric's figures, the first value being the start's.
            context: subject, conditions, times, start and weights of the B trajectories.

        Returns:
            (B, ...) for each of ``variables``.
        """


class EnsembleMetric(Metric):
    """Figures of one snapshot of several rollouts that drew different noise."""

    def usual_summary(self, figure: MetricFigure) -> Summary:
        """The mean over all snapshots."""
        return _usual(figure.name, figure.title, Statistic.AVERAGE, figure)

    @abstractmethod
    def measure(self, members: Tensor, truth: Tensor, context: BatchContext) -> dict[str, Tensor]:
        """The figures by name.

        Args:
            members: (M, B, C, *N) predicted states, M at least 2.
            truth: (B, C, *N) true state.
            context: subject, conditions, times, start and weights of the B trajectories.

        Returns:
            (B, ...) float64 for each of ``variables``.
        """


def _usual(key: str, title: str, statistic: Statistic, figure: MetricFigure) -> Summary:
    """A number of the summary table, which is ranked and compared where some values are better than others."""
    ranked = figure.better != UNRANKED
    title = f"{title}," if figure.axes else title
    return Summary(key, title, statistic, table=True, leaderboard=ranked, comparisons=ranked)
