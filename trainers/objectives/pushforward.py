"""Training at the states that the surrogate itself reaches."""

from torch import Tensor

from tendency.simulation.window import Window
from tendency.surrogates.predictions.prediction import Prediction
from tendency.surrogates.stepper import SurrogateStepper
from tendency.trainers.losses import Loss
from tendency.trainers.objectives.change_loss import ChangeLoss
from tendency.trainers.objectives.depth import Depth
from tendency.trainers.objectives.objective import Objective, Offsets, sample_keys
from tendency.trainers.objectives.rollout_blocks import begin_at_present, block_loss, rollout_offsets, without_gradient


class Pushforward(Objective):
    """Rolls out ``depth`` blocks and trains the last: the network learns to lead back from where it has drifted to.

    No gradient passes through the blocks before the last, neither through the state nor through the memory. The state
    after the last block is compared with the truth, in units of the typical change over the whole lead time.

    Args:
        loss: how the changes are compared.
        depth: blocks of the rollout; 1 is one step.

    References:
        Brandstetter, Worrall, Welling: Message Passing Neural PDE Solvers. arXiv:2202.03376, section 3.1.
    """

    version = 2
    depth: Depth
    change: ChangeLoss

    def __init__(self, loss: Loss, depth: Depth) -> None:
        super().__init__(loss)
        self.change = ChangeLoss(loss)
        self.depth = depth

    def offsets(self, prediction: Prediction) -> Offsets:
        """The deepest rollout's."""
        return rollout_offsets(prediction, self.depth.steps)

    def loss(self, stepper: SurrogateStepper, window: Window, seed: int, step: int) -> Tensor:
        """The mean loss of the batch."""
        free = self.depth(seed, step) - 1
        progress = begin_at_present(stepper, window, sample_keys(window, seed, step))
        progress = without_gradient(stepper, window, progress, free)
        losses, _ = block_loss(self.change, stepper, window, progress, free)
        return losses.mean()
