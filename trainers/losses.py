"""How far an output is from its label, per sample, in network units."""

import math
from abc import ABC, abstractmethod

import torch
from torch import Tensor

from tendency.simulation.annotations import FiniteFloat, PositiveFloat
from tendency.simulation.conditions import Conditions
from tendency.simulation.fourier import mode_frequencies, side_lengths
from tendency.simulation.geometry import Geometry, Grid, is_periodic_grid

SMALLEST = 1e-6
"""Norms that are divided by are taken as at least so many of a unit field's: a label may vanish altogether."""
VANISHING = 1e-12
"""A label of this size has no shape any more: rounding of single precision is larger."""


class Loss(ABC):
    """One number per sample; the objective takes the mean over the batch.

    A relative loss divides by the size of the label y: where that is small, the share of a window in the gradient of a
    batch grows as 1 / ‖y‖. Below a floor of the label it grows no further, and the window counts by its absolute error.
    The floor is a root mean square in network units, in which labels have unit variance over the training data; by
    default it excludes a division by zero, and nothing else.
    """

    def check(self, geometry: Geometry) -> None:  # noqa: B027 most are defined everywhere
        """Refuses a geometry that it is not defined on.

        Raises:
            ValueError: in one sentence, why.
        """

    @abstractmethod
    def __call__(self, output: Tensor, label: Tensor, conditions: Conditions) -> Tensor:
        """The loss (B,) of outputs (B, C, *N) against labels of the same shape, on the geometry of the conditions."""


class MeanSquaredError(Loss):
    """The mean of (p - y)² over channels and points, every point alike."""

    def __call__(self, output: Tensor, label: Tensor, conditions: Conditions) -> Tensor:
        """The loss (B,)."""
        return (output - label).square().flatten(1).mean(1)


class RelativeL2(Loss):
    """‖p - y‖₂ / max(‖y‖₂, ε ‖1‖₂) over channels and points, every point alike.

    Args:
        label_floor: ε, the root mean square of a label below which the loss is no longer relative.

    References:
        Li et al.: Fourier Neural Operator for Parametric PDEs. arXiv:2010.08895, section 5 (without a floor).
    """

    def __init__(self, label_floor: PositiveFloat = SMALLEST) -> None:
        self.label_floor = label_floor

    def __call__(self, output: Tensor, label: Tensor, conditions: Conditions) -> Tensor:
        """The loss (B,)."""
        difference = torch.linalg.vector_norm((output - label).flatten(1), dim=1)
        norm = torch.linalg.vector_norm(label.flatten(1), dim=1)
        return difference / norm.clamp(min=self.label_floor * label[0].numel() ** 0.5)


class RelativeSobolev(Loss):
    """‖p - y‖ / ‖y‖ in the Sobolev space Hˢ of a torus: ‖f‖² = Σₖ (1 + ℓ²|κ|²)ˢ |f̂ₖ|², κ = 2πk/L.

    Where the root mean square r of a label is below the floor ε, this times their ratio. And ‖y‖ is at least r w √C, w
    being the weight (1 + ℓ²|κ|²)^(s/2) of the longest wave, or the root mean square of all weights where that is
    smaller: a label that is constant in space (s > 0), or without large scales (s < 0), has next to no norm.
    s = 1 counts gradients beside values, so that fronts and fine structure weigh more; s = -1 counts the large scales
    and hardly the small ones, as in measures of mixing; s = 0 is the relative L2 loss.

    Args:
        order: s.
        length: ℓ, physical units; where ℓ|κ| = 1, a gradient counts as much as a value.
        label_floor: ε, the root mean square of a label below which the loss is no longer relative.

    References:
        Li et al.: Learning Dissipative Dynamics in Chaotic Systems. arXiv:2106.06898 (s > 0).
        Thiffeault: Using multiscale norms to quantify mixing and transport. Nonlinearity 25 (2012),
        doi:10.1088/0951-7715/25/2/R1 (s < 0).
    """

    version = 2

    def __init__(self, order: FiniteFloat, length: PositiveFloat = 1.0, label_floor: PositiveFloat = SMALLEST) -> None:
        self.order, self.length, self.label_floor = order, length, label_floor

    def check(self, geometry: Geometry) -> None:
        """Needs a Fourier basis."""
        _require_torus(geometry, "a Sobolev norm")

    def __call__(self, output: Tensor, label: Tensor, conditions: Conditions) -> Tensor:
        """The loss (B,)."""
        squares = torch.stack(torch.broadcast_tensors(*_wavenumbers(conditions, label))).square().sum(0)
        weight = (1 + self.length**2 * squares) ** (self.order / 2)
        dims = conditions.geometry.spatial_dims
        difference = torch.linalg.vector_norm((weight * _spectrum(output - label, dims)).flatten(1), dim=1)
        norm = torch.linalg.vector_norm((weight * _spectrum(label, dims)).flatten(1), dim=1)
        last = conditions.geometry.shape[-1]
        of_all = ((weight.square() * _multiplicity(last, weight)).flatten(1).sum(1) / label[0, 0].numel()).sqrt()
        longest = torch.where(squares == 0, math.inf, squares).flatten(1).amin(1)
        of_longest = (1 + self.length**2 * longest) ** (self.order / 2)
        size = _size(label).clamp(min=VANISHING) * label.shape[1] ** 0.5
        least = size * torch.minimum(of_all, of_longest)
        return difference / (torch.maximum(norm, least) * _raised(label, self.label_floor))


class RelativeSpectrum(Loss):
    """The relative error of each wavenumber shell, all shells counting alike: (meanₛ (‖p - y‖ₛ / (‖y‖ₛ + ε‖y‖))²)^½.

    Shell s holds the modes whose |k| rounds to s, in units of 2π over the longest side; what lies beyond the finest
    resolved shell, in the corners of the spectrum, is counted with it. A field's energy falls by orders of magnitude
    towards small scales, which an L2 loss therefore never sees. Where the root mean square r of a label is below its
    own floor E, this times their ratio; and as the root mean square v of what varies in space falls to ε E and below,
    where no shell but the mean holds anything worth fitting, the norms of all S shells rise to those of white noise of
    the size E, by max(., E / √S / (1 + v / (ε E))). Labels with v > E / √S are as they were without it.

    Args:
        floor: ε; a shell with a smaller share of the norm holds nothing worth fitting (in float32, rounding).
        label_floor: E, the root mean square of a label below which the loss is no longer relative.

    References:
        Chakraborty, Mohan, Maulik: Binned Spectral Power Loss for Improved Prediction of Chaotic Systems.
        arXiv:2502.00472 (which compares the shells' energies; here their modes, phases included).
    """

    version = 3

    def __init__(self, floor: PositiveFloat = 1e-3, label_floor: PositiveFloat = SMALLEST) -> None:
        self.floor, self.label_floor = floor, label_floor

    def check(self, geometry: Geometry) -> None:
        """Needs a Fourier basis."""
        _require_torus(geometry, "a spectrum")

    def __call__(self, output: Tensor, label: Tensor, conditions: Conditions) -> Tensor:
        """The loss (B,)."""
        dims = conditions.geometry.spatial_dims
        longest = conditions.extent.amax(1).reshape(-1, *[1] * (dims + 1)).to(label) / (2 * math.pi)
        size = torch.stack(torch.broadcast_tensors(*_wavenumbers(conditions, label))).square().sum(0).sqrt() * longest
        last = max(conditions.geometry.shape) // 2
        shell = size.round().long().clamp(max=last).flatten(1)
        difference, spectrum = _spectrum(output - label, dims).flatten(2), _spectrum(label, dims).flatten(2)
        energy = spectrum.abs().square().sum(1)
        shells = energy.new_zeros(len(label), last + 1).scatter_add(1, shell, energy).sqrt()
        filled = torch.zeros_like(shells).scatter(1, shell, 1.0)
        whole = energy.sum(1).sqrt().clamp(min=VANISHING * label.shape[1] ** 0.5)
        norms = (shells + self.floor * whole[:, None]) * _raised(label, self.label_floor)[:, None]
        count = filled.sum(1)
        varying = (shells[:, 1:].square().sum(1) / label.shape[1]).sqrt()
        share = 1 + varying / (self.floor * self.label_floor)
        white = self.label_floor * (label.shape[1] / count).sqrt() / share
        scale = torch.maximum(norms, white[:, None]).gather(1, shell)
        return torch.linalg.vector_norm((difference / scale[:, None]).flatten(1), dim=1) / count.sqrt()


def _raised(label: Tensor, floor: float) -> Tensor:
    """max(1, ε / rms(y)) of labels y (B, C, *N), the factor (B,) that raises any norm of a small one to the floor ε."""
    return (floor / _size(label).clamp(min=VANISHING)).clamp(min=1)


def _size(label: Tensor) -> Tensor:
    """The root mean squares (B,) of labels y (B, C, *N)."""
    return torch.linalg.vector_norm(label.flatten(1), dim=1) / label[0].numel() ** 0.5


def _require_torus(geometry: Geometry, what: str) -> None:
    if not is_periodic_grid(geometry):
        walled = isinstance(geometry, Grid)
        found = f"walls on axis {geometry.boundary.periodic_axes.index(False)}" if walled else "a point cloud"
        raise ValueError(
            f"objective.loss: {what} needs a grid whose axes are all periodic, got {found}; use floored_l2 or mse"
        )


def _wavenumbers(conditions: Conditions, like: Tensor) -> list[Tensor]:
    """κ = 2πk/L of the modes of ``_spectrum`` along each axis, each (B, 1, ..., M, ..., 1) in the dtype of ``like``."""
    shape = conditions.geometry.shape
    axes = zip(shape, mode_frequencies(shape, like.device), side_lengths(conditions.extent), strict=True)
    # 2πN first: ``wavenumbers`` rounds otherwise in double precision, and trained weights would change with it.
    return [(2 * math.pi * n * frequency / length).to(like.dtype) for n, frequency, length in axes]


def _spectrum(u: Tensor, dims: int) -> Tensor:
    """Fourier coefficients (B, C, *M), scaled so that Σₖ |f̂ₖ|² over them is the mean of u² over the points."""
    # Half precision has no FFT of these sizes; a loss is not where to save.
    u = u if u.dtype == torch.float64 else u.float()
    coefficients = torch.fft.rfftn(u, dim=tuple(range(-dims, 0)), norm="forward")
    return coefficients * _multiplicity(u.shape[-1], u).sqrt()


def _multiplicity(n: int, like: Tensor) -> Tensor:
    """How many modes of n points each column of a real transform stands for, (n // 2 + 1,) in the dtype of ``like``."""
    twice = torch.full((n // 2 + 1,), 2.0, dtype=like.dtype, device=like.device)
    twice[0] = 1.0
    if n % 2 == 0:
        twice[-1] = 1.0
    return twice
