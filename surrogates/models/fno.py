"""The Fourier neural operator."""

from collections.abc import Sequence

from torch import Tensor, nn
from torch.nn import functional

from tendency.simulation.annotations import NonNegativeFloat, PositiveInt
from tendency.surrogates.interface import Interface
from tendency.surrogates.layers.fourier.spectral_condition import SpectralCondition
from tendency.surrogates.layers.fourier.spectral_convolution import SpectralConvolution
from tendency.surrogates.layers.fourier.spectral_weights import SpectralWeights
from tendency.surrogates.models.fourier_operator import FourierOperator


class FNO(FourierOperator):
    """A Fourier neural operator, conditioned on c.

    Each layer is GELU(spectral convolution + pointwise linear). The conditions modulate each layer's spectral weights,
    mode by mode, and shift its channels; without conditions there are no such parameters.

    Args:
        interface: see ``FourierOperator``, as for all arguments but ``modes`` and the last.
        width: number of hidden channels.
        modes: Fourier modes |k| < modes that are kept, on each axis or on all.
        num_layers: number of layers.
        reads_coordinates: feed positions in.
        extension: length of the extension of a non-periodic axis, as a share of the axis.
        weights: parametrisation of the spectral weights; dense when left out.

    References:
        Li et al.: Fourier Neural Operator for Parametric PDEs. arXiv:2010.08895.
        Zhou, Barati Farimani: Predicting Change, Not States. arXiv:2412.13074 (conditional FNO).
    """

    def __init__(
        self,
        interface: Interface,
        *,
        width: PositiveInt,
        modes: PositiveInt | Sequence[PositiveInt],
        num_layers: PositiveInt,
        reads_coordinates: bool = True,
        extension: NonNegativeFloat = 0.25,
        weights: SpectralWeights | None = None,
    ) -> None:
        def layer(modes: Sequence[int]) -> FNOLayer:
            return FNOLayer(width, modes, interface.num_conditions, weights)

        super().__init__(
            interface,
            layer,
            width=width,
            modes=modes,
            num_layers=num_layers,
            reads_coordinates=reads_coordinates,
            extension=extension,
        )


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
