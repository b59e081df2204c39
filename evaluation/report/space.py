"""Where the values of a report lie."""

from dataclasses import dataclass

import numpy as np
import torch

from tendency.simulation.geometry import Geometry, Grid


@dataclass(frozen=True)
class Space:
    """The geometry of a report's trajectories, and the size of each one's domain.

    Args:
        geometry: of all of them.
        extents: (trajectories, D) side lengths, in the order of the results.
    """

    geometry: Geometry
    extents: np.ndarray

    @property
    def spatial_dims(self) -> int:
        """D."""
        return self.geometry.spatial_dims

    @property
    def is_grid(self) -> bool:
        """Whether values lie on a grid; else on scattered nodes."""
        return isinstance(self.geometry, Grid)

    def positions(self, row: int) -> np.ndarray:
        """Where the points (D, *N) of one trajectory lie.

        Args:
            row: of the results.
        """
        return self.geometry.coordinates(torch.from_numpy(self.extents[row : row + 1]))[0].numpy()
