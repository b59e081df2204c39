"""Gaussian random fields on a torus."""

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from tendency.simulation.annotations import PositiveFloat, PositiveInt
from tendency.simulation.conditions import Conditions
from tendency.simulation.fourier import integer_wavenumbers, inverse_transform


class GaussianRandomField:
    """A field of mean zero with covariance sigma^2 (-Laplace + tau^2)^(-alpha) on the unit torus, band-limited.

    The coefficients of the modes |n_i| <= max_wavenumber are drawn in an order that does not depend on the grid: the
    same draw is the same function at every resolution.

    Args:
        alpha: smoothness.
        tau: inverse length scale.
        max_wavenumber: modes above it are zero on each axis.
        sigma: amplitude; tau^((2 alpha - d) / 2) when left out.

    References:
        Li et al.: Fourier Neural Operator for Parametric PDEs. arXiv:2010.08895, section 5.3.
    """

    def __init__(
        self,
        alpha: PositiveFloat = 2.5,
        tau: PositiveFloat = 7.0,
        max_wavenumber: PositiveInt = 20,
        sigma: PositiveFloat | None = None,
    ) -> None:
        self.alpha, self.tau, self.max_wavenumber, self.sigma = alpha, tau, max_wavenumber, sigma

    def __call__(self, generator: np.random.Generator, conditions: Conditions) -> Tensor:
        """One state (1, 1, *N).

        Raises:
            ValueError: a grid that does not resolve ``max_wavenumber``.
        """
        shape = conditions.geometry.shape
        dims, top = len(shape), self.max_wavenumber
        if 2 * top >= min(shape):
            raise ValueError(
                f"pde.initial_condition.max_wavenumber: expected less than half of {min(shape)} grid points, got {top}"
            )
        # White noise on a small grid of its own: its transform has independent coefficients with the right symmetry.
        small = (2 * top + 1,) * dims
        noise = torch.from_numpy(generator.normal(size=small))
        coefficients = torch.fft.rfftn(noise) / math.sqrt(math.prod(small))
        sigma = self.tau ** (self.alpha - dims / 2) if self.sigma is None else self.sigma
        numbers = integer_wavenumbers(small)
        squares = sum((axis.square() for axis in numbers[1:]), numbers[0].square())
        deviation = math.sqrt(2) * sigma * (4 * math.pi**2 * squares + self.tau**2) ** (-self.alpha / 2)
        coefficients = coefficients * torch.where(squares == 0, 0.0, deviation)
        return inverse_transform(_embedded(coefficients, shape, top) * math.prod(shape), shape)[None, None]


def _embedded(coefficients: Tensor, shape: Sequence[int], top: int) -> Tensor:
    """The coefficients of the small grid among those of the large one, zeros elsewhere."""
    target = torch.zeros(*shape[:-1], shape[-1] // 2 + 1, dtype=coefficients.dtype)
    indices = [torch.cat([torch.arange(top + 1), torch.arange(n - top, n)]) for n in shape[:-1]]
    grid = torch.meshgrid(*indices, torch.arange(top + 1), indexing="ij")
    target[grid] = coefficients
    return target
