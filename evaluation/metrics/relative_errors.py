"""Errors in proportion to the truth, and the correlation with it."""

from torch import Tensor

from tendency.evaluation.metrics.context import BatchContext
from tendency.evaluation.metrics.figure import LARGER, SMALLER, Better, Mean, MetricFigure, Statistic, Summary
from tendency.evaluation.metrics.metric import SnapshotMetric
from tendency.evaluation.metrics.pointwise import (
    LOST,
    combined_correlation,
    combined_nrmse,
    combined_vrmse,
    correlation,
    nrmse,
    vrmse,
)


def _of_channel(name: str, title: str, better: Better) -> MetricFigure:
    """A figure of each channel alone, which has a curve and no number in the summary."""
    return MetricFigure(
        f"channel_{name}",
        title,
        better,
        axes=("channel",),
        logarithmic=better == SMALLER,
        combined=name,
        summaries=(),
    )


class RelativeErrors(SnapshotMetric):
    """nRMSE (the relative L2 error), VRMSE and Pearson correlation, per channel and over all of them.

    The formulas stand in ``tendency.evaluation.metrics.pointwise``. ``vrmse`` is the mean over the
    channels that vary in space.
    """

    figures = (
        MetricFigure(
            "nrmse",
            "nRMSE of the rollout",
            SMALLER,
            Mean.GEOMETRIC,
            lost=LOST,
            logarithmic=True,
            summaries=(Summary("final_nrmse", "nRMSE at the horizon", Statistic.LAST, table=True),),
        ),
        MetricFigure(
            "vrmse", "vRMSE of the rollout", SMALLER, Mean.GEOMETRIC, lost=LOST, logarithmic=True, summaries=()
        ),
        MetricFigure(
            "correlation",
            "correlation of the rollout",
            LARGER,
            lost=-1.0,
            summaries=(Summary("final_correlation", "correlation at the horizon", Statistic.LAST, table=True),),
        ),
        _of_channel("nrmse", "nRMSE", SMALLER),
        _of_channel("vrmse", "vRMSE", SMALLER),
        _of_channel("correlation", "correlation", LARGER),
    )

    def measure(self, prediction: Tensor, truth: Tensor, context: BatchContext) -> dict[str, Tensor]:
        """(B,) and (B, C)."""
        weights = context.weights
        return {
            "nrmse": combined_nrmse(prediction, truth, weights),
            "vrmse": combined_vrmse(prediction, truth, weights),
            "correlation": combined_correlation(prediction, truth, weights),
            "channel_nrmse": nrmse(prediction, truth, weights),
            "channel_vrmse": vrmse(prediction, truth, weights),
            "channel_correlation": correlation(prediction, truth, weights),
        }
