"""Trees of tensors: dicts, tuples, lists and the project's frozen dataclasses, with tensors as leaves."""

from collections.abc import Callable
from dataclasses import fields, is_dataclass, replace
from typing import Any

from torch import Tensor

Tree = Any
"""A dict, tuple, list or dataclass whose leaves are tensors, batch axis first; anything else in it is static."""


def map_tensors(f: Callable[[Tensor], Tensor], tree: Tree) -> Tree:
    """Applies f to every tensor of a tree and rebuilds it; static parts (a geometry, names) pass through.

    Args:
        f: what is done to each tensor, e.g. ``torch.Tensor.detach`` or ``lambda x: x[2:3]``.
        tree: a tensor, or a dict / tuple / list / dataclass of trees. Dataclasses opt in with ``batched = True``.

    Returns:
        The same structure with every tensor replaced by f(tensor).
    """
    if isinstance(tree, Tensor):
        return f(tree)
    if isinstance(tree, dict):
        return {key: map_tensors(f, value) for key, value in tree.items()}
    if isinstance(tree, tuple | list):
        return type(tree)(map_tensors(f, value) for value in tree)
    if is_dataclass(tree) and not isinstance(tree, type) and getattr(tree, "batched", False):
        return replace(tree, **{field.name: map_tensors(f, getattr(tree, field.name)) for field in fields(tree)})
    return tree


def per_sample(x: Tensor, like: Tensor) -> Tensor:
    """Shapes one number per sample so that it broadcasts against a field.

    Args:
        x: (B,).
        like: (B, ...), whose dtype is taken as well.

    Returns:
        (B, 1, ..., 1) with as many axes as ``like``.
    """
    return x.to(like.dtype).reshape(-1, *[1] * (like.ndim - 1))
