"""The Fourier neural operator."""

from collections.abc import Sequence

from torch import Tensor, nn
from torch.nn import functional

from tendency.simulation.annotations import NonNegativeFloat, PositiveInt
from tendency.simulation.geometry import Boundary, Geometry
from tendency.surrogates.layers.fourier.fourier_frame import FourierFrame
from tendency.surrogates.layers.fourier.spectral_condition import SpectralCondition
from tendency.surrogates.layers.fourier.spectral_convolution import SpectralConvolution
from tendency.surrogates.layers.fourier.spectral_weights import SpectralWeights
from tendency.surrogates.surrogate import Surrogate


class FNO(Surrogate):
    """A Fourier neural operator in one, two or three dimensions, conditioned on c.

    Each layer is GELU(spectral convolution + pointwise linear). The conditions modulate each layer's spectral weights,
    mode by mode, and shift its channels; without conditions there are no such parameters.

    Args:
        spatial_dims: D.
        in_channels: of the input.
        out_channels: of the output.
        num_conditions: length of c.
        boundary: of the domain; a non-periodic axis is extended by zeros before the layers and cropped after them.
        width: hidden channels.
        modes: Fourier modes |k| < modes that are kept, on each axis or on all.
        num_layers: spectral layers.
        reads_coordinates: feed positions in. Needed where the equation itself depends on position (a forcing f(x));
            without them the network is equivariant to translations, as an equation without such a term is.
        extension: length of the extension of a non-periodic axis, as a share of it.
        weights: how the spectral weights are parametrised; dense when left out.

    References:
        Li et al.: Fourier Neural Operator for Parametric PDEs. arXiv:2010.08895.
        Zhou, Barati Farimani: Predicting Change, Not States. arXiv:2412.13074 (conditional FNO).
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
        weights: SpectralWeights | None = None,
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
            FNOLayer(width, self.frame.modes, num_conditions, weights) for _ in range(num_layers)
        )

    def check(self, geometry: Geometry) -> None:
        """See ``FourierFrame.check``."""
        self.frame.check(geometry)

    def forward(self, u: Tensor, c: Tensor, x: Tensor) -> Tensor:
        """See ``Surrogate.forward``; any resolution, with the modes that it has."""
        self.require_shapes(u, c)
        return self.frame(u, c, x, self.layers)


class FNOLayer(nn.Module):
    """GELU(spectral convolution + pointwise linear), modulated by conditions.

    Args:
        width: channels.
        modes: on each axis.
        num_conditions: length of c.
        weights: of the spectral convolution.
    """

    def __init__(self, width: int, modes: Sequence[int], num_conditions: int, weights: SpectralWeights | None) -> None:
        super().__init__()
        self.convolution = SpectralConvolution(width, modes, weights)
        self.pointwise = nn.Linear(width, width)
        rows = self.convolution.rows
        self.condition = SpectralCondition(rows, width, num_conditions) if num_conditions else None

    def forward(self, h: Tensor, c: Tensor) -> Tensor:
        """h (*N, B, C) and c (B, num_conditions) to (*N, B, C)."""
        modulation, offset = None, self.pointwise.bias[None]
        if self.condition is not None:
            modulation, shift = self.condition(c)
            offset = offset + shift
        return functional.gelu(self.convolution(h, modulation, self.pointwise.weight.mT, offset))
