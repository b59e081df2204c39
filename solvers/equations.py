"""What an equation states, whoever solves it."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor

from tendency.simulation.conditions import Conditions
from tendency.simulation.fields import Field

Prepared = dict[str, Tensor]
"""Parameters of the trajectories, each (B, 1, ...) so that it broadcasts over fields (B, C, *N)."""


class SemilinearPDE(ABC):
    """u_t = L u + N(u, t) on a periodic grid, L diagonal in Fourier space.

    ``version`` is raised whenever the equation's numbers change: it is part of a dataset's name.
    """

    name: ClassVar[str]
    title: str = ""
    """The name in words, as in "on 2D Navier-Stokes"; empty for that of the code."""
    formula: str = ""
    """The equation in LaTeX, as ``evaluation.report.mathml`` reads it, its lines parted by two backslashes."""
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

    def coupled_columns(self, shape: Sequence[int]) -> int | None:
        """How many modes of the last axis N reads and changes, those that dealiasing keeps, say; None for all.

        K of ``nonlinear_term`` has so many columns. Solvers step these and let the others decay, at less cost.

        Args:
            shape: (*N) of the grid.
        """
        return None

    def steady_term(self, operators: dict[str, Tensor]) -> Tensor | None:
        """N on the columns that are not coupled, (B, C, *K) of these: a forcing; None for zero."""
        return None

    def decouple(self, u_hat: Tensor, operators: dict[str, Tensor]) -> Tensor:
        """Coefficients of the fields to those of the variables in which L is diagonal, on which all else here acts."""
        return u_hat

    def couple(self, u_hat: Tensor, operators: dict[str, Tensor]) -> Tensor:
        """The inverse of ``decouple``."""
        return u_hat

    def nonlinear_term(self, u_hat: Tensor, t: Tensor, conditions: Conditions, operators: dict[str, Tensor]) -> Tensor:
        """The coefficients of N(u, t); zero for a linear equation.

        Args:
            u_hat: (B, C, *K), K without the columns beyond ``coupled_columns``.
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

    def check_state(self, u: Tensor) -> None:  # noqa: B027
        """Refuses fields u (B, C, *N) from which no solution goes on, as of ``ConservationLaw``."""

    def conserved(self, u: Tensor, conditions: Conditions) -> dict[str, Tensor]:
        """Densities (B, K, *N) whose means the exact solution keeps constant; see ``ReferenceSolver.conserved``."""
        return {}


class ConservationLaw(ABC):
    """q_t + sum_a d/dx_a F_a(u) = sum_a d/dx_a G_a(u, grad u) + s(u, t), stored as fields u, solved as averages of q.

    The fields are what a user reads (density, velocity, pressure); q is what the equation conserves, channel by channel
    (density, momentum, energy), so that a wall turns the same signs in both.
    """

    name: ClassVar[str]
    title: str = ""
    """The name in words, as in "on 2D Navier-Stokes"; empty for that of the code."""
    formula: str = ""
    """The equation in LaTeX, as ``evaluation.report.mathml`` reads it, its lines parted by two backslashes."""
    version: ClassVar[int] = 1
    fields: ClassVar[tuple[Field, ...]]
    conserved_fields: ClassVar[tuple[Field, ...]]
    """q, field by field of the same ranks as u."""
    parameter_names: tuple[str, ...] = ()
    spatial_dims: ClassVar[tuple[int, ...]]
    slips: bool = True
    """Whether walls let the tangential part of a vector be: they do where there is no viscosity."""

    def prepared(self, conditions: Conditions) -> Prepared:
        """The parameters, ready to broadcast."""
        dims = conditions.geometry.spatial_dims
        return {
            name: conditions.parameter(name).double().reshape(-1, *[1] * (dims + 1)) for name in self.parameter_names
        }

    def to_conserved(self, u: Tensor, prepared: Prepared) -> Tensor:
        """q (B, C, ...) of fields u (B, C, ...)."""
        return u

    def to_fields(self, q: Tensor, prepared: Prepared) -> Tensor:
        """The inverse of ``to_conserved``."""
        return q

    @abstractmethod
    def flux(self, u: Tensor, q: Tensor, axis: int, prepared: Prepared) -> Tensor:
        """F_axis (B, C, ...) of a state, given as fields u and as q (B, C, ...), of which each is used as it suits."""

    @abstractmethod
    def wave_speed(self, u: Tensor, axis: int, prepared: Prepared) -> Tensor:
        """The largest absolute eigenvalue of dF_axis/dq, (B, 1, ...)."""

    @abstractmethod
    def signal_speeds(self, left: Tensor, right: Tensor, axis: int, prepared: Prepared) -> tuple[Tensor, Tensor]:
        """Estimates (B, 1, ...) of the slowest and the fastest signal between two states."""

    def contact(
        self, left: Tensor, right: Tensor, slowest: Tensor, fastest: Tensor, axis: int, prepared: Prepared
    ) -> tuple[Tensor, Tensor]:
        """The contact wave between the signals: its speed, and what both of its sides share besides, each (B, 1, ...).

        Raises:
            ValueError: the equation has none.
        """
        raise ValueError(
            f"pde.simulator.riemann: {self.name} has no contact wave; use tendency.solvers.finite_volume.HLL"
        )

    def beside_contact(
        self, u: Tensor, q: Tensor, signal: Tensor, speed: Tensor, shared: Tensor, axis: int, prepared: Prepared
    ) -> Tensor:
        """q* (B, C, ...) between a signal and the contact wave of ``contact``, on the side of the state u, q."""
        raise ValueError(
            f"pde.simulator.riemann: {self.name} has no contact wave; use tendency.solvers.finite_volume.HLL"
        )

    def diffusive_flux(self, u: Tensor, gradients: Sequence[Tensor], axis: int, prepared: Prepared) -> Tensor | None:
        """G_axis (B, C, ...) from fields and their derivatives along each axis, at faces; None without diffusion."""
        return None

    def diffusivity(self, u: Tensor, prepared: Prepared) -> Tensor | None:
        """The largest diffusivity (B, 1, ...), which limits the step; None without diffusion."""
        return None

    def source(self, u: Tensor, t: Tensor, conditions: Conditions) -> Tensor | None:
        """s (B, C, *N) at times t (B,); None without one."""
        return None

    def admissible(self, u: Tensor, prepared: Prepared) -> Tensor:
        """Where (B, 1, ...) fields are a state of the equation: finite, and positive where they must be."""
        return torch.isfinite(u.sum(1, keepdim=True))

    def check(self, conditions: Conditions) -> None:  # noqa: B027  most equations have nothing to refuse
        """Refuses parameters for which the equation is ill-posed, as of ``SemilinearPDE``."""

    def check_state(self, u: Tensor) -> None:  # noqa: B027
        """Refuses fields u (B, C, *N) that are no state of the equation.

        Raises:
            ValueError: naming the field and its smallest value.
        """


class MethodOfLines(ABC):
    """u_t = f(u, t), whatever f is: discretised by the equation itself, stepped explicitly.

    What is stepped are unknowns q, the fields u themselves or any linear and invertible function of them (a
    streamfunction in place of a velocity). Steps of a Runge-Kutta scheme are the same in both.
    """

    name: ClassVar[str]
    title: str = ""
    """The name in words, as in "on 2D Navier-Stokes"; empty for that of the code."""
    formula: str = ""
    """The equation in LaTeX, as ``evaluation.report.mathml`` reads it, its lines parted by two backslashes."""
    version: ClassVar[int] = 1
    fields: ClassVar[tuple[Field, ...]]
    parameter_names: tuple[str, ...] = ()
    spatial_dims: ClassVar[tuple[int, ...]]
    transports: ClassVar[bool] = False
    """Whether f has eigenvalues off the real axis, so that a scheme for diffusion alone would not do."""

    def to_unknowns(self, u: Tensor) -> Tensor:
        """q (B, ...) of fields u (B, C, *N)."""
        return u

    def to_fields(self, q: Tensor) -> Tensor:
        """The inverse of ``to_unknowns``."""
        return q

    @abstractmethod
    def rate(self, q: Tensor, t: Tensor, conditions: Conditions) -> Tensor:
        """q_t (B, ...) at unknowns q (B, ...) and times t (B,)."""

    @abstractmethod
    def stable_step(self, q: Tensor, conditions: Conditions, real: float, imaginary: float) -> Tensor:
        """The longest stable step (B,) at unknowns q.

        Args:
            q: (B, ...).
            conditions: of the B trajectories.
            real: length of the scheme's stability interval along the negative real axis.
            imaginary: the same along the imaginary axis.
        """

    @abstractmethod
    def resample(self, u: Tensor, conditions: Conditions, shape: Sequence[int]) -> Tensor:
        """u (B, C, *N) on a grid of another shape."""

    def check(self, conditions: Conditions) -> None:  # noqa: B027
        """Refuses a geometry or parameters that the scheme cannot take, as of ``SemilinearPDE``."""

    def conserved(self, u: Tensor, conditions: Conditions) -> dict[str, Tensor]:
        """Densities (B, K, *N) whose means the exact solution keeps constant; see ``ReferenceSolver.conserved``."""
        return {}


def require_positive(conditions: Conditions, name: str) -> None:
    """Refuses a parameter that is not positive and finite.

    Raises:
        ValueError: naming it and its smallest value.
    """
    values = conditions.parameter(name)
    if not bool(((values > 0) & torch.isfinite(values)).all()):
        raise ValueError(f"pde.parameters.{name}: expected positive values, got {values.min().item():g}")
