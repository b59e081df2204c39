"""The energy spectrum of a long rollout, averaged over its snapshots."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from tendency.evaluation.metrics.context import BatchContext, Subject
from tendency.evaluation.metrics.energy_spectra import NODES_HAVE_NO_SPECTRUM
from tendency.evaluation.metrics.figure import SMALLER, UNRANKED, MetricFigure, Statistic, Summary
from tendency.evaluation.metrics.metric import TrajectoryMetric
from tendency.simulation.geometry import Grid

RESOLVED = 1e-10
"""Shells with less than this share of the largest shell's energy hold what rounding left in a stored snapshot."""


class MeanSpectrum(TrajectoryMetric):
    """The spectrum averaged over all snapshots after the start, and how far it is off on a logarithmic scale.

    ``spectrum_log_error`` is √(mean_j (ln E_j(p) − ln E_j(y))²) over the shells j ≥ 1 in which the truth holds more
    than 1e-10 of its largest shell's energy: 0.69 is a factor of two at every scale. The prediction counts as
    holding at least as much there; a truth without such shells has an error of 0.
    """

    figures = (
        MetricFigure("mean_spectrum", "mean energy spectrum", UNRANKED, axes=("channel", "shell"), summaries=()),
        MetricFigure(
            "true_mean_spectrum",
            "mean energy spectrum of the truth",
            UNRANKED,
            axes=("channel", "shell"),
            of_truth=True,
            summaries=(),
        ),
        MetricFigure(
            "spectrum_log_error",
            "logarithmic error of the spectrum",
            SMALLER,
            axes=("channel",),
            summaries=(Summary("spectrum_log_error", "logarithmic error of the spectrum,", Statistic.ROLLOUT),),
        ),
    )

    def reason_against(self, subject: Subject) -> str | None:
        """Nodes have no spectrum."""
        return None if isinstance(subject.geometry, Grid) else NODES_HAVE_NO_SPECTRUM

    def update(self, memory: Any, snapshot: int, prediction: Tensor, truth: Tensor, context: BatchContext) -> Any:
        """Adds the spectra of one more snapshot; the start's are the same for all and are left out."""
        if snapshot == 0:
            return None
        energies = torch.stack([context.spectrum(prediction), context.spectrum(truth)])
        return (energies, 1) if memory is None else (memory[0] + energies, memory[1] + 1)

    def result(self, memory: Any, curves: Mapping[str, Tensor], context: BatchContext) -> dict[str, Tensor]:
        """Spectra (B, C, K), and errors (B, C)."""
        energies, count = memory
        predicted, true = energies / count
        smallest = RESOLVED * true.nan_to_num(nan=0.0).amax(-1, keepdim=True)
        known = true[..., 1:] > smallest
        factor = torch.where(known, torch.maximum(predicted[..., 1:], smallest) / true[..., 1:], 1.0)
        error = (factor.log().square().sum(-1) / known.sum(-1).clamp(min=1)).sqrt()
        return {"mean_spectrum": predicted, "true_mean_spectrum": true, "spectrum_log_error": error}
