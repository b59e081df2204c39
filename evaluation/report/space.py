"""Geometry and domains of a report's trajectories."""

from dataclasses import dataclass

import numpy as np
import torch

from tendency.simulation.geometry import Geometry, Grid


@dataclass(frozen=True)
class Space:
    """The geometry of a report's trajectories, and the size of each one's domain.

    Args:
        geometry: geometry that all of them share.
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
        """The coordinates (D, *N) of the points of one trajectory.

        Args:
            row: row of the trajectory in the results.
        """
        return self.geometry.coordinates(torch.from_numpy(self.extents[row : row + 1]))[0].numpy()
