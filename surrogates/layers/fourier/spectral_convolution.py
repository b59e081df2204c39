"""Convolution with a learned kernel that is given by its low Fourier modes, on two exact paths.

The FFT path is the usual one. The matrix path computes only the modes that are kept, as products of real matrices: on
small grids with few modes it needs more arithmetic and less time, because matrix products run near the machine's peak
and transforms do not. Both give the same numbers to rounding. Both export; the matrix path
is free of complex numbers, for runtimes that know none, and has a backward pass of its own, which cannot be
differentiated again.

References:
    Li et al.: Fourier Neural Operator for Parametric PDEs. arXiv:2010.08895, section 4.
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from tendency.simulation.annotations import PositiveInt
from tendency.surrogates.layers.fourier.spectral_matrices import KeptModes, MatrixConvolution, pointwise
from tendency.surrogates.layers.fourier.spectral_weights import Dense, SpectralWeights

MATRIX_PATH_SHARE = 0.5
"""The matrix path is taken where at most this share of each axis's modes is kept, and the axis has at most"""
MATRIX_PATH_POINTS = 256


def kept_axes(modes: Sequence[int], shape: Sequence[int]) -> tuple[KeptModes, ...]:
    """The wavenumbers |k| < modes that a grid resolves; a real field needs no negative ones on the last axis.

    On an even leading axis the Nyquist mode is its own conjugate and counts as a positive one.
    """
    axes = [KeptModes(n, min(m, n // 2 + 1), min(m - 1, (n - 1) // 2)) for m, n in zip(modes, shape, strict=True)]
    return (*axes[:-1], KeptModes(axes[-1].points, axes[-1].positive, 0))


def kept_rows(values: Tensor, modes: Sequence[int], axes: tuple[KeptModes, ...]) -> Tensor:
    """Of values (*rows, ...) at all modes, those at the modes that a grid resolves; usually all."""
    for dim, (m, axis) in enumerate(zip(modes, axes, strict=True)):
        if axis.modes < values.shape[dim]:
            parts = [values.narrow(dim, 0, axis.positive)]
            parts += [values.narrow(dim, m, axis.negative)] if axis.negative else []
            values = torch.cat(parts, dim)
    return values


class SpectralConvolution(nn.Module):
    """y = x A + b + F^-1 [ W(k) s(k) F x ], the modes |k_i| < modes_i alone.

    Points are first and channels last, so that every step of the matrix path is a product with samples and channels as
    columns. On each axis the modes are ordered 0, 1, ..., m - 1, -1, ..., -(m - 1); on the last one a real field's
    negative wavenumbers are conjugates of the positive ones, and left out.

    Args:
        channels: of x and y.
        modes: on each axis.
        weights: how W is parametrised; dense when left out.
    """

    def __init__(
        self, channels: PositiveInt, modes: Sequence[PositiveInt], weights: SpectralWeights | None = None
    ) -> None:
        super().__init__()
        self.modes = tuple(modes)
        self.rows = (*(2 * m - 1 for m in self.modes[:-1]), self.modes[-1])
        self.weight = (weights or Dense()).make(self.rows, channels)

    def forward(
        self,
        x: Tensor,
        modulation: Tensor | None = None,
        matrix: Tensor | None = None,
        offset: Tensor | None = None,
    ) -> Tensor:
        """The convolution on whatever grid x lies.

        Args:
            x: (*N, B, C).
            modulation: s, (*rows, 2, B) real and imaginary parts; 1 when left out.
            matrix: A, (C, C).
            offset: b, (B, C) or (1, C); given where A is.

        Returns:
            (*N, B, C).
        """
        axes = kept_axes(self.modes, x.shape[:-2])
        weight = kept_rows(self.weight(), self.modes, axes)
        if modulation is not None:
            modulation = kept_rows(modulation, self.modes, axes)
        return convolve(x, weight, modulation, matrix, offset, axes)


class AxisConvolution(nn.Module):
    """y = F_a^-1 [ W(k) s(k) F_a x ] along one axis a, each line of the other axes for itself.

    Args:
        channels: of x and y.
        modes: k = 0, ..., modes - 1 that are kept.
        axis: a.
    """

    def __init__(self, channels: PositiveInt, modes: PositiveInt, axis: int) -> None:
        super().__init__()
        self.modes, self.axis = modes, axis
        self.weight = Dense().make((modes,), channels)

    def forward(self, x: Tensor, modulation: Tensor | None = None) -> Tensor:
        """x (*N, B, C), and s (modes, 2, B) or none for 1, to (*N, B, C)."""
        x = x.movedim(self.axis, 0)
        axes = kept_axes([self.modes], x.shape[:1])
        weight = kept_rows(self.weight(), [self.modes], axes)
        # The other axes are more samples.
        if modulation is not None:
            modulation = kept_rows(modulation, [self.modes], axes).repeat(1, 1, math.prod(x.shape[1:-2]))
        y = convolve(x.flatten(1, -2), weight, modulation, None, None, axes)
        return y.view(x.shape).movedim(0, self.axis)


def convolve(
    x: Tensor,
    weight: Tensor,
    modulation: Tensor | None,
    matrix: Tensor | None,
    offset: Tensor | None,
    axes: tuple[KeptModes, ...],
) -> Tensor:
    """y = x A + b + F^-1 [ W(k) s(k) F x ] on the path that is the faster one.

    Transforms and the mixing of channels run in single precision at least, also under autocast: a spectrum falls by
    decades, and half precision holds three digits of its largest mode. x A + b runs in the precision of x.

    Args:
        x: (*N, B, C).
        weight: W, (*K, C, 2, C_out).
        modulation: s, (*K, 2, B), or None.
        matrix: A, (C, C_out), or None.
        offset: b, (B, C_out) or (1, C_out), or None.
        axes: the modes on each axis of N.
    """
    path = MatrixConvolution.apply if by_matrices(axes) else by_fft
    half = x.dtype in (torch.bfloat16, torch.float16)
    # On the meta device, where networks are sized, nothing is computed and autocast is not known.
    with torch.autocast("cpu" if x.is_meta else x.device.type, enabled=False):
        exact = x.float() if half else x
        weight = weight.to(exact.dtype)
        modulation = None if modulation is None else modulation.to(exact.dtype)
        if matrix is None or offset is None:
            return path(exact, weight, modulation, None, None, axes).to(x.dtype)
        matrix, offset = matrix.to(x.dtype), offset.to(x.dtype)
        if not half:
            return path(exact, weight, modulation, matrix, offset, axes)
        return path(exact, weight, modulation, None, None, axes).to(x.dtype) + pointwise(x, matrix, offset)


def by_matrices(axes: tuple[KeptModes, ...]) -> bool:
    """Whether the matrix path is the faster one on such a grid."""
    return all(axis.points <= MATRIX_PATH_POINTS and axis.modes <= MATRIX_PATH_SHARE * axis.points for axis in axes)


def by_fft(
    x: Tensor,
    weight: Tensor,
    modulation: Tensor | None,
    matrix: Tensor | None,
    offset: Tensor | None,
    axes: tuple[KeptModes, ...],
) -> Tensor:
    """``convolve`` by Fourier transforms; on the leading axes of the modes that are kept on those after them."""
    last, leading = len(axes), range(1, len(axes))
    # Samples first: transforms along the first axis would run over memory in long strides.
    z = torch.fft.rfft(x.movedim(-2, 0).contiguous(), dim=last, norm="forward").narrow(last, 0, axes[-1].positive)
    for dim in reversed(leading):
        axis = axes[dim - 1]
        z = torch.fft.fft(z, dim=dim, norm="forward")
        below = z.narrow(dim, axis.points - axis.negative, axis.negative).flip(dim)
        z = torch.cat([z.narrow(dim, 0, axis.positive), below], dim)
    z = z.movedim(0, -2)
    modes, channels = z.shape[:-2], weight.shape[-3]
    if modulation is not None:
        z = z * torch.complex(*modulation.unbind(-2)).unsqueeze(-1)
    weight = torch.complex(*weight.unbind(-2)).reshape(-1, channels, weight.shape[-1])
    z = torch.bmm(z.reshape(len(weight), -1, channels), weight).view(*modes, x.shape[-2], -1).movedim(-2, 0)
    for dim in leading:
        axis = axes[dim - 1]
        above, below = z.split([axis.positive, axis.negative], dim)
        between = list(z.shape)
        between[dim] = axis.points - axis.modes
        z = torch.cat([above, z.new_zeros(between), below.flip(dim)], dim)
        z = torch.fft.ifft(z, dim=dim, norm="forward")
    y = torch.fft.irfft(z, n=axes[-1].points, dim=last, norm="forward").contiguous().movedim(0, -2)
    return y.contiguous() if matrix is None or offset is None else pointwise(x, matrix, offset) + y
