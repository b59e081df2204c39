"""A convolution with a kernel of three points on each of two axes, by Winograd's minimal filtering.

Tiles of m + 2 points along each axis, which overlap by two, give m values along each. In the basis where a convolution
is a product, a tile takes one product of matrices over the channels for each of its (m + 2)^2 entries, instead of nine
for each of its m^2 values: a fourth of the multiplications for m = 4, 1 / 2.25 for m = 2. The ways into that basis and
out of it are products of matrices, too. Channels are last in memory, so that tiles are gathered in whole rows.

References:
    Lavin, Gray: Fast Algorithms for Convolutional Neural Networks. arXiv:1509.09308, eqs. (8) to (12).
    Barabasz et al.: Error Analysis and Improving the Accuracy of Winograd Convolution. arXiv:1803.10986.
"""

import functools
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from tendency.surrogates.layers.convolution.padding import folded, padded

POINTS = {2: (0.0, 1.0, -1.0), 4: (0.0, 2 / 3, -2 / 3, 1.5, -1.5)}
"""Where polynomials are evaluated, beside infinity, by m. With 256 channels in float32 the result's relative error is
5e-7 and 1.4e-6 (3.2e-6 with the usual 0, 1, -1, 2, -2), where that of the plain sums is 2.3e-7."""
CHANNELS = 40
"""Faster than plain sums where C C' / (C + C') is at least this (products go as C C', changes of basis as C + C'),"""
FEWEST_POINTS = 256
"""where all samples together have as many points (kernels change their basis as well),"""
MANY_POINTS = 1024
"""and with m = 4 from here on, whose kernels are more than twice as large."""
BLOCK = 3 * 2**20
"""Numbers of the transformed kernels that are made at once: more would leave the cache before they are read."""


def tile_size(shape: torch.Size, outs: int) -> int | None:
    """The m with which the convolution of (B, C, *N) to C' channels is fast, None where it is not."""
    batch, ins, rows, columns = shape
    points = batch * rows * columns
    if ins * outs < CHANNELS * (ins + outs) or points < FEWEST_POINTS:
        return None
    fits = [m for m in (4, 2) if rows % m == 0 == columns % m and (m == 2 or points >= MANY_POINTS)]
    return fits[0] if fits else None


@functools.lru_cache(maxsize=16)
def _bases(m: int, dtype: torch.dtype) -> tuple[Tensor, Tensor, Tensor]:
    """From tiles (E, E), from kernels (E, 9) and to values (m^2, E), with E = (m + 2)^2; for both axes at once."""
    points = torch.tensor(POINTS[m], dtype=torch.float64)

    def evaluated(coefficients: int) -> Tensor:
        """Polynomials with so many coefficients, at the points and at infinity."""
        at_infinity = torch.zeros(1, coefficients, dtype=torch.float64)
        at_infinity[0, -1] = 1
        return torch.cat([points[:, None] ** torch.arange(coefficients), at_infinity])

    axis = torch.linalg.inv(evaluated(m + 2)).T, evaluated(3), evaluated(m).T
    from_tiles, from_kernels, to_values = (torch.kron(one, one).to(dtype).contiguous() for one in axis)
    return from_tiles, from_kernels, to_values


class WinogradConvolution(torch.autograd.Function):
    """The convolution of h (B, C, *N), padded by its boundary, with weight (C', C, 3, 3), plus bias (C',), on a CPU.

    Both N are multiples of m. The result has its channels last in memory. It cannot be differentiated twice.
    """

    @staticmethod
    def forward(ctx: Any, h: Tensor, weight: Tensor, bias: Tensor, periodic: tuple[bool, ...], m: int) -> Tensor:
        """See the class."""
        from_tiles, _, to_values = _bases(m, h.dtype)
        (batch, channels, rows, columns), outs, entries = h.shape, len(weight), len(from_tiles)
        p = padded(h, 1, periodic, torch.channels_last)
        by_sample, by_channel, by_row, by_column = p.stride()
        shape = (m + 2, m + 2, batch, rows // m, columns // m, channels)
        tiles = p.as_strided(shape, (by_row, by_column, by_sample, m * by_row, m * by_column, by_channel))
        tiles = (from_tiles @ tiles.reshape(entries, -1)).view(entries, -1, channels)
        y = h.new_empty(batch, rows // m, m, columns // m, m, outs)
        for part, kernels in _kernels(weight, m):
            products = torch.bmm(tiles, kernels.mT).view(entries, -1)
            values = (to_values @ products).view(m, m, *shape[2:5], -1).permute(2, 3, 0, 4, 1, 5)
            torch.add(values, bias[part], out=y[..., part])
        ctx.save_for_backward(tiles, weight)
        ctx.shape, ctx.periodic, ctx.m = h.shape, periodic, m
        return y.view(batch, rows, columns, outs).movedim(-1, 1)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, g: Tensor) -> tuple[Tensor | None, ...]:
        """The transposed steps in reversed order."""
        tiles, weight = ctx.saved_tensors
        m, (batch, channels, rows, columns), outs = ctx.m, ctx.shape, len(weight)
        from_tiles, from_kernels, to_values = _bases(m, g.dtype)
        entries, places = len(from_tiles), (batch, rows // m, columns // m)
        g = g.movedim(1, -1).reshape(batch, rows // m, m, columns // m, m, outs)
        grad_weight, grad_tiles = torch.empty_like(weight), torch.zeros_like(tiles)
        for part, kernels in _kernels(weight, m):
            values = g[..., part].permute(2, 4, 0, 1, 3, 5).reshape(m * m, -1)
            products = (to_values.mT @ values).view(entries, -1, kernels.shape[1])
            grad_kernels = from_kernels.mT @ torch.bmm(products.mT, tiles).view(entries, -1)
            grad_weight[part] = grad_kernels.view(3, 3, -1, channels).permute(2, 3, 0, 1)
            grad_tiles.baddbmm_(products, kernels)
        grad_tiles = (from_tiles.mT @ grad_tiles.view(entries, -1)).view(m + 2, m + 2, *places, channels)
        grad = folded(_assembled(grad_tiles), 1, ctx.periodic, torch.channels_last)
        return grad, grad_weight, g.reshape(-1, outs).sum(0), None, None


def _kernels(weight: Tensor, m: int) -> Iterator[tuple[slice, Tensor]]:
    """Some of the outputs after others, and their kernels (E, outputs, C)."""
    _, from_kernels, _ = _bases(m, weight.dtype)
    outs, channels = weight.shape[:2]
    step = max(BLOCK // (len(from_kernels) * channels), 32)
    for first in range(0, outs, step):
        part = slice(first, min(first + step, outs))
        yield part, (from_kernels @ weight[part].reshape(-1, 9).mT).view(len(from_kernels), -1, channels)


def _assembled(tiles: Tensor) -> Tensor:
    """The sum (B, C, rows + 2, columns + 2) of overlapping tiles (m + 2, m + 2, B, rows / m, columns / m, C)."""
    size, _, batch, down, across, channels = tiles.shape
    m = size - 2
    tiles = tiles.permute(2, 3, 0, 4, 1, 5)
    whole = tiles.new_zeros(batch, down + 1, m, across + 1, m, channels)
    # What reaches into the next tile is added there.
    whole[:, :down, :, :across] = tiles[:, :, :m, :, :m]
    whole[:, 1:, :2, :across] += tiles[:, :, m:, :, :m]
    whole[:, :down, :, 1:, :2] += tiles[:, :, :m, :, m:]
    whole[:, 1:, :2, 1:, :2] += tiles[:, :, m:, :, m:]
    whole = whole.view(batch, m * (down + 1), m * (across + 1), channels)
    return whole[:, : m * down + 2, : m * across + 2].movedim(-1, 1)
