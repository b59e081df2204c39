"""Errors in proportion to the truth, and the correlation with it."""

from torch import Tensor

from tendency.evaluation.metrics.context import BatchContext
from tendency.evaluation.metrics.metric import SnapshotMetric
from tendency.evaluation.metrics.pointwise import combined_correlation, combined_nrmse, correlation, nrmse, vrmse


class RelativeErrors(SnapshotMetric):
    """nRMSE (the relative L2 error), VRMSE and Pearson correlation, per channel and over all of them.

    The formulas stand in ``tendency.evaluation.metrics.pointwise``. ``vrmse`` is the mean over the channels.
    """

    variables = {
        "nrmse": (),
        "vrmse": (),
        "correlation": (),
        "channel_nrmse": ("channel",),
        "channel_vrmse": ("channel",),
        "channel_correlation": ("channel",),
    }

    def measure(self, prediction: Tensor, truth: Tensor, context: BatchContext) -> dict[str, Tensor]:
        """(B,) and (B, C)."""
        weights = context.weights
        scaled = vrmse(prediction, truth, weights)
        return {
            "nrmse": combined_nrmse(prediction, truth, weights),
            "vrmse": scaled.mean(1),
            "correlation": combined_correlation(prediction, truth, weights),
            "channel_nrmse": nrmse(prediction, truth, weights),
            "channel_vrmse": scaled,
            "channel_correlation": correlation(prediction, truth, weights),
        }
