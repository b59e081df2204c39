"""Errors in the fields' own units."""

from torch import Tensor

from tendency.evaluation.metrics.context import BatchContext
from tendency.evaluation.metrics.figure import SMALLER, MetricFigure
from tendency.evaluation.metrics.metric import SnapshotMetric
from tendency.evaluation.metrics.pointwise import max_error, mse


class AbsoluteErrors(SnapshotMetric):
    """The mean squared and the largest error of each channel: ⟨(p − y)²⟩ and max |p − y|."""

    figures = (
        MetricFigure(
            "mse",
            "mean squared error",
            SMALLER,
            unit="field's unit squared",
            axes=("channel",),
            logarithmic=True,
            summaries=(),
        ),
        MetricFigure(
            "max_error",
            "largest error",
            SMALLER,
            unit="field's unit",
            axes=("channel",),
            logarithmic=True,
            summaries=(),
        ),
    )

    def measure(self, prediction: Tensor, truth: Tensor, context: BatchContext) -> dict[str, Tensor]:
        """(B, C), in the field's unit squared, and in its unit."""
        return {
            "mse": mse(prediction, truth, context.weights),
            "max_error": max_error(prediction, truth, context.weights),
        }
