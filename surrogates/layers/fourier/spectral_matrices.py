"""A spectral convolution by products with real matrices, for grids of which few modes are kept.

On each axis a field has real coefficients a_k = Σ_j u_j cos(2πkj/n) and b_k = Σ_j u_j sin(2πkj/n): one small matrix.
With several axes the matrices follow one another, and the signs of the leading wavenumbers are told apart at the end,
by additions: with z = re + i im the coefficients of the other axes,

    û(+k) = (a_k - i b_k) z,    û(-k) = (a_k + i b_k) z.

The way back is the transpose of this with other factors, and so is each backward pass: two functions are all there is.
Results are written into buffers of their final layout, modes first, so that mixing the channels is one batched product.

A single axis that keeps many modes is folded first: even modes repeat after half of the points and odd ones change
their sign, so that a product with the sums and one with the differences of both halves, each of half the size in both
directions, are all modes. They then come as two rows, (2, K / 2), the even ones first.
"""

import functools
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

FOLDED_MODES = 32
"""Fewer modes of an axis save less than the sums and differences of its halves cost."""


@dataclass(frozen=True)
class KeptModes:
    """The modes that are kept on one axis: 0 to ``positive`` - 1, and -1 to -``negative``."""

    points: int
    positive: int
    negative: int

    @property
    def modes(self) -> int:
        """How many there are."""
        return self.positive + self.negative


def folded(axes: tuple[KeptModes, ...]) -> bool:
    """Whether both halves of the axis are added and subtracted, so that its modes are (2, K / 2)."""
    axis = axes[0]
    return len(axes) == 1 and axis.points % 2 == 0 and axis.positive % 2 == 0 and axis.positive >= FOLDED_MODES


def by_parity(values: Tensor, axes: tuple[KeptModes, ...]) -> Tensor:
    """Values (K, ...) at the modes of an axis, as (2, K / 2, ...) where it is folded."""
    return values.unflatten(0, (-1, 2)).transpose(0, 1).contiguous() if folded(axes) else values


def in_order(values: Tensor, axes: tuple[KeptModes, ...]) -> Tensor:
    """The reverse of ``by_parity``."""
    return values.transpose(0, 1).flatten(0, 1) if folded(axes) else values


def tables(axes: tuple[KeptModes, ...], like: Tensor) -> tuple[list[Tensor], list[Tensor]]:
    """cos and sin of 2πkj/n of each axis, (2 K, n), with the factors of the way there and of the way back.

    Of a single axis they are real and imaginary parts already, and stand beside each other, mode after mode; of one
    that is folded, (2, K, n / 2).

    There it is the mean. Back, a mode of a real field counts twice on the last axis, but for the mean and the Nyquist
    mode, which are their own conjugates.
    """
    # What a tracer sees must not outlive it.
    table = _table.__wrapped__ if torch.compiler.is_compiling() else _table
    there, back = (
        [table(axes, position, inverse, like.dtype, like.device) for position in range(len(axes))]
        for inverse in (False, True)
    )
    return there, back


@functools.lru_cache(maxsize=256)
def _table(
    axes: tuple[KeptModes, ...], position: int, inverse: bool, dtype: torch.dtype, device: torch.device
) -> Tensor:
    axis, last = axes[position], position == len(axes) - 1
    k, n = torch.arange(axis.positive, device=device), axis.points
    # The phase is reduced before it is multiplied: large products would lose digits.
    phase = (2 * math.pi / n) * ((k[:, None] * torch.arange(n, device=device)) % n).double()
    own_conjugate = ((2 * k) % n == 0)[:, None]
    sine = phase.sin().masked_fill(own_conjugate, 0.0)
    both = torch.cat([phase.cos(), -sine if last else sine])
    if not inverse:
        both = both / n
    elif last:
        both = both * torch.where(own_conjugate, 1.0, 2.0).double().repeat(2, 1)
    if folded(axes):
        both = both[:, : n // 2].unflatten(0, (2, -1, 2)).permute(2, 1, 0, 3).flatten(1, 2)
    elif len(axes) == 1:
        both = both.unflatten(0, (2, -1)).transpose(0, 1).flatten(0, 1)
    return both.to(dtype).contiguous()


def parts(pair: Tensor, dim: int) -> tuple[Tensor, Tensor]:
    """Both halves of a pair at ``dim``, to be written to.

    ``unbind`` gives the same views. But an exporter that turns writing into plain functions, as that to ONNX, fixes the
    batch size of a program that writes to the views of one ``unbind`` or ``split``.
    """
    return pair.select(dim, 0), pair.select(dim, 1)


def written(out: Tensor, operation: Callable[..., Tensor], a: Tensor, b: Tensor) -> None:
    """Writes operation(a, b) to where ``out`` is, without a result in between where nothing traces."""
    if torch.compiler.is_compiling():
        out.copy_(operation(a, b))
    else:
        operation(a, b, out=out)


def coefficients(x: Tensor, axes: tuple[KeptModes, ...], matrices: list[Tensor]) -> Tensor:
    """The kept modes (*K, 2, B, C), real and imaginary parts, of x (*N, B, C)."""
    if folded(axes):
        z = torch.bmm(matrices[0], _sum_and_difference(x.reshape(2, axes[0].points // 2, -1)))
        return z.view(2, axes[0].modes // 2, 2, *x.shape[-2:])
    z, rows = x, 1
    for axis, matrix in zip(axes, matrices, strict=True):
        z = torch.bmm(matrix.expand(rows, -1, -1), z.reshape(rows, axis.points, -1))
        rows = rows * len(matrix)
    if len(axes) == 1:
        return z.view(axes[0].modes, 2, *x.shape[-2:])
    z = z.view(*[n for axis in axes for n in (2, axis.positive)], *x.shape[-2:])
    re, im = z.unbind(-4)
    out = x.new_empty(*[axis.modes for axis in axes], 2, *x.shape[-2:])
    for dim in reversed(range(1, len(axes) - 1)):
        found = _empty_modes(re, axes[dim], 2 * dim), _empty_modes(re, axes[dim], 2 * dim)
        _signs_apart(re, im, axes[dim], 2 * dim, found)
        re, im = found
    _signs_apart(re, im, axes[0], 0, parts(out, -3))
    return out


def _sum_and_difference(halves: Tensor) -> Tensor:
    """a + b and a - b, (2, ...), of a and b, (2, ...)."""
    out = torch.empty_like(halves)
    written(out[0], torch.add, *halves)
    written(out[1], torch.sub, *halves)
    return out


def _empty_modes(pair: Tensor, axis: KeptModes, dim: int) -> Tensor:
    return pair.new_empty(*pair.shape[:dim], axis.modes, *pair.shape[dim + 2 :])


def _signs_apart(re: Tensor, im: Tensor, axis: KeptModes, dim: int, out: tuple[Tensor, ...]) -> None:
    """Writes modes of both signs, from cos and sin on an axis, the pair (2, K) at ``dim``."""
    (cos_re, sin_re), (cos_im, sin_im) = re.unbind(dim), im.unbind(dim)
    up_re, up_im = (part.narrow(dim, 0, axis.positive) for part in out)
    down_re, down_im = (part.narrow(dim, axis.positive, axis.negative) for part in out)
    written(up_re, torch.add, cos_re, sin_im)
    written(up_im, torch.sub, cos_im, sin_re)
    cos_re, sin_re, cos_im, sin_im = (p.narrow(dim, 1, axis.negative) for p in (cos_re, sin_re, cos_im, sin_im))
    written(down_re, torch.sub, cos_re, sin_im)
    written(down_im, torch.add, cos_im, sin_re)


def field(y: Tensor, axes: tuple[KeptModes, ...], matrices: list[Tensor]) -> Tensor:
    """The real field (*N, B, C) of modes y (*K, 2, B, C); the transpose of ``coefficients``."""
    if folded(axes):
        z = torch.bmm(matrices[0].mT, y.reshape(2, axes[0].modes, -1))
        return _sum_and_difference(z).view(axes[0].points, *y.shape[-2:])
    z = y
    if len(axes) > 1:
        re, im = y.unbind(-3)
        z = y.new_empty(*[n for axis in axes for n in (2, axis.positive)], *y.shape[-2:])
        pairs = parts(z, -4)
        for dim in range(len(axes) - 1):
            last = dim == len(axes) - 2
            found = pairs if last else (_empty_pairs(re, axes[dim], 2 * dim), _empty_pairs(re, axes[dim], 2 * dim))
            _signs_together(re, im, axes[dim], 2 * dim, found)
            re, im = found
    rows = math.prod([2 * axis.positive for axis in axes])
    for matrix in reversed(matrices):
        rows = rows // len(matrix)
        z = torch.bmm(matrix.T.expand(rows, -1, -1), z.reshape(rows, len(matrix), -1))
    return z.view(*[axis.points for axis in axes], *y.shape[-2:])


def _empty_pairs(modes: Tensor, axis: KeptModes, dim: int) -> Tensor:
    return modes.new_empty(*modes.shape[:dim], 2, axis.positive, *modes.shape[dim + 1 :])


def _signs_together(re: Tensor, im: Tensor, axis: KeptModes, dim: int, out: tuple[Tensor, ...]) -> None:
    """The transpose of ``_signs_apart``."""
    (up_re, down_re), (up_im, down_im) = (part.split([axis.positive, axis.negative], dim) for part in (re, im))
    (cos_re, sin_re), (cos_im, sin_im) = (parts(part, dim) for part in out)
    cos_re.copy_(up_re)
    cos_im.copy_(up_im)
    sin_re.copy_(-up_im)
    sin_im.copy_(up_re)
    # The mean, and a Nyquist mode, have no negative partner.
    cos_re, sin_re, cos_im, sin_im = (p.narrow(dim, 1, axis.negative) for p in (cos_re, sin_re, cos_im, sin_im))
    cos_re.add_(down_re)
    cos_im.add_(down_im)
    sin_re.add_(down_im)
    sin_im.sub_(down_re)


def rotated(x: Tensor, s: Tensor) -> Tensor:
    """The product of x (*K, 2, B, C) and s (*K, 2, B), complex numbers as pairs."""
    (re, im), (s_re, s_im) = x.unbind(-3), s.unsqueeze(-1).unbind(-3)
    out = torch.empty_like(x)
    out_re, out_im = parts(out, -3)
    written(out_re, torch.mul, re, s_re)
    out_re.addcmul_(im, s_im, value=-1)
    written(out_im, torch.mul, re, s_im)
    out_im.addcmul_(im, s_re)
    return out


def conjugate(s: Tensor) -> Tensor:
    """Of pairs (*K, 2, B)."""
    re, im = s.unbind(-2)
    return torch.stack([re, -im], -2)


def mixed(x: Tensor, weight: Tensor) -> Tensor:
    """Multiplies each mode's channels by its complex matrix, as one real product.

    Args:
        x: (*K, 2, B', C) real and imaginary parts; B' C may be any multiple of C.
        weight: (*K, C, 2, C').

    Returns:
        (*K, 2, B', C').
    """
    channels, _, outs = weight.shape[-3:]
    modes = math.prod(weight.shape[:-3])
    product = torch.bmm(x.reshape(modes, -1, channels), weight.reshape(modes, channels, 2 * outs))
    product = product.view(modes, 2, -1, 2, outs)
    out = x.new_empty(modes, 2, product.shape[2], outs)
    written(out[:, 0], torch.sub, product[:, 0, :, 0], product[:, 1, :, 1])
    written(out[:, 1], torch.add, product[:, 0, :, 1], product[:, 1, :, 0])
    return out.view(*x.shape[:-1], -1)


class MatrixConvolution(torch.autograd.Function):
    """y = x A + b + F^-1 [ W(k) s(k) F x ] with a backward pass of its own.

    Arguments as those of ``spectral_convolution.convolve``. Without A nothing is added. A program that ``torch.export``
    makes of it is for inference: it gives the values, and no gradients of what comes before.
    """

    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        weight: Tensor,
        modulation: Tensor | None,
        matrix: Tensor | None,
        offset: Tensor | None,
        axes: tuple[KeptModes, ...],
    ) -> Tensor:
        """See the class."""
        there, back = tables(axes, x)
        weight = by_parity(weight, axes)
        modulation = None if modulation is None else by_parity(modulation, axes)
        # An exporter traces this with gradients enabled, and what is written into a buffer has none.
        x, weight = x.detach(), weight.detach()
        modulation, matrix, offset = [None if p is None else p.detach() for p in (modulation, matrix, offset)]
        x_hat = coefficients(x, axes, there)
        told = x_hat if modulation is None else rotated(x_hat, modulation)
        y_hat = mixed(told, weight)
        if offset is not None:
            # A constant is a mean.
            y_hat[(0,) * (y_hat.ndim - 2)] += offset
        y = field(y_hat, axes, back)
        if matrix is not None:
            y.view(-1, y.shape[-1]).addmm_(x.reshape(-1, x.shape[-1]), matrix)
        ctx.save_for_backward(None if matrix is None else x, x_hat, told, weight, modulation, matrix)
        ctx.axes, ctx.offsets = axes, 0 if offset is None else offset.shape[0]
        return y

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, g: Tensor) -> tuple[Tensor | None, ...]:
        """The transposed steps in reversed order."""
        x, x_hat, told, weight, modulation, matrix = ctx.saved_tensors
        with torch.autocast(g.device.type, enabled=False):
            there, back = tables(ctx.axes, g)
            g = g.contiguous()
            g_hat = coefficients(g, ctx.axes, back)
            grad, grad_weight = _mixed_backward(g_hat, told, weight)
            grad_modulation = grad_matrix = grad_offset = None
            grad_weight = in_order(grad_weight, ctx.axes)
            if modulation is not None:
                grad_modulation = in_order(_inner(grad, x_hat), ctx.axes)
                grad = rotated(grad, conjugate(modulation))
            grad = field(grad, ctx.axes, there)
            if matrix is not None:
                rows = g.view(-1, g.shape[-1])
                grad_matrix = x.reshape(-1, x.shape[-1]).mT @ rows
                grad_offset = g_hat[(0,) * (g_hat.ndim - 2)].sum_to_size(ctx.offsets, g.shape[-1])
                grad.view(-1, grad.shape[-1]).addmm_(rows, matrix.mT)
            return grad, grad_weight, grad_modulation, grad_matrix, grad_offset, None


def pointwise(x: Tensor, matrix: Tensor, offset: Tensor) -> Tensor:
    """x A + b for x (*N, B, C), A (C, C') and b (B, C') or (1, C')."""
    return x @ matrix + offset


def _mixed_backward(g: Tensor, x: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
    """Gradients of x and of the weight in ``mixed``."""
    channels, _, outs = weight.shape[-3:]
    modes = math.prod(weight.shape[:-3])
    g = g.view(modes, 2, -1, outs)
    # (re, im) beside (im, -re): one product for both parts of either gradient.
    both = g.new_empty(modes, 2, g.shape[2], 2, outs)
    both[..., 0, :] = g
    both[:, 0, :, 1] = g[:, 1]
    both[:, 1, :, 1] = -g[:, 0]
    both = both.view(modes, -1, 2 * outs)
    grad_weight = torch.bmm(x.reshape(modes, -1, channels).mT, both).view(weight.shape)
    return torch.bmm(both, weight.reshape(modes, channels, 2 * outs).mT).view(x.shape), grad_weight


def _inner(g: Tensor, x: Tensor) -> Tensor:
    """The sum of g conj(x) over channels, (*K, 2, B)."""
    (g_re, g_im), (re, im) = g.unbind(-3), x.unbind(-3)
    real = (g_re * re).addcmul_(g_im, im).sum(-1)
    return torch.stack([real, (g_im * re).addcmul_(g_re, im, value=-1).sum(-1)], -2)
