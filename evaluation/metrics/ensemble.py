"""Scores of ensembles: how well the spread of several rollouts shows how wrong they are."""

import torch
from torch import Tensor

from tendency.evaluation.metrics.context import BatchContext
from tendency.evaluation.metrics.figure import SMALLER, UNRANKED, MetricFigure, Statistic, Summary, closest_to
from tendency.evaluation.metrics.metric import EnsembleMetric
from tendency.evaluation.metrics.pointwise import mean_over_space


class ContinuousRankedProbability(EnsembleMetric):
    """The continuous ranked probability score of M members, averaged over space, per channel.

    CRPS = mean_i |x_i − y| − Σ_ij |x_i − x_j| / (2 M (M − 1)), the fair form, whose expectation does not depend on M.
    It is in the field's unit; that of a single value is its absolute error.

    References:
        Ferro: Fair scores for ensemble forecasts. Q. J. R. Meteorol. Soc. 140 (2014), doi:10.1002/qj.2270.
    """

    figures = (
        MetricFigure(
            "crps",
            "continuous ranked probability score",
            SMALLER,
            unit="field's unit",
            axes=("channel",),
            logarithmic=True,
            summaries=(Summary("crps", "CRPS,", Statistic.AVERAGE),),
        ),
    )

    def measure(self, members: Tensor, truth: Tensor, context: BatchContext) -> dict[str, Tensor]:
        """(B, C)."""
        x, count = members.double(), len(members)
        skill = (x - truth.double()).abs().mean(0)
        # Sorted, member i is above i of the others and below M − 1 − i.
        ranks = 2 * torch.arange(count, dtype=torch.float64, device=x.device) - (count - 1)
        pairs = (x.sort(0).values * ranks.reshape(-1, *[1] * truth.ndim)).sum(0)
        return {"crps": mean_over_space(skill - pairs / (count * (count - 1)), context.weights)}


class SpreadAndSkill(EnsembleMetric):
    """The variance of the members and the squared error of their mean, averaged over space, per channel.

    An ensemble whose members are as far apart as they are from the truth has √((M + 1) / M) · √(mean variance) /
    √(mean squared error) = 1; both are stored, because the means over trajectories come before the roots.

    References:
        Fortin et al.: Why should ensemble spread match the RMSE of the ensemble mean? J. Hydrometeorol. 15 (2014),
        doi:10.1175/JHM-D-14-0008.1.
    """

    figures = (
        MetricFigure(
            "ensemble_variance",
            "variance of the ensemble",
            UNRANKED,
            unit="field's unit squared",
            axes=("channel",),
            logarithmic=True,
            summaries=(
                Summary(
                    "spread_skill",
                    "spread over skill,",
                    Statistic.SPREAD_OVER_SKILL,
                    denominator="ensemble_mse",
                    better=closest_to(1.0),
                ),
            ),
        ),
        MetricFigure(
            "ensemble_mse",
            "mean squared error of the ensemble's mean",
            SMALLER,
            unit="field's unit squared",
            axes=("channel",),
            logarithmic=True,
            summaries=(),
        ),
    )

    def measure(self, members: Tensor, truth: Tensor, context: BatchContext) -> dict[str, Tensor]:
        """(B, C) both, in the field's unit squared; the variance is the unbiased one."""
        x = members.double()
        return {
            "ensemble_variance": mean_over_space(x.var(0), context.weights),
            "ensemble_mse": mean_over_space((x.mean(0) - truth.double()).square(), context.weights),
        }


class Coverage(EnsembleMetric):
    """The share of the domain in which the truth lies between the smallest and the largest member, per channel.

    It should be (M − 1) / (M + 1): the truth is as likely as any member to be the outermost of them all.
    """

    # The best value depends on the number of members, so that none is stated.
    figures = (
        MetricFigure(
            "coverage",
            "coverage of the ensemble",
            UNRANKED,
            axes=("channel",),
            summaries=(Summary("coverage", "coverage of the ensemble,", Statistic.AVERAGE),),
        ),
    )

    def measure(self, members: Tensor, truth: Tensor, context: BatchContext) -> dict[str, Tensor]:
        """(B, C); NaN where a member is not finite."""
        low, high = torch.aminmax(members, dim=0)
        inside = ((low <= truth) & (truth <= high)).double()
        broken = ~members.isfinite().all(0).flatten(2).all(2)
        return {"coverage": mean_over_space(inside, context.weights).masked_fill(broken, torch.nan)}
