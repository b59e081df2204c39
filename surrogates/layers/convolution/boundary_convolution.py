"""Convolutions that pad by the boundary, in one to three dimensions."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from tendency.simulation.geometry import Boundary
from tendency.surrogates.layers.convolution.padding import memory_format, pad
from tendency.surrogates.layers.convolution.winograd import WinogradConvolution, tile_size

CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)
TRANSPOSED_CONVOLUTIONS = (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)


def channels_last(h: Tensor) -> Tensor:
    """h (B, C, *N) with its channels last in memory where that is faster: with two axes on a CPU."""
    if h.ndim != 4 or h.device.type != "cpu" or torch.compiler.is_compiling():
        return h
    return h.contiguous(memory_format=torch.channels_last)


class BoundaryConvolution(nn.Module):
    """A convolution with an odd kernel whose padding follows the boundary; keeps the size at stride 1.

    Args:
        in_channels: of the input.
        out_channels: of the output.
        kernel: odd, on each axis.
        boundary: of the domain.
        stride: on each axis.
        dilation: points from one tap of the kernel to the next, on each axis.

    Raises:
        ValueError: an even kernel, whose output would have another size than its input.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel: int,
        boundary: Boundary,
        stride: int = 1,
        dilation: int = 1,
    ) -> None:
        super().__init__()
        if kernel % 2 == 0:
            raise ValueError(f"kernel: expected an odd number of points, got {kernel}")
        self.boundary, self.width = boundary, kernel // 2 * dilation
        convolution = CONVOLUTIONS[boundary.spatial_dims - 1]
        self.convolution = convolution(in_channels, out_channels, kernel, stride=stride, dilation=dilation)

    def forward(self, h: Tensor) -> Tensor:
        """h (B, C, *N) to (B, C', *(N / stride))."""
        layer = self.convolution
        if (tile := self._tile_size(h)) is not None:
            return WinogradConvolution.apply(h, layer.weight, layer.bias, self.boundary.periodic_axes, tile)
        if layer.kernel_size == (1, 1) and memory_format(h) is torch.channels_last:
            return functional.linear(h.movedim(1, -1), layer.weight.flatten(1), layer.bias).movedim(-1, 1)
        return layer(pad(h, self.width, self.boundary))

    def _tile_size(self, h: Tensor) -> int | None:
        """Of Winograd's convolution; None where the sums are to be taken as they stand."""
        layer = self.convolution
        if (layer.kernel_size, layer.stride, layer.dilation) != ((3, 3), (1, 1), (1, 1)):
            return None
        if h.device.type != "cpu" or torch.compiler.is_compiling() or torch.is_autocast_enabled("cpu"):
            return None
        return tile_size(h.shape, layer.out_channels)


class Upsampling(nn.Module):
    """A transposed convolution that doubles the grid; each new value is read from its two nearest on each axis.

    Args:
        channels: of input and output.
        boundary: of the domain.
    """

    def __init__(self, channels: int, boundary: Boundary) -> None:
        super().__init__()
        self.boundary = boundary
        # Of the 2 N + 6 values that come out of N + 2 padded ones, the 2 N inner ones miss no neighbour.
        convolution = TRANSPOSED_CONVOLUTIONS[boundary.spatial_dims - 1]
        self.convolution = convolution(channels, channels, 4, stride=2, padding=3)

    def forward(self, h: Tensor) -> Tensor:
        """h (B, C, *N) to (B, C, *(2 N))."""
        return self.convolution(pad(h, 1, self.boundary))
