"""Every pair of snapshots as input and target, with the time between them as a condition."""

from dataclasses import replace

import torch
from torch import Tensor

from tendency.data.metadata import TrajectoryMetadata
from tendency.simulation.annotations import PositiveInt
from tendency.simulation.random import mix, uniform
from tendency.simulation.window import Window
from tendency.surrogates.predictions.prediction import Prediction
from tendency.surrogates.stepper import SurrogateStepper
from tendency.trainers.losses import Loss
from tendency.trainers.objectives.objective import Objective, Offsets, label_loss, sample_keys

_STREAM = 13


class AllToAll(Objective):
    """Trains the solution operator for any step: S(u(t), dt) = u(t + dt) for pairs of snapshots of one trajectory.

    Each sample draws one of the pairs a < b among ``steps`` + 1 consecutive snapshots, all equally likely; its history
    lies as far apart as the pair. The semigroup property of an autonomous equation makes each of them a training pair:
    T snapshots hold T (T - 1) / 2 of them instead of T - 1.

    Args:
        loss: how output and label are compared.
        steps: the longest stride, in snapshots.

    References:
        Herde et al.: Poseidon: Efficient Foundation Models for PDEs. arXiv:2405.19101, section 2 (all2all training).
    """

    def __init__(self, loss: Loss, steps: PositiveInt) -> None:
        super().__init__(loss)
        self.steps = self.longest_stride = steps

    def offsets(self, prediction: Prediction) -> Offsets:
        """The prediction's own at the longest stride."""
        return tuple(range(self.steps * min(prediction.offsets), self.steps + 1)), (0,)

    def measured_offsets(self, prediction: Prediction) -> Offsets:
        """As drawn: a normaliser that had seen one dt only would encode every dt alike."""
        return self.offsets(prediction)

    def chosen(self, window: Window, seed: int, step: int) -> Window:
        """Each sample's own present and stride."""
        pairs = torch.combinations(torch.arange(self.steps + 1, device=window.index.device))
        key = mix(sample_keys(window, seed, step), _STREAM)
        first, second = pairs[(uniform(key) * len(pairs)).long()].unbind(1)
        return replace(window, present=window.present + first * window.stride, stride=window.stride * (second - first))

    def check(self, prediction: Prediction, metadata: TrajectoryMetadata) -> None:
        """Needs a prediction that is told how far to go."""
        if max(prediction.offsets) != 1:
            what = "no following snapshot" if max(prediction.offsets) < 1 else f"{prediction.bundle} snapshots at once"
            raise ValueError(
                f"objective: AllToAll trains one step of any length, {type(prediction).__name__} learns {what}; "
                "use prediction=state or increment"
            )
        if "dt" not in prediction.conditioned_on:
            raise ValueError(
                "objective: AllToAll trains steps of any length, so the network must be told dt; "
                "use prediction.conditioned_on=[dt]"
            )
        super().check(prediction, metadata)

    def loss(self, stepper: SurrogateStepper, window: Window, seed: int, step: int) -> Tensor:
        """The mean loss of the batch."""
        pair = self.chosen(window, seed, step)
        u, t = pair.history(stepper.history)
        return label_loss(self.compare, stepper, pair, u, t, sample_keys(window, seed, step)).mean()
