"""Semilinear equations on periodic grids: exponential integrators in Fourier space."""

import copy
import math
from collections.abc import Sequence
from operator import itemgetter
from typing import Any

import torch
from torch import Tensor

from tendency.simulation.annotations import PositiveFloat
from tendency.simulation.conditions import Conditions
from tendency.simulation.fourier import inverse_transform, transform, wavenumbers
from tendency.simulation.geometry import Geometry, PointCloud, is_periodic_grid
from tendency.simulation.simulator import InstabilityError, Precision, SolverSettings
from tendency.simulation.tree import Tree, map_tensors
from tendency.solvers.equation_solver import EquationSolver
from tendency.solvers.equations import SemilinearPDE
from tendency.solvers.exponential import ExponentialIntegrator, Past, chosen, exponential, phi, weights
from tendency.solvers.spectral import evaluate_at_nodes, evaluate_on_grid, in_transform_layout, resample

Parts = tuple[Tensor, tuple[Tensor, ...]]
"""Coefficients of a state: the columns that N couples, and the others where there are any."""
Stepped = tuple[Tensor, Past, tuple[Tensor, ...]]
"""Coefficients of the coupled columns, the scheme's past, and the coefficients of the other columns."""
BYTES_AT_ONCE = 2**19
"""Of the states that are stepped together: several times as much, what a step touches, then stays in a core's cache."""
SAME_STEP = 1e-9
"""Relative difference below which two steps are the same: differences of stored times carry rounding."""


class SpectralSolver(EquationSolver):
    """A reference solver (a Simulator) for a semilinear equation on a periodic grid.

    Every trajectory takes its own n = ceil(dt / max_step) equal steps, so that a batch equals its members. The
    coefficients of the scheme depend on the step and live in ``memory``.

    Args:
        equation: what is solved.
        integrator: how it is stepped.
        max_step: largest time step.
        precision: of the steps' arithmetic; single precision is about twice as fast and rounds at about 1e-5, which the
            certificate measures. Multipliers and time derivatives are made in double precision always.
    """

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
        if not is_periodic_grid(self.grid(conditions)):
            raise ValueError(
                f"pde.geometry: the spectral solver of {self.name} expects a grid that is periodic on all axes"
            )
        self.equation.check(conditions)

    def start(self, u: Tensor, t: Tensor, conditions: Conditions, seed: Tensor) -> Tree:
        """No coefficients yet: they are made at the first step, when dt is known."""
        return {}

    def advance(self, u: Tensor, t: Tensor, dt: Tensor, conditions: Conditions, memory: Tree) -> tuple[Tensor, Tree]:
        """Advances by dt in steps of at most ``max_step``.

        Raises:
            InstabilityError: the state is no longer finite.
        """
        shape = conditions.geometry.shape
        count = torch.ceil(dt.double() / self.max_step - SAME_STEP).clamp(min=1)
        h = dt.double() / count
        memory = self._prepared(h, conditions, memory)
        # Steps that differ by rounding share coefficients, so they must share the step as well.
        h, paired = memory["step"], not memory["coefficients"]["exp"].is_complex()
        parts, past = self._recalled(u, memory)
        if parts is None:
            u_hat = self.equation.decouple(transform(u.to(self.dtype), len(shape)), memory["operators"])
            parts = self._parts(u_hat, shape, paired)
        state, outer = parts
        past = self.integrator.start(state) if past is None else past
        ready = memory["coefficients"], memory["operators"], memory["beyond"]
        given = (state, past, outer), t.double(), h, count, conditions, ready
        size = self._rows_at_once(u)
        state, past, outer = self._steps(0, *given) if size >= len(u) else self._in_blocks(given, size)
        u_hat = _joined((state, *outer), paired)
        end = inverse_transform(self.equation.couple(u_hat, memory["operators"]), shape).to(u.dtype)
        return end, memory | {"past": past, "u": end, "version": _version(end), "state": (state, outer)}

    def _rows_at_once(self, u: Tensor) -> int:
        """How many trajectories are stepped together; all of them where there is no cache to heed, or a gradient."""
        if u.device.type != "cpu" or torch.is_grad_enabled():
            return len(u)
        return max(1, BYTES_AT_ONCE * len(u) // (u.numel() * self.dtype.itemsize))

    def _in_blocks(self, given: tuple[Any, ...], size: int) -> Stepped:
        """``_steps`` of what is given, for so many rows at once."""
        start, now, *_ = given
        end = map_tensors(torch.empty_like, start)
        for first in range(0, len(now), size):
            rows = slice(first, first + size)
            _write(end, rows, self._steps(first, *map_tensors(itemgetter(rows), given)))
        return end

    def _steps(
        self, first: int, start: Stepped, now: Tensor, h: Tensor, count: Tensor, conditions: Conditions, ready: Tree
    ) -> Stepped:
        """``count`` steps (B,) of length h. These are the rows from ``first`` on of a batch."""
        c, operators, beyond = ready
        # Real coefficients act on real and imaginary parts alike, which costs half of a complex product.
        paired = not c["exp"].is_complex()

        def nonlinear(v: Tensor, s: Tensor) -> Tensor:
            if not paired:
                return self.equation.nonlinear_term(v, s, conditions, operators)
            return torch.view_as_real(self.equation.nonlinear_term(torch.view_as_complex(v), s, conditions, operators))

        state, past, outer = start
        fewest, most = (int(n) for n in torch.stack(torch.aminmax(count)).tolist())
        for step in range(most):
            alone = _without_coupling(outer, beyond) if outer else outer
            stepped = *self.integrator.advance(state, past, now, h, nonlinear, c), alone
            if step >= fewest:
                stepped = chosen(step < count, stepped, (state, past, outer))
            (state, past, outer), now = stepped, now + h
            if step % 16 == 15 or step == most - 1:
                for part in (state, *outer):
                    self._check_finite(part, now, h, first)
        return state, past, outer

    def _parts(self, u_hat: Tensor, shape: Sequence[int], paired: bool) -> Parts:
        """The coupled columns of coefficients (B, C, *K), and those beyond."""
        columns = self.equation.coupled_columns(shape) or u_hat.shape[-1]
        parts = [u_hat[..., :columns], u_hat[..., columns:]] if columns < u_hat.shape[-1] else [u_hat]
        parts = [in_transform_layout(part, len(shape)) for part in parts]
        first, *others = (torch.view_as_real(part) for part in parts) if paired else parts
        return first, tuple(others)

    def _recalled(self, u: Tensor, memory: Tree) -> tuple[Parts | None, Past | None]:
        """The coefficients of a state and its past, if memory has them; the past of another state is cleared."""
        if "past" not in memory:
            return None, None
        known, past = memory["u"], memory["past"]
        if u is known and _version(u) == memory["version"]:
            # A gradient would miss this way past the transform.
            return (None if torch.is_grad_enabled() else memory["state"]), past
        if past:
            same = torch.zeros(len(u), dtype=torch.bool, device=u.device)
            if u is not known:
                same = (u == known).flatten(1).all(1)
            past = chosen(same, past, map_tensors(torch.zeros_like, past))
        return None, past

    def _prepared(self, h: Tensor, conditions: Conditions, memory: Tree) -> Tree:
        """The memory with what steps of length h need, in the types that no product has to convert."""
        kept: Tree = {}
        if "step" in memory:
            same = (h - memory["step"]).abs() <= SAME_STEP * h
            if bool(same.all()):
                return memory
            past = memory["past"]
            kept = memory | {"past": chosen(same, past, map_tensors(torch.zeros_like, past))}
        k, shape = self._wavenumbers(conditions), conditions.geometry.shape
        symbol = self.equation.linear_symbol(k, conditions)
        # Rows that agree share one set of coefficients, which then stays in the cache; gradients go to each row.
        same = not symbol.requires_grad and bool((symbol == symbol[:1]).all()) and bool((h == h[:1]).all())
        symbol, step = (symbol[:1], h[:1]) if same else (symbol, h)
        operators = memory.get("operators") or self._operators(k, conditions)
        columns = self.equation.coupled_columns(shape)
        coupled = self.integrator.coefficients(symbol if columns is None else symbol[..., :columns], step)
        beyond = {} if columns is None else self._beyond(symbol[..., columns:], step, operators)
        ready = {
            name: {key: _rows(self._coefficient(c, len(shape)), len(h)) for key, c in made.items()}
            for name, made in (("coefficients", coupled), ("beyond", beyond))
        }
        operators = {key: _rows(operator, len(h)) for key, operator in operators.items()}
        return kept | ready | {"step": h, "operators": operators}

    def _operators(self, k: list[Tensor], conditions: Conditions) -> dict[str, Tensor]:
        made = self.equation.operators(k, conditions)
        dims = conditions.geometry.spatial_dims
        return {key: in_transform_layout(op.to(self.dtype.to_complex()), dims) for key, op in made.items()}

    def _beyond(self, symbol: Tensor, step: Tensor, operators: dict[str, Tensor]) -> dict[str, Tensor]:
        """exp(hL) on the columns that are not coupled, and h phi_1(hL) N: any scheme is exact for a steady N."""
        made, steady = {"exp": exponential(symbol, step)}, self.equation.steady_term(operators)
        if steady is not None:
            (weight,) = weights(symbol, step, lambda z: phi(z, 1))
            made["steady"] = weight * steady
        return made

    def _coefficient(self, c: Tensor, dims: int) -> Tensor:
        """One number for each part of a complex state where L is real, and a complex one where it is not."""
        if c.is_complex():
            return in_transform_layout(c.to(self.dtype.to_complex()), dims)
        first = c.movedim(-1, -dims)
        return torch.stack([first, first], -1).to(self.dtype).movedim(-1 - dims, -2)

    def _wavenumbers(self, conditions: Conditions) -> list[Tensor]:
        """Of all trajectories at once where their domains are of one size, which saves most of the operators' work."""
        extent = conditions.extent.double()
        same = bool((extent == extent[:1]).all())
        return wavenumbers(conditions.geometry.shape, extent[:1] if same else extent)

    def _check_finite(self, state: Tensor, now: Tensor, h: Tensor, offset: int) -> None:
        # Sums carry NaN and infinity along, and cost less than absolute values of complex numbers.
        if math.isfinite(state.sum().abs().item()):
            return
        finite = torch.isfinite(state.flatten(1).sum(1))
        rows = torch.nonzero(~finite).flatten().tolist()
        first = rows[0]
        raise InstabilityError(
            f"{self.name} became unstable by t = {now[first].item():g} with time step {h[first].item():g} "
            f"({type(self.integrator).__name__}): lower pde.simulator.max_step (now {self.max_step:g}), or raise the "
            "viscosity or pde.geometry.shape",
            [offset + row for row in rows],
        )

    def time_derivative(self, u: Tensor, t: Tensor, conditions: Conditions) -> Tensor:
        """u_t (B, C, *N) of the semi-discrete system: L u + N(u, t), exact on the grid."""
        shape = conditions.geometry.shape
        k = self._wavenumbers(conditions)
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
        """The equation's conserved quantities (B,)."""
        return self.equation.conserved(u, conditions)


def _without_coupling(outer: tuple[Tensor, ...], c: dict[str, Tensor]) -> tuple[Tensor, ...]:
    """One step of the columns that are not coupled."""
    if "steady" not in c:
        return tuple(c["exp"] * part for part in outer)
    steady = c["steady"] if c["exp"].is_complex() else torch.view_as_real(c["steady"])
    return tuple(torch.addcmul(steady, c["exp"], part) for part in outer)


def _joined(parts: tuple[Tensor, ...], paired: bool) -> Tensor:
    """The inverse of ``_parts``."""
    whole = parts[0] if len(parts) == 1 else torch.cat(parts, -2 if paired else -1)
    return torch.view_as_complex(whole) if paired else whole


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


def _rows(multiplier: Tensor, batch: int) -> Tensor:
    """A multiplier with one row for each trajectory: a view where they share it."""
    return multiplier.expand(batch, *multiplier.shape[1:])
