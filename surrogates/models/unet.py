"""A U-Net: convolutions on successively coarser grids, with skips between equal ones."""

import itertools
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from simulation.annotations import PositiveInt
from simulation.geometry import Boundary, Geometry, Grid
from surrogates.layers.convolution import BoundaryConvolution
from surrogates.layers.coordinates import coordinate_features, num_features
from surrogates.surrogate import Surrogate


class UNet(Surrogate):
    """A residual U-Net in one, two or three dimensions; conditions scale and shift each block's channels.

    Args:
        spatial_dims: D.
        in_channels: of the input.
        out_channels: of the output.
        num_conditions: length of c.
        boundary: of the domain; every convolution pads by it.
        width: channels of the finest level; a multiple of 8 or less than 8.
        multipliers: channels of each level over ``width``; each further level halves the grid.
        reads_coordinates: feed positions in, for equations that depend on them.

    References:
        Ronneberger, Fischer, Brox: U-Net. arXiv:1505.04597.
        Gupta, Brandstetter: Towards Multi-spatiotemporal-scale Generalized PDE Modeling. arXiv:2209.15616.
    """

    def __init__(
        self,
        spatial_dims: int,
        in_channels: int,
        out_channels: int,
        num_conditions: int,
        boundary: Boundary,
        *,
        width: PositiveInt,
        multipliers: Sequence[PositiveInt] = (1, 2, 4),
        reads_coordinates: bool = True,
    ) -> None:
        super().__init__(spatial_dims, in_channels, out_channels, num_conditions, boundary)
        if not multipliers:
            raise ValueError("model.multipliers: expected at least one level, got none")
        self.reads_coordinates = reads_coordinates
        self.factor = 2 ** (len(multipliers) - 1)
        channels = [width * multiplier for multiplier in multipliers]
        first = in_channels + (num_features(boundary) if reads_coordinates else 0)
        self.first = BoundaryConvolution(first, channels[0], 3, boundary)
        self.down_blocks = nn.ModuleList(ResidualBlock(c, c, num_conditions, boundary) for c in channels)
        pairs = list(itertools.pairwise(channels))
        self.down = nn.ModuleList(BoundaryConvolution(a, b, 3, boundary, stride=2) for a, b in pairs)
        self.up = nn.ModuleList(BoundaryConvolution(b, a, 3, boundary) for a, b in pairs)
        self.up_blocks = nn.ModuleList(ResidualBlock(2 * a, a, num_conditions, boundary) for a, _ in pairs)
        self.last = BoundaryConvolution(channels[0], out_channels, 3, boundary)

    def check(self, geometry: Geometry) -> None:
        """Refuses point clouds and sizes that cannot be halved so often.

        Raises:
            ValueError: with sizes that would do.
        """
        if not isinstance(geometry, Grid):
            raise ValueError("model: a U-Net needs a grid; message_passing works on point clouds")
        self._check_shape(tuple(geometry.shape))

    def _check_shape(self, shape: tuple[int, ...]) -> None:
        if wrong := [n for n in shape if n % self.factor or n < 2 * self.factor]:
            below = max(wrong[0] // self.factor, 2) * self.factor
            raise ValueError(
                f"model.multipliers: this U-Net halves the grid {self.factor.bit_length() - 1} times, so sizes are "
                f"multiples of {self.factor} from {2 * self.factor} on; got {list(shape)}, "
                f"{below} or {below + self.factor} would do"
            )

    def forward(self, u: Tensor, c: Tensor, x: Tensor) -> Tensor:
        """See ``Surrogate.forward``."""
        self.require_shapes(u, c)
        self._check_shape(tuple(u.shape[2:]))
        if self.reads_coordinates:
            x = (x if x.ndim == u.ndim else x[None]).expand(len(u), *x.shape[-u.ndim + 1 :])
            u = torch.cat([u, coordinate_features(x, self.boundary).to(u.dtype)], 1)
        h = self.first(u)
        skips = []
        for level, block in enumerate(self.down_blocks):
            h = block(h, c)
            if level < len(self.down):
                skips.append(h)
                h = self.down[level](h)
        for level in reversed(range(len(self.up))):
            h = self.up[level](functional.interpolate(h, scale_factor=2.0, mode="nearest"))
            h = self.up_blocks[level](torch.cat([h, skips[level]], 1), c)
        return self.last(functional.gelu(h))


class ResidualBlock(nn.Module):
    """Two normalised convolutions beside a pointwise path; conditions scale and shift between them.

    Args:
        in_channels: of the input.
        out_channels: of the output.
        num_conditions: length of c.
        boundary: of the domain.
    """

    def __init__(self, in_channels: int, out_channels: int, num_conditions: int, boundary: Boundary) -> None:
        super().__init__()
        self.first_norm = nn.GroupNorm(_groups(in_channels), in_channels)
        self.first = BoundaryConvolution(in_channels, out_channels, 3, boundary)
        self.second_norm = nn.GroupNorm(_groups(out_channels), out_channels)
        self.second = BoundaryConvolution(out_channels, out_channels, 3, boundary)
        self.pointwise = (
            nn.Identity()
            if in_channels == out_channels
            else BoundaryConvolution(in_channels, out_channels, 1, boundary)
        )
        self.condition: nn.Module | None = None
        if num_conditions:
            hidden = max(out_channels, 16)
            self.condition = nn.Sequential(
                nn.Linear(num_conditions, hidden), nn.GELU(), nn.Linear(hidden, 2 * out_channels)
            )

    def forward(self, h: Tensor, c: Tensor) -> Tensor:
        """h (B, C, *N) to (B, C', *N)."""
        y = self.first(functional.gelu(self.first_norm(h)))
        y = self.second_norm(y)
        if self.condition is not None:
            scale, shift = self.condition(c).reshape(len(h), -1, *[1] * (h.ndim - 2)).chunk(2, 1)
            y = y * (1 + scale) + shift
        return self.pointwise(h) + self.second(functional.gelu(y))


def _groups(channels: int) -> int:
    """Groups of about eight channels; one group where that does not divide."""
    return channels // 8 if channels % 8 == 0 else 1
