"""Exponential time differencing Runge-Kutta schemes for u_t = L u + N(u, t).

References:
    Cox, Matthews: Exponential time differencing for stiff systems. J. Comput. Phys. 176 (2002),
    doi:10.1006/jcph.2002.6995.
    Kassam, Trefethen: Fourth-order time-stepping for stiff PDEs. SIAM J. Sci. Comput. 26 (2005),
    doi:10.1137/S1064827502410633, section 2 (coefficients by contour integrals).
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import ClassVar

import torch
from torch import Tensor

Nonlinear = Callable[[Tensor, Tensor], Tensor]
"""N(u_hat, t) for u_hat (B, C, *K) and t (B,)."""
CONTOUR_POINTS = 32


class ETDRK(ABC):
    """One exponential scheme; ``order`` is its order in the time step."""

    order: ClassVar[int]

    @abstractmethod
    def coefficients(self, symbol: Tensor, h: Tensor) -> dict[str, Tensor]:
        """What a step of length h needs, made once per (h, parameters).

        Args:
            symbol: (B, ...) eigenvalues of L.
            h: (B,) steps.

        Returns:
            Tensors of the symbol's shape, real where the symbol is.
        """

    @abstractmethod
    def advance(self, u_hat: Tensor, t: Tensor, h: Tensor, nonlinear: Nonlinear, c: dict[str, Tensor]) -> Tensor:
        """One step.

        Args:
            u_hat: (B, C, *K) at time t.
            t: (B,).
            h: (B,).
            nonlinear: N.
            c: from ``coefficients``.

        Returns:
            (B, C, *K) at t + h.
        """


class ETDRK2(ETDRK):
    """Second order, two evaluations of N per step (Cox & Matthews, eqs. 20 to 22)."""

    order = 2

    def coefficients(self, symbol: Tensor, h: Tensor) -> dict[str, Tensor]:
        """exp(hL), h phi_1(hL) and h phi_2(hL)."""
        return {
            "exp": _exponential(symbol, h),
            "phi1": _contour(symbol, h, lambda z: (torch.exp(z) - 1) / z),
            "phi2": _contour(symbol, h, lambda z: (torch.exp(z) - 1 - z) / z**2),
        }

    def advance(self, u_hat: Tensor, t: Tensor, h: Tensor, nonlinear: Nonlinear, c: dict[str, Tensor]) -> Tensor:
        """One step."""
        n0 = nonlinear(u_hat, t)
        a = c["exp"] * u_hat + c["phi1"] * n0
        return a + c["phi2"] * (nonlinear(a, t + h) - n0)


class ETDRK4(ETDRK):
    """Fourth order, four evaluations of N per step (Cox & Matthews, eqs. 26 to 29)."""

    order = 4

    def coefficients(self, symbol: Tensor, h: Tensor) -> dict[str, Tensor]:
        """The exponentials of hL and hL/2 and the weights Q, f1, f2, f3 of Kassam & Trefethen (2.5)."""
        return {
            "exp": _exponential(symbol, h),
            "half": _exponential(symbol, h / 2),
            "q": _contour(symbol, h, lambda z: (torch.exp(z / 2) - 1) / z),
            "f1": _contour(symbol, h, lambda z: (-4 - z + torch.exp(z) * (4 - 3 * z + z**2)) / z**3),
            "f2": _contour(symbol, h, lambda z: 2 * (2 + z + torch.exp(z) * (z - 2)) / z**3),
            "f3": _contour(symbol, h, lambda z: (-4 - 3 * z - z**2 + torch.exp(z) * (4 - z)) / z**3),
        }

    def advance(self, u_hat: Tensor, t: Tensor, h: Tensor, nonlinear: Nonlinear, c: dict[str, Tensor]) -> Tensor:
        """One step."""
        middle, end = t + h / 2, t + h
        n0 = nonlinear(u_hat, t)
        decayed = c["half"] * u_hat
        a = torch.addcmul(decayed, c["q"], n0)
        na = nonlinear(a, middle)
        nb = nonlinear(torch.addcmul(decayed, c["q"], na), middle)
        # lerp(n0, nb, 2) is 2 nb - n0.
        nc = nonlinear(torch.addcmul(c["half"] * a, c["q"], torch.lerp(n0, nb, 2.0)), end)
        result = torch.addcmul(c["exp"] * u_hat, c["f1"], n0)
        result = torch.addcmul(result, c["f2"], na + nb)
        return torch.addcmul(result, c["f3"], nc)


def _exponential(symbol: Tensor, h: Tensor) -> Tensor:
    return torch.exp(h.reshape(-1, *[1] * (symbol.ndim - 1)) * symbol)


def _contour(symbol: Tensor, h: Tensor, f: Callable[[Tensor], Tensor]) -> Tensor:
    """h f(hL) as the mean of f over a unit circle around hL, where f itself would cancel catastrophically near 0.

    The mean over half a circle and its mirror image is real only if L is real. Taking the real part of a complex L's
    mean would silently drop the scheme to first order.
    """
    step = h.reshape(-1, *[1] * (symbol.ndim - 1))
    total = torch.zeros((), dtype=torch.complex128, device=symbol.device)
    for point in range(CONTOUR_POINTS):
        angle = 2 * math.pi * (point + 0.5) / CONTOUR_POINTS
        total = total + f(step * symbol + complex(math.cos(angle), math.sin(angle)))
    mean = step * total / CONTOUR_POINTS
    return mean if symbol.is_complex() else mean.real.contiguous()
