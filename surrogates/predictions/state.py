"""The network predicts the next state."""

import torch
from torch import Tensor

from tendency.simulation.conditions import Conditions
from tendency.simulation.tree import Tree
from tendency.simulation.window import Window
from tendency.surrogates.network import Network
from tendency.surrogates.predictions.bundle import next_snapshot
from tendency.surrogates.predictions.prediction import Prediction


class StatePrediction(Prediction):
    """The output is the state one step later, or at each of the M next steps."""

    def label(self, window: Window, u: Tensor) -> Tensor:
        """The next snapshots."""
        return torch.cat([window.at(offset) for offset in range(1, self.bundle + 1)], 1)

    def snapshots(self, u: Tensor, y: Tensor) -> Tensor:
        """The states (B, M, C, *N) that an output y (B, M C, *N) means at state u (B, C, *N): the output itself."""
        return y.unflatten(1, (self.bundle, u.shape[1]))

    def advance(
        self, network: Network, u: Tensor, t: Tensor, dt: Tensor, conditions: Conditions, memory: Tree
    ) -> tuple[Tensor, Tree]:
        """The output, or the next snapshot of a bundle."""
        u_next, bundle = next_snapshot(
            lambda: self.snapshots(u, self.output(network, u, t, dt, conditions, memory)), dt, memory["bundle"]
        )
        return u_next, memory | {"past": self.slide(u, memory), "bundle": bundle}
