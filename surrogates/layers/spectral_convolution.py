"""Convolution with a learned kernel that is given by its low Fourier modes, on two exact paths.

The FFT path is the usual one. The matrix path computes only the modes that are kept, as products of real matrices: on
small grids with few modes it needs more arithmetic and much less time, because matrix products run near the machine's
peak and transforms do not. Both give the same numbers to rounding.

References:
    Li et al.: Fourier Neural Operator for Parametric PDEs. arXiv:2010.08895, section 4.
"""

import functools
import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from simulation.annotations import PositiveInt

MATRIX_PATH_SHARE = 0.5
"""The matrix path is taken where at most this share of each axis's modes is kept, and the axis has at most"""
MATRIX_PATH_POINTS = 256


def kept_modes(modes: int, n: int) -> Tensor:
    """The wavenumbers |k| < modes that a grid of n points resolves, zero and positive ones first."""
    positive = torch.arange(min(modes - 1, n // 2) + 1)
    negative = torch.arange(-min(modes - 1, (n - 1) // 2), 0)
    return torch.cat([positive, negative])


class SpectralConvolution(nn.Module):
    """y = F^-1 [ W(k) s(k) F x ], the modes |k_i| < modes_i alone.

    Channels are last, so that every step of the matrix path is a product with the channels as columns. The weights are
    stored as real pairs, which DDP, mixed precision and every optimizer take as they are.

    Args:
        channels: of x and y.
        modes: on each axis.
    """

    def __init__(self, channels: PositiveInt, modes: Sequence[PositiveInt]) -> None:
        super().__init__()
        self.channels, self.modes = channels, tuple(modes)
        # All signs on the leading axes; on the last one a real field's negative wavenumbers are conjugates.
        self.rows = (*(2 * m - 1 for m in self.modes[:-1]), self.modes[-1])
        weight = torch.randn(*self.rows, channels, channels, 2) / (channels * math.sqrt(2))
        self.weight = nn.Parameter(weight)

    @property
    def num_modes(self) -> int:
        """Modes whose weights are learned."""
        return math.prod(self.rows)

    def forward(self, x: Tensor, modulation: Tensor | None = None) -> Tensor:
        """The convolution.

        Args:
            x: (B, *N, C).
            modulation: s, (B, *rows, 2) real pairs; 1 when left out.

        Returns:
            (B, *N, C).
        """
        shape = tuple(x.shape[1:-1])
        ks = [kept_modes(m, n) for m, n in zip(self.modes, shape, strict=True)]
        last = min(self.modes[-1], shape[-1] // 2 + 1)
        ks[-1] = torch.arange(last)
        weight, modulation = self._kept(self.weight, ks, 0), self._kept(modulation, ks, 1)
        if self._by_matrices(shape, ks):
            return _MatrixPath(shape, ks, x).convolve(x, weight, modulation)
        return _by_fft(x, shape, ks, weight, modulation)

    def _by_matrices(self, shape: tuple[int, ...], ks: list[Tensor]) -> bool:
        small = all(n <= MATRIX_PATH_POINTS for n in shape) and len(shape) < 3
        return small and all(len(k) <= MATRIX_PATH_SHARE * n for k, n in zip(ks, shape, strict=True))

    def _kept(self, values: Tensor | None, ks: list[Tensor], first: int) -> Tensor | None:
        """The entries of the modes that this grid resolves; usually all."""
        if values is None:
            return None
        for axis, k in enumerate(ks):
            if len(k) < self.rows[axis]:
                values = values.index_select(first + axis, (k % self.rows[axis]).to(values.device))
        return values


def complex_product(a: Tensor, b: Tensor) -> Tensor:
    """The product of two tensors (..., 2) of real pairs."""
    re = a[..., 0] * b[..., 0] - a[..., 1] * b[..., 1]
    im = a[..., 0] * b[..., 1] + a[..., 1] * b[..., 0]
    return torch.stack([re, im], -1)


def mix_channels(x: Tensor, weight: Tensor) -> Tensor:
    """Multiplies each mode's channels by its complex matrix, as one real product.

    Args:
        x: (M, 2, B, C) real and imaginary parts.
        weight: (M, C, C', 2).

    Returns:
        (M, 2, B, C').
    """
    modes, _, batch, channels = x.shape
    flat = weight.movedim(-1, -2).reshape(modes, channels, -1)
    product = torch.bmm(x.reshape(modes, 2 * batch, channels), flat).view(modes, 2, batch, 2, -1)
    # Unbinding, here and below, costs nothing on the way back; picking out parts would fill zeros around each.
    (rr, ri), (ir, ii) = (part.unbind(2) for part in product.unbind(1))
    return torch.stack([rr - ii, ri + ir], 1)


def _by_fft(
    x: Tensor, shape: tuple[int, ...], ks: list[Tensor], weight: Tensor | None, modulation: Tensor | None
) -> Tensor:
    if weight is None:
        raise ValueError("a spectral convolution needs weights")
    dims = tuple(range(1, 1 + len(shape)))
    # Transforms exist in single and double precision alone.
    exact = x.float() if x.dtype in (torch.bfloat16, torch.float16) else x
    with torch.autocast(x.device.type, enabled=False):
        x_hat = torch.fft.rfftn(exact, dim=dims, norm="forward")
        index = torch.meshgrid(*[(k % n).to(x.device) for k, n in zip(ks, shape, strict=True)], indexing="ij")
        kept = torch.view_as_real(x_hat[(slice(None), *index)].contiguous())
        if modulation is not None:
            kept = complex_product(kept, modulation.to(kept.dtype).unsqueeze(-2))
        flat = kept.flatten(1, len(shape)).permute(1, 3, 0, 2)
        mixed = mix_channels(flat, weight.to(kept.dtype).flatten(0, len(shape) - 1)).permute(2, 0, 3, 1)
        mixed = torch.view_as_complex(mixed.reshape(*kept.shape[:-2], -1, 2).contiguous())
        y_hat = torch.zeros(*x_hat.shape[:-1], mixed.shape[-1], dtype=x_hat.dtype, device=x.device)
        y_hat = y_hat.index_put((slice_indices(len(x), x.device, index)), mixed)
        return torch.fft.irfftn(y_hat, s=shape, dim=dims, norm="forward").to(x.dtype)


def slice_indices(batch: int, device: torch.device, index: Sequence[Tensor]) -> tuple[Tensor, ...]:
    """Index tensors for all rows of a batch at the given modes."""
    rows = torch.arange(batch, device=device).reshape(-1, *[1] * index[0].ndim)
    return (rows, *(i[None].expand(batch, *i.shape) for i in index))


@functools.lru_cache(maxsize=64)
def _tables(n: int, ks: tuple[int, ...], dtype: torch.dtype, device: torch.device) -> tuple[Tensor, Tensor]:
    """cos and sin of 2 pi k j / n, both (K, n)."""
    k = torch.tensor(ks, dtype=torch.float64)
    # The phase is reduced before it is multiplied by pi: large products would lose digits.
    phase = 2 * math.pi * ((k[:, None] * torch.arange(n, dtype=torch.float64)) % n) / n
    return phase.cos().to(dtype).to(device), phase.sin().to(dtype).to(device)


class _MatrixPath:
    """Partial transforms in one or two dimensions as products with real matrices."""

    def __init__(self, shape: tuple[int, ...], ks: list[Tensor], like: Tensor) -> None:
        self.shape, self.ks = shape, ks
        n, k = shape[-1], ks[-1]
        dtype, device = like.dtype, like.device
        cos, sin = _tables(n, tuple(k.tolist()), dtype, device)
        # Forward: mean of x e^{-ikx}. Inverse of a real field: 2 Re for each mode but 0 and Nyquist, which count once.
        once = (k == 0) | (2 * k == n)
        count = torch.where(once, 1.0, 2.0).to(dtype).to(device)[:, None]
        self.analyse = torch.cat([cos, -sin]) / math.prod(shape)
        self.synthesise = torch.cat([count * cos, -count * sin]).T
        if len(shape) == 2:
            cos, sin = _tables(shape[0], tuple(ks[0].tolist()), dtype, device)
            self.leading = torch.cat([cos, sin])
            self.leading_back = torch.cat([cos, sin], 0).view(2, -1, shape[0]).permute(2, 0, 1).flatten(1)

    def convolve(self, x: Tensor, weight: Tensor | None, modulation: Tensor | None) -> Tensor:
        """The convolution of x (B, *N, C)."""
        if weight is None:
            raise ValueError("a spectral convolution needs weights")
        modes = self.transform(x)  # (B, 2, *K, C)
        if modulation is not None:
            re, im = (part.unsqueeze(-1) for part in modulation.unbind(-1))
            xr, xi = modes.unbind(1)
            modes = torch.stack([xr * re - xi * im, xr * im + xi * re], 1)
        batch, channels = len(x), x.shape[-1]
        flat = modes.reshape(batch, 2, -1, channels).permute(2, 1, 0, 3)
        mixed = mix_channels(flat, weight.flatten(0, len(self.shape) - 1))
        mixed = mixed.permute(2, 1, 0, 3).reshape(batch, 2, *(len(k) for k in self.ks), -1)
        return self.inverse(mixed)

    def transform(self, x: Tensor) -> Tensor:
        """The kept modes (B, 2, *K, C), real and imaginary parts, of x (B, *N, C)."""
        batch, channels, last = len(x), x.shape[-1], len(self.ks[-1])
        rows = x.reshape(-1, self.shape[-1], channels)
        z = torch.bmm(self.analyse.expand(len(rows), -1, -1), rows)
        if len(self.shape) == 1:
            return z.view(batch, 2, last, channels)
        z = z.view(batch, self.shape[0], -1)
        w = torch.bmm(self.leading.expand(batch, -1, -1), z)
        w = w.view(batch, 2, len(self.ks[0]), 2, last, channels)
        # (zr + i zi)(cos - i sin)
        (cr, ci), (sr, si) = (part.unbind(2) for part in w.unbind(1))
        return torch.stack([cr + si, ci - sr], 1)

    def inverse(self, y: Tensor) -> Tensor:
        """The real field (B, *N, C) of modes (B, 2, *K, C)."""
        batch, channels, last = len(y), y.shape[-1], len(self.ks[-1])
        if len(self.shape) == 2:
            # (yr + i yi)(cos + i sin), summed over the leading modes.
            yr, yi = y.unbind(1)
            cos_part = torch.stack([yr, yi], 2)
            sin_part = torch.stack([-yi, yr], 2)
            stacked = torch.stack([cos_part, sin_part], 1).reshape(batch, 2 * len(self.ks[0]), -1)
            z = torch.bmm(self.leading_back.expand(batch, -1, -1), stacked)
            z = z.view(batch * self.shape[0], 2 * last, channels)
        else:
            z = y.reshape(batch, 2 * last, channels)
        field = torch.bmm(self.synthesise.expand(len(z), -1, -1), z)
        return field.view(batch, *self.shape, channels)
