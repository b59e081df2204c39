"""A dilated residual network: convolutions that reach far on one grid."""

from collections.abc import Sequence

from torch import Tensor, nn
from torch.nn import functional

from tendency.simulation.annotations import PositiveInt
from tendency.simulation.geometry import Boundary, Geometry
from tendency.surrogates.interface import Interface
from tendency.surrogates.layers.convolution.boundary_convolution import BoundaryConvolution
from tendency.surrogates.layers.convolution.conditional_norm import ConditionalNorm
from tendency.surrogates.layers.coordinates import num_features, with_coordinates
from tendency.surrogates.surrogate import Surrogate, require_grid


class DilatedResNet(Surrogate):
    """The dilated ResNet in one, two or three dimensions: a simple baseline that is hard to beat.

    Between one linear convolution at either end stand residual blocks h + GELU(K_n ... GELU(K_1 h)), whose kernels have
    three points on each axis, ``dilations`` apart: the points that a block reads lie up to their sum away. Conditions
    scale and shift the channels that a block reads. GELU stands where the source has ReLU, as in our other networks.

    Args:
        interface: sizes and boundary; every convolution pads by the boundary, around an axis more than once if need be.
        width: hidden channels.
        num_blocks: residual blocks.
        dilations: of the convolutions of a block.
        reads_coordinates: feed positions in, for equations that depend on them.

    Raises:
        ValueError: no dilations.

    References:
        Stachenfeld et al.: Learned Coarse Models for Efficient Turbulence Simulation. arXiv:2112.15275, section 3.2.
        Perez et al.: FiLM. arXiv:1709.07871.
    """

    def __init__(
        self,
        interface: Interface,
        *,
        width: PositiveInt,
        num_blocks: PositiveInt = 4,
        dilations: Sequence[PositiveInt] = (1, 2, 4, 8, 4, 2, 1),
        reads_coordinates: bool = True,
    ) -> None:
        super().__init__(interface)
        if not dilations:
            raise ValueError("model.dilations: expected at least one convolution in a block, got none")
        self.reads_coordinates = reads_coordinates
        boundary, num_conditions = interface.boundary, interface.num_conditions
        given = interface.in_channels + (num_features(boundary) if reads_coordinates else 0)
        self.first = BoundaryConvolution(given, width, 3, boundary)
        self.blocks = nn.ModuleList(DilatedBlock(width, dilations, num_conditions, boundary) for _ in range(num_blocks))
        self.last = BoundaryConvolution(width, interface.out_channels, 3, boundary)

    def check(self, geometry: Geometry) -> None:
        """Refuses point clouds.

        Raises:
            ValueError: the geometry is no grid.
        """
        require_grid(geometry, "a dilated ResNet needs")

    def forward(self, u: Tensor, c: Tensor, x: Tensor) -> Tensor:
        """See ``Surrogate.forward``; any resolution."""
        self.require_shapes(u, c)
        h = self.first(with_coordinates(u, x, self.boundary) if self.reads_coordinates else u)
        for block in self.blocks:
            h = block(h, c)
        return self.last(h)


class DilatedBlock(nn.Module):
    """h + GELU(K_n ... GELU(K_1 h)), the input of K_1 scaled and shifted by conditions.

    Args:
        width: channels.
        dilations: of the convolutions.
        num_conditions: length of c.
        boundary: of the domain.
    """

    def __init__(self, width: int, dilations: Sequence[int], num_conditions: int, boundary: Boundary) -> None:
        super().__init__()
        embedding = 2 * width if num_conditions else 0
        self.embed = nn.Sequential(nn.Linear(num_conditions, embedding), nn.GELU()) if num_conditions else None
        self.modulation = ConditionalNorm(width, 0, embedding)
        self.convolutions = nn.ModuleList(
            BoundaryConvolution(width, width, 3, boundary, dilation=dilation) for dilation in dilations
        )

    def forward(self, h: Tensor, c: Tensor) -> Tensor:
        """h (B, C, *N) and c (B, num_conditions) to (B, C, *N)."""
        y = self.modulation(h, None if self.embed is None else self.embed(c))
        for convolution in self.convolutions:
            y = functional.gelu(convolution(y))
        return h + y
