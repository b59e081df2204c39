"""The part of a Fourier operator around its layers: coordinates, lifting, extension of axes with ends, projection."""

import math
from collections.abc import Iterable, Sequence

from torch import Tensor, nn
from torch.nn import functional

from tendency.simulation.geometry import Geometry
from tendency.surrogates.interface import Interface
from tendency.surrogates.layers.coordinates import num_features, with_coordinates
from tendency.surrogates.surrogate import require_grid


class FourierFrame(nn.Module):
    """Lifts fields to hidden channels, hands them to the layers, and projects what these make of them.

    Hidden channels are (*N, B, C): a transform of an axis is then one product of matrices for the whole batch.

    Axes with ends are extended by zeros behind their upper end, since a Fourier layer would wrap around it, and cropped
    afterwards.

    Args:
        interface: sizes of the operator's input and output, and the boundary.
        width: hidden channels.
        modes: that the layers keep, on each axis or on all.
        reads_coordinates: whether positions are lifted as well.
        extension: of an axis with ends, as a share of its length.

    Raises:
        ValueError: if there are not as many modes as axes.
    """

    def __init__(
        self,
        interface: Interface,
        *,
        width: int,
        modes: int | Sequence[int],
        reads_coordinates: bool,
        extension: float,
    ) -> None:
        super().__init__()
        boundary, dims = interface.boundary, interface.spatial_dims
        self.modes = (modes,) * dims if isinstance(modes, int) else tuple(modes)
        if len(self.modes) != dims:
            raise ValueError(f"model.modes: expected one number or {dims}, got {list(self.modes)}")
        self.boundary, self.reads_coordinates, self.extension = boundary, reads_coordinates, extension
        lifted = interface.in_channels + (num_features(boundary) if reads_coordinates else 0)
        self.lift = nn.Sequential(nn.Linear(lifted, width), nn.GELU(), nn.Linear(width, width))
        self.project = nn.Sequential(nn.Linear(width, width), nn.GELU(), nn.Linear(width, interface.out_channels))

    def check(self, geometry: Geometry) -> None:
        """Refuses point clouds, and more modes than the grid has.

        Raises:
            ValueError: with the modes that the grid keeps, and the smallest size that keeps enough.
        """
        for n, m in zip(require_grid(geometry, "Fourier layers need").shape, self.modes, strict=True):
            if m > n // 2 + 1:
                raise ValueError(
                    f"model.modes: a grid of {n} points keeps {n // 2 + 1} modes, got {m}; {2 * m - 2} points would do"
                )

    def forward(self, u: Tensor, c: Tensor, x: Tensor, layers: Iterable[nn.Module]) -> Tensor:
        """u (B, C, *N) to (B, C_out, *N); a layer maps (*N', B, width) and c to the same shape, N' being N extended."""
        if self.reads_coordinates:
            u = with_coordinates(u, x, self.boundary)
        h = self.lift(u.movedim((0, 1), (-2, -1)))
        inner = h.shape[:-2]
        h = self._extended(h)
        for layer in layers:
            h = layer(h, c)
        for axis, n in enumerate(inner):
            h = h.narrow(axis, 0, n)
        return self.project(h).movedim((-2, -1), (0, 1))

    def _extended(self, h: Tensor) -> Tensor:
        widths = [0, 0, 0, 0]
        for axis in reversed(range(self.boundary.spatial_dims)):
            periodic = self.boundary.is_periodic(axis)
            widths += [0, 0 if periodic else math.ceil(self.extension * h.shape[axis])]
        return functional.pad(h, widths) if any(widths) else h
