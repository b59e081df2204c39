"""A reference solver that works on a coarser grid than the states that it is given."""

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from tendency.simulation.annotations import PositiveInt
from tendency.simulation.conditions import Conditions
from tendency.simulation.geometry import Geometry, Grid
from tendency.simulation.simulator import InstabilityError, ReferenceSolver
from tendency.simulation.tree import Tree, map_tensors, per_sample

COARSE_SOLVER = "coarse solver"
"""Title of a coarse solver in reports."""


class CoarseSolver:
    """The solver S on every so many points of each axis; a Simulator of states on the fine grid.

    It works in double precision. States go to its grid and back by the solver's ``resample``, which is exact for what
    both grids resolve; what the coarse grid cannot hold is lost. A state that it cannot solve becomes NaN, and the
    others go on.

    Args:
        simulator: the solver, with its own time step and scheme.
        coarsening: how many times fewer points its grid has on each axis; 1 leaves the grid as it is.
    """

    history = 1

    def __init__(self, simulator: ReferenceSolver, coarsening: PositiveInt = 2) -> None:
        self.simulator, self.coarsening = simulator, coarsening

    def shape(self, geometry: Geometry) -> Sequence[int]:
        """Points on each axis of the coarse grid.

        Raises:
            ValueError: scattered nodes, or a grid that cannot be thinned evenly, with the numbers that it has.
        """
        if not isinstance(geometry, Grid):
            raise ValueError("a coarse solver needs a grid; the snapshots lie on nodes")
        if any(n % self.coarsening or n // self.coarsening < 4 for n in geometry.shape):
            raise ValueError(
                f"expected a divisor of {list(geometry.shape)} that leaves at least 4 points, got {self.coarsening}"
            )
        return [n // self.coarsening for n in geometry.shape]

    def start(self, u: Tensor, t: Tensor, conditions: Conditions, seed: Tensor) -> Tree:
        """The solver's memory, for the last of the snapshots u (B, K, C, *N)."""
        coarse = self.coarse(conditions)
        state = self.moved(u[:, -1].double(), conditions, coarse)
        return self.simulator.start(state[:, None], t[:, -1:], coarse, seed)

    def advance(self, u: Tensor, t: Tensor, dt: Tensor, conditions: Conditions, memory: Tree) -> tuple[Tensor, Tree]:
        """What the solver makes of u (B, C, *N) after dt (B,), in the dtype of u; NaN where it breaks down."""
        coarse = self.coarse(conditions)
        state = self.moved(u.double(), conditions, coarse)
        try:
            state, memory = self.simulator.advance(state, t, dt, coarse, memory)
        except InstabilityError as error:
            # A rollout of an untrained network may hand over anything. It is judged as infinitely bad, not stopped.
            state = self._survivors(state, t, dt, coarse, memory, error.rows)
        return self.moved(state, coarse, conditions).to(u.dtype), memory

    def coarse(self, conditions: Conditions) -> Conditions:
        """The conditions on its grid; without known fields, which lie on the grid of the states."""
        grid = conditions.geometry
        if self.coarsening == 1 or not isinstance(grid, Grid):
            return conditions
        return replace(conditions.without_fields(), geometry=Grid(self.shape(grid), grid.boundary))

    def moved(self, u: Tensor, here: Conditions, there: Conditions) -> Tensor:
        """u (B, C, *N) from one grid to another."""
        return u if here is there else self.simulator.resample(u, here, there.geometry.shape)

    def _survivors(
        self, u: Tensor, t: Tensor, dt: Tensor, conditions: Conditions, memory: Tree, rows: list[int]
    ) -> Tensor:
        """The solver's answer (B, C, *M) for the trajectories that it can solve, NaN for the others."""
        lost = torch.zeros(len(u), dtype=torch.bool, device=u.device)
        lost[rows] = True
        result = torch.where(per_sample(lost, u).bool(), torch.nan, u)
        if bool(lost.all()):
            return result
        kept = torch.nonzero(~lost).flatten()
        u, t, dt, conditions, memory = map_tensors(lambda x: x[kept], (u, t, dt, conditions, memory))
        try:
            solved, _ = self.simulator.advance(u, t, dt, conditions, memory)
        except InstabilityError as error:
            solved = self._survivors(u, t, dt, conditions, memory, error.rows)
        return result.index_copy(0, kept, solved)
