"""Ordinary differential equation integrators that step a predicted time derivative. Physical units throughout."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import ClassVar

import torch
from torch import Tensor

from simulation.tree import Tree, per_sample

Slope = Callable[[Tensor, Tensor], Tensor]
"""f(u, t) = u_t, with u and the result (B, C, *N) and t (B,)."""


class Integrator(ABC):
    """One explicit scheme.

    ``order`` is its order of convergence, ``stages`` the number of slope evaluations in a step, and
    ``evaluates_inside`` says whether any of them lies after the beginning of the step, where no history exists.
    """

    order: ClassVar[int]
    stages: ClassVar[int]
    evaluates_inside: ClassVar[bool]

    def start(self, u: Tensor) -> Tree:
        """The memory before the first step from u (B, C, *N); most schemes need none."""
        return {}

    @abstractmethod
    def advance(self, slope: Slope, u: Tensor, t: Tensor, dt: Tensor, memory: Tree) -> tuple[Tensor, Tree]:
        """One step.

        Args:
            slope: f(u, t).
            u: (B, C, *N) at time t.
            t: (B,) float64.
            dt: (B,) float64.
            memory: from ``start`` or the previous step.

        Returns:
            u (B, C, *N) at t + dt, and the memory to go on with.
        """


class ForwardEuler(Integrator):
    """u₁ = u₀ + Δt f(u₀)."""

    order, stages, evaluates_inside = 1, 1, False

    def advance(self, slope: Slope, u: Tensor, t: Tensor, dt: Tensor, memory: Tree) -> tuple[Tensor, Tree]:
        """One step with one slope."""
        return u + per_sample(dt, u) * slope(u, t), memory


class AdamsBashforth2(Integrator):
    """u₁ = u₀ + Δt ((1 + w) f₀ - w f₋₁) with w = Δt / 2Δt₋₁: second order for any sequence of steps.

    The memory holds the last slope and step. Before the first step that step is infinitely long, so w = 0 and the
    scheme starts with Euler, without a branch and for each trajectory by itself.

    References:
        Hairer, Nørsett, Wanner: Solving Ordinary Differential Equations I. Springer 1993, section III.5.
    """

    order, stages, evaluates_inside = 2, 1, False

    def start(self, u: Tensor) -> Tree:
        """No last slope yet, and an infinitely long last step."""
        return {
            "slope": torch.zeros_like(u),
            "dt": torch.full((len(u),), torch.inf, dtype=torch.float64, device=u.device),
        }

    def advance(self, slope: Slope, u: Tensor, t: Tensor, dt: Tensor, memory: Tree) -> tuple[Tensor, Tree]:
        """One step with one slope."""
        f = slope(u, t)
        w = per_sample(dt / (2 * memory["dt"]), u)
        return u + per_sample(dt, u) * ((1 + w) * f - w * memory["slope"]), {"slope": f, "dt": dt.double()}


class Heun(Integrator):
    """The explicit trapezoidal rule: u₁ = u₀ + Δt/2 (f(u₀) + f(u₀ + Δt f(u₀)))."""

    order, stages, evaluates_inside = 2, 2, True

    def advance(self, slope: Slope, u: Tensor, t: Tensor, dt: Tensor, memory: Tree) -> tuple[Tensor, Tree]:
        """One step with two slopes."""
        h = per_sample(dt, u)
        k1 = slope(u, t)
        k2 = slope(u + h * k1, t + dt)
        return u + h / 2 * (k1 + k2), memory


class RungeKutta4(Integrator):
    """The classical fourth-order scheme of Kutta (1901)."""

    order, stages, evaluates_inside = 4, 4, True

    def advance(self, slope: Slope, u: Tensor, t: Tensor, dt: Tensor, memory: Tree) -> tuple[Tensor, Tree]:
        """One step with four slopes."""
        h = per_sample(dt, u)
        k1 = slope(u, t)
        k2 = slope(u + h / 2 * k1, t + dt / 2)
        k3 = slope(u + h / 2 * k2, t + dt / 2)
        k4 = slope(u + h * k3, t + dt)
        return u + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4), memory
