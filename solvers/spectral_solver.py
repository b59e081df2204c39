"""Semilinear equations on periodic grids: exponential integrators in Fourier space."""

import copy
import math
from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor

from simulation.annotations import PositiveFloat
from simulation.conditions import Conditions
from simulation.geometry import Geometry, PointCloud
from simulation.simulator import InstabilityError
from simulation.tree import Tree, map_tensors
from solvers.equation_solver import EquationSolver
from solvers.equations import SemilinearPDE
from solvers.exponential import ExponentialIntegrator, Past, chosen
from solvers.spectral import (
    evaluate_at_nodes,
    evaluate_on_grid,
    inverse_transform,
    resample,
    transform,
    wavenumbers,
)

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
        precision: Literal["float64", "float32"] = "float64",
    ) -> None:
        super().__init__(equation)
        self.equation, self.integrator, self.max_step = equation, integrator, max_step
        self.dtype = {"float64": torch.float64, "float32": torch.float32}[precision]

    def check(self, conditions: Conditions) -> None:
        """Refuses a geometry or parameters that the scheme cannot take.

        Raises:
            ValueError: no periodic grid of the equation's dimensions, or a parameter out of range.
        """
        grid = self.grid(conditions)
        if not all(grid.boundary.is_periodic(axis) for axis in range(grid.spatial_dims)):
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
        h, c, operators = memory["step"], memory["coefficients"], memory["operators"]
        # Real coefficients act on real and imaginary parts alike, which costs half of a complex product.
        paired = not c["exp"].is_complex()

        def nonlinear(v: Tensor, s: Tensor) -> Tensor:
            if not paired:
                return self.equation.nonlinear_term(v, s, conditions, operators)
            return torch.view_as_real(self.equation.nonlinear_term(torch.view_as_complex(v), s, conditions, operators))

        now, (state, past) = t.double(), self._recalled(u, memory)
        if state is None:
            u_hat = self.equation.decouple(transform(u.to(self.dtype), len(shape)), operators)
            state = torch.view_as_real(u_hat) if paired else u_hat
        past = self.integrator.start(state) if past is None else past
        fewest, most = (int(n) for n in torch.stack(torch.aminmax(count)).tolist())
        for step in range(most):
            stepped = self.integrator.advance(state, past, now, h, nonlinear, c)
            if step >= fewest:
                stepped = chosen(step < count, stepped, (state, past))
            (state, past), now = stepped, now + h
            if step % 16 == 15 or step == most - 1:
                self._check_finite(state, now, h)
        u_hat = torch.view_as_complex(state) if paired else state
        end = inverse_transform(self.equation.couple(u_hat, operators), shape).to(u.dtype)
        return end, memory | {"past": past, "u": end, "version": _version(end), "state": state}

    def _recalled(self, u: Tensor, memory: Tree) -> tuple[Tensor | None, Past | None]:
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
        k = self._wavenumbers(conditions)
        symbol = self.equation.linear_symbol(k, conditions)
        # Rows that agree share one set of coefficients, which then stays in the cache.
        if bool((symbol == symbol[:1]).all()) and bool((h == h[:1]).all()):
            made = self.integrator.coefficients(symbol[:1], h[:1])
        else:
            made = self.integrator.coefficients(symbol, h)
        operators = memory.get("operators") or self._operators(k, conditions)
        return kept | {
            "step": h,
            "coefficients": {key: _rows(self._coefficient(c), len(h)) for key, c in made.items()},
            "operators": {key: _rows(operator, len(h)) for key, operator in operators.items()},
        }

    def _operators(self, k: list[Tensor], conditions: Conditions) -> dict[str, Tensor]:
        made = self.equation.operators(k, conditions)
        return {key: operator.to(self.dtype.to_complex()) for key, operator in made.items()}

    def _coefficient(self, c: Tensor) -> Tensor:
        """One number for each part of a complex state where L is real, and a complex one where it is not."""
        if c.is_complex():
            return c.to(self.dtype.to_complex())
        return torch.stack([c, c], -1).to(self.dtype)

    def _wavenumbers(self, conditions: Conditions) -> list[Tensor]:
        """Of all trajectories at once where their domains are of one size, which saves most of the operators' work."""
        extent = conditions.extent.double()
        same = bool((extent == extent[:1]).all())
        return wavenumbers(conditions.geometry.shape, extent[:1] if same else extent)

    def _check_finite(self, state: Tensor, now: Tensor, h: Tensor) -> None:
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
            rows,
        )

    def time_derivative(self, u: Tensor, t: Tensor, conditions: Conditions) -> Tensor:
        """u_t (B, C, *N) of the semi-discrete system: L u + N(u, t), exact on the grid."""
        shape = conditions.geometry.shape
        k = self._wavenumbers(conditions)
        operators = self.equation.operators(k, conditions)
        u_hat = self.equation.decouple(transform(u.double(), len(shape)), operators)
        rate = self.equation.linear_symbol(k, conditions) * u_hat
        rate = rate + self.equation.nonlinear_term(u_hat, t.double(), conditions, operators)
        return inverse_transform(self.equation.couple(rate, operators), shape).to(u.dtype)

    def refined(self) -> "SpectralSolver":
        """The same with half the largest step."""
        solver = copy.copy(self)
        solver.max_step = self.max_step / 2
        return solver

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


def _version(u: Tensor) -> int:
    """Counts the changes in place."""
    return 0 if u.is_inference() else u._version


def _rows(multiplier: Tensor, batch: int) -> Tensor:
    """A multiplier with one row for each trajectory: a view where they share it."""
    return multiplier.expand(batch, *multiplier.shape[1:])
