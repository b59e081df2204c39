"""Errors and correlations of one predicted snapshot, compared with the true one point by point.

Every error is a function of (prediction (B, C, *N), truth (B, C, *N), weights (B, *N)), the weights being the cell
volumes of the geometry and 0 in an obstacle (``Conditions.weights``), and returns float64: (B, C), one number for each
field component, or (B,) over all of them.
Reductions run in float64. Means over space are ⟨a⟩ = Σ w a / Σ w. A prediction that is not finite gives NaN or inf.

The combined metrics weigh every channel in its own unit, as the literature does; where units differ, the largest
channel decides, and the values per channel tell more.
"""

import torch
from torch import Tensor

LOST = 100.0
"""Relative error that a rollout which blew up counts as in comparisons."""
CONSTANT = 5e-7
"""Deviations below this share of a field's largest value are rounding of single precision, in which states are stored:
the field is constant."""
SMALLEST_ERROR = 1e-8
"""Relative errors below this are rounding of the stored truth, and count as this large where logarithms are taken: that
of an error of zero would own every mean."""


def mean_over_space(a: Tensor, weights: Tensor) -> Tensor:
    """⟨a⟩ = Σ w a / Σ w.

    Args:
        a: (B, C, *N).
        weights: (B, *N).

    Returns:
        (B, C) float64.
    """
    w = weights.double().flatten(1)[:, None]
    return (a.double().flatten(2) * w).sum(2) / w.sum(2)


def mse(prediction: Tensor, truth: Tensor, weights: Tensor) -> Tensor:
    """Mean squared error ⟨(p − y)²⟩ per channel: (B, C), in the field's unit squared."""
    return mean_over_space((prediction.double() - truth.double()).square(), weights)


def max_error(prediction: Tensor, truth: Tensor, weights: Tensor) -> Tensor:
    """Largest |p − y| per channel where the weights are not 0: (B, C), in the field's unit."""
    return _counted((prediction.double() - truth.double()).abs().flatten(2), weights).amax(2)


def nrmse(prediction: Tensor, truth: Tensor, weights: Tensor) -> Tensor:
    """√⟨(p − y)²⟩ / √⟨y²⟩ per channel: (B, C); 1 is the error of predicting zero."""
    return ratio(mse(prediction, truth, weights), mean_over_space(truth.double().square(), weights)).sqrt()


def combined_nrmse(prediction: Tensor, truth: Tensor, weights: Tensor) -> Tensor:
    """The relative L2 error over all channels, √Σ_c ⟨(p − y)²⟩ / √Σ_c ⟨y²⟩: (B,).

    References:
        Li et al.: Fourier neural operator for parametric partial differential equations. arXiv:2010.08895.
    """
    square = mean_over_space(truth.double().square(), weights)
    return ratio(mse(prediction, truth, weights).sum(1), square.sum(1)).sqrt()


def vrmse(prediction: Tensor, truth: Tensor, weights: Tensor) -> Tensor:
    """√⟨(p − y)²⟩ over the spatial standard deviation of the truth, per channel: (B, C).

    1 is the error of predicting the spatial mean. The variance is the unbiased one, n/(n−1) ⟨(y − ⟨y⟩)²⟩ on n points;
    the 1e-7 that The Well adds to it is left out, so that the unit of a field does not matter. Of a channel
    that is constant in space the VRMSE is infinite, or 0 where the prediction is exact.

    References:
        Ohana et al.: The Well. NeurIPS 2024, arXiv:2412.00568.
    """
    points = (weights > 0).flatten(1).sum(1, keepdim=True)
    variance = mean_over_space(_anomaly(truth, weights).square(), weights) * points / (points - 1)
    return ratio(mse(prediction, truth, weights), variance).sqrt()


def combined_vrmse(prediction: Tensor, truth: Tensor, weights: Tensor) -> Tensor:
    """The mean (B,) of the VRMSE over the channels that vary in space; over all of them where none does."""
    each = vrmse(prediction, truth, weights)
    varies = _anomaly(truth, weights).abs().amax(2) > 0
    varies = varies | ~varies.any(1, keepdim=True)
    return torch.where(varies, each, 0.0).sum(1) / varies.sum(1)


def correlation(prediction: Tensor, truth: Tensor, weights: Tensor) -> Tensor:
    """Pearson correlation over space per channel, means subtracted: (B, C).

    Two constant fields agree (1), a constant and a pattern share nothing (0).
    """
    return _pearson(*_covariances(prediction, truth, weights))


def combined_correlation(prediction: Tensor, truth: Tensor, weights: Tensor) -> Tensor:
    """Pearson correlation over space and all channels, each channel's own spatial mean subtracted: (B,).

    A common mean over channels would count the channels' different means as agreement.
    """
    return _pearson(*(covariance.sum(1) for covariance in _covariances(prediction, truth, weights)))


def _anomaly(u: Tensor, weights: Tensor) -> Tensor:
    """u (B, C, *N) minus its spatial mean, 0 where nothing counts; exactly zero where u is constant up to rounding."""
    u = _counted(u.double().flatten(2), weights)
    anomaly = _counted(u - mean_over_space(u, weights)[:, :, None], weights)
    deviation, size = anomaly.abs().amax(2, keepdim=True), u.abs().amax(2, keepdim=True)
    # The comparison is false for NaN, so that a field that is not finite stays so.
    return torch.where(deviation <= CONSTANT * size, 0.0, anomaly)


def _counted(u: Tensor, weights: Tensor) -> Tensor:
    """u (B, C, points) with 0 where the weights (B, *N) are 0; values that are not finite stay so."""
    # One volume for all cells, which is no copy in memory, leaves nothing out.
    if not any(weights.stride()[1:]):
        return u
    return u * (weights > 0).flatten(1)[:, None]


def _covariances(prediction: Tensor, truth: Tensor, weights: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Covariance and the two variances, each (B, C)."""
    p, y = _anomaly(prediction, weights), _anomaly(truth, weights)
    return mean_over_space(p * y, weights), mean_over_space(p * p, weights), mean_over_space(y * y, weights)


def _pearson(covariance: Tensor, variance_p: Tensor, variance_y: Tensor) -> Tensor:
    both_constant = (variance_p == 0) & (variance_y == 0)
    value = ratio(covariance, variance_p.sqrt() * variance_y.sqrt()).clamp(-1, 1)
    return torch.where(both_constant, 1.0, value)


def ratio(a: Tensor, b: Tensor) -> Tensor:
    """a / b, with 0 / 0 = 0: no error in a field that vanishes is no error."""
    return torch.where((a == 0) & (b == 0), 0.0, a / b)
