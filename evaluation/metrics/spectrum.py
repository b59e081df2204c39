"""How the energy of a field is spread over scales."""

import math

import torch
from torch import Tensor

from tendency.simulation.fourier import integer_wavenumbers
from tendency.simulation.geometry import Grid


class IsotropicSpectrum:
    """The energy spectrum E_j = ½ Σ |û_k|² over the shell j κ ≤ |k| < (j + 1) κ, of states on one grid.

    κ = 2π / (longest side) is the shells' width. All modes are counted, also those in the corners of the wavenumber
    box, so that Σ_j E_j = ½ ⟨u²⟩. Along an axis that is not periodic the field is first mirrored at its end: the jump
    between its two ends would otherwise spread over all wavenumbers.

    Args:
        grid: where the states live.
        extent: (B, D) side lengths.
    """

    def __init__(self, grid: Grid, extent: Tensor) -> None:
        self.grid = grid
        lengths, shape = extent.double().clone(), list(grid.shape)
        for axis in range(grid.spatial_dims):
            if not grid.boundary.is_periodic(axis):
                lengths[:, axis] *= 2
                shape[axis] *= 2
        # Domains of one size share one table of shells.
        same = bool((lengths == lengths[:1]).all())
        self.shell = _shells(tuple(shape), lengths[:1] if same else lengths)
        self.num_shells = int(self.shell.max()) + 1
        steps = torch.arange(self.num_shells, dtype=torch.float64, device=lengths.device)
        self.missing = steps > self.shell.flatten(1).amax(1, keepdim=True)
        wavenumbers = 2 * math.pi / lengths.amax(1, keepdim=True) * steps
        self.wavenumbers = wavenumbers.masked_fill(self.missing, torch.nan)
        # The real transform leaves out the conjugates of all but the first and the Nyquist column.
        self.twice = torch.full((shape[-1] // 2 + 1,), 2.0, dtype=torch.float64, device=lengths.device)
        self.twice[0] = 1
        if shape[-1] % 2 == 0:
            self.twice[-1] = 1

    def __call__(self, u: Tensor) -> Tensor:
        """The energies (B, C, K) float64 of u (B, C, *N), in the field's unit squared.

        NaN in shells beyond a trajectory's own largest wavenumber (where domains of different shape share a batch).
        """
        u = u.double()
        for axis in range(self.grid.spatial_dims):
            if not self.grid.boundary.is_periodic(axis):
                u = torch.cat([u, u.flip(2 + axis)], 2 + axis)
        modes = torch.fft.rfftn(u, dim=tuple(range(2, u.ndim)), norm="forward")
        square = (modes.real.square() + modes.imag.square()) * (self.twice / 2)
        energy = torch.zeros(*u.shape[:2], self.num_shells, dtype=torch.float64, device=u.device)
        index = self.shell.flatten(1)[:, None].expand(*u.shape[:2], -1)
        energy.scatter_add_(2, index, square.flatten(2))
        return energy.masked_fill(self.missing[:, None], torch.nan)


def _shells(shape: tuple[int, ...], lengths: Tensor) -> Tensor:
    """The shell (B, *modes) int64 of each mode of the real transform, for side lengths (B, D)."""
    stretch = lengths.amax(1, keepdim=True) / lengths
    square = torch.zeros(len(lengths), *[1] * len(shape), dtype=torch.float64, device=lengths.device)
    for axis, numbers in enumerate(integer_wavenumbers(shape, lengths.device)):
        square = square + (stretch[:, axis].reshape(-1, *[1] * len(shape)) * numbers).square()
    # A mode on the edge between two shells belongs to the upper one, rounding or not.
    return (square.sqrt() + 1e-9).floor().long()
