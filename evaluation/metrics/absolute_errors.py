"""Errors in the fields' own units."""

from torch import Tensor

from evaluation.metrics.metric import Setting, SnapshotMetric
from evaluation.metrics.snapshot import max_error, mse


class AbsoluteErrors(SnapshotMetric):
    """The mean squared and the largest error of each channel: ⟨(p − y)²⟩ and max |p − y|."""

    variables = {"mse": ("channel",), "max_error": ("channel",)}

    def measure(self, prediction: Tensor, truth: Tensor, setting: Setting) -> dict[str, Tensor]:
        """(B, C), in the field's unit squared, and in its unit."""
        return {
            "mse": mse(prediction, truth, setting.weights),
            "max_error": max_error(prediction, truth, setting.weights),
        }
