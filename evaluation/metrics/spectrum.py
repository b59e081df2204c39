"""How the energy of a field is spread over scales."""

import math

import torch
from torch import Tensor

from simulation.geometry import Grid


def energy_spectrum(u: Tensor, grid: Grid, extent: Tensor) -> tuple[Tensor, Tensor]:
    """The isotropic energy spectrum E_j = ½ Σ |û_k|² over the shell j κ ≤ |k| < (j + 1) κ.

    κ = 2π / (longest side) is the shells' width. All modes are counted, also those in the corners of the wavenumber
    box, so that Σ_j E_j = ½ ⟨u²⟩. Along an axis that is not periodic the field is first mirrored at its end: the jump
    between its two ends would otherwise spread over all wavenumbers.

    Args:
        u: (B, C, *N).
        grid: where u lives.
        extent: (B, D) side lengths.

    Returns:
        The wavenumbers j κ (B, K), and the energies (B, C, K) in the field's unit squared, both float64; NaN in shells
        beyond a trajectory's own largest wavenumber (where domains of different shape share a batch).
    """
    u, lengths = u.double(), extent.double().to(u.device).clone()
    for axis in range(grid.spatial_dims):
        if not grid.boundary.is_periodic(axis):
            u = torch.cat([u, u.flip(2 + axis)], 2 + axis)
            lengths[:, axis] *= 2
    shape = u.shape[2:]
    modes = torch.fft.rfftn(u, dim=tuple(range(2, u.ndim)), norm="forward").abs().square() / 2
    # The real transform leaves out the conjugates of all but the first and the Nyquist column.
    twice = torch.full((shape[-1] // 2 + 1,), 2.0, dtype=torch.float64, device=u.device)
    twice[0] = 1
    if shape[-1] % 2 == 0:
        twice[-1] = 1
    shell = _shells(shape, lengths)
    energy = torch.zeros(*u.shape[:2], int(shell.max()) + 1, dtype=torch.float64, device=u.device)
    index = shell.flatten(1)[:, None].expand(-1, u.shape[1], -1)
    energy.scatter_add_(2, index, (modes * twice).flatten(2))
    steps = torch.arange(energy.shape[2], dtype=torch.float64, device=u.device)
    missing = steps > shell.flatten(1).amax(1, keepdim=True)
    wavenumbers = 2 * math.pi / lengths.amax(1, keepdim=True) * steps
    return wavenumbers.masked_fill(missing, torch.nan), energy.masked_fill(missing[:, None], torch.nan)


def _shells(shape: tuple[int, ...], lengths: Tensor) -> Tensor:
    """The shell (B, *modes) int64 of each mode of the real transform, for side lengths (B, D)."""
    stretch = lengths.amax(1, keepdim=True) / lengths
    square = torch.zeros(len(lengths), *[1] * len(shape), dtype=torch.float64, device=lengths.device)
    for axis, n in enumerate(shape):
        frequencies = torch.fft.rfftfreq if axis == len(shape) - 1 else torch.fft.fftfreq
        numbers = frequencies(n, 1 / n, dtype=torch.float64, device=lengths.device)
        broadcast = [-1 if a == axis else 1 for a in range(len(shape))]
        square = square + (stretch[:, axis, None] * numbers).reshape(len(lengths), *broadcast).square()
    # A mode on the edge between two shells belongs to the upper one, rounding or not.
    return (square.sqrt() + 1e-9).floor().long()


def nyquist_wavenumber(grid: Grid, extent: Tensor) -> Tensor:
    """The largest wavenumber (B,) up to which shells are complete: min over the axes of π n / L."""
    points = torch.tensor(grid.shape, dtype=torch.float64, device=extent.device)
    return (math.pi * points / extent.double()).amin(1)
