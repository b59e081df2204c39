"""Convolutions that pad by the boundary, in one to three dimensions."""

from torch import Tensor, nn

from simulation.geometry import Boundary
from surrogates.layers.padding import pad

CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)


class BoundaryConvolution(nn.Module):
    """A convolution with an odd kernel whose padding follows the boundary; keeps the size at stride 1.

    Args:
        in_channels: of the input.
        out_channels: of the output.
        kernel: odd, on each axis.
        boundary: of the domain.
        stride: on each axis.
    """

    def __init__(self, in_channels: int, out_channels: int, kernel: int, boundary: Boundary, stride: int = 1) -> None:
        super().__init__()
        self.boundary, self.width = boundary, kernel // 2
        convolution = CONVOLUTIONS[boundary.spatial_dims - 1]
        self.convolution = convolution(in_channels, out_channels, kernel, stride=stride)

    def forward(self, h: Tensor) -> Tensor:
        """h (B, C, *N) to (B, C', *(N / stride))."""
        return self.convolution(pad(h, self.width, self.boundary))
