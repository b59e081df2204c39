"""What the steps of a spectral solver multiply with, made once for all steps of one length."""

from dataclasses import dataclass

import torch
from torch import Tensor

from tendency.simulation.conditions import Conditions
from tendency.simulation.fourier import wavenumbers
from tendency.solvers.equations import SemilinearPDE
from tendency.solvers.exponential import ExponentialIntegrator, exponential, phi, weights
from tendency.solvers.spectral import in_transform_layout

SAME_STEP = 1e-9
"""Relative difference below which two steps are the same: differences of stored times carry rounding."""


@dataclass(frozen=True)
class SpectralPlan:
    """The multipliers for steps of length h; see ``SpectralSolver`` for columns and layout.

    Every tensor has a row for each trajectory, a view of one row where they all agree.

    Args:
        step: h (B,).
        coefficients: those of the integrator, on the coupled columns.
        uncoupled: ``exp``, exp(hL), and ``steady``, the change by a steady N, on the columns that are not coupled;
            empty where all columns are coupled.
        operators: those of the equation.
    """

    step: Tensor
    coefficients: dict[str, Tensor]
    uncoupled: dict[str, Tensor]
    operators: dict[str, Tensor]
    batched = True

    @property
    def acts_on_pairs(self) -> bool:
        """Whether L is real, so that states are stepped as pairs (..., 2) of real and imaginary parts."""
        return not self.coefficients["exp"].is_complex()

    def serves(self, h: Tensor) -> Tensor:
        """Which rows (B,) of steps h (B,) are as long as those of the plan."""
        return (h - self.step).abs() <= SAME_STEP * h

    def advance_uncoupled(self, columns: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """One step of the columns that are not coupled, where there are any."""
        if "steady" not in self.uncoupled:
            return tuple(self.uncoupled["exp"] * part for part in columns)
        steady = self.uncoupled["steady"]
        steady = torch.view_as_real(steady) if self.acts_on_pairs else steady
        return tuple(torch.addcmul(steady, self.uncoupled["exp"], part) for part in columns)


def make_plan(
    equation: SemilinearPDE,
    integrator: ExponentialIntegrator,
    h: Tensor,
    conditions: Conditions,
    dtype: torch.dtype,
    operators: dict[str, Tensor] | None = None,
) -> SpectralPlan:
    """The plan for steps of length h.

    Args:
        equation: what is solved.
        integrator: the scheme that takes the steps.
        h: steps (B,).
        conditions: of the B trajectories.
        dtype: the real type of the steps' arithmetic.
        operators: those of a plan for the same conditions, which do not depend on the step; made when left out.
    """
    k, shape = wavenumbers_of(conditions), conditions.geometry.shape
    symbol = equation.linear_symbol(k, conditions)
    # Rows that agree share one set of coefficients, which then stays in the cache; gradients go to each row.
    same = not symbol.requires_grad and bool((symbol == symbol[:1]).all()) and bool((h == h[:1]).all())
    symbol, step = (symbol[:1], h[:1]) if same else (symbol, h)
    operators = operators or {
        name: in_transform_layout(operator.to(dtype.to_complex()), len(shape))
        for name, operator in equation.operators(k, conditions).items()
    }
    columns = equation.coupled_columns(shape)
    coupled = integrator.coefficients(symbol if columns is None else symbol[..., :columns], step)
    steady = equation.steady_term(operators)
    uncoupled = {} if columns is None else _uncoupled_coefficients(symbol[..., columns:], step, steady)
    return SpectralPlan(
        h,
        {name: _per_row(_as_multiplier(c, dtype, len(shape)), len(h)) for name, c in coupled.items()},
        {name: _per_row(_as_multiplier(c, dtype, len(shape)), len(h)) for name, c in uncoupled.items()},
        {name: _per_row(operator, len(h)) for name, operator in operators.items()},
    )


def wavenumbers_of(conditions: Conditions) -> list[Tensor]:
    """The wavenumbers along each axis, with a single row where all domains are of one size.

    That saves most of the work on operators.
    """
    extent = conditions.extent.double()
    same = bool((extent == extent[:1]).all())
    return wavenumbers(conditions.geometry.shape, extent[:1] if same else extent)


def _uncoupled_coefficients(symbol: Tensor, step: Tensor, steady: Tensor | None) -> dict[str, Tensor]:
    """exp(hL) and h phi_1(hL) N, which is exact for a steady N."""
    coefficients = {"exp": exponential(symbol, step)}
    if steady is not None:
        (weight,) = weights(symbol, step, lambda z: phi(z, 1))
        coefficients["steady"] = weight * steady
    return coefficients


def _as_multiplier(c: Tensor, dtype: torch.dtype, dims: int) -> Tensor:
    """A coefficient as states are stepped: complex, or (..., 2) with the same real number for both parts of a pair."""
    if c.is_complex():
        return in_transform_layout(c.to(dtype.to_complex()), dims)
    first = c.movedim(-1, -dims)
    return torch.stack([first, first], -1).to(dtype).movedim(-1 - dims, -2)


def _per_row(multiplier: Tensor, batch: int) -> Tensor:
    """A multiplier with one row for each trajectory: a view where they share it."""
    return multiplier.expand(batch, *multiplier.shape[1:])
