"""Labels of the time derivative: finite differences of stored snapshots, or what the solver itself stored."""

from abc import ABC, abstractmethod
from typing import ClassVar

import torch
from torch import Tensor

from tendency.simulation.constructor_call import constructor_call
from tendency.simulation.window import Window


class Difference(ABC):
    """Makes the label u_t at a window's present.

    ``stencil`` lists the offsets that it reads. At the ends of a trajectory the stencil is shifted inside, at the same
    order, so that the first snapshot, where every rollout starts, and the last one are trained too.
    """

    stencil: ClassVar[tuple[int, ...]]
    order: ClassVar[int | None]
    reads_u_t: ClassVar[bool] = False

    def __repr__(self) -> str:
        """The call that builds it."""
        return constructor_call(self)

    @abstractmethod
    def __call__(self, window: Window) -> Tensor:
        """The time derivative (B, C, *N) at the present, physical units."""


class StoredDerivative(Difference):
    """The u_t that the solver evaluated and the dataset carries: no truncation error at all."""

    stencil = (0,)
    order = None
    reads_u_t = True

    def __call__(self, window: Window) -> Tensor:
        """The stored u_t (B, C, *N).

        Raises:
            ValueError: a dataset without u_t.
        """
        if window.u_t is None:
            raise ValueError("prediction.difference: this dataset stores no u_t; generate it with data.store_u_t=true")
        return window.gather(window.u_t, 0)


class ForwardDifference(Difference):
    """(u₁ - u₀) / Δt, first order; backward at the last snapshot."""

    stencil = (0, 1)
    order = 1

    def __call__(self, window: Window) -> Tensor:
        """The difference (B, C, *N)."""
        return finite_difference(window, self.stencil)


class CentralDifference(Difference):
    """(u₁ - u₋₁) / 2Δt, second order; one-sided with three points at the ends."""

    stencil = (-1, 0, 1)
    order = 2

    def __call__(self, window: Window) -> Tensor:
        """The difference (B, C, *N)."""
        return finite_difference(window, self.stencil)


class RichardsonDifference(Difference):
    """4/3 D(Δt) - 1/3 D(2Δt) = (-u₂ + 8u₁ - 8u₋₁ + u₋₂) / 12Δt, fourth order; one-sided with five points at the ends.

    References:
        Zhou, Barati Farimani: Predicting Change, Not States. arXiv:2412.13074.
    """

    stencil = (-2, -1, 0, 1, 2)
    order = 4

    def __call__(self, window: Window) -> Tensor:
        """The difference (B, C, *N)."""
        return finite_difference(window, self.stencil)


def finite_difference(window: Window, stencil: tuple[int, ...]) -> Tensor:
    """The derivative at the present of the polynomial through the stencil's snapshots, whatever their spacing.

    Args:
        window: whose snapshots are differentiated.
        stencil: consecutive offsets; shifted inside the window where it would reach beyond it.

    Returns:
        (B, C, *N) in the dtype of ``window.u``.

    Raises:
        ValueError: a window with fewer snapshots than the stencil.
    """
    points, width = len(stencil), window.u.shape[1]
    span = (points - 1) * window.stride
    if int(span.max()) >= width:
        raise ValueError(f"a stencil of {points} snapshots does not fit into a window of {width}")
    # Moved inside by as little as it takes: beside an end, (-3, -10, 18, -6, 1) / 12 is of the order of the one-sided
    # formula, with a fourth of its error.
    first = (window.present + stencil[0] * window.stride).clamp(min=0)
    first = torch.minimum(first, width - 1 - span)
    at = first[:, None] + torch.arange(points, device=first.device) * window.stride[:, None]
    rows = torch.arange(len(at), device=first.device)[:, None]
    weights = _derivative_weights(window.t[rows, at].double() - window.time(0).double()[:, None])
    return torch.einsum("bs,bs...->b...", weights.to(window.u.dtype), window.u[rows, at])


def _derivative_weights(s: Tensor) -> Tensor:
    """Weights (B, S) of the first derivative at 0 for samples at s (B, S), from Σ_j w_j s_j^p = δ_p1."""
    scale = s.abs().amax(1, keepdim=True)
    powers = torch.arange(s.shape[1], device=s.device)
    vandermonde = (s / scale)[:, None, :] ** powers[None, :, None]
    unit = torch.zeros_like(s)
    unit[:, 1] = 1
    return torch.linalg.solve(vandermonde, unit) / scale
