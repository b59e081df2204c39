"""What Fourier neural operators share: everything but their layer."""

from abc import abstractmethod
from collections.abc import Callable, Sequence

from torch import Tensor, nn

from tendency.simulation.annotations import NonNegativeFloat, PositiveInt
from tendency.simulation.geometry import Geometry
from tendency.surrogates.interface import Interface
from tendency.surrogates.layers.fourier.fourier_frame import FourierFrame
from tendency.surrogates.surrogate import Surrogate

LayerFactory = Callable[[Sequence[int]], nn.Module]
"""Makes a layer that keeps so many modes on each axis: hidden channels h (*N, B, width) and c to the shape of h."""


class FourierOperator(Surrogate):
    """Pointwise lifting, Fourier layers, pointwise projection, in one, two or three dimensions and at any resolution.

    Args:
        interface: sizes and boundary; an axis with ends is extended by zeros before the layers and cropped after them.
        layer: makes each layer.
        width: number of hidden channels.
        modes: number of Fourier modes that a layer keeps, the mean counted, on each axis or on all.
        num_layers: number of layers.
        reads_coordinates: feed positions in. Needed where the equation itself depends on position (a forcing f(x));
            without them the network is equivariant to translations, as an equation without such a term is.
        extension: length of the extension of an axis with ends, as a share of the axis.
    """

    @abstractmethod
    def __init__(
        self,
        interface: Interface,
        layer: LayerFactory,
        *,
        width: PositiveInt,
        modes: PositiveInt | Sequence[PositiveInt],
        num_layers: PositiveInt,
        reads_coordinates: bool,
        extension: NonNegativeFloat,
    ) -> None:
        super().__init__(interface)
        self.frame = FourierFrame(
            interface, width=width, modes=modes, reads_coordinates=reads_coordinates, extension=extension
        )
        self.layers = nn.ModuleList(layer(self.frame.modes) for _ in range(num_layers))

    def check(self, geometry: Geometry) -> None:
        """See ``FourierFrame.check``."""
        self.frame.check(geometry)

    def forward(self, u: Tensor, c: Tensor, x: Tensor) -> Tensor:
        """See ``Surrogate.forward``; any resolution, with the modes that it has."""
        self.require_shapes(u, c)
        return self.frame(u, c, x, self.layers)
