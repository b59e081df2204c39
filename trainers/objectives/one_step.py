"""One network evaluation against its label."""

from torch import Tensor

from tendency.simulation.window import Window
from tendency.surrogates.predictions.prediction import Prediction
from tendency.surrogates.stepper import SurrogateStepper
from tendency.trainers.objectives.objective import Objective, Offsets, label_loss, sample_keys


class OneStep(Objective):
    """Teacher forcing: the network sees true snapshots, its output is compared with the label in network units.

    Args:
        loss: how they are compared.
    """

    def offsets(self, prediction: Prediction) -> Offsets:
        """The prediction's own."""
        return prediction.offsets, prediction.stencil

    def loss(self, stepper: SurrogateStepper, window: Window, seed: int, step: int) -> Tensor:
        """The mean loss of the batch."""
        u, t = window.history(stepper.history)
        return label_loss(self.compare, stepper, window, u, t, sample_keys(window, seed, step)).mean()
