"""Fourier space on periodic grids: derivatives, dealiasing, resampling."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from tendency.simulation.fourier import integer_wavenumbers


def in_transform_layout(multiplier: Tensor, spatial_dims: int) -> Tensor:
    """The same numbers (..., *K) laid out in memory as ``transform`` returns them: the last axis before the others.

    A product of two layouts takes several times as long as one of the same.
    """
    if spatial_dims == 1:
        return multiplier.contiguous()
    return multiplier.movedim(-1, -spatial_dims).contiguous().movedim(-spatial_dims, -1)


def concatenated(coefficients: Sequence[Tensor]) -> Tensor:
    """Coefficients (B, C_i, *K) of several fields as one (B, C, *K), in the layout of ``in_transform_layout``."""
    dims = coefficients[0].ndim - 2
    if dims == 1:
        return torch.cat(list(coefficients), 1)
    return torch.cat([u_hat.movedim(-1, -dims) for u_hat in coefficients], 1).movedim(-dims, -1)


def squared_norm(k: list[Tensor]) -> Tensor:
    """|k|^2 of wavenumbers as ``wavenumbers`` makes them: minus the eigenvalues of the Laplacian."""
    return sum((axis.square() for axis in k[1:]), k[0].square())


def per_mode(values: Tensor, k: list[Tensor]) -> Tensor:
    """One number per trajectory (B,), shaped to broadcast over coefficients (B, C, *K)."""
    return values.reshape(-1, 1, *[1] * len(k))


def dealiased_columns(n: int, degree: int) -> int:
    """How many modes of a real FFT of n points ``dealiasing_mask`` keeps: those of 0 to (n - 1) // (degree + 1)."""
    return (n - 1) // (degree + 1) + 1


def dealiasing_mask(shape: Sequence[int], degree: int, device: torch.device | None = None) -> Tensor:
    """True (1, 1, *K) where (degree + 1) |n| < N on every axis.

    Products of ``degree`` such fields do not alias onto kept modes. Two thirds of the
    modes are kept for quadratic terms, half of them for cubic ones.
    """
    mask = torch.ones(*[1] * (len(shape) + 2), dtype=torch.bool, device=device)
    for numbers, n in zip(integer_wavenumbers(shape, device), shape, strict=True):
        mask = mask & (numbers.abs() < dealiased_columns(n, degree))
    return mask


def resample(u: Tensor, shape: Sequence[int]) -> Tensor:
    """The trigonometric interpolant of u (B, C, *N) on a periodic grid of another shape.

    Modes that both grids resolve are kept; a Nyquist mode of the smaller grid is shared between its two signs.
    """
    old = tuple(u.shape[-len(shape) :])
    u_hat = torch.fft.fftn(u, dim=tuple(range(-len(shape), 0)))
    for axis, (n, m) in enumerate(zip(old, shape, strict=True)):
        u_hat = _resample_axis(u_hat, axis - len(shape), n, m)
    scale = math.prod(shape) / math.prod(old)
    return torch.fft.ifftn(u_hat, dim=tuple(range(-len(shape), 0))).real * scale


def interpolation_matrix(n: int, positions: Tensor) -> Tensor:
    """W (P, n): the trigonometric interpolant of n equidistant values of one period, at P positions.

    W_pj = (1 / n) sum_k exp(2 pi i k (s_p - j / n)) in closed form (Dirichlet's kernel); a Nyquist mode is shared
    between its two signs.

    Args:
        n: number of points at j / n.
        positions: (P,) float64, as shares of the period.
    """
    points = torch.arange(n, dtype=torch.float64, device=positions.device) / n
    distance = positions.double()[:, None] - points
    # Half the angle, to the nearest image: there both sines vanish together, and only there.
    half = math.pi * (distance - distance.round())
    there = half == 0
    half = torch.where(there, 1.0, half)
    below = torch.tan(half) if n % 2 == 0 else torch.sin(half)
    return torch.where(there, 1.0, torch.sin(n * half) / (n * below))


def evaluate_on_grid(u: Tensor, positions: Sequence[Tensor]) -> Tensor:
    """The trigonometric interpolant of u (B, C, *N) on a tensor grid, (B, C, *M).

    Args:
        u: on equidistant points of a torus.
        positions: for each axis (M_axis,), as shares of the period.
    """
    for axis, along in enumerate(positions):
        dim = axis - len(positions)
        matrix = interpolation_matrix(u.shape[dim], along).to(u)
        u = (u.movedim(dim, -1) @ matrix.T).movedim(-1, dim)
    return u


def evaluate_at_nodes(u: Tensor, positions: Tensor) -> Tensor:
    """The trigonometric interpolant of u (B, C, *N) at scattered nodes, (B, C, P).

    Args:
        u: on equidistant points of a torus.
        positions: (P, D), as shares of the periods.
    """
    dims = positions.shape[1]
    matrices = [interpolation_matrix(n, positions[:, axis]).to(u) for axis, n in enumerate(u.shape[-dims:])]
    values = u @ matrices[-1].T
    for matrix in reversed(matrices[:-1]):
        values = (values * matrix.T).sum(-2)
    return values


def _resample_axis(u_hat: Tensor, axis: int, n: int, m: int) -> Tensor:
    if n == m:
        return u_hat
    low = min(n, m)
    half = low // 2
    positive = u_hat.narrow(axis, 0, half + low % 2)
    negative = u_hat.narrow(axis, n - half + (1 - low % 2), half - (1 - low % 2))
    gap = list(u_hat.shape)
    if low % 2:
        gap[axis] = m - low
        return torch.cat([positive, u_hat.new_zeros(gap), negative], axis)
    if n < m:
        nyquist = u_hat.narrow(axis, half, 1) / 2
        gap[axis] = m - n - 1
        return torch.cat([positive, nyquist, u_hat.new_zeros(gap), nyquist, negative], axis)
    nyquist = u_hat.narrow(axis, half, 1) + u_hat.narrow(axis, n - half, 1)
    return torch.cat([positive, nyquist, negative], axis)
