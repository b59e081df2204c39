"""Decoders from the hidden vector of a node to its outputs."""

from abc import ABC, abstractmethod

from torch import Tensor, nn
from torch.nn import functional

from tendency.simulation.annotations import PositiveInt


class NodeDecoder(ABC):
    """A rule by which a decoder is made, once its sizes are known."""

    @abstractmethod
    def build(self, width: int, out_channels: int) -> nn.Module:
        """A module from h (..., width) to (..., out_channels).

        Raises:
            ValueError: sizes that do not fit together.
        """


class PointwiseDecoder(NodeDecoder):
    """Linear ∘ Swish ∘ Linear: every output is read from the whole hidden vector."""

    def build(self, width: int, out_channels: int) -> nn.Module:
        """See ``NodeDecoder.build``."""
        return nn.Sequential(nn.Linear(width, width), nn.SiLU(), nn.Linear(width, out_channels))


class TemporalDecoder(NodeDecoder):
    """Two convolutions along the hidden vector, which is read as a signal in time: for bundles of snapshots.

    Snapshots that follow one another are read from neighbouring parts of the signal with the same weights, so that they
    are alike. What the outputs mean (states, or changes over so many steps) is the prediction's.

    Args:
        bundle: snapshots M of one evaluation; that of the prediction.
        channels: between the two convolutions.

    References:
        Brandstetter, Worrall, Welling: Message Passing Neural PDE Solvers. arXiv:2202.03376, section 3.2, eq. 10.
    """

    def __init__(self, bundle: PositiveInt, channels: PositiveInt = 8) -> None:
        self.bundle, self.channels = bundle, channels

    def build(self, width: int, out_channels: int) -> nn.Module:
        """See ``NodeDecoder.build``.

        Raises:
            ValueError: outputs that are no whole snapshots, or a hidden vector shorter than the bundle.
        """
        if out_channels % self.bundle:
            raise ValueError(
                f"model.decoder.bundle: expected that of the prediction, which asks for {out_channels} channels; "
                f"got {self.bundle}"
            )
        if width < self.bundle:
            raise ValueError(
                f"model.width: the temporal decoder reads {self.bundle} snapshots from as many places of the hidden "
                f"vector; expected at least {self.bundle}, got {width}"
            )
        return _TemporalConvolutions(width, self.bundle, out_channels // self.bundle, self.channels)


class _TemporalConvolutions(nn.Module):
    """Conv ∘ Swish ∘ Conv over a signal of ``width`` samples, which end in exactly ``bundle`` values for each field.

    The second kernel spans half of a bundle; the first takes the longest stride that leaves it enough samples, and
    covers the signal. For 128 and 25 that is 17 (stride 3), then 14. The published code has 16 (stride 3) and 14, which
    leave out the last sample.

    Convolutions of one channel leave a processor idle; as products with the matrices that hold their kernels, moved on
    from row to row, they take a quarter of the time of a training step.
    """

    def __init__(self, width: int, bundle: int, fields: int, channels: int) -> None:
        super().__init__()
        second = min(bundle // 2 + 2, width - bundle + 1)
        samples = bundle + second - 1
        stride = max(width // samples, 1)
        self.first = nn.Conv1d(1, channels, width - stride * (samples - 1), stride=stride)
        self.second = nn.Conv1d(channels, fields, second)

    def forward(self, h: Tensor) -> Tensor:
        """h (..., width) to (..., M C), snapshot after snapshot."""
        first, second = self.first, self.second
        samples = (h.shape[-1] - first.kernel_size[0]) // first.stride[0] + 1
        bundle = samples - second.kernel_size[0] + 1
        # (channels samples, width), then (bundle fields, channels samples).
        spread = shifted(first.weight[:, 0], h.shape[-1], first.stride[0], samples).flatten(0, 1)
        gathered = shifted(second.weight, samples, 1, bundle).permute(2, 0, 1, 3).flatten(2).flatten(0, 1)
        assert first.bias is not None and second.bias is not None  # noqa: PT018, S101  for mypy
        signal = functional.silu(functional.linear(h, spread, first.bias.repeat_interleave(samples)))
        return functional.linear(signal, gathered, second.bias.repeat(bundle))


def shifted(kernels: Tensor, length: int, stride: int, count: int) -> Tensor:
    """Rows of zeros with a kernel that begins ``stride`` later in each.

    Args:
        kernels: (..., K).
        length: of a row.
        stride: between the beginnings in a row and the next.
        count: of rows; (count - 1) stride + K is at most the length.

    Returns:
        (..., count, length).
    """
    # A row that is longer by the stride, written again and again into rows of the length.
    row = functional.pad(kernels, (0, length + stride - kernels.shape[-1]))
    rows = row.unsqueeze(-2).expand(*kernels.shape[:-1], count, -1).flatten(-2)
    return rows[..., : count * length].unflatten(-1, (count, length))
