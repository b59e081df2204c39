"""The abstract network."""

from abc import ABC, abstractmethod

from torch import Tensor, nn

from tendency.simulation.geometry import Boundary, Geometry, Grid


class Surrogate(nn.Module, ABC):
    """A network from fields to fields on the same points, told conditions and coordinates.

    The first five arguments of a subclass are injected from the data and the prediction; its own come from its yaml and
    are keyword-only.

    Args:
        spatial_dims: D.
        in_channels: of its input.
        out_channels: of its output.
        num_conditions: length of c; may be 0.
        boundary: of the domain, which padding follows.
    """

    @abstractmethod
    def __init__(
        self, spatial_dims: int, in_channels: int, out_channels: int, num_conditions: int, boundary: Boundary
    ) -> None:
        super().__init__()
        self.spatial_dims, self.in_channels, self.out_channels = spatial_dims, in_channels, out_channels
        self.num_conditions, self.boundary = num_conditions, boundary

    @abstractmethod
    def forward(self, u: Tensor, c: Tensor, x: Tensor) -> Tensor:
        """Evaluates the network.

        Args:
            u: (B, in_channels, *N) in network units.
            c: (B, num_conditions) in network units: the PDE's parameters and what the prediction appends.
            x: (D, *N) or (B, D, *N) coordinates in physical units.

        Returns:
            (B, out_channels, *N) in network units.
        """

    def check(self, geometry: Geometry) -> None:
        """Refuses a geometry that it cannot be trained on.

        Raises:
            ValueError: naming the config key, what was expected and what was found.
        """

    def place(self, geometry: Geometry, extent: Tensor) -> None:
        """Tells the network which points its fields live on; what calls it says so before each evaluation.

        Positions x alone do not tell: scattered nodes do not show where the torus closes, nor that they are no grid.

        Args:
            geometry: the grid or the nodes.
            extent: (B, D) side lengths of the domain, physical units.
        """

    def require_shapes(self, u: Tensor, c: Tensor) -> None:
        """Refuses inputs of the wrong shape.

        Raises:
            ValueError: with the expected and the given shape.
        """
        if u.shape[1] != self.in_channels:
            expected = ("B", self.in_channels, *u.shape[2:])
            raise ValueError(f"expected u of shape {expected}, got {tuple(u.shape)}".replace("'", ""))
        # Not len(u), which would fix the size of the batch in an exported program.
        if tuple(c.shape) != (u.shape[0], self.num_conditions):
            raise ValueError(f"expected c of shape {(u.shape[0], self.num_conditions)}, got {tuple(c.shape)}")


def require_grid(geometry: Geometry, who_needs: str) -> Grid:
    """The geometry, where it is a grid.

    Args:
        geometry: that a network is to be trained on.
        who_needs: the beginning of the sentence that refuses scattered nodes: ``a U-Net needs``.

    Raises:
        ValueError: scattered nodes.
    """
    if not isinstance(geometry, Grid):
        raise ValueError(f"model: {who_needs} a grid; message_passing works on point clouds")
    return geometry
