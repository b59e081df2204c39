"""Training on inputs with noise, so that a rollout's own errors are not news to the network."""

from typing import Annotated

from annotated_types import Le
from torch import Tensor

from tendency.simulation.annotations import PositiveFloat
from tendency.simulation.random import mix, normal
from tendency.simulation.window import Window
from tendency.surrogates.predictions.prediction import Prediction
from tendency.surrogates.stepper import SurrogateStepper
from tendency.trainers.losses import Loss
from tendency.trainers.objectives.objective import Objective, Offsets, label_loss, sample_keys

_STREAM = 12


class NoiseInjection(Objective):
    """One network evaluation at u + ε with ε ~ N(0, (share · std)²), each channel by its std in the training data.

    All snapshots of the history are perturbed, independently. The label leads back to the truth where it can: a state
    prediction is asked for the true next snapshot, an increment prediction for the change from the perturbed state to
    the true next snapshot. A derivative prediction is asked for u_t of the true state, which is biased by J ε with the
    equation's Jacobian J; ``pushforward_derivative`` has no such bias.

    Args:
        loss: how output and label are compared.
        share: of the fields' standard deviation.

    References:
        Sanchez-Gonzalez et al.: Learning to Simulate Complex Physics with Graph Networks. arXiv:2002.09405.
    """

    def __init__(self, loss: Loss, share: Annotated[PositiveFloat, Le(100)]) -> None:
        super().__init__(loss)
        self.share = share

    def offsets(self, prediction: Prediction) -> Offsets:
        """The prediction's own."""
        return prediction.offsets, prediction.stencil

    def loss(self, stepper: SurrogateStepper, window: Window, seed: int, step: int) -> Tensor:
        """The mean loss of the batch."""
        u, t = window.history(stepper.history)
        key = sample_keys(window, seed, step)
        std = stepper.normalizer.fields.std.reshape(-1, *[1] * (u.ndim - 3))
        noise = self.share * std * normal(mix(key, _STREAM), tuple(u.shape[1:]))
        return label_loss(self.compare, stepper, window, u + noise.to(u.dtype), t, key).mean()
