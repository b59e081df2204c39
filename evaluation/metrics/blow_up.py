"""Whether a rollout blows up, and when."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from tendency.evaluation.metrics.context import BatchContext
from tendency.evaluation.metrics.figure import LARGER, SMALLER, UNRANKED, MetricFigure, Statistic, Summary
from tendency.evaluation.metrics.metric import TrajectoryMetric
from tendency.evaluation.metrics.pointwise import mean_over_space, mse, ratio
from tendency.simulation.annotations import PositiveFloat


class BlowUp(TrajectoryMetric):
    """When a rollout blows up: its first snapshot that is not finite, or whose error exceeds a limit.

    The error is the root mean square over all channels, over the largest that the truth has had since the start: a
    rollout that stays bounded has not blown up, however wrong it is, even where the truth decays to nothing.

    Args:
        limit: limit of the error.
    """

    figures = (
        MetricFigure(
            "blew_up",
            "blew up",
            SMALLER,
            summaries=(Summary("stable_share", "stable", Statistic.SHARE_WITHOUT, better=LARGER, table=True),),
        ),
        MetricFigure(
            "blow_up_time",
            "time to blow-up",
            LARGER,
            unit="time",
            summaries=(Summary("blow_up_time", "time to blow-up", Statistic.TIME),),
        ),
        MetricFigure("blow_up_time_censored", "never blew up", UNRANKED, summaries=()),
    )

    def __init__(self, limit: PositiveFloat = 100.0) -> None:
        self.limit = limit

    def update(self, memory: Any, snapshot: int, prediction: Tensor, truth: Tensor, context: BatchContext) -> Any:
        """Keeps the errors (B,) of the snapshots, and the largest size (B,) of the truth so far."""
        errors, largest = memory or ((), torch.zeros(len(truth), dtype=torch.float64, device=truth.device))
        size = mean_over_space(truth.double().square(), context.weights).sum(1).sqrt()
        largest = torch.maximum(largest, size)
        return (*errors, ratio(mse(prediction, truth, context.weights).sum(1).sqrt(), largest)), largest

    def result(self, memory: Any, curves: Mapping[str, Tensor], context: BatchContext) -> dict[str, Tensor]:
        """Whether a rollout blew up, the time since the start, and whether that is the horizon instead; (B,) each."""
        # The comparison is false for NaN.
        errors, _ = memory
        lost = ~(torch.stack(errors, 1) <= self.limit)
        times = context.times - context.times[:, :1]
        first = times.gather(1, lost.int().argmax(1, keepdim=True))[:, 0]
        blew_up = lost.any(1)
        return {
            "blew_up": blew_up,
            "blow_up_time": torch.where(blew_up, first, times[:, -1]),
            "blow_up_time_censored": ~blew_up,
        }
