"""Semilinear equations on periodic grids: exponential integrators in Fourier space."""

import copy
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from operator import itemgetter

import torch
from torch import Tensor

from tendency.simulation.annotations import PositiveFloat
from tendency.simulation.conditions import Conditions
from tendency.simulation.fourier import inverse_transform, transform
from tendency.simulation.geometry import Geometry, PointCloud, is_periodic_grid
from tendency.simulation.simulator import InstabilityError, Precision, SolverSettings
from tendency.simulation.tree import Tree, map_tensors
from tendency.solvers.equation_solver import START_ELSEWHERE, EquationSolver
from tendency.solvers.equations import SemilinearPDE
from tendency.solvers.exponential import ExponentialIntegrator, Past, chosen
from tendency.solvers.spectral import evaluate_at_nodes, evaluate_on_grid, in_transform_layout, resample
from tendency.solvers.spectral_plan import SAME_STEP, SpectralPlan, make_plan, wavenumbers_of

Stepped = tuple[Tensor, Past, tuple[Tensor, ...]]
"""What a step changes: the coefficients of the coupled columns, the scheme's past, and the uncoupled columns."""
BYTES_AT_ONCE = 2**19
"""Of the states that are stepped together: several times as much, what a step touches, then stays in a core's cache."""


@dataclass(frozen=True)
class SplitCoefficients:
    """The Fourier coefficients of a state, split by columns: the modes of the last axis.

    Args:
        coupled: the columns that N reads and changes; (B, C, *K), or (B, C, *K, 2) as pairs.
        uncoupled: the columns beyond them, alike; empty where N couples all.
    """

    coupled: Tensor
    uncoupled: tuple[Tensor, ...]
    batched = True


@dataclass(frozen=True)
class ReturnedState:
    """The state that ``advance`` returned last, and what need not be computed again where it is stepped from.

    Args:
        u: the state (B, C, *N), the very tensor that was returned.
        version: how many times it had been changed in place.
        coefficients: those of u.
        past: what the scheme keeps of its earlier steps.
    """

    u: Tensor
    version: int
    coefficients: SplitCoefficients
    past: Past
    batched = True


class SpectralSolver(EquationSolver):
    """A reference solver (a Simulator) for a semilinear equation on a periodic grid.

    Every trajectory takes its own n = ceil(dt / max_step) equal steps, so that a batch equals its members.

    Args:
        equation: what is solved.
        integrator: the scheme that takes the steps.
        max_step: largest time step.
        precision: of the steps' arithmetic; single precision is about twice as fast and rounds at about 1e-5, which the
            certificate measures. Multipliers and time derivatives are made in double precision always.
    """

    # How it is fast. A step is a few transforms and products over (B, C, *K), limited by memory rather than by
    # arithmetic.
    #
    # Layout. A transform goes along the last axis first, and in what it returns the modes of that axis (the columns)
    # are the outermost of the spatial axes in memory. All that a state is multiplied with lies in memory the same way
    # (``in_transform_layout``), as a product of two layouts takes several times as long. Multipliers have the type of
    # the steps, so that no product converts anything.
    #
    # Pairs. Where L is real, so are the integrator's coefficients. A state is then stepped as pairs (..., 2) of real
    # and imaginary parts, a view of the complex tensor, and each coefficient is stored twice: the real product costs
    # half of a complex one. The equation's N sees complex numbers always. Where L is complex, states stay complex.
    #
    # Columns. N of most equations is dealiased, so that it neither reads nor changes the columns beyond
    # ``coupled_columns``. The integrator's stages are for the coupled columns alone. The others are multiplied by
    # exp(hL), and a steady N (a forcing) is added exactly.
    #
    # Plan. Multipliers depend on h and the conditions, not on the state. ``memory["plan"]`` holds them from the first
    # step of a rollout on, and is made anew where h differs by more than rounding.
    #
    # Blocks. A large batch is stepped some rows at a time, through all of their steps, so that what a step touches
    # stays in the cache of a core. Not on a GPU, nor under autograd, which would record every write into the result.
    #
    # Cache. ``memory["returned"]`` holds the state that was returned last, with its coefficients and the scheme's
    # past:
    # - The same tensor comes back, not changed in place (by torch's count of changes): its coefficients are known,
    #   which saves a transform and its rounding, and a multistep scheme goes on. Under autograd the transform is
    #   repeated, since the remembered coefficients do not depend on that tensor.
    # - An equal tensor comes back (a copy): it is transformed again, and the scheme goes on.
    # - In rows that differ (somebody changed the state) or whose h has changed the past becomes zero, which makes a
    #   scheme start anew.

    def __init__(
        self,
        equation: SemilinearPDE,
        integrator: ExponentialIntegrator,
        max_step: PositiveFloat,
        precision: Precision = "float64",
    ) -> None:
        super().__init__(equation)
        self.equation, self.integrator, self.max_step, self.precision = equation, integrator, max_step, precision
        self.dtype = {"float64": torch.float64, "float32": torch.float32}[precision]

    def check(self, conditions: Conditions) -> None:
        """Refuses a geometry or parameters that the scheme cannot take.

        Raises:
            ValueError: no periodic grid of the equation's dimensions, or a parameter out of range.
        """
        conditions.require_no_fields(f"the solver of {self.name}")
        if not is_periodic_grid(self.grid(conditions)):
            raise ValueError(
                f"pde.geometry: the spectral solver of {self.name} expects a grid that is periodic on all axes"
            )
        self.equation.check(conditions)

    def start(self, u: Tensor, t: Tensor, conditions: Conditions, seed: Tensor) -> Tree:
        """No plan yet: it is made at the first step, when dt is known."""
        self.equation.check_state(u[:, -1])
        return {}

    def advance(self, u: Tensor, t: Tensor, dt: Tensor, conditions: Conditions, memory: Tree) -> tuple[Tensor, Tree]:
        """Advances by dt in steps of at most ``max_step``.

        Raises:
            InstabilityError: the state is no longer finite.
        """
        shape = conditions.geometry.shape
        count = torch.ceil(dt.double() / self.max_step - SAME_STEP).clamp(min=1)
        plan, returned = self._planned(dt.double() / count, conditions, memory)
        coefficients, past = self._recalled(u, returned)
        if coefficients is None:
            u_hat = self.equation.decouple(transform(u.to(self.dtype), len(shape)), plan.operators)
            coefficients = self._split(u_hat, shape, plan.acts_on_pairs)
        past = self.integrator.start(coefficients.coupled) if past is None else past
        start = (coefficients.coupled, past, coefficients.uncoupled)
        rows_at_once = self._rows_at_once(u)
        if rows_at_once < len(u):
            coupled, past, uncoupled = self._in_blocks(rows_at_once, start, t.double(), count, conditions, plan)
        else:
            coupled, past, uncoupled = self._steps(0, start, t.double(), count, conditions, plan)
        coefficients = SplitCoefficients(coupled, uncoupled)
        u_hat = self.equation.couple(_joined(coefficients, plan.acts_on_pairs), plan.operators)
        end = inverse_transform(u_hat, shape).to(u.dtype)
        return end, {"plan": plan, "returned": ReturnedState(end, _version(end), coefficients, past)}

    def _rows_at_once(self, u: Tensor) -> int:
        """How many trajectories are stepped together; all of them where there is no cache to heed, or a gradient."""
        if u.device.type != "cpu" or torch.is_grad_enabled():
            return len(u)
        return max(1, BYTES_AT_ONCE * len(u) // (u.numel() * self.dtype.itemsize))

    def _in_blocks(
        self, size: int, start: Stepped, now: Tensor, count: Tensor, conditions: Conditions, plan: SpectralPlan
    ) -> Stepped:
        """``_steps`` with ``size`` rows at a time."""
        end = map_tensors(torch.empty_like, start)
        for first in range(0, len(now), size):
            rows = slice(first, first + size)
            block = map_tensors(itemgetter(rows), (start, now, count, conditions, plan))
            _write(end, rows, self._steps(first, *block))
        return end

    def _steps(
        self, first: int, start: Stepped, now: Tensor, count: Tensor, conditions: Conditions, plan: SpectralPlan
    ) -> Stepped:
        """``count`` steps (B,) from time ``now`` (B,), for the rows of a batch from ``first`` on."""
        on_pairs, h = plan.acts_on_pairs, plan.step

        def nonlinear(v: Tensor, s: Tensor) -> Tensor:
            if not on_pairs:
                return self.equation.nonlinear_term(v, s, conditions, plan.operators)
            term = self.equation.nonlinear_term(torch.view_as_complex(v), s, conditions, plan.operators)
            return torch.view_as_real(term)

        coupled, past, uncoupled = start
        fewest, most = (int(n) for n in torch.stack(torch.aminmax(count)).tolist())
        for step in range(most):
            alone = plan.advance_uncoupled(uncoupled) if uncoupled else uncoupled
            stepped = *self.integrator.advance(coupled, past, now, h, nonlinear, plan.coefficients), alone
            if step >= fewest:
                stepped = chosen(step < count, stepped, (coupled, past, uncoupled))
            (coupled, past, uncoupled), now = stepped, now + h
            if step % 16 == 15 or step == most - 1:
                for part in (coupled, *uncoupled):
                    self._check_finite(part, now, h, first)
        return coupled, past, uncoupled

    def _split(self, u_hat: Tensor, shape: Sequence[int], as_pairs: bool) -> SplitCoefficients:
        """Coefficients (B, C, *K) as they are stepped."""
        columns = self.equation.coupled_columns(shape) or u_hat.shape[-1]
        parts = [u_hat[..., :columns], u_hat[..., columns:]] if columns < u_hat.shape[-1] else [u_hat]
        parts = [in_transform_layout(part, len(shape)) for part in parts]
        coupled, *uncoupled = (torch.view_as_real(part) for part in parts) if as_pairs else parts
        return SplitCoefficients(coupled, tuple(uncoupled))

    def _planned(self, h: Tensor, conditions: Conditions, memory: Tree) -> tuple[SpectralPlan, ReturnedState | None]:
        """The plan for steps of length h (B,), and the state returned last, with no past where the step has changed."""
        plan, returned = memory.get("plan"), memory.get("returned")
        if plan is None:
            return make_plan(self.equation, self.integrator, h, conditions, self.dtype), None
        same = plan.serves(h)
        if bool(same.all()):
            return plan, returned
        past = chosen(same, returned.past, map_tensors(torch.zeros_like, returned.past))
        plan = make_plan(self.equation, self.integrator, h, conditions, self.dtype, plan.operators)
        return plan, replace(returned, past=past)

    def _recalled(self, u: Tensor, returned: ReturnedState | None) -> tuple[SplitCoefficients | None, Past | None]:
        """The coefficients of u and the scheme's past, as far as they are remembered."""
        if returned is None:
            return None, None
        if u is returned.u and _version(u) == returned.version:
            return (None if torch.is_grad_enabled() else returned.coefficients), returned.past
        past = returned.past
        if past:
            same = torch.zeros(len(u), dtype=torch.bool, device=u.device)
            if u is not returned.u:
                same = (u == returned.u).flatten(1).all(1)
            past = chosen(same, past, map_tensors(torch.zeros_like, past))
        return None, past

    def _check_finite(self, state: Tensor, now: Tensor, h: Tensor, offset: int) -> None:
        # Sums carry NaN and infinity along, and cost less than absolute values of complex numbers.
        if math.isfinite(state.sum().abs().item()):
            return
        finite = torch.isfinite(state.flatten(1).sum(1))
        rows = torch.nonzero(~finite).flatten().tolist()
        first = rows[0]
        raise InstabilityError(
            f"{self.name} became unstable by t = {now[first].item():g} with time step {h[first].item():g} "
            f"({type(self.integrator).__name__}): lower pde.simulator.max_step (now {self.max_step:g}), raise "
            f"pde.geometry.shape, or the viscosity or diffusivity where there is one, {START_ELSEWHERE}",
            [offset + row for row in rows],
        )

    def time_derivative(self, u: Tensor, t: Tensor, conditions: Conditions) -> Tensor:
        """u_t (B, C, *N) of the semi-discrete system: L u + N(u, t), exact on the grid."""
        shape = conditions.geometry.shape
        k = wavenumbers_of(conditions)
        operators = self.equation.operators(k, conditions)
        u_hat = self.equation.decouple(transform(u.double(), len(shape)), operators)
        columns, steady = self.equation.coupled_columns(shape), self.equation.steady_term(operators)
        term = self.equation.nonlinear_term(u_hat[..., :columns], t.double(), conditions, operators)
        term = torch.nn.functional.pad(term, (0, u_hat.shape[-1] - term.shape[-1]))
        if steady is not None:
            term[..., columns:] += steady
        rate = self.equation.linear_symbol(k, conditions) * u_hat + term
        return inverse_transform(self.equation.couple(rate, operators), shape).to(u.dtype)

    def refined(self) -> "SpectralSolver":
        """The same with half the largest step."""
        solver = copy.copy(self)
        solver.max_step = self.max_step / 2
        return solver

    def settings(self) -> SolverSettings:
        """The largest step, the exponential integrator and the precision."""
        return SolverSettings(self.max_step, True, self.integrator, ExponentialIntegrator, self.precision)

    def with_settings(self, settings: SolverSettings) -> "SpectralSolver":
        """The same solver with other settings; see ``AdjustableSolver``."""
        precision = settings.precision or self.precision
        return SpectralSolver(self.equation, settings.integrator, settings.step, precision)

    def resample(self, u: Tensor, conditions: Conditions, shape: Sequence[int]) -> Tensor:
        """The trigonometric interpolant of u (B, C, *N) on a grid of another shape."""
        return resample(u, shape)

    def sample(self, u: Tensor, conditions: Conditions, geometry: Geometry) -> Tensor:
        """The trigonometric interpolant of u (B, C, *N) at the points of another geometry, nothing filtered."""
        unit = torch.ones(1, geometry.spatial_dims, dtype=torch.float64, device=u.device)
        if isinstance(geometry, PointCloud):
            return evaluate_at_nodes(u, geometry.coordinates(unit)[0].T)
        return evaluate_on_grid(u, geometry.axes(unit.device))

    def conserved(self, u: Tensor, conditions: Conditions) -> dict[str, Tensor]:
        """The equation's densities, whose means stay constant."""
        return self.equation.conserved(u, conditions)


def _joined(coefficients: SplitCoefficients, are_pairs: bool) -> Tensor:
    """The inverse of ``_split``."""
    parts = (coefficients.coupled, *coefficients.uncoupled)
    whole = parts[0] if len(parts) == 1 else torch.cat(parts, -2 if are_pairs else -1)
    return torch.view_as_complex(whole) if are_pairs else whole


def _write(whole: Tree, rows: slice, part: Tree) -> None:
    """Puts the rows of one tuple of tensors, or of tuples, into those of another."""
    for a, b in zip(whole, part, strict=True):
        if isinstance(a, tuple):
            _write(a, rows, b)
        else:
            a[rows] = b


def _version(u: Tensor) -> int:
    """Counts the changes in place."""
    return 0 if u.is_inference() else u._version
