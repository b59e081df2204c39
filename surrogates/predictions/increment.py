"""The network predicts the change of the state over a step."""

import torch
from torch import Tensor

from tendency.simulation.conditions import Conditions
from tendency.simulation.tree import Tree
from tendency.simulation.window import Window
from tendency.surrogates.network import Network
from tendency.surrogates.predictions.bundle import next_snapshot
from tendency.surrogates.predictions.prediction import Prediction


class IncrementPrediction(Prediction):
    """The output is the change since the present, over one step or each of the M next ones.

    It is normalised per unit of time, so that any step is of one size; and so is each snapshot of a bundle.
    """

    def scale(self, dt: Tensor) -> Tensor:
        """The time since the present."""
        if self.bundle == 1:
            return dt
        return dt[:, None] * torch.arange(1, self.bundle + 1, device=dt.device)

    def label(self, window: Window, u: Tensor) -> Tensor:
        """From what the network sees to the next snapshots, so that perturbed inputs are led back to the truth."""
        return torch.cat([window.at(offset) - u for offset in range(1, self.bundle + 1)], 1)

    def snapshots(self, u: Tensor, y: Tensor) -> Tensor:
        """The states (B, M, C, *N) that an output y (B, M C, *N) means: u (B, C, *N) plus the output."""
        return u[:, None] + y.unflatten(1, (self.bundle, u.shape[1]))

    def advance(
        self, network: Network, u: Tensor, t: Tensor, dt: Tensor, conditions: Conditions, memory: Tree
    ) -> tuple[Tensor, Tree]:
        """The state plus the output, or the next snapshot of a bundle."""
        u_next, bundle = next_snapshot(
            lambda: self.snapshots(u, self.output(network, u, t, dt, conditions, memory)), dt, memory["bundle"]
        )
        return u_next, memory | {"past": self.slide(u, memory), "bundle": bundle}
