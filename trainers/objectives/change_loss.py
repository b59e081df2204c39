"""The loss of a predicted state in units of what changes over its lead time."""

from collections.abc import Iterable

import torch
from torch import Tensor

from tendency.simulation.window import Window
from tendency.surrogates.normalizer import ChannelNormalizer
from tendency.surrogates.stepper import SurrogateStepper
from tendency.trainers.losses import SMALLEST, Loss


class ChangeLoss:
    """A loss of the change since the present, in units of the typical change over the lead time.

    The typical change is the root mean square over the training data, one number for each lead time: an error of 0.1 is
    a tenth of what happens in that time, and late snapshots do not rule a sum. It is not the window's own change, by
    which a window that hardly changes would have a loss, and a gradient, without bound.

    Args:
        compare: how output and label, both changes in these units, are compared.
    """

    def __init__(self, compare: Loss) -> None:
        self.compare = compare
        self.typical: tuple[float, ...] | None = None
        """Typical change at offset 1, 2, ..., as a share of the fields' std; None before it is measured."""

    def measure(self, windows: Iterable[Window], fields: ChannelNormalizer, last: int) -> None:
        """Takes the typical changes from training data.

        Args:
            windows: batches, each with all snapshots from offset 0 to ``last``.
            fields: units of the fields.
            last: last offset that is compared.
        """
        squares, count = torch.zeros(last, dtype=torch.float64), 0
        for window in windows:
            start = fields.encode(window.at(0))
            count += start.numel()
            for offset in range(1, last + 1):
                squares[offset - 1] += (fields.encode(window.at(offset)) - start).double().square().sum()
        self.typical = tuple((squares / max(count, 1)).sqrt().clamp(min=SMALLEST).tolist())

    def __call__(self, stepper: SurrogateStepper, window: Window, u: Tensor, offset: int) -> Tensor:
        """The loss (B,) of a state (B, C, *N) at an offset.

        Raises:
            ValueError: the typical changes have not been measured.
        """
        if self.typical is None:
            raise ValueError("objective: the typical changes of the training data have not been measured")
        encode = stepper.normalizer.fields.encode
        start, size = encode(window.at(0)), self.typical[offset - 1]
        return self.compare((encode(u) - start) / size, (encode(window.at(offset)) - start) / size, window.conditions)
