"""The embedded pair of Dormand and Prince, with an error estimate and steps of its own for each trajectory.

References:
    Dormand, Prince: A family of embedded Runge-Kutta formulae. J. Comput. Appl. Math. 6 (1980),
    doi:10.1016/0771-050X(80)90013-3, table 2.
    Hairer, Nørsett, Wanner: Solving Ordinary Differential Equations I. Springer 1993, section II.4 (first step, norm),
    and Solving Ordinary Differential Equations II. Springer 1996, section IV.2 (the controller and its constants).
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from tendency.simulation.annotations import PositiveFloat, PositiveInt
from tendency.simulation.simulator import InstabilityError
from tendency.simulation.tree import Tree, per_sample
from tendency.surrogates.integrators.integrator import Integrator, Slope

STAGES = (
    (1 / 5,),
    (3 / 40, 9 / 40),
    (44 / 45, -56 / 15, 32 / 9),
    (19372 / 6561, -25360 / 2187, 64448 / 6561, -212 / 729),
    (9017 / 3168, -355 / 33, 46732 / 5247, 49 / 176, -5103 / 18656),
    (35 / 384, 0, 500 / 1113, 125 / 192, -2187 / 6784, 11 / 84),
)
"""Weights of the earlier slopes in each further stage; the last stage is the end of the step."""
NODES = (1 / 5, 3 / 10, 4 / 5, 8 / 9, 1.0, 1.0)
ERROR = (71 / 57600, 0, -71 / 16695, 71 / 1920, -17253 / 339200, 22 / 525, -1 / 40)
"""Fifth-order minus fourth-order weights."""
SAFETY, SMALLEST_FACTOR, LARGEST_FACTOR = 0.9, 0.2, 10.0
BETA = 0.04
"""How much the previous error counts; the present one has the power 1/5 - 3/4 BETA."""


@dataclass
class _Rows:
    """Where each trajectory stands inside one call of ``advance``."""

    u: Tensor
    f: Tensor
    now: Tensor
    step: Tensor
    error: Tensor
    evaluations: Tensor
    rejected: Tensor


class DormandPrince(Integrator):
    """Dormand-Prince 5(4) with a proportional-integral controller of the step.

    A step is accepted where the root mean square over the state of error / (atol + rtol |u|) is at most 1, for each
    trajectory by itself: a batch equals its members. The slope at the end of a step is the first of the next one, so a
    step costs six network calls, and one more at the beginning of each call of ``advance``: a slope kept in the memory
    would be without its gradient after blocks that are rolled out without one. The network is evaluated on the whole
    batch until its last trajectory is there.

    A trajectory that is no longer finite is given up and becomes NaN, as it would with any other integrator. Step sizes
    are constants to the gradient.

    Args:
        rtol: relative tolerance of one step. Single precision rounds at about 1e-6.
        atol: absolute tolerance of one step, in the state's physical units.
        max_steps: that one trajectory may need, accepted or not, between two times that it is asked for.
    """

    order, stages, evaluates_inside = 5, None, True

    def __init__(self, rtol: PositiveFloat = 1e-3, atol: PositiveFloat = 1e-6, max_steps: PositiveInt = 1000) -> None:
        self.rtol, self.atol, self.max_steps = rtol, atol, max_steps

    def start(self, u: Tensor) -> Tree:
        """No step yet: one of infinite length stands for that."""
        times = torch.ones(len(u), dtype=torch.float64, device=u.device)
        return {
            "step": times * torch.inf,
            "error": times * 1e-4,
            "evaluations": torch.zeros(len(u), dtype=torch.int64, device=u.device),
        }

    def advance(self, slope: Slope, u: Tensor, t: Tensor, dt: Tensor, memory: Tree) -> tuple[Tensor, Tree]:
        """As many steps as the tolerances ask for.

        Raises:
            InstabilityError: more than ``max_steps``; names the rows and the remedies.
        """
        end = t.double() + dt.double()
        rows = self._begun(slope, u, t.double(), dt, memory)
        finite = _is_finite(rows.u) & _is_finite(rows.f)
        for _ in range(self.max_steps):
            going = (rows.now < end) & finite
            if not bool(going.any()):
                break
            self._step(slope, rows, end, going)
        else:
            self._check_arrived(rows, end, (rows.now < end) & finite)
        u = torch.where(per_sample(finite, u).bool(), rows.u, torch.nan)
        return u, {"step": rows.step, "error": rows.error, "evaluations": rows.evaluations}

    def _begun(self, slope: Slope, u: Tensor, t: Tensor, dt: Tensor, memory: Tree) -> _Rows:
        """The slope and the step to begin with, which is chosen where the memory has none."""
        f = slope(u, t)
        step, evaluations = memory["step"], memory["evaluations"] + 1
        new = torch.isinf(step)
        if bool(new.any()):
            step = torch.where(new, self._first_step(slope, u.detach(), f.detach(), t, dt), step)
            evaluations = evaluations + new
        return _Rows(u, f, t, step, memory["error"], evaluations, torch.zeros_like(new))

    @torch.no_grad()
    def _first_step(self, slope: Slope, u: Tensor, f: Tensor, t: Tensor, dt: Tensor) -> Tensor:
        """A step (B,) from the sizes of u, f and f's change over a short Euler step."""
        scale = self.atol + self.rtol * u.abs()
        d0, d1 = _rms(u / scale), _rms(f / scale)
        short = torch.where((d0 < 1e-5) | (d1 < 1e-5), 1e-6, 0.01 * d0 / d1.clamp(min=1e-5))
        # Not beyond what is asked for: a network may know nothing of what lies there.
        short = torch.minimum(short, dt.double())
        d2 = _rms((slope(u + per_sample(short, u) * f, t + short) - f) / scale) / short
        largest = torch.maximum(d1, d2)
        step = torch.where(largest <= 1e-15, (1e-3 * short).clamp(min=1e-6), (0.01 / largest) ** (1 / self.order))
        return torch.minimum(100 * short, step)

    def _step(self, slope: Slope, rows: _Rows, end: Tensor, going: Tensor) -> None:
        """Tries one step on the rows that are going, and moves on where it is accepted."""
        left = end - rows.now
        # A sliver of a step at the end would cost as much as a whole one.
        ends = rows.step >= left * (1 - 1e-12)
        h = torch.where(going, torch.where(ends, left, rows.step), 0.0)
        trial, f, size = self._tried(slope, rows, h)
        accepted = going & (size <= 1)
        powers = size.clamp(min=1e-10) ** -(1 / self.order - 0.75 * BETA) * rows.error**BETA
        factor = (SAFETY * powers).clamp(SMALLEST_FACTOR, LARGEST_FACTOR)
        # Right after a rejection the step does not grow, or the next one would be rejected again.
        factor = torch.where(~accepted | rows.rejected, factor.clamp(max=1.0), factor)
        # A step cut short by the end says little about the step that the slope allows.
        following = torch.where(accepted & ends, torch.maximum(rows.step, h * factor), h * factor)
        field = per_sample(accepted, trial).bool()
        rows.u, rows.f = torch.where(field, trial, rows.u), torch.where(field, f, rows.f)
        rows.now = torch.where(accepted, torch.where(ends, end, rows.now + h), rows.now)
        rows.step = torch.where(going, following, rows.step)
        rows.error = torch.where(accepted, size.clamp(min=1e-4), rows.error)
        rows.rejected = torch.where(going, ~accepted, rows.rejected)
        rows.evaluations = rows.evaluations + 6 * going

    def _tried(self, slope: Slope, rows: _Rows, h: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The state and slope at the end of a step h (B,), and the size (B,) of its error; infinite where it is NaN."""
        width = per_sample(h, rows.u)
        k = [rows.f]
        state = rows.u
        for weights, node in zip(STAGES, NODES, strict=True):
            state = rows.u + width * _combined(weights, k)
            k.append(slope(state, rows.now + node * h))
        with torch.no_grad():
            scale = self.atol + self.rtol * torch.maximum(rows.u.abs(), state.abs())
            size = _rms(width * _combined(ERROR, k) / scale).nan_to_num(nan=torch.inf)
        return state, k[-1], size

    def _check_arrived(self, rows: _Rows, end: Tensor, going: Tensor) -> None:
        late = torch.nonzero(going).flatten().tolist()
        if late:
            first = late[0]
            raise InstabilityError(
                f"prediction.integrator: DormandPrince took {self.max_steps} steps and is at "
                f"t = {rows.now[first].item():g} of {end[first].item():g} with steps of {rows.step[first].item():.1e}: "
                f"raise rtol (now {self.rtol:g}), atol (now {self.atol:g}) or max_steps, or train the network further; "
                "a fixed-step integrator never stops like this",
                late,
            )


def _combined(weights: tuple[float, ...], slopes: list[Tensor]) -> Tensor:
    """Σ_j w_j k_j over the weights that are not 0."""
    total = weights[0] * slopes[0]
    for weight, k in zip(weights[1:], slopes[1:], strict=True):
        if weight:
            total = total + weight * k
    return total


def _rms(x: Tensor) -> Tensor:
    """Root mean square (B,) of each row, in double precision."""
    return x.flatten(1).double().square().mean(1).sqrt()


def _is_finite(x: Tensor) -> Tensor:
    """Whether each row (B,) is finite; sums carry NaN and infinity along."""
    return torch.isfinite(x.detach().flatten(1).sum(1))
