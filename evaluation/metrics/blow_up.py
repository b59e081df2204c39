"""Whether a rollout blows up, and when."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from tendency.evaluation.metrics.context import BatchContext
from tendency.evaluation.metrics.figure import LARGER, SMALLER, UNRANKED, MetricFigure, Statistic, Summary
from tendency.evaluation.metrics.metric import TrajectoryMetric
from tendency.simulation.annotations import PositiveFloat


class BlowUp(TrajectoryMetric):
    """When a rollout blows up: its first snapshot that is not finite, or whose nRMSE exceeds a limit.

    A rollout that stays bounded has not blown up, however wrong it is: predicting zero has an nRMSE of 1.

    Args:
        limit: limit of the nRMSE over all channels.
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

    def result(self, memory: Any, curves: Mapping[str, Tensor], context: BatchContext) -> dict[str, Tensor]:
        """Whether a rollout blew up, the time since the start, and whether that is the horizon instead; (B,) each."""
        # The comparison is false for NaN.
        lost = ~(curves["nrmse"] <= self.limit)
        times = context.times - context.times[:, :1]
        first = times.gather(1, lost.int().argmax(1, keepdim=True))[:, 0]
        blew_up = lost.any(1)
        return {
            "blew_up": blew_up,
            "blow_up_time": torch.where(blew_up, first, times[:, -1]),
            "blow_up_time_censored": ~blew_up,
        }
