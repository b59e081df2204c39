"""Real Fourier transforms on periodic grids, and their wavenumbers."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor


def transform(u: Tensor, spatial_dims: int, columns: int | None = None) -> Tensor:
    """The real FFT (B, C, *K) of u (B, C, *N) over its last ``spatial_dims`` axes.

    Args:
        u: the field.
        spatial_dims: D.
        columns: how many modes of the last axis are wanted, which saves transforms along the others; None for all.
    """
    u_hat = torch.fft.rfft(u)
    if columns is not None:
        u_hat = u_hat[..., :columns]
    return u_hat if spatial_dims == 1 else torch.fft.fftn(u_hat, dim=tuple(range(-spatial_dims, -1)))


def inverse_transform(u_hat: Tensor, shape: Sequence[int]) -> Tensor:
    """The field (B, C, *shape) of its coefficients u_hat (B, C, *K); columns that K lacks are taken as 0."""
    if len(shape) > 1:
        u_hat = torch.fft.ifftn(u_hat, dim=tuple(range(-len(shape), -1)))
    return torch.fft.irfft(u_hat, n=shape[-1])


def mode_frequencies(shape: Sequence[int], device: torch.device | None = None) -> list[Tensor]:
    """The frequencies n / N of the modes along each axis, in cycles per grid point.

    Args:
        shape: (*N).
        device: of the result; the processor when left out.

    Returns:
        D float64 tensors that broadcast over (*K). The last axis has the modes of a real FFT: none that are negative.
    """
    axes = []
    for axis, n in enumerate(shape):
        frequencies = torch.fft.rfftfreq if axis == len(shape) - 1 else torch.fft.fftfreq
        view = [1] * len(shape)
        view[axis] = -1
        axes.append(frequencies(n, dtype=torch.float64, device=device).view(view))
    return axes


def integer_wavenumbers(shape: Sequence[int], device: torch.device | None = None) -> list[Tensor]:
    """The integers n along each axis, float64 and exact, shaped as ``mode_frequencies``."""
    return [(n * f).round() for n, f in zip(shape, mode_frequencies(shape, device), strict=True)]


def wavenumbers(shape: Sequence[int], extent: Tensor) -> list[Tensor]:
    """The wavenumbers k = 2 pi n / L along each axis.

    Args:
        shape: (*N).
        extent: (B, D) side lengths; they may differ between trajectories.

    Returns:
        D tensors (B, 1, ...) that broadcast over (B, C, *K).
    """
    numbers = integer_wavenumbers(shape, extent.device)
    return [2 * math.pi * n / length for n, length in zip(numbers, side_lengths(extent), strict=True)]


def side_lengths(extent: Tensor) -> list[Tensor]:
    """The side lengths (B, D) axis by axis, each (B, 1, ...) so that it broadcasts over (B, C, *K)."""
    return [length.reshape(-1, 1, *[1] * extent.shape[1]) for length in extent.unbind(1)]


def without_nyquist(k: Tensor, axis: int, shape: Sequence[int]) -> Tensor:
    """Wavenumbers k of an axis for an odd number of derivatives: 0 at the Nyquist mode.

    On the points of the grid the derivative of that mode vanishes.

    Args:
        k: broadcasts over (*K).
        axis: among the spatial ones, counted from 0.
        shape: (*N).
    """
    n = shape[axis]
    if n % 2:
        return k
    numbers = integer_wavenumbers(shape, k.device)[axis]
    return torch.where(numbers.abs() == n // 2, 0.0, k)
