"""A U-Net: convolutions on successively coarser grids, with skips between equal ones."""

from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from tendency.simulation.annotations import NonNegativeInt, PositiveInt
from tendency.simulation.geometry import Boundary, Geometry
from tendency.surrogates.interface import Interface
from tendency.surrogates.layers.convolution.boundary_convolution import BoundaryConvolution, Upsampling, channels_last
from tendency.surrogates.layers.convolution.conditional_norm import ConditionalNorm
from tendency.surrogates.layers.convolution.self_attention import SelfAttention
from tendency.surrogates.layers.coordinates import num_features, with_coordinates
from tendency.surrogates.surrogate import Surrogate, require_grid


class UNet(Surrogate):
    """The modern U-Net in one, two or three dimensions; conditions scale and shift the channels of each block.

    On the way down each level has ``num_blocks`` residual blocks; two more stand at the bottom. On the way up each
    level has ``num_blocks`` + 1, and each of them reads what came out at its place on the way down.

    Args:
        interface: sizes and boundary; every convolution pads by the boundary.
        width: channels before the first level.
        multipliers: channels of each level over ``width``; each further level halves the grid.
        num_blocks: residual blocks of each level on the way down.
        num_groups: of each group normalisation; 0 for none. The fewer, the more of the amplitudes remains.
        attention_levels: whose blocks are followed by self-attention, which costs the square of their points; 0 is the
            finest, -1 the coarsest, whose attention stands at the bottom, too.
        num_heads: of self-attention.
        reads_coordinates: feed positions in, for equations that depend on them.

    Raises:
        ValueError: no level, attention on a level that is not there, or groups or heads that do not divide channels.

    References:
        Ronneberger, Fischer, Brox: U-Net. arXiv:1505.04597.
        Gupta, Brandstetter: Towards Multi-spatiotemporal-scale Generalized PDE Modeling. arXiv:2209.15616.
        Dhariwal, Nichol: Diffusion Models Beat GANs. arXiv:2105.05233.
    """

    def __init__(
        self,
        interface: Interface,
        *,
        width: PositiveInt,
        multipliers: Sequence[PositiveInt] = (1, 2, 4),
        num_blocks: PositiveInt = 1,
        num_groups: NonNegativeInt = 1,
        attention_levels: Sequence[int] = (),
        num_heads: PositiveInt = 4,
        reads_coordinates: bool = True,
    ) -> None:
        super().__init__(interface)
        if not multipliers:
            raise ValueError("model.multipliers: expected at least one level, got none")
        levels = range(len(multipliers))
        if wrong := [level for level in attention_levels if not -len(levels) <= level < len(levels)]:
            raise ValueError(
                f"model.attention_levels: expected levels from {-len(levels)} to {levels[-1]}, got {wrong[0]}"
            )
        attentive = {levels[level] for level in attention_levels}
        self.reads_coordinates = reads_coordinates
        self.factor = 2 ** (len(multipliers) - 1)
        boundary, num_conditions = interface.boundary, interface.num_conditions
        embedding = 4 * width if num_conditions else 0
        self.embed = (
            nn.Sequential(nn.Linear(num_conditions, embedding), nn.GELU(), nn.Linear(embedding, embedding), nn.GELU())
            if num_conditions
            else None
        )

        def block(inner: int, outer: int, level: int) -> UNetBlock:
            heads = num_heads if level in attentive else 0
            return UNetBlock(inner, outer, embedding, num_groups, heads, boundary)

        channels = [width * multiplier for multiplier in multipliers]
        # What a level is given, and gives back on the way up.
        given = [width, *channels[:-1]]
        self.first = BoundaryConvolution(
            interface.in_channels + (num_features(boundary) if reads_coordinates else 0), width, 3, boundary
        )
        self.down_blocks = nn.ModuleList(
            nn.ModuleList(block(given[i] if j == 0 else channels[i], channels[i], i) for j in range(num_blocks))
            for i in levels
        )
        self.down = nn.ModuleList(BoundaryConvolution(c, c, 3, boundary, stride=2) for c in channels[:-1])
        # Where the coarsest level attends, the bottom does so once, between its blocks.
        self.middle = nn.ModuleList([block(channels[-1], channels[-1], i) for i in (levels[-1], len(levels))])
        self.up_blocks = nn.ModuleList(
            nn.ModuleList(
                [block(2 * channels[i], channels[i], i) for _ in range(num_blocks)]
                + [block(channels[i] + given[i], given[i], i)]
            )
            for i in levels
        )
        self.up = nn.ModuleList(Upsampling(c, boundary) for c in channels[:-1])
        self.last_norm = ConditionalNorm(width, num_groups, 0)
        self.last = BoundaryConvolution(width, interface.out_channels, 3, boundary)

    def check(self, geometry: Geometry) -> None:
        """Refuses point clouds and sizes that cannot be halved so often.

        Raises:
            ValueError: with sizes that would do.
        """
        self._check_shape(tuple(require_grid(geometry, "a U-Net needs").shape))

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
        e = None if self.embed is None else self.embed(c)
        h = channels_last(self.first(with_coordinates(u, x, self.boundary) if self.reads_coordinates else u))
        skips = [h]
        for level, blocks in enumerate(self.down_blocks):
            for block in cast(nn.ModuleList, blocks):
                h = block(h, e)
                skips.append(h)
            if level < len(self.down):
                h = self.down[level](h)
                skips.append(h)
        for block in self.middle:
            h = block(h, e)
        for level in reversed(range(len(self.up_blocks))):
            for block in cast(nn.ModuleList, self.up_blocks[level]):
                h = block(torch.cat([h, skips.pop()], 1), e)
            if level:
                h = self.up[level - 1](h)
        return self.last(functional.gelu(self.last_norm(h)))


class UNetBlock(nn.Module):
    """Two normalised convolutions beside a pointwise path, then self-attention if there are heads.

    Args:
        in_channels: of the input.
        out_channels: of the output.
        embedding: length of the embedded conditions, which scale and shift between the convolutions; 0 for none.
        num_groups: of the normalisations.
        num_heads: of self-attention; 0 for none.
        boundary: of the domain.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        embedding: int,
        num_groups: int,
        num_heads: int,
        boundary: Boundary,
    ) -> None:
        super().__init__()
        self.first_norm = ConditionalNorm(in_channels, num_groups, 0)
        self.first = BoundaryConvolution(in_channels, out_channels, 3, boundary)
        self.second_norm = ConditionalNorm(out_channels, num_groups, embedding)
        self.second = BoundaryConvolution(out_channels, out_channels, 3, boundary)
        self.pointwise = (
            nn.Identity()
            if in_channels == out_channels
            else BoundaryConvolution(in_channels, out_channels, 1, boundary)
        )
        self.attention = SelfAttention(out_channels, num_heads, num_groups) if num_heads else nn.Identity()

    def forward(self, h: Tensor, e: Tensor | None) -> Tensor:
        """h (B, C, *N) and e (B, E) to (B, C', *N)."""
        y = self.first(functional.gelu(self.first_norm(h)))
        y = self.second(functional.gelu(self.second_norm(y, e)))
        return self.attention(self.pointwise(h) + y)
