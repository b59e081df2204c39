"""Walls by reflection: a spectral solver on the torus that a box and its mirror images fill.

An even reflection keeps the normal derivative zero at a wall (Neumann), an odd one the value (Dirichlet). On the cell
centres of a walled axis this is the cosine and the sine basis: the same numbers as a DCT-II or DST-II solver.
"""

import copy
from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from tendency.simulation.annotations import PositiveFloat
from tendency.simulation.conditions import Conditions
from tendency.simulation.fourier import inverse_transform, transform, wavenumbers
from tendency.simulation.geometry import Boundary, BoundaryKind, Geometry, Grid, PointCloud
from tendency.simulation.simulator import Precision, SolverSettings
from tendency.simulation.tree import Tree
from tendency.solvers.equation_solver import EquationSolver
from tendency.solvers.equations import SemilinearPDE
from tendency.solvers.exponential import ExponentialIntegrator
from tendency.solvers.spectral import evaluate_at_nodes, evaluate_on_grid
from tendency.solvers.spectral_solver import SpectralSolver

SIGNS = {BoundaryKind.NEUMANN: 1.0, BoundaryKind.DIRICHLET: -1.0}
NAMES = {1.0: "neumann", -1.0: "dirichlet"}


class ReflectedSolver(EquationSolver):
    """A reference solver (a Simulator) for a semilinear equation in a box, each axis periodic or between two walls.

    Args:
        equation: what is solved; it says by ``reflections`` which walls it allows.
        integrator: how it is stepped.
        max_step: largest time step.
        precision: as of ``SpectralSolver``.

    References:
        Boyd: Chebyshev and Fourier Spectral Methods. Dover 2001, chapter 8 (symmetry and parity).
    """

    def __init__(
        self,
        equation: SemilinearPDE,
        integrator: ExponentialIntegrator,
        max_step: PositiveFloat,
        precision: Precision = "float64",
    ) -> None:
        super().__init__(equation)
        self.solver = SpectralSolver(equation, integrator, max_step, precision)

    def check(self, conditions: Conditions) -> None:
        """Refuses walls that the equation does not allow.

        Raises:
            ValueError: naming the wall and the walls that would do.
        """
        conditions.require_no_fields(f"the solver of {self.name}")
        grid = _grid(conditions)
        allowed = [NAMES[sign] for sign in self.solver.equation.reflections]
        if any(field.rank for field in self.fields):
            raise ValueError(f"pde.geometry.boundary: walls are not stated for the vectors of {self.name}")
        for axis in range(grid.spatial_dims):
            for side in (0, 1):
                for index, field in enumerate(self.fields):
                    kind = grid.boundary.kind(axis, side, index)
                    if kind is not BoundaryKind.PERIODIC and kind.value not in allowed:
                        walls = " or ".join(["periodic", *allowed])
                        where = f"pde.geometry.boundary.sides[{axis}][{side}]"
                        raise ValueError(f"{where}: {self.name} expects {walls} for {field.name}, got {kind.value}")
        self.solver.check(_extended(conditions))

    def start(self, u: Tensor, t: Tensor, conditions: Conditions, seed: Tensor) -> Tree:
        """The solver's on the torus."""
        return self.solver.start(u, t, conditions, seed)

    def advance(self, u: Tensor, t: Tensor, dt: Tensor, conditions: Conditions, memory: Tree) -> tuple[Tensor, Tree]:
        """Advances the mirror images along and forgets them.

        Raises:
            InstabilityError: the state is no longer finite.
        """
        end, memory = self.solver.advance(_reflect(u, conditions), t, dt, _extended(conditions), memory)
        return _restrict(end, conditions), memory

    def time_derivative(self, u: Tensor, t: Tensor, conditions: Conditions) -> Tensor:
        """u_t (B, C, *N) of the semi-discrete system."""
        rate = self.solver.time_derivative(_reflect(u, conditions), t, _extended(conditions))
        return _restrict(rate, conditions)

    def refined(self) -> "ReflectedSolver":
        """The same with half the largest step."""
        finer = copy.copy(self)
        finer.solver = self.solver.refined()
        return finer

    def settings(self) -> SolverSettings:
        """The settings of the solver on the torus."""
        return self.solver.settings()

    def with_settings(self, settings: SolverSettings) -> "ReflectedSolver":
        """The same with other settings of the solver on the torus."""
        changed = copy.copy(self)
        changed.solver = self.solver.with_settings(settings)
        return changed

    def resample(self, u: Tensor, conditions: Conditions, shape: Sequence[int]) -> Tensor:
        """The sine or cosine interpolant of u (B, C, *N) at the cell centres of another grid.

        Cell centres of two grids lie half a cell of each off the wall, so that the torus is shifted as well.
        """
        grid = _grid(conditions)
        other = replace(conditions, geometry=Grid(list(shape), grid.boundary))
        old, new = _extended(conditions), _extended(other)
        walled = [axis for axis in range(grid.spatial_dims) if not grid.boundary.is_periodic(axis)]
        shifts = [
            conditions.extent[:, axis].double() * (1 / shape[axis] - 1 / grid.shape[axis]) / 2
            if axis in walled
            else None
            for axis in range(grid.spatial_dims)
        ]
        extended = _reflect(u, conditions)
        # On the finer of the two grids, where a shift meets no mode that is shared between two signs.
        if shape[0] < grid.shape[0]:
            moved = _shifted(extended, old, shifts)
            return _restrict(self.solver.resample(moved, old, new.geometry.shape), other)
        finer = self.solver.resample(extended, old, new.geometry.shape)
        return _restrict(_shifted(finer, new, shifts), other)

    def sample(self, u: Tensor, conditions: Conditions, geometry: Geometry) -> Tensor:
        """The sine or cosine interpolant of u (B, C, *N) at the points of another geometry, walls included."""
        grid = _grid(conditions)
        torus = _extended(conditions).geometry.shape
        # The torus starts at the first cell centre, half a cell off the wall.
        starts = [0.0 if grid.boundary.is_periodic(axis) else 0.5 / n for axis, n in enumerate(grid.shape)]
        copies = [m // n for m, n in zip(torus, grid.shape, strict=True)]
        extended = _reflect(u, conditions)
        if isinstance(geometry, PointCloud):
            shift, stretch = torch.tensor(starts, dtype=torch.float64), torch.tensor(copies, dtype=torch.float64)
            return evaluate_at_nodes(extended, ((geometry.positions - shift) / stretch).to(u.device))
        axes = geometry.axes(u.device)
        return evaluate_on_grid(
            extended, [(along - start) / m for along, start, m in zip(axes, starts, copies, strict=True)]
        )

    def conserved(self, u: Tensor, conditions: Conditions) -> dict[str, Tensor]:
        """The equation's densities on the whole torus, where no wall lets them through."""
        grid = _grid(conditions)
        kinds = [
            grid.boundary.kind(a, s, f) for a in range(grid.spatial_dims) for s in (0, 1) for f in range(u.shape[1])
        ]
        if BoundaryKind.DIRICHLET in kinds:
            return {}
        return self.solver.conserved(_reflect(u, conditions), _extended(conditions))


def _grid(conditions: Conditions) -> Grid:
    if not isinstance(conditions.geometry, Grid):
        raise ValueError("pde.geometry: a solver by reflection expects a grid")
    return conditions.geometry


def _copies(grid: Grid, axis: int, channel: int) -> list[float]:
    """Signs of the box's images along one axis, every second one mirrored; one image where the axis is periodic."""
    if grid.boundary.is_periodic(axis):
        return [1.0]
    lower, upper = (SIGNS[grid.boundary.kind(axis, side, channel)] for side in (0, 1))
    return [1.0, upper] if lower == upper else [1.0, upper, -1.0, -upper]


def _extended(conditions: Conditions) -> Conditions:
    """The conditions on the torus; an axis whose fields need two and four images has four."""
    grid = _grid(conditions)
    counts = [max(len(_copies(grid, axis, c)) for c in _channels(grid, axis)) for axis in range(grid.spatial_dims)]
    torus = Grid([n * m for n, m in zip(grid.shape, counts, strict=True)], Boundary.periodic(grid.spatial_dims))
    return replace(conditions, geometry=torus, extent=conditions.extent * conditions.extent.new_tensor(counts))


def _channels(grid: Grid, axis: int) -> range:
    sides = grid.boundary.sides[axis]
    return range(max(len(side) if isinstance(side, tuple) else 1 for side in sides))


def _reflect(u: Tensor, conditions: Conditions) -> Tensor:
    """The box u (B, C, *N) and its images, (B, C, *M)."""
    grid = _grid(conditions)
    shape = _extended(conditions).geometry.shape
    for axis in range(grid.spatial_dims):
        dim = axis - grid.spatial_dims
        count = shape[axis] // grid.shape[axis]
        if count == 1:
            continue
        mirrored = u.flip(dim)
        signs = [_copies(grid, axis, channel) for channel in range(u.shape[1])]
        images = []
        for image in range(count):
            sign = u.new_tensor([s[image % len(s)] for s in signs]).reshape(1, -1, *[1] * grid.spatial_dims)
            images.append(sign * (mirrored if image % 2 else u))
        u = torch.cat(images, dim)
    return u


def _restrict(u: Tensor, conditions: Conditions) -> Tensor:
    """The box (B, C, *N) of a field on the torus."""
    grid = _grid(conditions)
    for axis, n in enumerate(grid.shape):
        u = u.narrow(axis - grid.spatial_dims, 0, n)
    return u.contiguous()


def _shifted(u: Tensor, conditions: Conditions, shifts: Sequence[Tensor | None]) -> Tensor:
    """u at x + shift, for a shift (B,) along each axis."""
    shape = conditions.geometry.shape
    u_hat = transform(u.double(), len(shape))
    for k, shift in zip(wavenumbers(shape, conditions.extent.double()), shifts, strict=True):
        if shift is not None:
            u_hat = u_hat * torch.exp(1j * k * shift.reshape(-1, *[1] * (k.ndim - 1)))
    return inverse_transform(u_hat, shape).to(u.dtype)
