"""A coarse solver and what a network adds to it.

References:
    Um, Brand, Fei, Holl, Thuerey: Solver-in-the-Loop. arXiv:2007.00016, section 3.
    Kochkov et al.: Machine learning-accelerated computational fluid dynamics. PNAS 118 (2021),
    doi:10.1073/pnas.2101784118 (learned correction).
"""

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from simulation.annotations import PositiveInt
from simulation.conditions import Conditions
from simulation.geometry import Geometry, Grid
from simulation.simulator import InstabilityError, ReferenceSolver
from simulation.tree import Tree, map_tensors, per_sample
from simulation.window import Window
from surrogates.network import Network
from surrogates.prediction import Prediction, TimeCondition


class CorrectedPrediction(Prediction):
    """The output is what a coarse solver S misses over one step: u₁ = S(u₀) + N(u₀, S(u₀)), per unit of time.

    The solver works in double precision and on its own grid: states go there and back by the solver's ``resample``,
    which is exact for what both grids resolve. What the coarse grid cannot hold is missing from S(u₀), so the network
    sees u₀ as well and adds it again. Gradients of rollouts flow through the solver.

    A network call here comes with a solve, which the number of network calls does not show.

    Args:
        simulator: the solver, with its own time step and scheme; the one of the reference unless the yaml says
            otherwise. It is told the hidden parameters, which the network is not.
        coarsening: how many times fewer points its grid has on each axis; 1 leaves the grid as it is.
        history: K, the number of snapshots that the network sees beside the solver's answer.
        conditioned_on: as for any prediction.
    """

    def __init__(
        self,
        simulator: ReferenceSolver,
        coarsening: PositiveInt = 2,
        history: PositiveInt = 1,
        conditioned_on: Sequence[TimeCondition] = (),
    ) -> None:
        super().__init__(history, conditioned_on)
        self.simulator, self.coarsening = simulator, coarsening

    def check(self, geometry: Geometry) -> None:
        """Refuses scattered nodes, and grids that cannot be thinned evenly.

        Raises:
            ValueError: with the remedy.
        """
        if not isinstance(geometry, Grid):
            raise ValueError("prediction: the coarse solver of a correction needs a grid; the snapshots lie on nodes")
        if any(n % self.coarsening or n // self.coarsening < 4 for n in geometry.shape):
            raise ValueError(
                f"prediction.coarsening: expected a divisor of {list(geometry.shape)} that leaves at least 4 points, "
                f"got {self.coarsening}"
            )

    def in_channels(self, channels: int) -> int:
        """The history and the solver's answer."""
        return channels * (self.history + 1)

    def scale(self, dt: Tensor) -> Tensor:
        """The step itself: errors of a solver grow with it, as increments do."""
        return dt

    def start(self, u: Tensor, t: Tensor, conditions: Conditions, seed: Tensor) -> Tree:
        """The past snapshots and the solver's memory."""
        coarse = self._coarse(conditions)
        state = self._moved(u[:, -1].double(), conditions, coarse)
        memory = self.simulator.start(state[:, None], t[:, -1:], coarse, seed)
        return super().start(u, t, conditions, seed) | {"simulator": memory}

    def guess(self, u: Tensor, t: Tensor, dt: Tensor, conditions: Conditions, memory: Tree) -> tuple[Tensor, Tree]:
        """What the coarse solver makes of u (B, C, *N) after dt; NaN where it breaks down.

        Args:
            u: at time t.
            t: (B,) float64.
            dt: (B,) float64.
            conditions: of the B trajectories.
            memory: the solver's.

        Returns:
            (B, C, *N) in the dtype of u, and the memory to go on with.
        """
        coarse = self._coarse(conditions)
        state = self._moved(u.double(), conditions, coarse)
        try:
            state, memory = self.simulator.advance(state, t, dt, coarse, memory)
        except InstabilityError as error:
            # A rollout of an untrained network may hand over anything. It is judged as infinitely bad, not stopped.
            state = self._survivors(state, t, dt, coarse, memory, error.rows)
        return self._moved(state, coarse, conditions).to(u.dtype), memory

    def label(self, window: Window, u: Tensor) -> Tensor:
        """From the solver's answer to what the network sees to the next snapshot."""
        return window.at(1) - self._guessed(window, u)

    def pair(self, network: Network, window: Window, u: Tensor, memory: Tree, key: Tensor) -> tuple[Tensor, Tensor]:
        """As of ``Prediction``, with one solve for both."""
        t, dt = window.time(0), self.step(window)
        scale = self.scale(dt)
        guess, _ = self.guess(u, t, dt, window.conditions, memory["simulator"])
        y = self._correction(network, guess, u, t, dt, window.conditions, memory)
        return network.encode_output(y, scale), network.encode_output(window.at(1) - guess, scale)

    def output(
        self, network: Network, u: Tensor, t: Tensor, dt: Tensor, conditions: Conditions, memory: Tree
    ) -> Tensor:
        """The correction (B, C, *N), physical units."""
        guess, _ = self.guess(u, t, dt, conditions, memory["simulator"])
        return self._correction(network, guess, u, t, dt, conditions, memory)

    def advance(
        self, network: Network, u: Tensor, t: Tensor, dt: Tensor, conditions: Conditions, memory: Tree
    ) -> tuple[Tensor, Tree]:
        """The solver's answer plus the correction."""
        guess, solver = self.guess(u, t, dt, conditions, memory["simulator"])
        u_next = guess + self._correction(network, guess, u, t, dt, conditions, memory)
        return u_next, memory | {"past": self.slide(u, memory), "simulator": solver}

    def _correction(
        self, network: Network, guess: Tensor, u: Tensor, t: Tensor, dt: Tensor, conditions: Conditions, memory: Tree
    ) -> Tensor:
        seen = torch.cat([memory["past"], u[:, None], guess[:, None]], 1).flatten(1, 2)
        return network(seen, self.conditions(t, dt, conditions), self.scale(dt))

    def _guessed(self, window: Window, u: Tensor) -> Tensor:
        t = window.time(0)
        memory = self.start(u[:, None], t[:, None], window.conditions, window.index)["simulator"]
        return self.guess(u, t, self.step(window), window.conditions, memory)[0]

    def _coarse(self, conditions: Conditions) -> Conditions:
        grid = conditions.geometry
        if self.coarsening == 1 or not isinstance(grid, Grid):
            return conditions
        return replace(conditions, geometry=Grid([n // self.coarsening for n in grid.shape], grid.boundary))

    def _moved(self, u: Tensor, here: Conditions, there: Conditions) -> Tensor:
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
