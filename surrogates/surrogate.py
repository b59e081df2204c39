"""The abstract network."""

from abc import ABC, abstractmethod
from typing import Any, Self

import torch
from torch import Tensor, nn

from tendency.simulation.geometry import Geometry, Grid
from tendency.surrogates.interface import Interface


class Surrogate(nn.Module, ABC):
    """A network from fields to fields on the same points, which also reads conditions and where the points lie.

    The first argument of a subclass is the interface, which follows from the data and the prediction; its own arguments
    come from its yaml and are keyword-only.

    Args:
        interface: sizes of input and output, and the boundary of the domain; each is an attribute of the network, too.
    """

    @abstractmethod
    def __init__(self, interface: Interface) -> None:
        super().__init__()
        self.spatial_dims, self.boundary = interface.spatial_dims, interface.boundary
        self.in_channels, self.out_channels = interface.in_channels, interface.out_channels
        self.num_conditions = interface.num_conditions

    def __repr__(self) -> str:
        """One line; its layers are listed by ``children()``."""
        weights = sum(weight.numel() for weight in self.parameters())
        return (
            f"{type(self).__name__}({self.spatial_dims}D, {self.in_channels} -> {self.out_channels} channels, "
            f"{self.num_conditions} conditions, {weights:,} weights)"
        )

    @property
    def dtype(self) -> torch.dtype | None:
        """The real number type of its weights; None where it has none."""
        numbers = (p.dtype.to_real() for p in self.parameters() if p.is_floating_point() or p.is_complex())
        return next(numbers, None)

    def double(self) -> Self:
        """Converts its weights to double precision, complex ones too, which torch would leave as they are."""

        def converted(x: Tensor) -> Tensor:
            return x.to(torch.complex128) if x.is_complex() else x.double() if x.is_floating_point() else x

        return self._apply(converted)

    @abstractmethod
    def forward(self, u: Tensor, c: Tensor, x: Any) -> Tensor:
        """Evaluates the network.

        Args:
            u: (B, in_channels, *N) in network units.
            c: (B, num_conditions) in network units: the PDE's parameters and what the prediction appends.
            x: what ``points`` gives: coordinates (D, *N) or (B, D, *N) in physical units, unless a network reads more.

        Returns:
            (B, out_channels, *N) in network units.
        """

    def check(self, geometry: Geometry) -> None:
        """Refuses a geometry that it cannot be trained on.

        Raises:
            ValueError: naming the config key, what was expected and what was found.
        """

    def points(self, geometry: Geometry, extent: Tensor, dtype: torch.dtype) -> Any:
        """What ``forward`` reads of the points that fields live on: their coordinates.

        A network that reads more of a geometry, neighbour tables say, overrides this. Coordinates alone show neither
        where a torus of scattered nodes closes nor that nodes on a line are no grid. A ``Network`` asks once for a
        batch, outside of what is compiled. The result may hold tensors, tuples of them, and dataclasses that
        ``torch.export.register_dataclass`` knows.

        Args:
            geometry: the grid or the nodes.
            extent: (B, D) side lengths of the domain, physical units; or (1, D), one box for all trajectories.
            dtype: dtype of the fields that ``forward`` is given.

        Returns:
            The third argument of ``forward``, on the device of ``extent``; here (B, D, *N).
        """
        return geometry.coordinates(extent).to(dtype)

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
