"""The distribution of a field's values over a long rollout.

Any method loses a chaotic flow after a few Lyapunov times. Whether its statistics are right can still be measured.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from tendency.evaluation.metrics.context import BatchContext, Subject
from tendency.evaluation.metrics.figure import SMALLER, UNRANKED, MetricFigure, Statistic, Summary
from tendency.evaluation.metrics.metric import TrajectoryMetric
from tendency.simulation.annotations import PositiveFloat, PositiveInt


class Distribution(TrajectoryMetric):
    """The distribution of each channel's values over space and all snapshots after the start, and how far off it is.

    Values are counted, weighted by their cells, in bins of z = (u − m) / s with the mean m and the deviation s of the
    training data. The Wasserstein-1 distance is that of the two histograms, in the field's unit::

        W₁ = s Δz Σ_j |F_p(z_j) − F_y(z_j)|

    with F the cumulative shares: values that fall outside the bins count as lying in the outermost ones, and distances
    are known to Δz.

    Args:
        bins: number of bins of each histogram.
        reach: largest |z| of the bins.

    References:
        Villani: Optimal Transport. Springer 2009, remark 2.19 (the formula in one dimension).
    """

    figures = (
        MetricFigure("histogram", "share of the values", UNRANKED, axes=("channel", "bin"), summaries=()),
        MetricFigure(
            "true_histogram", "share of the true values", UNRANKED, axes=("channel", "bin"), of_truth=True, summaries=()
        ),
        MetricFigure(
            "wasserstein",
            "distance of the distributions",
            SMALLER,
            unit="field's unit",
            axes=("channel",),
            summaries=(Summary("wasserstein", "distance of the distributions,", Statistic.ROLLOUT),),
        ),
    )

    def __init__(self, bins: PositiveInt = 100, reach: PositiveFloat = 5.0) -> None:
        self.bins, self.reach = bins, reach

    def reason_against(self, subject: Subject) -> str | None:
        """Without statistics of the training data nobody knows where the bins should lie."""
        if subject.moments is None:
            return "the statistics of the training data are not known"
        return None if bool((subject.moments.std > 0).all()) else "a channel of the training data is constant"

    def labels(self, context: BatchContext) -> Mapping[str, Sequence[Any]]:
        """The middles of the bins, in deviations of the training data."""
        width = 2 * self.reach / self.bins
        return {"bin": [-self.reach + (j + 0.5) * width for j in range(self.bins)]}

    def update(self, memory: Any, snapshot: int, prediction: Tensor, truth: Tensor, context: BatchContext) -> Any:
        """Counts the values of one more snapshot; the start is the same for all and is left out."""
        if snapshot == 0:
            return None
        counts = torch.stack([self._count(prediction, context), self._count(truth, context)])
        return counts if memory is None else memory + counts

    def result(self, memory: Any, curves: Mapping[str, Tensor], context: BatchContext) -> dict[str, Tensor]:
        """Histograms (B, C, bins) as shares, and distances (B, C); NaN where a value was not finite."""
        predicted, true = memory / memory.sum(-1, keepdim=True)
        moments = context.subject.moments
        if moments is None:
            raise ValueError("distribution: the statistics of the training data are not known")
        width = 2 * self.reach / self.bins * moments.std.to(true.device)
        distance = (predicted.cumsum(-1) - true.cumsum(-1)).abs().sum(-1) * width
        return {"histogram": predicted, "true_histogram": true, "wasserstein": distance}

    def _count(self, u: Tensor, context: BatchContext) -> Tensor:
        """The weight (B, C, bins) in each bin; NaN for a channel with a value that is not finite."""
        moments = context.subject.moments
        if moments is None:
            raise ValueError("distribution: the statistics of the training data are not known")
        shape = (1, -1, 1)
        flat = u.double().flatten(2)
        z = (flat - moments.mean.to(flat.device).reshape(shape)) / moments.std.to(flat.device).reshape(shape)
        place = ((z + self.reach) * (self.bins / (2 * self.reach))).nan_to_num(0.0).clamp(0, self.bins - 1).long()
        counts = torch.zeros(*flat.shape[:2], self.bins, dtype=torch.float64, device=flat.device)
        counts.scatter_add_(2, place, context.weights.double().flatten(1)[:, None].expand_as(flat).contiguous())
        return counts.masked_fill(~flat.isfinite().all(2)[..., None], torch.nan)
