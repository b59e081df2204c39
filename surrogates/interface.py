"""What a network is built for: the sizes of its input and output, and the boundary of the domain."""

from dataclasses import dataclass

from tendency.simulation.geometry import Boundary


@dataclass(frozen=True)
class Interface:
    """What enters and leaves a network; it follows from the dataset and the prediction, never from a yaml.

    Args:
        in_channels: number of channels of u, e.g. the fields of the snapshots that the network sees, and those that
            are known beside the state: constant fields and forcing.
        out_channels: number of channels of the output.
        num_conditions: length of c, the PDE's parameters and what the prediction appends to them; may be 0.
        boundary: boundary of the domain, which padding and coordinates follow.
    """

    in_channels: int
    out_channels: int
    num_conditions: int
    boundary: Boundary

    @property
    def spatial_dims(self) -> int:
        """Number of axes D of the domain."""
        return self.boundary.spatial_dims
