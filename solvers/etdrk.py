"""Exponential time differencing Runge-Kutta schemes for u_t = L u + N(u, t).

References:
    Cox, Matthews: Exponential time differencing for stiff systems. J. Comput. Phys. 176 (2002),
    doi:10.1006/jcph.2002.6995.
    Kassam, Trefethen: Fourth-order time-stepping for stiff PDEs. SIAM J. Sci. Comput. 26 (2005),
    doi:10.1137/S1064827502410633, section 2 (coefficients by contour integrals).
"""

import torch
from torch import Tensor

from tendency.solvers.exponential import ExponentialIntegrator, Nonlinear, Past, exponential, phi, weights


class ETDRK2(ExponentialIntegrator):
    """Second order, two evaluations of N per step (Cox & Matthews, eqs. 20 to 22)."""

    order = 2

    def coefficients(self, symbol: Tensor, h: Tensor) -> dict[str, Tensor]:
        """exp(hL), h phi_1(hL) and h phi_2(hL)."""
        phi1, phi2 = weights(symbol, h, lambda z: phi(z, 2))
        return {"exp": exponential(symbol, h), "phi1": phi1, "phi2": phi2}

    def advance(
        self, u_hat: Tensor, past: Past, t: Tensor, h: Tensor, nonlinear: Nonlinear, c: dict[str, Tensor]
    ) -> tuple[Tensor, Past]:
        """One step."""
        n0 = nonlinear(u_hat, t)
        a = c["exp"] * u_hat + c["phi1"] * n0
        return a + c["phi2"] * (nonlinear(a, t + h) - n0), past


class ETDRK4(ExponentialIntegrator):
    """Fourth order, four evaluations of N per step (Cox & Matthews, eqs. 26 to 29)."""

    order = 4

    def coefficients(self, symbol: Tensor, h: Tensor) -> dict[str, Tensor]:
        """The exponentials of hL and hL/2 and the weights Q, f1, f2, f3 of Kassam & Trefethen (2.5)."""
        q, f1, f2, f3 = weights(symbol, h, _kassam_trefethen)
        exponentials = {"exp": exponential(symbol, h), "half": exponential(symbol, h / 2)}
        return exponentials | {"q": q, "f1": f1, "f2": f2, "f3": f3}

    def advance(
        self, u_hat: Tensor, past: Past, t: Tensor, h: Tensor, nonlinear: Nonlinear, c: dict[str, Tensor]
    ) -> tuple[Tensor, Past]:
        """One step."""
        return self.advance_from(nonlinear(u_hat, t), u_hat, t, h, nonlinear, c), past

    def advance_from(
        self, n0: Tensor, u_hat: Tensor, t: Tensor, h: Tensor, nonlinear: Nonlinear, c: dict[str, Tensor]
    ) -> Tensor:
        """One step, where N at its start is known already."""
        middle, end = t + h / 2, t + h
        decayed = c["half"] * u_hat
        a = torch.addcmul(decayed, c["q"], n0)
        na = nonlinear(a, middle)
        nb = nonlinear(decayed.addcmul_(c["q"], na), middle)
        # lerp(n0, nb, 2) is 2 nb - n0.
        nc = nonlinear((c["half"] * a).addcmul_(c["q"], torch.lerp(n0, nb, 2.0)), end)
        result = (c["exp"] * u_hat).addcmul_(c["f1"], n0)
        return result.addcmul_(c["f2"], na + nb).addcmul_(c["f3"], nc)


def _kassam_trefethen(z: Tensor) -> list[Tensor]:
    """Their Q / h, f1 / h, 2 f2 / h and f3 / h as functions of hL."""
    half, cube = torch.exp(z / 2), z**3
    exp = half.square()
    return [
        (half - 1) / z,
        (-4 - z + exp * (4 - 3 * z + z**2)) / cube,
        2 * (2 + z + exp * (z - 2)) / cube,
        (-4 - 3 * z - z**2 + exp * (4 - z)) / cube,
    ]
