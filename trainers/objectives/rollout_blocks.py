"""What the objectives that roll a surrogate out share: blocks of the bundle, with and without a gradient."""

from collections import deque

import torch
from torch import Tensor

from tendency.simulation.simulator import Progress, begin, rollout
from tendency.simulation.window import Window
from tendency.surrogates.predictions.prediction import Prediction
from tendency.surrogates.stepper import SurrogateStepper
from tendency.trainers.objectives.change_loss import ChangeLoss
from tendency.trainers.objectives.objective import Offsets


def rollout_offsets(prediction: Prediction, blocks: int) -> Offsets:
    """The history, and every snapshot of so many blocks."""
    return tuple(range(1 - prediction.history, blocks * prediction.bundle + 1)), (0,)


def begin_at_present(stepper: SurrogateStepper, window: Window, key: Tensor) -> Progress:
    """The rollout before its first step, at the window's present."""
    u, t = window.history(stepper.history)
    return begin(stepper, u, t, window.conditions, key)


def without_gradient(stepper: SurrogateStepper, window: Window, progress: Progress, blocks: int) -> Progress:
    """The rollout after so many blocks; no gradient reaches the state or the memory that it goes on with."""
    if not blocks:
        return progress
    times = window.times(1, blocks * stepper.prediction.bundle)
    with torch.no_grad():
        return deque(rollout(stepper, progress, times, window.conditions), maxlen=1).pop()


def block_loss(
    change: ChangeLoss, stepper: SurrogateStepper, window: Window, progress: Progress, block: int
) -> tuple[Tensor, Progress]:
    """The mean loss (B,) over the snapshots of one block, and the progress after it.

    Args:
        change: the loss, in units of the typical change since the present.
        stepper: what is trained.
        window: the truth.
        progress: after ``block`` blocks.
        block: its number, counted from 0.
    """
    bundle = stepper.prediction.bundle
    first = block * bundle + 1
    times = window.times(first, first + bundle - 1)
    reached = list(rollout(stepper, progress, times, window.conditions))
    losses = [change(stepper, window, step.u, offset) for offset, step in enumerate(reached, first)]
    return torch.stack(losses).mean(0), reached[-1]
