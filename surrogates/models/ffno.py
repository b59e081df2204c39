"""The factorised Fourier neural operator."""

from collections.abc import Sequence

from torch import Tensor, nn
from torch.nn import functional

from tendency.simulation.annotations import NonNegativeFloat, PositiveInt
from tendency.surrogates.interface import Interface
from tendency.surrogates.layers.fourier.spectral_condition import SpectralCondition
from tendency.surrogates.layers.fourier.spectral_convolution import AxisConvolution
from tendency.surrogates.models.fourier_operator import FourierOperator


class FFNO(FourierOperator):
    """A factorised Fourier neural operator: one transform along each axis, and residual layers.

    h ← h + V GELU( U Σ_a F_a^-1 [ W_a(k) s_a(k) F_a h ] + b ), with the residual outside of the feed-forward part, so
    that many layers can be stacked. A layer has Σ m_a spectral matrices where an FNO has about 2^(D-1) Π m_a. The
    conditions make s_a and b.

    Args:
        interface: see ``FourierOperator``, as for all arguments but ``modes`` and the last.
        width: number of hidden channels.
        modes: Fourier modes k < modes that are kept, on each axis or on all.
        num_layers: number of layers.
        reads_coordinates: feed positions in.
        extension: length of the extension of a non-periodic axis, as a share of the axis.
        expansion: channels between U and V, as a multiple of width.

    References:
        Tran et al.: Factorized Fourier Neural Operators. arXiv:2111.13802, section 3.
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
        expansion: PositiveInt = 4,
    ) -> None:
        def layer(modes: Sequence[int]) -> FFNOLayer:
            return FFNOLayer(width, modes, interface.num_conditions, expansion)

        super().__init__(
            interface,
            layer,
            width=width,
            modes=modes,
            num_layers=num_layers,
            reads_coordinates=reads_coordinates,
            extension=extension,
        )


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
