"""Whether the weights of a file are those that its recipe describes, found out before the recipe's network is made."""

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.module import (
    register_module_module_registration_hook,
    register_module_parameter_registration_hook,
)

from tendency.app.runs.recipe import Recipe
from tendency.errors import ArtefactError
from tendency.surrogates.stepper import SurrogateStepper

MOST_NAMED = 4
"""Differences that a message names one by one."""


class _TooManyPartsError(Exception):
    """A network with more parts than the file can have weights for."""


def require_weights_of(recipe: Recipe, weights: Mapping[str, Tensor]) -> None:
    """Refuses a recipe whose network has other weights than the file, by their shapes alone, without making any.

    Args:
        recipe: that names no class outside this project.
        weights: the whole state of its stepper, from the file.

    Raises:
        ArtefactError: with the number of weights that the recipe asks for, and what differs.
    """
    if wrong := [name for name, value in weights.items() if not isinstance(value, Tensor)]:
        raise ArtefactError(f"{recipe.source}: expected a tensor as {wrong[0]}, got {type(weights[wrong[0]]).__name__}")
    source, held = recipe.source, sum(value.numel() for value in weights.values())
    try:
        with _at_most(10 * len(weights) + 1000):
            shapes = {name: tuple(value.shape) for name, value in _without_memory(recipe).state_dict().items()}
    except _TooManyPartsError:
        raise ArtefactError(
            f"{source}: its recipe asks for a network of more than {10 * len(weights) + 1000:,} parts, and it holds "
            f"{len(weights):,} tensors with {held:,} numbers"
        ) from None
    lines = [f"{name}: missing" for name in shapes if name not in weights]
    lines += [f"{name}: not in the network" for name in weights if name not in shapes]
    lines += [
        f"{name}: {shape} by the recipe, {tuple(weights[name].shape)} in the file"
        for name, shape in shapes.items()
        if name in weights and tuple(weights[name].shape) != shape
    ]
    if lines:
        asked = sum(math.prod(shape) for shape in shapes.values())
        more = [f"and {len(lines) - MOST_NAMED} more"] if len(lines) > MOST_NAMED else []
        raise ArtefactError(
            "\n".join(
                [
                    f"{source}: its weights do not fit its recipe, which asks for {asked:,} numbers; it holds {held:,}",
                    *lines[:MOST_NAMED],
                    *more,
                ]
            )
        )


def require_finite(tensors: Mapping[str, Tensor], source: str) -> None:
    """Refuses weights that are not finite.

    Args:
        tensors: by name.
        source: where they come from, for the message.

    Raises:
        ArtefactError: naming the first.
    """
    for name, value in tensors.items():
        if value.is_floating_point() and not bool(torch.isfinite(value).all()):
            count = int((~torch.isfinite(value)).sum())
            raise ArtefactError(f"{source}: damaged, {count} of the {value.numel()} numbers in {name} are not finite")


def _without_memory(recipe: Recipe) -> SurrogateStepper:
    """A recipe's surrogate whose weights have shapes and no values."""
    with torch.device("meta"):
        return recipe.untrained()


@contextmanager
def _at_most(parts: int) -> Iterator[None]:
    """Ends the making of networks that have more parameters and modules than so many.

    Raises:
        _TooManyPartsError: when the number is passed.
    """
    made = 0

    def count(module: nn.Module, name: str, part: Any) -> None:
        nonlocal made
        made += 1
        if made > parts:
            raise _TooManyPartsError

    hooks = [register_module_parameter_registration_hook(count), register_module_module_registration_hook(count)]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()
