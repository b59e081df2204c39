"""A coarse solver and what a network adds to it.

References:
    Um, Brand, Fei, Holl, Thuerey: Solver-in-the-Loop. arXiv:2007.00016, section 3.
    Kochkov et al.: Machine learning-accelerated computational fluid dynamics. PNAS 118 (2021),
    doi:10.1073/pnas.2101784118 (learned correction).
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from tendency.simulation.annotations import PositiveInt
from tendency.simulation.conditions import Conditions
from tendency.simulation.geometry import Geometry
from tendency.simulation.simulator import ReferenceSolver, Simulator
from tendency.simulation.tree import Tree
from tendency.simulation.window import Window
from tendency.surrogates.network import Network
from tendency.surrogates.predictions.coarse_solver import COARSE_SOLVER, CoarseSolver
from tendency.surrogates.predictions.prediction import Prediction, TimeCondition


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
        self.coarse = CoarseSolver(simulator, coarsening)

    def check(self, geometry: Geometry) -> None:
        """Refuses scattered nodes, and grids that cannot be thinned evenly.

        Raises:
            ValueError: with the remedy.
        """
        try:
            self.coarse.shape(geometry)
        except ValueError as error:
            raise ValueError(f"prediction.coarsening: {error}") from error

    def in_channels(self, channels: int) -> int:
        """The history and the solver's answer."""
        return channels * (self.history + 1)

    def scale(self, dt: Tensor) -> Tensor:
        """The step itself: errors of a solver grow with it, as increments do."""
        return dt

    def start(self, u: Tensor, t: Tensor, conditions: Conditions, seed: Tensor) -> Tree:
        """The past snapshots and the solver's memory."""
        return super().start(u, t, conditions, seed) | {"simulator": self.coarse.start(u, t, conditions, seed)}

    def companion(self) -> tuple[str, Simulator]:
        """The coarse solver without its network: what the correction improves on."""
        return COARSE_SOLVER, self.coarse

    def guess(self, u: Tensor, t: Tensor, dt: Tensor, conditions: Conditions, memory: Tree) -> tuple[Tensor, Tree]:
        """What the coarse solver makes of u (B, C, *N), and its memory; see ``CoarseSolver.advance``."""
        return self.coarse.advance(u, t, dt, conditions, memory)

    def label(self, window: Window, u: Tensor) -> Tensor:
        """From the solver's answer to what the network sees to the next snapshot."""
        return window.at(1) - self._guessed(window, u)

    def pair(self, network: Network, window: Window, u: Tensor, memory: Tree, key: Tensor) -> tuple[Tensor, Tensor]:
        """As of ``Prediction``, with one solve for both."""
        t, dt = window.time(0), self.step(window)
        guess, _ = self.guess(u, t, dt, window.conditions, memory["simulator"])
        y = self._correction(network, guess, u, t, dt, window.conditions, memory)
        return y, network.encode_output(window.at(1) - guess, self.scale(dt))

    def network_output(
        self, network: Network, u: Tensor, t: Tensor, dt: Tensor, conditions: Conditions, memory: Tree
    ) -> Tensor:
        """The correction (B, C, *N), network units."""
        guess, _ = self.guess(u, t, dt, conditions, memory["simulator"])
        return self._correction(network, guess, u, t, dt, conditions, memory)

    def advance(
        self, network: Network, u: Tensor, t: Tensor, dt: Tensor, conditions: Conditions, memory: Tree
    ) -> tuple[Tensor, Tree]:
        """The solver's answer plus the correction."""
        guess, solver = self.guess(u, t, dt, conditions, memory["simulator"])
        correction = self._correction(network, guess, u, t, dt, conditions, memory)
        u_next = guess + network.decode_output(correction, self.scale(dt))
        return u_next, memory | {"past": self.slide(u, memory), "simulator": solver}

    def _correction(
        self, network: Network, guess: Tensor, u: Tensor, t: Tensor, dt: Tensor, conditions: Conditions, memory: Tree
    ) -> Tensor:
        seen = torch.cat([self.seen(u, memory), guess], 1)
        return network.masked(network.raw(seen, t, self.conditions(t, dt, conditions)))

    def _guessed(self, window: Window, u: Tensor) -> Tensor:
        t = window.time(0)
        memory = self.start(u[:, None], t[:, None], window.conditions, window.index)["simulator"]
        return self.guess(u, t, self.step(window), window.conditions, memory)[0]
