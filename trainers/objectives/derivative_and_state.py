"""A predicted derivative trained on its label and on the state that it leads to."""

from torch import Tensor

from tendency.data.metadata import TrajectoryMetadata
from tendency.simulation.annotations import Fraction
from tendency.simulation.window import Window
from tendency.surrogates.predictions.derivative import DerivativePrediction
from tendency.surrogates.predictions.prediction import Prediction
from tendency.surrogates.stepper import SurrogateStepper
from tendency.trainers.losses import Loss
from tendency.trainers.objectives.change_loss import ChangeLoss
from tendency.trainers.objectives.objective import Objective, Offsets, label_loss, sample_keys
from tendency.trainers.objectives.rollout_blocks import begin_at_present


class DerivativeAndState(Objective):
    """(1 - w) ℓ(f, u_t) + w ℓ(Δu): the label loss in derivative space, and the loss of one step of the integrator.

    The second term makes up for what the first cannot know: the integrator's own error, and a coarse difference's. The
    first is in network units, the second in units of the typical change over the step. The last snapshot of a
    trajectory has no step to compare and is no present here.

    Args:
        loss: how both are compared.
        share: w, of the state's loss.
    """

    version = 2
    change: ChangeLoss

    def __init__(self, loss: Loss, share: Fraction) -> None:
        super().__init__(loss)
        self.change = ChangeLoss(loss)
        self.share = share

    def offsets(self, prediction: Prediction) -> Offsets:
        """The prediction's own and the next snapshot."""
        return (*prediction.offsets, 1), prediction.stencil

    def check(self, prediction: Prediction, metadata: TrajectoryMetadata) -> None:
        """Needs a derivative."""
        if not isinstance(prediction, DerivativePrediction):
            raise ValueError(
                "objective: DerivativeAndState mixes the losses of a derivative and of the state that it is integrated "
                f"to, expected prediction=derivative, got {type(prediction).__name__}; use objective=one_step"
            )
        super().check(prediction, metadata)

    def loss(self, stepper: SurrogateStepper, window: Window, seed: int, step: int) -> Tensor:
        """The mean loss of the batch."""
        u, t = window.history(stepper.history)
        key = sample_keys(window, seed, step)
        derivative = label_loss(self.compare, stepper, window, u, t, key)
        start = begin_at_present(stepper, window, key)
        dt = window.time(1) - start.t
        u_next, _ = stepper.advance(start.u, start.t, dt, window.conditions, start.memory)
        state = self.change(stepper, window, u_next, 1)
        return ((1 - self.share) * derivative + self.share * state).mean()
