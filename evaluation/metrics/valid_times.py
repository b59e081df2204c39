"""Valid times: how long a rollout follows the truth, by its correlation with it or by its error."""

from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any

import torch
from annotated_types import Gt, Len, Lt
from torch import Tensor

from tendency.evaluation.metrics.context import BatchContext
from tendency.evaluation.metrics.figure import LARGER, UNRANKED, MetricFigure, Statistic, Summary
from tendency.evaluation.metrics.metric import TrajectoryMetric
from tendency.simulation.annotations import PositiveFloat

THRESHOLDS = (0.8, 0.9, 0.95)
"""The correlations at which the literature stops the clock."""
Correlation = Annotated[float, Gt(-1), Lt(1)]


def correlation_time(times: Tensor, correlation: Tensor, threshold: float) -> tuple[Tensor, Tensor]:
    """The time from the start until the correlation first falls below a threshold.

    Between snapshots the correlation is taken as linear in time. A snapshot whose correlation is not finite, because
    the prediction is not, correlates with nothing: it counts as 0. Where the correlation never falls below the
    threshold, the time is censored: all that is known is that it exceeds the horizon.

    Args:
        times: (B, T), increasing; the first is the start.
        correlation: (B, T).
        threshold: between 0 and 1.

    Returns:
        The times (B,) float64, the horizon where censored; and whether censored (B,) bool.
    """
    return _first_fall(times, torch.where(correlation.isfinite(), correlation.double(), 0.0), threshold)


def error_time(times: Tensor, error: Tensor, threshold: float) -> tuple[Tensor, Tensor]:
    """The time from the start until an error first exceeds a threshold.

    As ``correlation_time``, but an error that is not finite exceeds every threshold as soon as the snapshot before it.

    Args:
        times: (B, T), increasing; the first is the start.
        error: (B, T), not negative.
        threshold: positive.

    Returns:
        The times (B,) float64, the horizon where censored; and whether censored (B,) bool.
    """
    return _first_fall(times, -error.double().nan_to_num(nan=torch.inf), -threshold)


def _first_fall(times: Tensor, values: Tensor, threshold: float) -> tuple[Tensor, Tensor]:
    """The time at which values (B, T), linear between snapshots, first fall below a threshold."""
    times = times.double() - times[:, :1].double()
    below = values < threshold
    censored = ~below.any(1)
    # argmax finds the first True. Where the very first snapshot is below, both ends are that snapshot: time 0.
    after = below.int().argmax(1, keepdim=True)
    before = (after - 1).clamp(min=0)
    t0, t1 = times.gather(1, before)[:, 0], times.gather(1, after)[:, 0]
    v0, v1 = values.gather(1, before)[:, 0], values.gather(1, after)[:, 0]
    share = torch.where(v0 > v1, (v0 - threshold) / (v0 - v1), 0.0)
    return torch.where(censored, times[:, -1], t0 + share * (t1 - t0)), censored


class CorrelationTime(TrajectoryMetric):
    """The valid time by correlation: how long the correlation over all channels stays above each threshold.

    Args:
        thresholds: correlations.
    """

    curve = "correlation"
    """MetricFigure whose curve reaches the thresholds."""

    def __init__(self, thresholds: Annotated[Sequence[Correlation], Len(1)] = THRESHOLDS) -> None:
        self.thresholds = tuple(thresholds)
        # Two of them stand in the table, the first in the leaderboard.
        self.figures = _time_figures(
            "correlation_time", "time to correlation", "threshold", self.thresholds, in_table=2, ranked=1
        )

    def labels(self, context: BatchContext) -> Mapping[str, Sequence[Any]]:
        """The thresholds."""
        return {"threshold": self.thresholds}

    def result(self, memory: Any, curves: Mapping[str, Tensor], context: BatchContext) -> dict[str, Tensor]:
        """Physical times (B, thresholds), and whether the horizon is all that is known of them."""
        times, censored = _times_of_thresholds(self.thresholds, correlation_time, context.times, curves[self.curve])
        return {"correlation_time": times, "correlation_time_censored": censored}


class ErrorTime(TrajectoryMetric):
    """The valid time by error: how long the nRMSE over all channels stays below each threshold.

    Args:
        thresholds: errors.
    """

    def __init__(self, thresholds: Annotated[Sequence[PositiveFloat], Len(1)] = (0.1, 0.2, 0.5)) -> None:
        self.thresholds = tuple(thresholds)
        self.figures = _time_figures("nrmse_time", "time to nRMSE", "nrmse_threshold", self.thresholds)

    def labels(self, context: BatchContext) -> Mapping[str, Sequence[Any]]:
        """The thresholds."""
        return {"nrmse_threshold": self.thresholds}

    def result(self, memory: Any, curves: Mapping[str, Tensor], context: BatchContext) -> dict[str, Tensor]:
        """Physical times (B, thresholds), and whether the horizon is all that is known of them."""
        times, censored = _times_of_thresholds(self.thresholds, error_time, context.times, curves["nrmse"])
        return {"nrmse_time": times, "nrmse_time_censored": censored}


def _time_figures(
    name: str, title: str, axis: str, thresholds: Sequence[float], in_table: int = 0, ranked: int = 0
) -> tuple[MetricFigure, MetricFigure]:
    """The times to some thresholds, and whether they are censored; of the first few, tables and ranks are made."""
    summaries = tuple(
        Summary(
            name,
            title,
            Statistic.TIME,
            labels=(float(threshold),),
            table=number < in_table,
            leaderboard=number < ranked,
        )
        for number, threshold in enumerate(thresholds)
    )
    return (
        MetricFigure(name, title, LARGER, unit="time", axes=(axis,), summaries=summaries),
        MetricFigure(f"{name}_censored", f"{title} beyond the horizon", UNRANKED, axes=(axis,), summaries=()),
    )


def _times_of_thresholds(
    thresholds: Sequence[float],
    time_of: Callable[[Tensor, Tensor, float], tuple[Tensor, Tensor]],
    times: Tensor,
    values: Tensor,
) -> tuple[Tensor, Tensor]:
    """(B, thresholds) both: when a curve reaches each, and whether it does not."""
    pairs = [time_of(times, values, threshold) for threshold in thresholds]
    reached, censored = (torch.stack(part, 1) for part in zip(*pairs, strict=True))
    return reached, censored
