"""Explicit Runge-Kutta schemes, and steps as long as stability allows, for each trajectory its own.

References:
    Shu, Osher: Efficient implementation of essentially non-oscillatory shock-capturing schemes. J. Comput. Phys. 77
    (1988), doi:10.1016/0021-9991(88)90177-5, eq. 2.18.
    Meyer, Balsara, Aslam: A stabilized Runge-Kutta-Legendre method for explicit super-time-stepping of parabolic and
    mixed equations. J. Comput. Phys. 257 (2014), doi:10.1016/j.jcp.2013.08.021, eqs. 16 to 21.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from tendency.simulation.annotations import PositiveInt
from tendency.simulation.simulator import InstabilityError
from tendency.simulation.tree import per_sample

Rate = Callable[[Tensor, Tensor], Tensor]
"""f(q, t) for q (B, C, *N) and t (B,)."""
SAME_STEP = 1e-9
"""Share of a step below which what remains of it is rounding."""
SHORTEST_STEP = 1e-7
"""Share of the time between two snapshots below which a step is taken to be a collapse."""


class ExplicitRungeKutta(ABC):
    """One explicit scheme; ``order`` is its order in the time step."""

    order: ClassVar[int]
    real_stability: float
    """The largest h lambda for which u' = -lambda u does not grow."""
    imaginary_stability: float
    """The largest h omega for which u' = i omega u does not grow; 0 for a scheme that is for diffusion alone."""

    @abstractmethod
    def advance(self, q: Tensor, t: Tensor, h: Tensor, rate: Rate) -> Tensor:
        """One step of h (B,) from q (B, C, *N) at t (B,)."""


class ExplicitSSPRK3(ExplicitRungeKutta):
    """Third order, strong stability preserving: convex combinations of Euler steps (Shu & Osher)."""

    order = 3
    real_stability = 2.51
    imaginary_stability = 1.73

    def advance(self, q: Tensor, t: Tensor, h: Tensor, rate: Rate) -> Tensor:
        """One step."""
        step = per_sample(h, q)
        first = q + step * rate(q, t)
        second = torch.lerp(q, first + step * rate(first, t + h), 0.25)
        return torch.lerp(q, second + step * rate(second, t + h / 2), 2 / 3)


class ExplicitRK4(ExplicitRungeKutta):
    """The classical fourth-order scheme."""

    order = 4
    real_stability = 2.78
    imaginary_stability = 2.82

    def advance(self, q: Tensor, t: Tensor, h: Tensor, rate: Rate) -> Tensor:
        """One step."""
        step = per_sample(h, q)
        k1 = rate(q, t)
        k2 = rate(q + step / 2 * k1, t + h / 2)
        k3 = rate(q + step / 2 * k2, t + h / 2)
        k4 = rate(q + step * k3, t + h)
        return q + step / 6 * (k1 + 2 * (k2 + k3) + k4)


class RungeKuttaLegendre(ExplicitRungeKutta):
    """Second order with a stability interval of (s^2 + s - 2) / 2 along the negative real axis: for diffusion alone.

    Fast modes shrink to 0.8 or less in every step, where a scheme of Chebyshev type leaves 0.95 of some of them: after
    a jump in the initial state or at a wall that is the difference between smooth and rippled.

    Args:
        stages: s, odd; the cost of a step grows with s, the length that diffusion allows with s^2.
    """

    order = 2
    imaginary_stability = 0.0

    def __init__(self, stages: PositiveInt = 5) -> None:
        if stages < 3 or stages % 2 == 0:
            # An even number leaves the fastest mode undamped.
            raise ValueError(f"pde.simulator.integrator.stages: expected an odd number from 3 on, got {stages}")
        self.stages = stages
        scale = stages**2 + stages - 2
        self.real_stability = scale / 2
        self._w = 4 / scale
        b = [(j * j + j - 2) / (2 * j * (j + 1)) for j in range(2, stages + 1)]
        self._b = [b[0], b[0], *b]
        self._c = [0.0, self._b[1] * self._w, *((j * j + j - 2) / scale for j in range(2, stages + 1))]

    def advance(self, q: Tensor, t: Tensor, h: Tensor, rate: Rate) -> Tensor:
        """One step."""
        step = per_sample(h, q)
        b = self._b
        start = step * rate(q, t)
        before, now = q, q + b[1] * self._w * start
        for j in range(2, self.stages + 1):
            mu, nu = (2 * j - 1) / j * b[j] / b[j - 1], -(j - 1) / j * b[j] / b[j - 2]
            change = step * rate(now, t + self._c[j - 1] * h) - (1 - b[j - 1]) * start
            before, now = now, (1 - mu - nu) * q + mu * now + nu * before + mu * self._w * change
        return now


@dataclass(frozen=True)
class SemiDiscreteSystem:
    """q_t = f(q, t) of an equation that was discretised in space, and what a scheme must know to step it.

    Args:
        name: the equation's, for error messages.
        rate: the right-hand side f.
        stable_step: the longest step (B,) that a state q (B, C, *N) allows.
        usable: which rows (B,) of q are states at all: finite, and positive where they must be.
        remedy: what the user can do where a row is no longer usable, the end of an error message.
    """

    name: str
    rate: Rate
    stable_step: Callable[[Tensor], Tensor]
    usable: Callable[[Tensor], Tensor]
    remedy: str


def advance_in_stable_steps(
    scheme: ExplicitRungeKutta, system: SemiDiscreteSystem, q: Tensor, t: Tensor, dt: Tensor
) -> Tensor:
    """Advances each trajectory by its own dt, in steps of its own.

    Each step is an equal share of what remains, so that no tiny last one is left over; trajectories that have arrived
    wait unchanged, so that a batch equals its members.

    Args:
        scheme: the Runge-Kutta scheme that takes a step.
        system: the equation that is stepped.
        q: the state (B, C, *N) at t.
        t: the present (B,).
        dt: the time (B,) by which each trajectory is advanced.

    Raises:
        InstabilityError: a row is no longer usable, or its steps shrink to nothing.
    """
    now, remaining = t.double(), dt.double()
    while True:
        going = remaining > SAME_STEP * dt
        unusable = ~system.usable(q)
        if not bool((going | unusable).any()):
            return q
        longest = system.stable_step(q)
        failed = unusable | (going & ~(longest > SHORTEST_STEP * dt))
        if bool(failed.any()):
            rows = torch.nonzero(failed).flatten().tolist()
            raise InstabilityError(
                f"{system.name} became unstable at t = {now[rows[0]].item():g} (longest stable step "
                f"{longest[rows[0]].item():.2g}): {system.remedy}",
                rows,
            )
        count = torch.ceil(remaining.detach() / longest.detach() - SAME_STEP).clamp(min=1)
        h = torch.where(going, remaining / count, 0.0)
        stepped = scheme.advance(q, now, h, system.rate)
        q = stepped if bool(going.all()) else torch.where(per_sample(going, q).bool(), stepped, q)
        now, remaining = now + h, remaining - h
