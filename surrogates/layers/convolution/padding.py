"""Padding that follows the boundary of each axis."""

from typing import Any

import torch
from torch import Tensor

from tendency.simulation.geometry import Boundary


def pad(h: Tensor, width: int, boundary: Boundary) -> Tensor:
    """Extends hidden channels beyond the domain by ``width`` points on every side.

    A periodic axis goes on with its other end. Beyond a wall or an open end hidden channels, which are no fields and
    have no sign of their own, are mirrored at the wall (cell centres lie half a cell off it, so the first mirrored
    value is the last inner one): the zero padding that is usual would tell a jump that is not there.

    Args:
        h: (B, C, *N).
        width: any number of points; an axis that is shorter is gone around, or mirrored, more than once.
        boundary: of the domain.

    Returns:
        (B, C, *(N + 2 width)).
    """
    if width == 0:
        return h
    # A compiler makes one loop of the gathers, and would not see through the slices' own gradient.
    if torch.compiler.is_compiling() or width > min(h.shape[2:]):
        return _gathered(h, width, boundary)
    return _Padded.apply(h, width, boundary.periodic_axes)


def _gathered(h: Tensor, width: int, boundary: Boundary) -> Tensor:
    """Each padded point from the inner one that it repeats, whatever the width."""
    for axis in range(boundary.spatial_dims):
        n = h.shape[axis + 2]
        source = torch.arange(-width, n + width, device=h.device)
        if boundary.is_periodic(axis):
            source = source % n
        else:
            # Mirrored at both walls, the domain repeats after twice its length.
            source = source % (2 * n)
            source = torch.minimum(source, 2 * n - 1 - source)
        h = h.index_select(axis + 2, source)
    return h


class _Padded(torch.autograd.Function):
    """``pad`` by slices, for widths up to the size of each axis.

    Its gradient adds the borders' to their sources'. Left to autograd, each slice would bring a tensor of the full size
    with it, which takes a fourth of a network's training step.
    """

    @staticmethod
    def forward(h: Tensor, width: int, periodic: tuple[bool, ...]) -> Tensor:
        """See ``padded``."""
        return padded(h, width, periodic, memory_format(h))

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Tensor) -> None:
        """The operator is linear: its gradient needs no value."""
        _, ctx.width, ctx.periodic = inputs

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Any:
        """The adjoint."""
        return folded(grads[0], ctx.width, ctx.periodic, memory_format(grads[0])), None, None


def memory_format(h: Tensor) -> torch.memory_format:
    """Whether the channels (B, C, *N) are last in memory, for two axes; the usual order otherwise."""
    last = h.ndim == 4 and not h.is_contiguous() and h.is_contiguous(memory_format=torch.channels_last)
    return torch.channels_last if last else torch.contiguous_format


def padded(h: Tensor, width: int, periodic: tuple[bool, ...], memory: torch.memory_format) -> Tensor:
    """``pad`` by slices: the inner part, then the borders."""
    shape = (*h.shape[:2], *(n + 2 * width for n in h.shape[2:]))
    result = torch.empty(shape, dtype=h.dtype, device=h.device, memory_format=memory)
    inner = result
    for axis, n in enumerate(h.shape[2:]):
        inner = inner.narrow(axis + 2, width, n)
    inner.copy_(h)
    # One axis after another, so that corners follow from borders.
    for axis, is_periodic in enumerate(periodic):
        along = result
        for later in range(axis + 1, len(periodic)):
            along = along.narrow(later + 2, width, h.shape[later + 2])
        for border, source in _sources(h.shape[axis + 2], width, is_periodic):
            values = along.narrow(axis + 2, width + source, width)
            along.narrow(axis + 2, border, width).copy_(_turned(values, axis, is_periodic))
    return result


def folded(grad: Tensor, width: int, periodic: tuple[bool, ...], memory: torch.memory_format, axis: int = 0) -> Tensor:
    """The adjoint of ``padded``: the borders of this axis and of all later ones are added to their sources."""
    if axis == len(periodic):
        return grad.clone(memory_format=memory)
    dim, n = axis + 2, grad.shape[axis + 2] - 2 * width
    # The later axes first: they have borders within the borders of this one.
    result = folded(grad.narrow(dim, width, n), width, periodic, memory, axis + 1)
    for border, source in _sources(n, width, periodic[axis]):
        values = folded(grad.narrow(dim, border, width), width, periodic, memory, axis + 1)
        result.narrow(dim, source, width).add_(_turned(values, axis, periodic[axis]))
    return result


def _sources(n: int, width: int, is_periodic: bool) -> tuple[tuple[int, int], tuple[int, int]]:
    """Where both borders of a padded axis begin, and what they repeat in the axis of n points."""
    return ((0, n - width), (n + width, 0)) if is_periodic else ((0, 0), (n + width, n - width))


def _turned(values: Tensor, axis: int, is_periodic: bool) -> Tensor:
    """Beyond a wall is a mirror image."""
    return values if is_periodic else values.flip(axis + 2)
