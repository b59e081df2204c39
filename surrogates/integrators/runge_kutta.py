"""Explicit Runge-Kutta schemes with a fixed number of stages; they remember nothing.

References:
    Hairer, Nørsett, Wanner: Solving Ordinary Differential Equations I. Springer 1993, section II.1.
"""

from torch import Tensor

from tendency.simulation.tree import Tree, per_sample
from tendency.surrogates.integrators.integrator import Integrator, Slope


class ForwardEuler(Integrator):
    """u₁ = u₀ + Δt f(u₀)."""

    order, stages, evaluates_inside = 1, 1, False

    def advance(self, slope: Slope, u: Tensor, t: Tensor, dt: Tensor, memory: Tree) -> tuple[Tensor, Tree]:
        """One step with one slope."""
        return u + per_sample(dt, u) * slope(u, t), memory


class Midpoint(Integrator):
    """u₁ = u₀ + Δt f(u₀ + Δt/2 f(u₀))."""

    order, stages, evaluates_inside = 2, 2, True

    def advance(self, slope: Slope, u: Tensor, t: Tensor, dt: Tensor, memory: Tree) -> tuple[Tensor, Tree]:
        """One step with two slopes."""
        h = per_sample(dt, u)
        return u + h * slope(u + h / 2 * slope(u, t), t + dt / 2), memory


class Heun(Integrator):
    """The explicit trapezoidal rule: u₁ = u₀ + Δt/2 (f(u₀) + f(u₀ + Δt f(u₀)))."""

    order, stages, evaluates_inside = 2, 2, True

    def advance(self, slope: Slope, u: Tensor, t: Tensor, dt: Tensor, memory: Tree) -> tuple[Tensor, Tree]:
        """One step with two slopes."""
        h = per_sample(dt, u)
        k1 = slope(u, t)
        k2 = slope(u + h * k1, t + dt)
        return u + h / 2 * (k1 + k2), memory


class SSPRungeKutta3(Integrator):
    """Three convex combinations of Euler steps: whatever bound an Euler step of this size keeps, it keeps as well.

    References:
        Shu, Osher: Efficient implementation of essentially non-oscillatory shock-capturing schemes. J. Comput. Phys. 77
        (1988), doi:10.1016/0021-9991(88)90177-5, equation 2.18.
    """

    order, stages, evaluates_inside = 3, 3, True

    def advance(self, slope: Slope, u: Tensor, t: Tensor, dt: Tensor, memory: Tree) -> tuple[Tensor, Tree]:
        """One step with three slopes."""
        h = per_sample(dt, u)
        once = u + h * slope(u, t)
        half = 3 / 4 * u + 1 / 4 * (once + h * slope(once, t + dt))
        return 1 / 3 * u + 2 / 3 * (half + h * slope(half, t + dt / 2)), memory


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
