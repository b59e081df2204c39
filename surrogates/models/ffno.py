"""The factorised Fourier neural operator."""

from collections.abc import Sequence

from torch import Tensor, nn
from torch.nn import functional

from tendency.simulation.annotations import NonNegativeFloat, PositiveInt
from tendency.simulation.geometry import Boundary, Geometry
from tendency.surrogates.layers.fourier.fourier_frame import FourierFrame
from tendency.surrogates.layers.fourier.spectral_condition import SpectralCondition
from tendency.surrogates.layers.fourier.spectral_convolution import AxisConvolution
from tendency.surrogates.surrogate import Surrogate


class FFNO(Surrogate):
    """A factorised Fourier neural operator: one transform along each axis, and residual layers.

    h ← h + V GELU( U Σ_a F_a^-1 [ W_a(k) s_a(k) F_a h ] + b ), with the residual outside of the feed-forward part, so
    that many layers can be stacked. A layer has Σ m_a spectral matrices where an FNO has about 2^(D-1) Π m_a. The
    conditions make s_a and b.

    Args:
        spatial_dims: D.
        in_channels: of the input.
        out_channels: of the output.
        num_conditions: length of c.
        boundary: of the domain; a non-periodic axis is extended by zeros before the layers and cropped after them.
        width: hidden channels.
        modes: Fourier modes k < modes that are kept, on each axis or on all.
        num_layers: layers.
        reads_coordinates: feed positions in. Needed where the equation itself depends on position; without them the
            network is equivariant to translations.
        extension: length of the extension of a non-periodic axis, as a share of it.
        expansion: channels between U and V, as a multiple of width.

    References:
        Tran et al.: Factorized Fourier Neural Operators. arXiv:2111.13802, section 3.
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
        modes: PositiveInt | Sequence[PositiveInt],
        num_layers: PositiveInt,
        reads_coordinates: bool = True,
        extension: NonNegativeFloat = 0.25,
        expansion: PositiveInt = 4,
    ) -> None:
        super().__init__(spatial_dims, in_channels, out_channels, num_conditions, boundary)
        self.frame = FourierFrame(
            in_channels,
            out_channels,
            boundary,
            width=width,
            modes=modes,
            reads_coordinates=reads_coordinates,
            extension=extension,
        )
        self.layers = nn.ModuleList(
            FFNOLayer(width, self.frame.modes, num_conditions, expansion) for _ in range(num_layers)
        )

    def check(self, geometry: Geometry) -> None:
        """See ``FourierFrame.check``."""
        self.frame.check(geometry)

    def forward(self, u: Tensor, c: Tensor, x: Tensor) -> Tensor:
        """See ``Surrogate.forward``; any resolution, with the modes that it has."""
        self.require_shapes(u, c)
        return self.frame(u, c, x, self.layers)


class FFNOLayer(nn.Module):
    """h + V GELU( U Σ_a F_a^-1 [ W_a s_a F_a h ] + b ).

    Args:
        width: channels.
        modes: on each axis.
        num_conditions: length of c.
        expansion: of the channels between U and V.
    """

    def __init__(self, width: int, modes: Sequence[int], num_conditions: int, expansion: int) -> None:
        super().__init__()
        self.modes = tuple(modes)
        self.axes = nn.ModuleList(AxisConvolution(width, m, axis) for axis, m in enumerate(self.modes))
        self.inner, self.outer = nn.Linear(width, expansion * width), nn.Linear(expansion * width, width)
        self.condition = (
            SpectralCondition([sum(self.modes)], expansion * width, num_conditions) if num_conditions else None
        )

    def forward(self, h: Tensor, c: Tensor) -> Tensor:
        """h (*N, B, C) and c (B, num_conditions) to (*N, B, C)."""
        factors: tuple[Tensor | None, ...] = (None,) * len(self.modes)
        shift = None
        if self.condition is not None:
            factor, shift = self.condition(c)
            factors = factor.split(self.modes)
        y = self.inner(sum(axis(h, s) for axis, s in zip(self.axes, factors, strict=True)))
        if shift is not None:
            y = y + shift
        return h + self.outer(functional.gelu(y))
