"""Finite volumes: what stands at the faces of cells, and what flows through them.

References:
    Toro: Riemann Solvers and Numerical Methods for Fluid Dynamics. Springer 2009, chapters 10 and 13.
    van Leer: Towards the ultimate conservative difference scheme V. J. Comput. Phys. 32 (1979),
    doi:10.1016/0021-9991(79)90145-1.
    Borges, Carmona, Costa, Don: An improved WENO scheme for hyperbolic conservation laws. J. Comput. Phys. 227 (2008),
    doi:10.1016/j.jcp.2007.11.038, eqs. 25 to 28 (WENO-Z).
"""

from abc import ABC, abstractmethod
from typing import ClassVar

import torch
from torch import Tensor

from tendency.solvers.equations import ConservationLaw, Prepared

WENO_SMALL = 1e-10
"""Share of a trajectory's mean square below which differences count as smooth."""


class Limiter(ABC):
    """The slope of a cell from the differences to its neighbours."""

    @abstractmethod
    def slope(self, before: Tensor, after: Tensor) -> Tensor:
        """The limited slope of two one-sided differences."""


class MonotonizedCentral(Limiter):
    """The smallest of the central and twice the one-sided differences, 0 at extrema (van Leer)."""

    def slope(self, before: Tensor, after: Tensor) -> Tensor:
        """minmod(2 a, (a + b) / 2, 2 b)."""
        size = torch.minimum(2 * torch.minimum(before.abs(), after.abs()), (before + after).abs() / 2)
        return torch.where(before * after > 0, torch.copysign(size, before), 0.0)


class VanLeer(Limiter):
    """The harmonic mean of the differences, 0 at extrema: smooth wherever it is not 0."""

    def slope(self, before: Tensor, after: Tensor) -> Tensor:
        """2 a b / (a + b)."""
        product = before * after
        rising = product > 0
        return torch.where(rising, 2 * product / torch.where(rising, before + after, 1.0), 0.0)


class Unlimited(Limiter):
    """The central difference: second order everywhere, and oscillating at jumps."""

    def slope(self, before: Tensor, after: Tensor) -> Tensor:
        """(a + b) / 2."""
        return (before + after) / 2


class Reconstruction(ABC):
    """Values on both sides of each face from cell averages."""

    ghosts: ClassVar[int]
    """Cells beyond the boundary that it needs."""
    of_fields: ClassVar[bool]
    """Whether it acts on the fields (density, velocity, pressure) or on the conserved variables."""

    @abstractmethod
    def faces(self, padded: Tensor, axis: int) -> tuple[Tensor, Tensor]:
        """Values left and right of each of the N + 1 faces.

        Args:
            padded: (B, C, ..., N + 2 ghosts, ...).
            axis: counted from 0 among the spatial ones.
        """


class Piecewise(Reconstruction):
    """Constant in each cell: first order, and always positive."""

    ghosts = 1
    of_fields = True

    def faces(self, padded: Tensor, axis: int) -> tuple[Tensor, Tensor]:
        """The cells themselves."""
        dim, n = axis + 2, padded.shape[axis + 2] - 2
        return padded.narrow(dim, 0, n + 1), padded.narrow(dim, 1, n + 1)


class MUSCL(Reconstruction):
    """Linear in each cell, with limited slopes: second order (van Leer).

    Args:
        limiter: of the slopes.
    """

    ghosts = 2
    of_fields = True

    def __init__(self, limiter: Limiter) -> None:
        self.limiter = limiter

    def faces(self, padded: Tensor, axis: int) -> tuple[Tensor, Tensor]:
        """Cell values plus and minus half a slope."""
        dim, m = axis + 2, padded.shape[axis + 2]
        difference = padded.narrow(dim, 1, m - 1) - padded.narrow(dim, 0, m - 1)
        half = self.limiter.slope(difference.narrow(dim, 0, m - 2), difference.narrow(dim, 1, m - 2)) / 2
        cells = padded.narrow(dim, 1, m - 2)
        return (cells + half).narrow(dim, 0, m - 3), (cells - half).narrow(dim, 1, m - 3)


class WENO5(Reconstruction):
    """Three parabolas weighted by their smoothness: fifth order in one dimension, second in more (WENO-Z).

    In more dimensions an average over a face is not the value at its middle, which costs the order but not the
    sharpness.
    """

    ghosts = 3
    of_fields = False

    def faces(self, padded: Tensor, axis: int) -> tuple[Tensor, Tensor]:
        """The weighted values at the faces, from the left and, mirrored, from the right."""
        dim, n = axis + 2, padded.shape[axis + 2] - 6
        cells = [padded.narrow(dim, offset, n + 1) for offset in range(6)]
        scale = padded.detach().square().mean(tuple(range(2, padded.ndim)), keepdim=True)
        small = WENO_SMALL * scale + 1e-100
        return self._upwind(cells[:5], small), self._upwind(cells[:0:-1], small)

    @staticmethod
    def _upwind(c: list[Tensor], small: Tensor) -> Tensor:
        """The value at the right end of the middle one of five cells."""
        values = [
            (2 * c[0] - 7 * c[1] + 11 * c[2]) / 6,
            (-c[1] + 5 * c[2] + 2 * c[3]) / 6,
            (2 * c[2] + 5 * c[3] - c[4]) / 6,
        ]
        smoothness = [
            13 / 12 * (c[0] - 2 * c[1] + c[2]).square() + (c[0] - 4 * c[1] + 3 * c[2]).square() / 4,
            13 / 12 * (c[1] - 2 * c[2] + c[3]).square() + (c[1] - c[3]).square() / 4,
            13 / 12 * (c[2] - 2 * c[3] + c[4]).square() + (3 * c[2] - 4 * c[3] + c[4]).square() / 4,
        ]
        difference = (smoothness[0] - smoothness[2]).abs()
        weights = [
            ideal * (1 + (difference / (s + small)).square())
            for ideal, s in zip((0.1, 0.6, 0.3), smoothness, strict=True)
        ]
        total = weights[0] + weights[1] + weights[2]
        return (weights[0] * values[0] + weights[1] * values[1] + weights[2] * values[2]) / total


class RiemannSolver(ABC):
    """The flux through a face from the states on both of its sides."""

    @abstractmethod
    def flux(self, equation: ConservationLaw, left: Tensor, right: Tensor, axis: int, prepared: Prepared) -> Tensor:
        """The numerical flux (B, C, ...) of fields ``left`` and ``right`` (B, C, ...)."""


class HLL(RiemannSolver):
    """One state between the slowest and the fastest signal (Harten, Lax, van Leer; Toro, section 10.3).

    For a scalar law both signals agree away from sonic points, and this is the upwind flux.
    """

    def flux(self, equation: ConservationLaw, left: Tensor, right: Tensor, axis: int, prepared: Prepared) -> Tensor:
        """(s+ F_l - s- F_r + s+ s- (q_r - q_l)) / (s+ - s-)."""
        slowest, fastest = equation.signal_speeds(left, right, axis, prepared)
        slowest, fastest = slowest.clamp(max=0), fastest.clamp(min=0)
        width = fastest - slowest
        still = width == 0
        width = torch.where(still, 1.0, width)
        q_left, q_right = equation.to_conserved(left, prepared), equation.to_conserved(right, prepared)
        f_left, f_right = equation.flux(left, q_left, axis, prepared), equation.flux(right, q_right, axis, prepared)
        mixed = (fastest * f_left - slowest * f_right + fastest * slowest * (q_right - q_left)) / width
        return torch.where(still, (f_left + f_right) / 2, mixed)


class HLLC(RiemannSolver):
    """HLL with the contact wave restored (Toro, section 10.4): for equations that state ``contact``."""

    def flux(self, equation: ConservationLaw, left: Tensor, right: Tensor, axis: int, prepared: Prepared) -> Tensor:
        """F + s (q* - q) on the side of the contact wave that the face lies on; s = 0 beyond the fastest signal."""
        slowest, fastest = equation.signal_speeds(left, right, axis, prepared)
        speed, shared = equation.contact(left, right, slowest, fastest, axis, prepared)
        from_left = speed >= 0
        u = torch.where(from_left, left, right)
        q = equation.to_conserved(u, prepared)
        signal = torch.where(from_left, slowest, fastest)
        outgoing = torch.where(from_left, slowest.clamp(max=0), fastest.clamp(min=0))
        beside = equation.beside_contact(u, q, signal, speed, shared, axis, prepared)
        return equation.flux(u, q, axis, prepared) + outgoing * (beside - q)
