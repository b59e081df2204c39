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


def integer_wavenumbers(shape: Sequence[int], device: torch.device | None = None) -> list[Tensor]:
    """The integers n along each axis, shaped to broadcast over (*K); the last axis has those of a real FFT."""
    axes = []
    for axis, n in enumerate(shape):
        last = axis == len(shape) - 1
        numbers = torch.fft.rfftfreq(n, 1 / n) if last else torch.fft.fftfreq(n, 1 / n)
        view = [1] * len(shape)
        view[axis] = -1
        axes.append(numbers.to(torch.float64).round().to(device).view(view))
    return axes


def wavenumbers(shape: Sequence[int], extent: Tensor) -> list[Tensor]:
    """The wavenumbers k = 2 pi n / L along each axis.

    Args:
        shape: (*N).
        extent: (B, D) side lengths; they may differ between trajectories.

    Returns:
        D tensors (B, 1, ...) that broadcast over (B, C, *K).
    """
    axes = []
    for axis, numbers in enumerate(integer_wavenumbers(shape, extent.device)):
        length = extent[:, axis].reshape(-1, 1, *[1] * len(shape))
        axes.append(2 * math.pi * numbers / length)
    return axes
