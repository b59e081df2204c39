"""Whether a long rollout visits the states that the truth visits, in whatever order.

A chaotic flow is lost after a few Lyapunov times, by any method; what can still be asked is whether its statistics are
right.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from tendency.evaluation.metrics.metric import TrajectoryMetric
from tendency.evaluation.metrics.setting import Setting, Subject
from tendency.evaluation.metrics.spectra import NODES
from tendency.simulation.annotations import PositiveFloat, PositiveInt
from tendency.simulation.geometry import Grid

RESOLVED = 1e-10
"""Shells with less than this share of the largest shell's energy hold what rounding left in a stored snapshot."""


class Distribution(TrajectoryMetric):
    """The distribution of each channel's values over space and all snapshots after the start, and how far off it is.

    Values are counted, weighted by their cells, in bins of z = (u − m) / s with the mean m and the deviation s of the
    training data. The Wasserstein-1 distance is that of the two histograms, in the field's unit::

        W₁ = s Δz Σ_j |F_p(z_j) − F_y(z_j)|

    with F the cumulative shares: values that fall outside the bins count as lying in the outermost ones, and distances
    are known to Δz.

    Args:
        bins: of each histogram.
        reach: the largest |z| of the bins.

    References:
        Villani: Optimal Transport. Springer 2009, remark 2.19 (the formula in one dimension).
    """

    variables = {
        "histogram": ("channel", "bin"),
        "true_histogram": ("channel", "bin"),
        "wasserstein": ("channel",),
    }
    of_truth = frozenset({"true_histogram"})

    def __init__(self, bins: PositiveInt = 100, reach: PositiveFloat = 5.0) -> None:
        self.bins, self.reach = bins, reach

    def reason_against(self, subject: Subject) -> str | None:
        """Without statistics of the training data nobody knows where the bins should lie."""
        if subject.moments is None:
            return "the statistics of the training data are not known"
        return None if bool((subject.moments.std > 0).all()) else "a channel of the training data is constant"

    def labels(self, setting: Setting) -> Mapping[str, Sequence[Any]]:
        """The middles of the bins, in deviations of the training data."""
        width = 2 * self.reach / self.bins
        return {"bin": [-self.reach + (j + 0.5) * width for j in range(self.bins)]}

    def take(self, memory: Any, snapshot: int, prediction: Tensor, truth: Tensor, setting: Setting) -> Any:
        """Counts the values of one more snapshot; the start is the same for all and is left out."""
        if snapshot == 0:
            return None
        counts = torch.stack([self._count(prediction, setting), self._count(truth, setting)])
        return counts if memory is None else memory + counts

    def result(self, memory: Any, curves: Mapping[str, Tensor], setting: Setting) -> dict[str, Tensor]:
        """Histograms (B, C, bins) as shares, and distances (B, C); NaN where a value was not finite."""
        predicted, true = memory / memory.sum(-1, keepdim=True)
        moments = setting.subject.moments
        if moments is None:
            raise ValueError("distribution: the statistics of the training data are not known")
        width = 2 * self.reach / self.bins * moments.std.to(true.device)
        distance = (predicted.cumsum(-1) - true.cumsum(-1)).abs().sum(-1) * width
        return {"histogram": predicted, "true_histogram": true, "wasserstein": distance}

    def _count(self, u: Tensor, setting: Setting) -> Tensor:
        """The weight (B, C, bins) in each bin; NaN for a channel with a value that is not finite."""
        moments = setting.subject.moments
        if moments is None:
            raise ValueError("distribution: the statistics of the training data are not known")
        shape = (1, -1, 1)
        flat = u.double().flatten(2)
        z = (flat - moments.mean.to(flat.device).reshape(shape)) / moments.std.to(flat.device).reshape(shape)
        place = ((z + self.reach) * (self.bins / (2 * self.reach))).nan_to_num(0.0).clamp(0, self.bins - 1).long()
        counts = torch.zeros(*flat.shape[:2], self.bins, dtype=torch.float64, device=flat.device)
        counts.scatter_add_(2, place, setting.weights.double().flatten(1)[:, None].expand_as(flat).contiguous())
        return counts.masked_fill(~flat.isfinite().all(2)[..., None], torch.nan)


class MeanSpectrum(TrajectoryMetric):
    """The spectrum averaged over all snapshots after the start, and how far it is off on a logarithmic scale.

    ``spectrum_log_error`` is √(mean_j (ln E_j(p) − ln E_j(y))²) over the shells j ≥ 1 in which the truth holds more
    than 1e-10 of its largest shell's energy: 0.69 is a factor of two at every scale.
    """

    variables = {
        "mean_spectrum": ("channel", "shell"),
        "true_mean_spectrum": ("channel", "shell"),
        "spectrum_log_error": ("channel",),
    }
    of_truth = frozenset({"true_mean_spectrum"})

    def reason_against(self, subject: Subject) -> str | None:
        """Nodes have no spectrum."""
        return None if isinstance(subject.geometry, Grid) else NODES

    def take(self, memory: Any, snapshot: int, prediction: Tensor, truth: Tensor, setting: Setting) -> Any:
        """Adds the spectra of one more snapshot; the start's are the same for all and are left out."""
        if snapshot == 0:
            return None
        energies = torch.stack([setting.spectrum(prediction), setting.spectrum(truth)])
        return (energies, 1) if memory is None else (memory[0] + energies, memory[1] + 1)

    def result(self, memory: Any, curves: Mapping[str, Tensor], setting: Setting) -> dict[str, Tensor]:
        """Spectra (B, C, K), and errors (B, C)."""
        energies, count = memory
        predicted, true = energies / count
        known = true[..., 1:] > RESOLVED * true.nan_to_num(nan=0.0).amax(-1, keepdim=True)
        ratio = torch.where(known, predicted[..., 1:].clamp(min=1e-300).log() - true[..., 1:].log(), 0.0)
        error = (ratio.square().sum(-1) / known.sum(-1)).sqrt()
        return {"mean_spectrum": predicted, "true_mean_spectrum": true, "spectrum_log_error": error}
