"""A plain function of prediction and truth as a metric."""

from collections.abc import Callable

from torch import Tensor

from tendency.evaluation.metrics.context import BatchContext
from tendency.evaluation.metrics.figure import MetricFigure
from tendency.evaluation.metrics.metric import SnapshotMetric


def as_metric(function: Callable[[Tensor, Tensor, Tensor], Tensor], figure: MetricFigure) -> type[SnapshotMetric]:
    """A class that a yaml can name, from a function of prediction and truth.

    With ``Mine = as_metric(mine, MetricFigure("mine", "my error", SMALLER))`` in my_package it is ``my_package.Mine``.

    Args:
        function: function of (prediction (B, C, *N), truth (B, C, *N), cell volumes (B, *N)) with the values (B,), or
            (B, C) of a figure with the axis ``channel``.
        figure: what the values are.
    """

    def measure(self: SnapshotMetric, prediction: Tensor, truth: Tensor, context: BatchContext) -> dict[str, Tensor]:
        return {figure.name: function(prediction, truth, context.weights)}

    name = "".join(word.capitalize() for word in function.__name__.split("_"))
    content = {"figures": (figure,), "measure": measure, "__module__": function.__module__, "__doc__": function.__doc__}
    return type(name, (SnapshotMetric,), content)
