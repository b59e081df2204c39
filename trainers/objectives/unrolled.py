"""Training through a rollout."""

from collections.abc import Sequence
from typing import Annotated

import torch
from annotated_types import Le
from torch import Tensor

from tendency.simulation.annotations import NonNegativeFloat, PositiveInt
from tendency.simulation.tree import map_tensors
from tendency.simulation.window import Window
from tendency.surrogates.predictions.prediction import Prediction
from tendency.surrogates.stepper import SurrogateStepper
from tendency.trainers.losses import Loss
from tendency.trainers.objectives.change_loss import ChangeLoss
from tendency.trainers.objectives.depth import Depth
from tendency.trainers.objectives.objective import Objective, Offsets, sample_keys
from tendency.trainers.objectives.rollout_blocks import begin_at_present, block_loss, rollout_offsets

MOST_WEIGHT = 1e6
"""Of a block, and the least of the last one its inverse: they are products in single precision."""


class Unrolled(Objective):
    """Back-propagates through ``depth`` blocks: Σᵢ wᵢ ℓᵢ / Σᵢ wᵢ over the blocks i of the rollout.

    Each snapshot is compared in units of the typical change over its lead time, so that late ones do not rule the sum.

    Args:
        loss: how the changes are compared.
        depth: blocks of the rollout.
        cut_every: blocks after which the gradient is cut, None for never; the rollout itself goes on.
        weights: wᵢ, one for each of the deepest rollout's blocks, of which a shallower one takes the last; all alike
            when left out.

    Raises:
        ValueError: another number of weights than blocks, a last weight that is zero, or a cut that never comes.

    References:
        List, Chen, Bali, Thuerey: Differentiability in Unrolled Training of Neural Physics Simulators on Transient
        Dynamics. arXiv:2402.12971.
    """

    version = 2
    depth: Depth
    change: ChangeLoss

    def __init__(
        self,
        loss: Loss,
        depth: Depth,
        cut_every: PositiveInt | None = None,
        weights: Sequence[Annotated[NonNegativeFloat, Le(MOST_WEIGHT)]] | None = None,
    ) -> None:
        super().__init__(loss)
        self.change = ChangeLoss(loss)
        weights = [1.0] * depth.steps if weights is None else list(weights)
        if len(weights) != depth.steps:
            raise ValueError(f"objective.weights: expected {depth.steps}, one for each block, got {len(weights)}")
        if weights[-1] < 1 / MOST_WEIGHT:
            raise ValueError(f"objective.weights: a last block of no weight is rolled out for nothing, got {weights}")
        if cut_every is not None and cut_every >= depth.steps > 1:
            raise ValueError(
                f"objective.cut_every: expected less than objective.depth.steps={depth.steps}, got {cut_every}"
            )
        self.depth, self.cut_every, self.weights = depth, cut_every, weights

    def offsets(self, prediction: Prediction) -> Offsets:
        """The deepest rollout's."""
        return rollout_offsets(prediction, self.depth.steps)

    def loss(self, stepper: SurrogateStepper, window: Window, seed: int, step: int) -> Tensor:
        """The mean loss of the batch."""
        progress = begin_at_present(stepper, window, sample_keys(window, seed, step))
        weights = self.weights[-self.depth(seed, step) :]
        total = window.u.new_zeros(len(window.index))
        for block, weight in enumerate(weights):
            if block and self.cut_every is not None and block % self.cut_every == 0:
                progress = map_tensors(torch.Tensor.detach, progress)
            losses, progress = block_loss(self.change, stepper, window, progress, block)
            total = total + weight * losses
        return total.mean() / sum(weights)
