"""Conditions of a Fourier layer: a factor for each mode and a shift of each channel."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn


class SpectralCondition(nn.Module):
    """From conditions to a complex factor for each mode, around 1, and a shift of each channel.

    Args:
        rows: modes on each axis, or however many factors there are.
        width: channels.
        num_conditions: length of c, at least 1.

    References:
        Zhou, Barati Farimani: Predicting Change, Not States. arXiv:2412.13074 (conditional FNO).
    """

    def __init__(self, rows: Sequence[int], width: int, num_conditions: int) -> None:
        super().__init__()
        self.rows, self.pairs = tuple(rows), 2 * math.prod(rows)
        outputs = self.pairs + width
        self.told = nn.Sequential(nn.Linear(num_conditions, width), nn.GELU(), nn.Linear(width, outputs))

    def forward(self, c: Tensor) -> tuple[Tensor, Tensor]:
        """c (B, num_conditions) to factors (*rows, 2, B), real and imaginary parts, and a shift (B, width).

        Not rounded under autocast: the factors meet a spectrum in single precision, and are few.
        """
        with torch.autocast(c.device.type, enabled=False):
            told = self.told(c)
        re, im = told[:, : self.pairs].mT.unflatten(0, (*self.rows, 2)).unbind(-2)
        return torch.stack([1 + re, im], -2), told[:, self.pairs :]
