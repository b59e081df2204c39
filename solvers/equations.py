"""What an equation states, whoever solves it."""

from abc import ABC, abstractmethod
from typing import ClassVar

import torch
from torch import Tensor

from simulation.conditions import Conditions
from simulation.fields import Field


class SemilinearPDE(ABC):
    """u_t = L u + N(u, t) on a periodic grid, L diagonal in Fourier space.

    ``version`` is raised whenever the equation's numbers change: it is part of a dataset's name.
    """

    name: ClassVar[str]
    version: ClassVar[int] = 1
    fields: ClassVar[tuple[Field, ...]]
    parameter_names: tuple[str, ...] = ()
    spatial_dims: ClassVar[tuple[int, ...]]
    """Dimensions in which the equation is stated."""
    reflections: tuple[float, ...] = ()
    """Reflections that turn solutions into solutions: 1.0 if even ones do (Neumann walls), -1.0 if odd ones do."""

    @abstractmethod
    def linear_symbol(self, k: list[Tensor], conditions: Conditions) -> Tensor:
        """The eigenvalues of L.

        Args:
            k: wavenumbers along each axis, each (B, 1, ...) broadcasting over (B, C, *K), or (1, 1, ...) where all
                domains are of one size.
            conditions: of the B trajectories.

        Returns:
            Broadcasts to (B, C, *K); real where L is real, which the integrators make use of.
        """

    def operators(self, k: list[Tensor], conditions: Conditions) -> dict[str, Tensor]:
        """What ``nonlinear_term`` needs again and again, made once per advance: multipliers, a forcing.

        Args:
            k: as in ``linear_symbol``.
            conditions: of the B trajectories.
        """
        return {}

    def decouple(self, u_hat: Tensor, operators: dict[str, Tensor]) -> Tensor:
        """Coefficients of the fields to those of the variables in which L is diagonal, on which all else here acts."""
        return u_hat

    def couple(self, u_hat: Tensor, operators: dict[str, Tensor]) -> Tensor:
        """The inverse of ``decouple``."""
        return u_hat

    def nonlinear_term(self, u_hat: Tensor, t: Tensor, conditions: Conditions, operators: dict[str, Tensor]) -> Tensor:
        """The coefficients of N(u, t); zero for a linear equation.

        Args:
            u_hat: (B, C, *K).
            t: (B,).
            conditions: of the B trajectories.
            operators: from ``operators``.

        Returns:
            (B, C, *K).
        """
        return torch.zeros_like(u_hat)

    def check(self, conditions: Conditions) -> None:  # noqa: B027  most equations have nothing to refuse
        """Refuses parameters for which the equation is ill-posed.

        Raises:
            ValueError: naming the parameter, its value and what was expected.
        """

    def conserved(self, u: Tensor, conditions: Conditions) -> dict[str, Tensor]:
        """Quantities (B,) that the exact solution keeps constant, from u (B, C, *N)."""
        return {}


def require_positive(conditions: Conditions, name: str) -> None:
    """Refuses a parameter that is not positive and finite.

    Raises:
        ValueError: naming it and its smallest value.
    """
    values = conditions.parameter(name)
    if not bool(((values > 0) & torch.isfinite(values)).all()):
        raise ValueError(f"pde.parameters.{name}: expected positive values, got {values.min().item():g}")
