"""The error of a whole rollout as one number."""

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from tendency.evaluation.metrics.context import BatchContext
from tendency.evaluation.metrics.figure import SMALLER, Mean, MetricFigure, Statistic, Summary
from tendency.evaluation.metrics.metric import TrajectoryMetric
from tendency.evaluation.metrics.pointwise import LOST


class GeometricMeanError(TrajectoryMetric):
    """The geometric mean of the nRMSE over all snapshots after the start: exp(mean_t log e_t).

    Errors grow by orders of magnitude during a rollout; a plain mean would be that of the last few snapshots.

    References:
        Koehler et al.: APEBench. arXiv:2411.00180, section 3.
    """

    figures = (
        MetricFigure(
            "geometric_mean_nrmse",
            "nRMSE over the rollout, geometric mean",
            SMALLER,
            Mean.GEOMETRIC,
            lost=LOST,
            summaries=(
                Summary(
                    "geometric_mean_nrmse",
                    "rollout nRMSE",
                    Statistic.ROLLOUT,
                    table=True,
                    leaderboard=True,
                    comparisons=True,
                ),
            ),
        ),
    )

    def result(self, memory: Any, curves: Mapping[str, Tensor], context: BatchContext) -> dict[str, Tensor]:
        """(B,), not finite where a snapshot is not."""
        return {"geometric_mean_nrmse": curves["nrmse"][:, 1:].clamp(min=1e-300).log().mean(1).exp()}
