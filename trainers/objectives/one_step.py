"""One network evaluation against its label."""

from torch import Tensor

from simulation.random import mix
from simulation.window import Window
from surrogates.prediction import Prediction
from surrogates.stepper import SurrogateStepper
from trainers.losses import Loss
from trainers.objectives.objective import Objective


class OneStep(Objective):
    """Teacher forcing: the network sees true snapshots, its output is compared with the label in network units.

    Args:
        loss: how they are compared.
    """

    def __init__(self, loss: Loss) -> None:
        self.compare = loss

    def offsets(self, prediction: Prediction) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """The prediction's own."""
        return prediction.offsets, prediction.stencil

    def loss(self, stepper: SurrogateStepper, window: Window, seed: int, step: int) -> Tensor:
        """The mean loss of the batch."""
        u, t = window.history(stepper.history)
        key = mix(mix(window.index, seed), step)
        memory = stepper.start(u, t, window.conditions, key)
        network = stepper.network(window.conditions)
        return self.compare(*stepper.prediction.pair(network, window, u[:, -1], memory, key)).mean()
