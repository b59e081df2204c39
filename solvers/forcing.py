"""Forcings of the two-dimensional Navier-Stokes equations, as sources of vorticity."""

import math
from abc import ABC, abstractmethod

import torch
from torch import Tensor

from tendency.simulation.annotations import FiniteFloat, PositiveFloat
from tendency.simulation.conditions import Conditions


class Forcing(ABC):
    """A steady source of vorticity."""

    @abstractmethod
    def __call__(self, x: Tensor) -> Tensor:
        """The source (B, *N) at coordinates x (B, 2, *N)."""

    def check(self, conditions: Conditions) -> None:  # noqa: B027  most fit any domain
        """Refuses a domain on which the source is not periodic.

        Raises:
            ValueError: naming the domain and what would fit.
        """


class DiagonalForcing(Forcing):
    """f = a (sin 2 pi (x + y) + cos 2 pi (x + y)).

    Args:
        amplitude: a; 0.1 in the reference.

    References:
        Li et al.: Fourier Neural Operator for Parametric PDEs. arXiv:2010.08895, section 5.3.
    """

    def __init__(self, amplitude: FiniteFloat = 0.1) -> None:
        self.amplitude = amplitude

    def __call__(self, x: Tensor) -> Tensor:
        """The source."""
        phase = 2 * math.pi * (x[:, 0] + x[:, 1])
        return self.amplitude * (torch.sin(phase) + torch.cos(phase))


class KolmogorovForcing(Forcing):
    """f = -k a cos(k y): the curl of a body force a sin(k y) along x.

    Args:
        wavenumber: k; 4 in the reference, on a domain of 2 pi.
        amplitude: a.

    References:
        Koehler et al.: APEBench. arXiv:2411.00180, the Kolmogorov flow.
    """

    def __init__(self, wavenumber: PositiveFloat = 4.0, amplitude: FiniteFloat = 1.0) -> None:
        self.wavenumber, self.amplitude = wavenumber, amplitude

    def __call__(self, x: Tensor) -> Tensor:
        """The source."""
        return -self.wavenumber * self.amplitude * torch.cos(self.wavenumber * x[:, 1])

    def check(self, conditions: Conditions) -> None:
        """The domain must hold a whole number of wavelengths along y."""
        waves = conditions.extent[:, 1].double() * self.wavenumber / (2 * math.pi)
        if bool(((waves - waves.round()).abs() > 1e-9 * waves).any()):
            raise ValueError(
                f"pde.extent: a forcing of wavenumber {self.wavenumber:g} needs a multiple of "
                f"{2 * math.pi / self.wavenumber:.15g} along y, got {conditions.extent[0, 1].item():.15g}"
            )
