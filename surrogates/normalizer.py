"""The change of units between physics and a network; part of the model, so that a checkpoint is whole."""

import torch
from torch import Tensor, nn

from tendency.simulation.moments import Moments


class ChannelNormalizer(nn.Module):
    """x -> (x - mean) / std for each channel, and back.

    A channel that is constant in the training data (its std is rounding beside its mean) tells nothing: it is encoded
    as 0, and decoded as its mean, so that an unseen value of it cannot reach the network as a huge number.

    Args:
        moments: of the C channels.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, moments: Moments) -> None:
        super().__init__()
        constant = moments.std <= 1e-7 * moments.mean.abs()
        self.register_buffer("mean", moments.mean.double().clone())
        self.register_buffer("std", torch.where(constant, 0.0, moments.std.double()))

    def encode(self, x: Tensor) -> Tensor:
        """Physical to network units; x is (B, k C, ...), e.g. k stacked snapshots of C channels."""
        mean, std = self._shaped(x)
        known = std > 0
        return torch.where(known, (x - mean) / torch.where(known, std, 1), 0)

    def decode(self, x: Tensor) -> Tensor:
        """Network to physical units, the inverse of ``encode``."""
        mean, std = self._shaped(x)
        return x * std + mean

    def masked(self, x: Tensor) -> Tensor:
        """x in network units with 0 in the constant channels: what ``encode`` makes of ``decode(x)``."""
        return torch.where(self._matched(self.std, x) > 0, x, 0)

    def _shaped(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return self._matched(self.mean, x), self._matched(self.std, x)

    @staticmethod
    def _matched(y: Tensor, x: Tensor) -> Tensor:
        """A number for each channel, y (C,), so that it broadcasts over x (B, k C, ...)."""
        channels = y.shape[0]
        if x.shape[1] % max(channels, 1):
            raise ValueError(f"expected a multiple of {channels} channels, got {x.shape[1]}")
        # One or two operations: at every step, three would take as long as a layer of a small network.
        if x.shape[1] != channels:
            y = y.repeat(x.shape[1] // max(channels, 1))
        return y.to(x.dtype).view(-1, *[1] * (x.ndim - 2))


class Normalizer(nn.Module):
    """The units of fields, of outputs, of conditions and of known fields.

    Args:
        fields: of the state's C channels.
        outputs: of the network's output divided by ``Prediction.scale(dt)``, measured on labels.
        conditions: of the entries of c.
        known: of the constant fields and the forcing (``Conditions.known_at``); None where there are none.
    """

    def __init__(self, fields: Moments, outputs: Moments, conditions: Moments, known: Moments | None = None) -> None:
        super().__init__()
        self.fields = ChannelNormalizer(fields)
        self.outputs = ChannelNormalizer(outputs)
        self.conditions = ChannelNormalizer(conditions)
        # Without such fields it has no buffers, which a checkpoint of a problem without them would lack.
        self.known = None if known is None else ChannelNormalizer(known)

    @classmethod
    def empty(cls, fields: int, outputs: int, conditions: int, known: int = 0) -> "Normalizer":
        """The identity for so many channels each; what a checkpoint's statistics are loaded into."""

        def identity(channels: int) -> Moments:
            return Moments(torch.zeros(channels, dtype=torch.float64), torch.ones(channels, dtype=torch.float64))

        return cls(identity(fields), identity(outputs), identity(conditions), identity(known) if known else None)
