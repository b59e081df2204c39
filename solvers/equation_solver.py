"""What all solvers say about the equation that they solve."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Protocol

from torch import Tensor

from tendency.simulation.conditions import Conditions
from tendency.simulation.fields import Field
from tendency.simulation.geometry import Geometry, Grid
from tendency.simulation.simulator import EquationStatement, SolverSettings

START_ELSEWHERE = "or start where the equation has solutions (pde.initial_condition)"
"""The end of every sentence about a solution that became unstable: there are states from which none goes on."""


class Equation(EquationStatement, Protocol):
    """What every kind of equation states about itself."""

    @property
    def spatial_dims(self) -> tuple[int, ...]:
        """Dimensions in which it is stated."""
        ...

    @property
    def title(self) -> str:
        """Its name in words; may be empty."""
        ...

    @property
    def formula(self) -> str:
        """The equation in LaTeX; may be empty."""
        ...


class EquationSolver(ABC):
    """The part of a reference solver that passes on what its equation says, and what most solvers do alike.

    Args:
        equation: what is solved.
    """

    history = 1
    error_norm: float = 2.0
    """The p of the L^p norm in which the certificate measures errors: 2, or 1 where solutions jump."""

    def __init__(self, equation: Equation) -> None:
        self._stated = equation

    @property
    def name(self) -> str:
        """The equation's."""
        return self._stated.name

    @property
    def title(self) -> str:
        """The equation's, or what its name says."""
        return self._stated.title or self.name.replace("_", " ")

    @property
    def formula(self) -> str:
        """The equation's."""
        return self._stated.formula

    @property
    def version(self) -> int:
        """The equation's."""
        return self._stated.version

    @property
    def fields(self) -> tuple[Field, ...]:
        """The equation's."""
        return self._stated.fields

    @property
    def parameter_names(self) -> tuple[str, ...]:
        """The equation's."""
        return self._stated.parameter_names

    def grid(self, conditions: Conditions) -> Grid:
        """The grid of ``conditions``.

        Raises:
            ValueError: no grid, or one of other dimensions than the equation's.
        """
        grid = conditions.geometry
        if not isinstance(grid, Grid):
            raise ValueError(f"pde.geometry: {self.name} is solved on a grid; nodes belong into pde.store_on")
        if grid.spatial_dims not in self._stated.spatial_dims:
            dims = " or ".join(map(str, self._stated.spatial_dims))
            raise ValueError(f"pde.geometry.shape: {self.name} is stated in {dims}D, got {grid.spatial_dims} axes")
        return grid

    def require_double(self, settings: SolverSettings) -> None:
        """Refuses a choice of precision, for solvers that have none.

        Raises:
            ValueError: a precision.
        """
        if settings.precision is not None:
            raise ValueError(
                f"pde.simulator.precision: {self.name} is solved in double precision only, got {settings.precision}"
            )

    @abstractmethod
    def resample(self, u: Tensor, conditions: Conditions, shape: Sequence[int]) -> Tensor:
        """u (B, C, *N) on a grid of another shape."""

    def sample(self, u: Tensor, conditions: Conditions, geometry: Geometry) -> Tensor:
        """u (B, C, *N) at the points (B, C, *M) of another geometry in the same domain.

        Raises:
            ValueError: scattered nodes, of which this kind of solver knows no values.
        """
        if not isinstance(geometry, Grid):
            raise ValueError(
                f"pde.store_on: {self.name} is solved by a scheme that knows values on grids only, got nodes"
            )
        return self.resample(u, conditions, geometry.shape)
