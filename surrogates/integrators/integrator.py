"""The abstract integrator. Physical units throughout."""

from abc import ABC, abstractmethod
from collections.abc import Callable

from torch import Tensor

from tendency.simulation.constructor_call import constructor_call
from tendency.simulation.tree import Tree

Slope = Callable[[Tensor, Tensor], Tensor]
"""f(u, t) = u_t, with u and the result (B, C, *N) and t (B,)."""


class Integrator(ABC):
    """One explicit scheme for u_t = f(u, t).

    ``order`` is the order at which a whole rollout converges, its start included. ``stages`` is the number of slope
    evaluations in a step, that is of network calls; None where each trajectory takes as many as it needs, which
    ``memory["evaluations"]`` counts then. ``evaluates_inside`` says whether any of them lies after the beginning of the
    step, where no past snapshots exist.
    """

    order: int
    stages: int | None
    evaluates_inside: bool

    def __repr__(self) -> str:
        """The call that builds it."""
        return constructor_call(self)

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
