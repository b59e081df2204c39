"""The abstract network."""

from abc import ABC, abstractmethod

from torch import Tensor, nn

from simulation.geometry import Boundary


class Surrogate(nn.Module, ABC):
    """A network from fields to fields on the same points, told conditions and coordinates.

    Args:
        spatial_dims: D.
        in_channels: of its input.
        out_channels: of its output.
        num_conditions: length of c; may be 0.
        boundary: of the domain.
    """

    @abstractmethod
    def __init__(
        self, spatial_dims: int, in_channels: int, out_channels: int, num_conditions: int, boundary: Boundary
    ) -> None:
        super().__init__()

    @abstractmethod
    def forward(self, u: Tensor, c: Tensor, x: Tensor) -> Tensor:
        """The output (B, out_channels, *N) for u (B, in_channels, *N), c (B, num_conditions) and x (B, D, *N)."""
