"""What is asked of the weights of a file: a size that fits its recipe, and numbers that are finite."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.module import (
    register_module_module_registration_hook,
    register_module_parameter_registration_hook,
)
from torch.overrides import TorchFunctionMode

from tendency.errors import ArtefactError

REAL = (torch.float32, torch.float64)
"""Number types that networks are trained in."""

SPARE_FACTOR, SPARE_NUMBERS, SPARE_PARTS = 10, 10_000_000, 1000
"""How much more than its weights a network may take while it is made: initial values and buffers come beside them."""

BY_SHAPE = {torch.empty, torch.zeros, torch.ones, torch.rand, torch.randn, torch.full, torch.eye}
BY_COUNT = {torch.arange, torch.linspace}
"""What makes tensors out of nothing, told their shape or one length."""


@contextmanager
def no_larger_than(weights: Mapping[str, Tensor], source: str) -> Iterator[None]:
    """Ends the making of a network before it takes much more memory than the weights that are to go into it.

    Args:
        weights: from a file.
        source: where they come from, for the message.

    Raises:
        ArtefactError: with the number of values that the recipe asks for.
    """
    held = sum(value.numel() for value in weights.values())
    parts, made = SPARE_FACTOR * len(weights) + SPARE_PARTS, 0

    def count(module: nn.Module, name: str, part: Any) -> None:
        nonlocal made
        made += 1
        if made > parts:
            raise ArtefactError(
                f"{source}: its recipe asks for a network of more than {parts:,} parts, and it holds {len(weights):,} "
                "tensors"
            )

    hooks = [register_module_parameter_registration_hook(count), register_module_module_registration_hook(count)]
    try:
        with _Allowance(held, source):
            yield
    finally:
        for hook in hooks:
            hook.remove()


class _Allowance(TorchFunctionMode):
    """Refuses tensors before they are made, once they would come to too many numbers.

    Args:
        held: numbers that the file holds.
        source: the file, for the message.
    """

    def __init__(self, held: int, source: str) -> None:
        super().__init__()
        self.held, self.source, self.asked = held, source, 0

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        if func in BY_SHAPE or func in BY_COUNT:
            self.asked += _numbers(func, args, kwargs or {})
            if self.asked > SPARE_FACTOR * self.held + SPARE_NUMBERS:
                raise ArtefactError(
                    f"{self.source}: its recipe asks for a network of {self.asked:,} numbers or more, and it holds "
                    f"{self.held:,}"
                )
        return func(*args, **(kwargs or {}))


def _numbers(func: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]) -> int:
    """How many numbers a call makes."""
    first = kwargs.get("size", args[0] if args else 0)
    if func in BY_COUNT:
        return max((abs(int(value)) for value in args if isinstance(value, int | float)), default=0)
    shape = first if isinstance(first, list | tuple) else [value for value in args if isinstance(value, int)]
    if func is torch.eye and len(shape) == 1:
        shape = [*shape, *shape]
    return math.prod(shape)


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


def require_tensors(weights: Mapping[str, Any], source: str) -> None:
    """Refuses what is no tensor in memory.

    Args:
        weights: by name.
        source: where they come from, for the message.

    Raises:
        ArtefactError: naming the first.
    """
    for name, value in weights.items():
        if not isinstance(value, Tensor) or value.layout is not torch.strided or value.device.type != "cpu":
            raise ArtefactError(f"{source}: damaged, expected a tensor as {name}, got a {type(value).__name__}")


def require_stored(weights: Mapping[str, Tensor], source: str) -> None:
    """Refuses a tensor that names a number of the file many times over, which takes its memory when it is copied.

    Args:
        weights: by name.
        source: where they come from, for the message.

    Raises:
        ArtefactError: naming the first.
    """
    for name, value in weights.items():
        stored = value.untyped_storage().nbytes() // value.element_size()
        if value.numel() > stored:
            raise ArtefactError(
                f"{source}: damaged, {name} has shape {tuple(value.shape)}, and the file holds {stored:,} numbers of it"
            )


def require_number_types(network: nn.Module, weights: Mapping[str, Tensor], source: str) -> None:
    """Refuses weights that were rounded, or made to numbers of another kind, since they were trained.

    Args:
        network: of this project, which the weights are for.
        weights: by name.
        source: where they come from, for the message.

    Raises:
        ArtefactError: naming the first that is not of the number type of the others.
    """
    parameters = {name for name, _ in network.named_parameters()}
    trained = [value.dtype for name, value in weights.items() if name in parameters]
    expected = trained[0] if trained and trained[0] in REAL else torch.float32
    for name, made in network.state_dict().items():
        if name not in weights:
            continue
        there = weights[name].dtype
        if name in parameters and there != expected:
            raise ArtefactError(f"{source}: damaged, expected {name} in {expected} as the others, got {there}")
        if (made.dtype in REAL) != (there in REAL) or made.dtype.is_complex != there.is_complex:
            raise ArtefactError(f"{source}: damaged, expected {name} in a number type like {made.dtype}, got {there}")


def require_units(units: Mapping[str, Tensor], source: str) -> None:
    """Refuses units that no data have: deviations below zero, or of states and outputs that never differ.

    A single channel may be constant, such as a component of a flow that is always zero; its deviation is 0.

    Args:
        units: the state of a normalizer.
        source: where it comes from, for the message.

    Raises:
        ArtefactError: naming the first.
    """
    for name, value in units.items():
        if value.dtype not in REAL:
            raise ArtefactError(f"{source}: damaged, expected normalizer.{name} in {REAL[1]}, got {value.dtype}")
        group, _, figure = name.rpartition(".")
        if figure == "std" and bool((value < 0).any()):
            raise ArtefactError(
                f"{source}: damaged, expected normalizer.{name} to be positive, got {float(value.min()):g}"
            )
        if figure == "std" and group in ("fields", "outputs") and not bool((value > 0).any()):
            raise ArtefactError(
                f"{source}: damaged, expected normalizer.{name} to be positive, got zero in each channel"
            )
