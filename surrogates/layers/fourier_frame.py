"""What Fourier operators share around their layers: lifting, coordinates, extension of axes with ends, projection."""

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from simulation.geometry import Boundary, Geometry, Grid
from surrogates.layers.coordinates import coordinate_features, num_features


class FourierFrame(nn.Module):
    """Lifts fields to hidden channels, channels last, hands them to the layers, and projects what these make of them.

    Axes with ends are extended by zeros behind their upper end, since a Fourier layer would wrap around it, and cropped
    afterwards.

    Args:
        in_channels: of the input.
        out_channels: of the output.
        boundary: of the domain.
        width: hidden channels.
        modes: that the layers keep, on each axis or on all.
        reads_coordinates: whether positions are lifted as well.
        extension: of an axis with ends, as a share of its length.

    Raises:
        ValueError: if there are not as many modes as axes.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        boundary: Boundary,
        *,
        width: int,
        modes: int | Sequence[int],
        reads_coordinates: bool,
        extension: float,
    ) -> None:
        super().__init__()
        dims = boundary.spatial_dims
        self.modes = (modes,) * dims if isinstance(modes, int) else tuple(modes)
        if len(self.modes) != dims:
            raise ValueError(f"model.modes: expected one number or {dims}, got {list(self.modes)}")
        self.boundary, self.reads_coordinates, self.extension = boundary, reads_coordinates, extension
        lifted = in_channels + (num_features(boundary) if reads_coordinates else 0)
        self.lift = nn.Sequential(nn.Linear(lifted, width), nn.GELU(), nn.Linear(width, width))
        self.project = nn.Sequential(nn.Linear(width, width), nn.GELU(), nn.Linear(width, out_channels))

    def check(self, geometry: Geometry) -> None:
        """Refuses point clouds, and more modes than the grid has.

        Raises:
            ValueError: with the modes that the grid keeps.
        """
        if not isinstance(geometry, Grid):
            raise ValueError("model: Fourier layers need a grid; message_passing works on point clouds")
        for n, m in zip(geometry.shape, self.modes, strict=True):
            if m > n // 2 + 1:
                raise ValueError(f"model.modes: a grid of {n} points keeps {n // 2 + 1} modes, got {m}")

    def forward(self, u: Tensor, x: Tensor, layers: Callable[[Tensor], Tensor]) -> Tensor:
        """u (B, C, *N) to (B, C_out, *N), where layers map (B, *N', width) to the same shape; N' is N extended."""
        if self.reads_coordinates:
            x = (x if x.ndim == u.ndim else x[None]).expand(u.shape[0], *x.shape[-u.ndim + 1 :])
            u = torch.cat([u, coordinate_features(x, self.boundary).to(u.dtype)], 1)
        h = self.lift(u.movedim(1, -1))
        inner = h.shape[1:-1]
        h = layers(self._extended(h))
        for axis, n in enumerate(inner):
            h = h.narrow(axis + 1, 0, n)
        return self.project(h).movedim(-1, 1)

    def _extended(self, h: Tensor) -> Tensor:
        widths = [0, 0]
        for axis in reversed(range(self.boundary.spatial_dims)):
            periodic = self.boundary.is_periodic(axis)
            widths += [0, 0 if periodic else math.ceil(self.extension * h.shape[axis + 1])]
        return functional.pad(h, widths) if any(widths) else h
