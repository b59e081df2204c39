"""The Fourier neural operator."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from simulation.annotations import NonNegativeFloat, PositiveInt
from simulation.geometry import Boundary, Geometry, Grid
from surrogates.layers.coordinates import coordinate_features, num_features
from surrogates.layers.spectral_convolution import SpectralConvolution
from surrogates.surrogate import Surrogate


class FNO(Surrogate):
    """A Fourier neural operator in one, two or three dimensions, conditioned on c.

    Each layer is GELU(spectral convolution + pointwise linear). The conditions modulate each layer's spectral weights,
    mode by mode, and shift its channels; without conditions there are no such parameters.

    Args:
        spatial_dims: D.
        in_channels: of the input.
        out_channels: of the output.
        num_conditions: length of c.
        boundary: of the domain; a non-periodic axis is extended by zeros before the layers and cropped after them.
        width: hidden channels.
        modes: Fourier modes |k| < modes that are kept, on each axis or on all.
        num_layers: spectral layers.
        reads_coordinates: feed positions in. Needed where the equation itself depends on position (a forcing f(x));
            without them the network is equivariant to translations, as an equation without such a term is.
        extension: length of the extension of a non-periodic axis, as a share of it.

    References:
        Li et al.: Fourier Neural Operator for Parametric PDEs. arXiv:2010.08895.
        Zhou, Barati Farimani: Predicting Change, Not States. arXiv:2412.13074 (conditional FNO).
    """

    def __init__(
        self,
        spatial_dims: int,
        in_channels: int,
        out_channels: int,
        num_conditions: int,
        boundary: Boundary,
        *,
        width: PositiveInt,
        modes: PositiveInt | Sequence[PositiveInt],
        num_layers: PositiveInt,
        reads_coordinates: bool = True,
        extension: NonNegativeFloat = 0.25,
    ) -> None:
        super().__init__(spatial_dims, in_channels, out_channels, num_conditions, boundary)
        self.modes = (modes,) * spatial_dims if isinstance(modes, int) else tuple(modes)
        if len(self.modes) != spatial_dims:
            raise ValueError(f"model.modes: expected one number or {spatial_dims}, got {list(self.modes)}")
        self.reads_coordinates, self.extension = reads_coordinates, extension
        lifted = in_channels + (num_features(boundary) if reads_coordinates else 0)
        self.lift = nn.Sequential(nn.Linear(lifted, width), nn.GELU(), nn.Linear(width, width))
        self.layers = nn.ModuleList(FNOLayer(width, self.modes, num_conditions) for _ in range(num_layers))
        self.project = nn.Sequential(nn.Linear(width, width), nn.GELU(), nn.Linear(width, out_channels))

    def check(self, geometry: Geometry) -> None:
        """Refuses point clouds, and more modes than the grid has.

        Raises:
            ValueError: with the modes that the grid keeps.
        """
        if not isinstance(geometry, Grid):
            raise ValueError("model: an FNO needs a grid; message_passing works on point clouds")
        for n, m in zip(geometry.shape, self.modes, strict=True):
            if m > n // 2 + 1:
                raise ValueError(f"model.modes: a grid of {n} points keeps {n // 2 + 1} modes, got {m}")

    def forward(self, u: Tensor, c: Tensor, x: Tensor) -> Tensor:
        """See ``Surrogate.forward``; any resolution, with the modes that it has."""
        self.require_shapes(u, c)
        if self.reads_coordinates:
            x = (x if x.ndim == u.ndim else x[None]).expand(len(u), *x.shape[-u.ndim + 1 :])
            u = torch.cat([u, coordinate_features(x, self.boundary).to(u.dtype)], 1)
        h = self.lift(u.movedim(1, -1))
        inner = h.shape[1:-1]
        h = self._extended(h)
        for layer in self.layers:
            h = layer(h, c)
        h = h[(slice(None), *(slice(n) for n in inner))]
        return self.project(h).movedim(-1, 1)

    def _extended(self, h: Tensor) -> Tensor:
        """Zeros behind the upper end of each non-periodic axis: a Fourier layer would wrap around it."""
        widths = [0, 0]
        for axis in reversed(range(self.spatial_dims)):
            periodic = self.boundary.is_periodic(axis)
            widths += [0, 0 if periodic else math.ceil(self.extension * h.shape[axis + 1])]
        return functional.pad(h, widths) if any(widths) else h


class FNOLayer(nn.Module):
    """GELU(spectral convolution + pointwise linear), modulated by conditions.

    Args:
        width: channels.
        modes: on each axis.
        num_conditions: length of c.
    """

    def __init__(self, width: int, modes: Sequence[int], num_conditions: int) -> None:
        super().__init__()
        self.convolution = SpectralConvolution(width, modes)
        self.pointwise = nn.Linear(width, width)
        self.condition: nn.Module | None = None
        if num_conditions:
            outputs = 2 * self.convolution.num_modes + width
            self.condition = nn.Sequential(nn.Linear(num_conditions, width), nn.GELU(), nn.Linear(width, outputs))

    def forward(self, h: Tensor, c: Tensor) -> Tensor:
        """h (B, *N, C) and c (B, num_conditions) to (B, *N, C)."""
        if self.condition is None:
            return functional.gelu(self.convolution(h) + self.pointwise(h))
        told = self.condition(c)
        pairs = 2 * self.convolution.num_modes
        modulation = told[:, :pairs].reshape(len(h), *self.convolution.rows, 2)
        # Around 1, the weights as they are.
        re, im = modulation.unbind(-1)
        modulation = torch.stack([1 + re, im], -1)
        shift = told[:, pairs:].reshape(len(h), *[1] * (h.ndim - 2), -1)
        return functional.gelu(self.convolution(h, modulation) + (self.pointwise(h) + shift))
