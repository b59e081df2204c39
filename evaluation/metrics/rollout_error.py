"""The error of a whole rollout as one number."""

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from tendency.evaluation.metrics.context import BatchContext
from tendency.evaluation.metrics.figure import SMALLER, Mean, MetricFigure, Statistic, Summary
from tendency.evaluation.metrics.metric import TrajectoryMetric
from tendency.evaluation.metrics.pointwise import LOST, SMALLEST_ERROR


def geometric_mean_error(errors: Tensor) -> Tensor:
    """The rollout nRMSE of each trajectory, exp(mean_t log e_t): the geometric mean over its snapshots.

    Errors grow by orders of magnitude during a rollout; a plain mean would be that of the last few snapshots. An error
    of zero counts as ``SMALLEST_ERROR``, so that one snapshot that is met exactly does not own the mean.

    Args:
        errors: (..., T) nRMSE of the T snapshots after the start.

    Returns:
        (...) float64, not finite where a snapshot is not.

    References:
        Koehler et al.: APEBench. arXiv:2411.00180, section 3.
    """
    return errors.double().clamp(min=SMALLEST_ERROR).log().mean(-1).exp()


class RolloutError(TrajectoryMetric):
    """The rollout nRMSE: the geometric mean of the nRMSE over all snapshots after the start."""

    figures = (
        MetricFigure(
            "rollout_nrmse",
            "nRMSE over the rollout, geometric mean",
            SMALLER,
            Mean.GEOMETRIC,
            lost=LOST,
            mean_of="nrmse",
            summaries=(
                Summary(
                    "rollout_nrmse",
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
        return {"rollout_nrmse": geometric_mean_error(curves["nrmse"][:, 1:])}
