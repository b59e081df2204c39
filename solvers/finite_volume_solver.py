"""Conservation laws on uniform grids: Godunov-type finite volumes, stepped by the CFL condition of each trajectory."""

import copy
from collections.abc import Sequence
from typing import Annotated

import torch
from annotated_types import Gt, Le
from torch import Tensor

from tendency.simulation.conditions import Conditions
from tendency.simulation.fields import channel_names
from tendency.simulation.geometry import BoundaryKind, Grid
from tendency.simulation.simulator import SolverSettings
from tendency.simulation.tree import Tree
from tendency.solvers.boundaries import with_ghosts
from tendency.solvers.cell_averages import resample_axis
from tendency.solvers.equation_solver import START_ELSEWHERE, EquationSolver
from tendency.solvers.equations import ConservationLaw, Prepared
from tendency.solvers.explicit_runge_kutta import ExplicitRungeKutta, SemiDiscreteSystem, advance_in_stable_steps
from tendency.solvers.finite_volume import Reconstruction, RiemannSolver

Signs = list[tuple[Tensor, Tensor]]


class FiniteVolumeSolver(EquationSolver):
    """A reference solver (a Simulator) for a conservation law in a box, each side periodic, open or a wall.

    q_t = -sum_a (F_{i+1/2} - F_{i-1/2}) / dx_a + s, all axes at once (unsplit). What a state stores are the fields of
    the cells' averages of q. Dirichlet for a vector is a wall: its normal part turns its sign there, its tangential
    part only where the equation is viscous; Neumann is what the other fields do at a wall.

    Args:
        equation: what is solved.
        reconstruction: the values on both sides of a face.
        riemann: the flux that follows from them.
        integrator: how it is stepped.
        cfl: share of the time in which the fastest signal crosses a cell, summed over the axes; diffusion shortens
            steps on top of it.

    Raises:
        InstabilityError: from ``advance``, at the step where a state is no longer finite or positive.
    """

    error_norm = 1.0

    def __init__(
        self,
        equation: ConservationLaw,
        reconstruction: Reconstruction,
        riemann: RiemannSolver,
        integrator: ExplicitRungeKutta,
        cfl: Annotated[float, Gt(0), Le(1)] = 0.4,
    ) -> None:
        super().__init__(equation)
        self.equation, self.reconstruction, self.riemann = equation, reconstruction, riemann
        self.integrator, self.cfl = integrator, cfl

    def check(self, conditions: Conditions) -> None:
        """Refuses a geometry or parameters that the scheme cannot take.

        Raises:
            ValueError: no grid of the equation's dimensions, a senseless boundary, or a parameter out of range.
        """
        conditions.require_no_fields(f"the solver of {self.name}")
        self._signs(self.grid(conditions))
        self.equation.check(conditions)

    def start(self, u: Tensor, t: Tensor, conditions: Conditions, seed: Tensor) -> Tree:
        """Nothing is carried: every step is as long as its own state allows."""
        self.equation.check_state(u[:, -1])
        return {}

    def advance(self, u: Tensor, t: Tensor, dt: Tensor, conditions: Conditions, memory: Tree) -> tuple[Tensor, Tree]:
        """Advances by dt, each trajectory in steps of its own.

        Raises:
            InstabilityError: a state is no longer finite or positive.
        """
        grid, prepared = self.grid(conditions), self.equation.prepared(conditions)
        signs = self._signs(grid)
        spacing = _spacing(conditions, grid)

        system = SemiDiscreteSystem(
            self.name,
            rate=lambda q, now: self._rate(q, now, conditions, grid, signs, spacing, prepared),
            stable_step=lambda q: self._stable_step(q, spacing, prepared),
            usable=lambda q: self._usable(q, prepared),
            remedy=f"lower pde.simulator.cfl (now {self.cfl:g}), soften pde.initial_condition, {START_ELSEWHERE}",
        )
        q = advance_in_stable_steps(self.integrator, system, self.equation.to_conserved(u.double(), prepared), t, dt)
        return self.equation.to_fields(q, prepared).to(u.dtype), memory

    def time_derivative(self, u: Tensor, t: Tensor, conditions: Conditions) -> Tensor:
        """u_t (B, C, *N) of the semi-discrete system: the flux differences, turned into rates of the fields."""
        grid, prepared = self.grid(conditions), self.equation.prepared(conditions)
        q = self.equation.to_conserved(u.double(), prepared)
        spacing = _spacing(conditions, grid)
        rate = self._rate(q, t.double(), conditions, grid, self._signs(grid), spacing, prepared)
        slopes: Tensor = torch.func.jvp(lambda v: self.equation.to_fields(v, prepared), (q,), (rate,))[1]
        return slopes.to(u.dtype)

    def refined(self) -> "FiniteVolumeSolver":
        """The same: on a grid with twice the points its steps are half as long by themselves."""
        return copy.copy(self)

    def settings(self) -> SolverSettings:
        """The Courant number and the Runge-Kutta scheme."""
        return SolverSettings(self.cfl, False, self.integrator, ExplicitRungeKutta)

    def with_settings(self, settings: SolverSettings) -> "FiniteVolumeSolver":
        """The same solver with other settings; see ``AdjustableSolver``.

        A Courant number may exceed 1 here: some schemes are stable beyond, and where one is not, its steps say so.

        Raises:
            ValueError: a choice of precision.
        """
        self.require_double(settings)
        return FiniteVolumeSolver(
            self.equation, self.reconstruction, self.riemann, settings.integrator, cfl=settings.step
        )

    def resample(self, u: Tensor, conditions: Conditions, shape: Sequence[int]) -> Tensor:
        """The fields of the averages of q over the cells of another grid; the total of q stays."""
        grid, prepared = self.grid(conditions), self.equation.prepared(conditions)
        q, signs = self.equation.to_conserved(u.double(), prepared), self._signs(grid)

        def admissible(state: Tensor) -> Tensor:
            return self.equation.admissible(self.equation.to_fields(state, prepared), prepared)

        for axis, number in enumerate(shape):
            q = resample_axis(q, grid, axis, number, signs[axis], admissible)
        return self.equation.to_fields(q, prepared).to(u.dtype)

    def conserved(self, u: Tensor, conditions: Conditions) -> dict[str, Tensor]:
        """The densities q where no boundary and no source lets anything through, field by field.

        A wall holds back what does not turn its sign there, if the equation has a vector that it stops.
        """
        grid, prepared = self.grid(conditions), self.equation.prepared(conditions)
        if self.equation.source(u[:1], torch.zeros(1, dtype=torch.float64), conditions) is not None:
            return {}
        stopped = any(field.rank for field in self.fields)
        kept = torch.ones(u.shape[1], dtype=torch.bool)
        for axis, signs in enumerate(self._signs(grid)):
            for side in (0, 1):
                if not grid.boundary.is_periodic(axis):
                    open_side = grid.boundary.kind(axis, side, 0) is BoundaryKind.OPEN
                    kept &= (signs[side] > 0) & (stopped and not open_side)
        q = self.equation.to_conserved(u.double(), prepared)
        densities, first = {}, 0
        for field in self.equation.conserved_fields:
            names = channel_names([field], grid.spatial_dims)
            own = [i for i in range(len(names)) if kept[first + i]]
            if own:
                name = field.name if len(own) == len(names) else ", ".join(names[i] for i in own)
                densities[f"the mean {name}"] = q[:, [first + i for i in own]]
            first += len(names)
        return densities

    def _rate(
        self,
        q: Tensor,
        t: Tensor,
        conditions: Conditions,
        grid: Grid,
        signs: Signs,
        spacing: list[Tensor],
        prepared: Prepared,
    ) -> Tensor:
        equation, reconstruction = self.equation, self.reconstruction
        u = equation.to_fields(q, prepared)
        rate = equation.source(u, t, conditions)
        depth = reconstruction.ghosts
        for axis in range(grid.spatial_dims):
            dim = axis + 2
            padded = with_ghosts(u if reconstruction.of_fields else q, grid, axis, depth, signs[axis])
            left, right = reconstruction.faces(padded, axis)
            if not reconstruction.of_fields:
                left, right = self._fields_at_faces(padded, left, right, axis, prepared)
            flux = self.riemann.flux(equation, left, right, axis, prepared)
            if equation.diffusivity(u, prepared) is not None:
                flux = flux - self._diffusion(u, axis, grid, signs, spacing, prepared)
            n = q.shape[dim]
            change = (flux.narrow(dim, 0, n) - flux.narrow(dim, 1, n)) / spacing[axis]
            rate = change if rate is None else rate + change
        if rate is None:
            raise ValueError("a grid without axes")
        return rate

    def _diffusion(
        self, u: Tensor, axis: int, grid: Grid, signs: Signs, spacing: list[Tensor], prepared: Prepared
    ) -> Tensor:
        """The diffusive flux through the faces of an axis, from central differences."""
        dim, n = axis + 2, u.shape[axis + 2]
        gradients: list[Tensor] = []
        for other in range(grid.spatial_dims):
            if other == axis:
                padded = with_ghosts(u, grid, axis, 1, signs[axis])
                gradients.append((padded.narrow(dim, 1, n + 1) - padded.narrow(dim, 0, n + 1)) / spacing[axis])
                continue
            across, m = other + 2, u.shape[other + 2]
            padded = with_ghosts(u, grid, other, 1, signs[other])
            slope = (padded.narrow(across, 2, m) - padded.narrow(across, 0, m)) / (2 * spacing[other])
            gradients.append(_at_faces(slope, grid, axis, signs[axis]))
        flux = self.equation.diffusive_flux(_at_faces(u, grid, axis, signs[axis]), gradients, axis, prepared)
        if flux is None:
            raise ValueError(f"{self.name} states a diffusivity and no diffusive flux")
        return flux

    def _fields_at_faces(
        self, padded: Tensor, left: Tensor, right: Tensor, axis: int, prepared: Prepared
    ) -> tuple[Tensor, Tensor]:
        """Fields of reconstructed q, and those of the cell itself where that is no state (a negative pressure)."""
        equation, dim, n = self.equation, axis + 2, left.shape[axis + 2]
        faces = []
        for values, first in ((left, self.reconstruction.ghosts - 1), (right, self.reconstruction.ghosts)):
            u = equation.to_fields(values, prepared)
            admissible = equation.admissible(u, prepared)
            if not bool(admissible.all()):
                u = torch.where(admissible, u, equation.to_fields(padded.narrow(dim, first, n), prepared))
            faces.append(u)
        return faces[0], faces[1]

    def _usable(self, q: Tensor, prepared: Prepared) -> Tensor:
        """Which rows (B,) of q are states in every cell."""
        return self.equation.admissible(self.equation.to_fields(q, prepared), prepared).flatten(1).all(1)

    def _stable_step(self, q: Tensor, spacing: list[Tensor], prepared: Prepared) -> Tensor:
        """1 / (sum |speed| / (cfl dx) + sum 4 D / (s dx^2)), s the integrator's real stability interval."""
        u = self.equation.to_fields(q.detach(), prepared)
        rate = u.new_zeros(())
        diffusivity = self.equation.diffusivity(u, prepared)
        for axis, dx in enumerate(spacing):
            rate = rate + self.equation.wave_speed(u, axis, prepared) / (self.cfl * dx)
            if diffusivity is not None:
                rate = rate + 4 * diffusivity / (self.integrator.real_stability * dx.square())
        return 1 / rate.flatten(1).amax(1).clamp(min=1e-300)

    def _signs(self, grid: Grid) -> Signs:
        """The sign (C,) of each channel beyond the lower and the upper wall of each axis.

        Raises:
            ValueError: a side that is open for some fields only, or a wall that keeps no vector from passing.
        """
        signs = []
        for axis in range(grid.spatial_dims):
            signs.append((self._side(grid, axis, 0), self._side(grid, axis, 1)))
        return signs

    def _side(self, grid: Grid, axis: int, side: int) -> Tensor:
        kinds = [grid.boundary.kind(axis, side, index) for index in range(len(self.fields))]
        where = f"pde.geometry.boundary.sides[{axis}][{side}]"
        if len({kind is BoundaryKind.OPEN for kind in kinds}) > 1:
            raise ValueError(f"{where}: {self.name} expects a side that is open for all fields or for none")
        signs: list[float] = []
        for field, kind in zip(self.fields, kinds, strict=True):
            wall = kind is BoundaryKind.DIRICHLET
            if field.rank and kind is BoundaryKind.NEUMANN:
                raise ValueError(f"{where}: {field.name} passes no wall; expected dirichlet for it, got neumann")
            for component in range(field.channels(grid.spatial_dims)):
                turned = wall and (not field.rank or component == axis or not self.equation.slips)
                signs.append(-1.0 if turned else 1.0)
        return torch.tensor(signs, dtype=torch.float64)


def _spacing(conditions: Conditions, grid: Grid) -> list[Tensor]:
    """The cell size (B, 1, ...) along each axis."""
    shape = (-1, *[1] * (grid.spatial_dims + 1))
    return [conditions.extent[:, axis].double().reshape(shape) / n for axis, n in enumerate(grid.shape)]


def _at_faces(u: Tensor, grid: Grid, axis: int, signs: tuple[Tensor, Tensor]) -> Tensor:
    """The mean of the two cells beside each face."""
    dim, n = axis + 2, u.shape[axis + 2]
    padded = with_ghosts(u, grid, axis, 1, signs)
    return (padded.narrow(dim, 0, n + 1) + padded.narrow(dim, 1, n + 1)) / 2
