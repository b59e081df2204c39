"""Adams-Bashforth schemes: one network call per step, and the slopes of earlier steps.

References:
    Hairer, Nørsett, Wanner: Solving Ordinary Differential Equations I. Springer 1993, sections III.1 and III.5.
"""

from typing import Annotated

import torch
from annotated_types import Ge, Le
from torch import Tensor

from tendency.simulation.tree import Tree, per_sample
from tendency.surrogates.integrators.integrator import Integrator, Slope
from tendency.surrogates.integrators.runge_kutta import Heun, RungeKutta4, SSPRungeKutta3

NumSteps = Annotated[int, Ge(2), Le(4)]


class AdamsBashforth(Integrator):
    """u₁ = u₀ + ∫ p dt, p the polynomial through the slopes at the last k times; as many as there are at the start.

    So the first step is Euler's, the second AB2's, and so on, for each trajectory by itself. The weights follow the
    steps that were taken: a slope that is a polynomial of t of degree k - 1 is integrated exactly, whatever they were.
    Euler's first step errs by O(Δt²) once, which limits a rollout from one snapshot to second order, whatever k is. The
    larger k, the shorter the steps have to be for stability.

    Args:
        steps: k, 2 to 4.

    Raises:
        ValueError: another number of steps.
    """

    stages, evaluates_inside = 1, False

    def __init__(self, steps: NumSteps) -> None:
        self.steps = _checked(steps)
        self.order = 2

    def start(self, u: Tensor) -> Tree:
        """No slopes yet."""
        return no_slopes(u, self.steps - 1)

    def advance(self, slope: Slope, u: Tensor, t: Tensor, dt: Tensor, memory: Tree) -> tuple[Tensor, Tree]:
        """One step with one slope."""
        return multistep(slope(u, t), u, t, dt, memory)


class RungeKuttaStartedAdamsBashforth(Integrator):
    """``AdamsBashforth`` of order k whose first k - 1 steps are of a Runge-Kutta scheme of the same order.

    The start costs k network calls per step; every later step costs one.

    Args:
        steps: k, 2 to 4: Heun, SSP-RK3 or RK4 start.

    Raises:
        ValueError: another number of steps.
    """

    stages, evaluates_inside = 1, True

    def __init__(self, steps: NumSteps) -> None:
        self.steps = self.order = _checked(steps)
        self.starter: Integrator = {2: Heun(), 3: SSPRungeKutta3(), 4: RungeKutta4()}[steps]

    def start(self, u: Tensor) -> Tree:
        """No slopes yet."""
        return no_slopes(u, self.steps - 1)

    def advance(self, slope: Slope, u: Tensor, t: Tensor, dt: Tensor, memory: Tree) -> tuple[Tensor, Tree]:
        """One step with one slope where there are enough earlier ones, else of the Runge-Kutta scheme."""
        first = slope(u, t)
        stepped, after = multistep(first, u, t, dt, memory)
        starting = torch.isinf(memory["times"]).any(1)
        if bool(starting.any()):
            # The first stage is known already.
            started, _ = self.starter.advance(lambda v, s: first if v is u else slope(v, s), u, t, dt, {})
            stepped = torch.where(per_sample(starting, u).bool(), started, stepped)
        return stepped, after


def no_slopes(u: Tensor, number: int) -> Tree:
    """Room for so many earlier slopes (B, C, *N), newest first, at times (B, number) that never were."""
    times = torch.full((len(u), number), -torch.inf, dtype=torch.float64, device=u.device)
    return {"slopes": [torch.zeros_like(u) for _ in range(number)], "times": times}


def multistep(f: Tensor, u: Tensor, t: Tensor, dt: Tensor, memory: Tree) -> tuple[Tensor, Tree]:
    """One Adams-Bashforth step with the slope f (B, C, *N) at the present and those in the memory."""
    slopes = [f, *memory["slopes"]]
    times = torch.cat([t.double()[:, None], memory["times"]], 1)
    weights = adams_bashforth_weights((times - t.double()[:, None]) / dt.double()[:, None])
    stepped = u
    for weight, slope in zip((weights * dt.double()[:, None]).unbind(1), slopes, strict=True):
        stepped = stepped + per_sample(weight, u) * slope
    return stepped, {"slopes": slopes[:-1], "times": times[:, :-1]}


def adams_bashforth_weights(s: Tensor) -> Tensor:
    """β (B, k) with Σ_j β_j s_j^p = 1 / (p + 1) for p < m: the integral over [0, 1] of polynomials known at s.

    Args:
        s: (B, k) float64, times in units of the step, the present 0 first; -inf where there is no slope. m is the
            number of those that exist, in each row.
    """
    k = s.shape[1]
    powers = torch.arange(k, dtype=s.dtype, device=s.device)
    exists = torch.isfinite(s)
    count = exists.sum(1)[:, None]
    known = torch.where(exists, s, 0.0)[:, None, :] ** powers[None, :, None]
    # A missing slope takes up one condition: that its weight is 0.
    needed = (powers[None, :, None] < count[:, :, None]) & exists[:, None, :]
    identity = torch.eye(k, dtype=s.dtype, device=s.device)
    matrix = torch.where(needed, known, torch.where(exists[:, None, :], 0.0, identity))
    moments = torch.where(powers < count, 1 / (powers + 1), 0.0)
    # solve() would wait for the device to say that no matrix is singular; distinct times make none.
    return torch.linalg.solve_ex(matrix, moments)[0]


def _checked(steps: int) -> int:
    if not 2 <= steps <= 4:
        raise ValueError(f"prediction.integrator.steps: expected 2 to 4, got {steps}; one step is ForwardEuler")
    return steps
