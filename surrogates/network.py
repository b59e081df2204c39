"""A surrogate bound to its units and to the points of a batch: what a prediction calls."""

from typing import Any

import torch
from torch import Tensor

from tendency.simulation.conditions import Conditions
from tendency.surrogates.normalizer import Normalizer
from tendency.surrogates.surrogate import Surrogate


class Network:
    """One surrogate with the units and the points of one batch.

    Args:
        surrogate: the network, whose input and output are in network units.
        normalizer: change between network units and physical units.
        conditions: conditions of the B trajectories; the surrogate is asked once what it reads of their points.
        autocast: number type that the surrogate's products are rounded to; None for that of its weights.
    """

    def __init__(
        self,
        surrogate: Surrogate,
        normalizer: Normalizer,
        conditions: Conditions,
        autocast: torch.dtype | None = None,
    ) -> None:
        self.surrogate, self.normalizer, self.autocast = surrogate, normalizer, autocast
        self.conditions = conditions
        self._points: dict[torch.dtype, Any] = {}

    def points(self, dtype: torch.dtype) -> Any:
        """What the surrogate reads of the batch's points, for fields of this dtype; the same object at every call."""
        if dtype not in self._points:
            self._points[dtype] = self.surrogate.points(self.conditions.geometry, self.conditions.extent, dtype)
        return self._points[dtype]

    def known(self, t: Tensor, dtype: torch.dtype) -> Tensor | None:
        """Constant fields and the forcing at times t (B,), (B, C_g + C_f, *N) in network units; None without any.

        Raises:
            ValueError: the conditions lack fields that the network was trained with, or have others.
        """
        known, units = self.conditions.known_at(t), self.normalizer.known
        expected, got = 0 if units is None else len(units.mean), 0 if known is None else known.shape[1]
        if expected != got:
            raise ValueError(
                f"conditions: expected {expected} channels of known fields (given, forcing), which the network was "
                f"trained with, got {got}"
            )
        return None if units is None or known is None else units.encode(known.to(dtype))

    def raw(self, u: Tensor, t: Tensor, c: Tensor, extra: Tensor | None = None) -> Tensor:
        """The output (B, C_out, *N) in network units, in the dtype of u.

        Only the surrogate itself is evaluated under autocast: units, labels, integrators and losses keep the dtype of
        u, so that a step adds the network's own rounding to a state and none beside it.

        Args:
            u: (B, K C, *N) in physical units.
            t: (B,) at which known fields are read.
            c: (B, num_conditions) in physical units.
            extra: (B, C_extra, *N) further input channels, in network units already.
        """
        parts = [self.normalizer.fields.encode(u), extra, self.known(t, u.dtype)]
        there = [part for part in parts if part is not None]
        encoded = torch.cat(there, 1) if len(there) > 1 else there[0]
        conditions = self.normalizer.conditions.encode(c.double()).to(u.dtype)
        points = self.points(u.dtype)
        if self.autocast is None:
            return self.surrogate(encoded, conditions, points)
        with torch.autocast(u.device.type, self.autocast, cache_enabled=False):
            return self.surrogate(encoded, conditions, points).to(u.dtype)

    def masked(self, y: Tensor) -> Tensor:
        """An output (B, C_out, *N) in network units with 0 in the channels that are constant in the training data."""
        return self.normalizer.outputs.masked(y)

    def decode_output(self, y: Tensor, scale: Tensor) -> Tensor:
        """An output (B, C_out, *N) in physical units; scale is ``Prediction.scale(dt)``."""
        y = self.normalizer.outputs.decode(y)
        return y * per_output(scale, y)

    def encode_output(self, y: Tensor, scale: Tensor) -> Tensor:
        """A label (B, C_out, *N) in network units."""
        return self.normalizer.outputs.encode(y / per_output(scale, y))


def per_output(scale: Tensor, y: Tensor) -> Tensor:
    """Shapes the scale of outputs so that it broadcasts against them.

    Args:
        scale: (B,), or (B, M) with one number for each snapshot of a bundle.
        y: (B, M C, *N).

    Returns:
        (B, 1, 1, ...) or (B, M C, 1, ...) in the dtype of y.
    """
    if scale.ndim == 2:
        scale = scale.repeat_interleave(y.shape[1] // scale.shape[1], 1)
    return scale.to(y.dtype).reshape(y.shape[0], -1, *[1] * (y.ndim - 2))
