"""What exponential integrators for u_t = L u + N(u, t) share: the abstraction, and functions of hL."""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from tendency.simulation.tree import per_sample

Nonlinear = Callable[[Tensor, Tensor], Tensor]
"""N(u_hat, t) for u_hat (B, C, *K) and t (B,)."""
Past = tuple[Tensor, ...]
"""What a scheme keeps of earlier steps, batch first. Zeros stand for no past: a row that is cleared starts anew."""
CONTOUR_POINTS = 32
VALUES_AT_ONCE = 2**12


class ExponentialIntegrator(ABC):
    """One exponential scheme; ``order`` is its order in the time step."""

    order: int

    @abstractmethod
    def coefficients(self, symbol: Tensor, h: Tensor) -> dict[str, Tensor]:
        """What a step of length h needs, made once per (h, parameters).

        Args:
            symbol: (B, C, *K) eigenvalues of L.
            h: (B,) steps.

        Returns:
            Tensors that broadcast over the symbol's shape, real where the symbol is.
        """

    def start(self, u_hat: Tensor) -> Past:
        """No past, for a state (B, C, *K); schemes of one step keep none ever."""
        return ()

    @abstractmethod
    def advance(
        self, u_hat: Tensor, past: Past, t: Tensor, h: Tensor, nonlinear: Nonlinear, c: dict[str, Tensor]
    ) -> tuple[Tensor, Past]:
        """One step.

        Args:
            u_hat: (B, C, *K) at time t.
            past: from ``start`` or the step before, which must have been of the same h.
            t: (B,).
            h: (B,).
            nonlinear: N.
            c: from ``coefficients``.

        Returns:
            (B, C, *K) at t + h, and the past to go on with.
        """


def chosen(rows: Tensor, these: tuple[Any, ...], others: tuple[Any, ...]) -> tuple[Any, ...]:
    """The rows (B,) where it is true of one tuple of tensors, or of tuples, and the other rows of another."""
    return tuple(
        chosen(rows, a, b) if isinstance(a, tuple) else torch.where(per_sample(rows, a).bool(), a, b)
        for a, b in zip(these, others, strict=True)
    )


def exponential(symbol: Tensor, h: Tensor) -> Tensor:
    """exp(hL)."""
    return torch.exp(h.reshape(-1, *[1] * (symbol.ndim - 1)) * symbol)


def weights(symbol: Tensor, h: Tensor, functions: Callable[[Tensor], Sequence[Tensor]]) -> Tensor:
    """h f(hL) for each of several f, stacked (F, B, C, *K): means over a unit circle, as f itself would cancel near 0.

    The mean over half a circle and its mirror image is real only if L is real. Taking the real part of a complex L's
    mean would silently drop the scheme to first order.
    """
    step = h.reshape(-1, *[1] * (symbol.ndim - 1))
    angles = 2 * math.pi * (torch.arange(CONTOUR_POINTS, dtype=torch.float64) + 0.5) / CONTOUR_POINTS
    if not symbol.is_complex():
        angles = angles[: CONTOUR_POINTS // 2]
    circle = torch.exp(1j * angles.to(symbol.device))[:, None]
    z = step * symbol
    # Modes of several axes share most of their symbols. A gradient goes to where each of them comes from.
    shared = z.ndim > 3 and not z.is_complex() and not z.requires_grad
    values, places = torch.unique(z, return_inverse=True) if shared else (z.flatten(), None)
    # A few at a time, where there are many.
    sums = [torch.stack([f.sum(0) for f in functions(part + circle)]) for part in values.split(VALUES_AT_ONCE)]
    mean = (sums[0] if len(sums) == 1 else torch.cat(sums, 1)) / len(circle)
    mean = mean.unflatten(1, z.shape) if places is None else mean[:, places]
    return step * mean if symbol.is_complex() else step * mean.real


def phi(z: Tensor, highest: int) -> list[Tensor]:
    """phi_1 to phi_highest of z off 0: phi_0 = exp, phi_{k+1}(z) = (phi_k(z) - 1 / k!) / z."""
    values = [torch.exp(z)]
    for k in range(highest):
        values.append((values[-1] - 1 / math.factorial(k)) / z)
    return values[1:]
