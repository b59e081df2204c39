"""What a checkpoint holds beside its recipe, and how an entry of it is looked at; imports no Lightning."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import torch
from pydantic import ConfigDict, TypeAdapter, ValidationError
from torch import Tensor

from tendency.trainers.run_position import RunPosition

TRAINED = "trained_parameters"
"""Entry of a checkpoint whose ``state_dict`` holds averaged weights: those that training goes on with."""


class UnfitStateError(ValueError):
    """A checkpoint does not hold what a training that goes on from it needs; the message names the entry."""

    exit_code = 3


@dataclass(frozen=True)
class ResumedRun:
    """The run that is to go on from a checkpoint.

    Args:
        position: where the checkpoint stands in it.
        weights: initial values of what is trained, by the names of a checkpoint, in the optimizer's order.
        trained: the values that the checkpoint has of them.
        is_own: whether the run itself wrote the checkpoint.
        from_start: whether it did, and began at its first step.
        validates: whether the run validates between the position and the next batch.
    """

    position: RunPosition
    weights: Mapping[str, Tensor]
    trained: Mapping[str, Tensor]
    is_own: bool
    from_start: bool
    validates: bool


@runtime_checkable
class StoresState(Protocol):
    """A callback that says what it stores in a checkpoint."""

    def require_stored(self, checkpoint: Mapping[str, Any], run: ResumedRun) -> None:
        """Looks at what it would go on from.

        Raises:
            UnfitStateError: it is missing though the run itself wrote the checkpoint, or is not what it stores.
        """
        ...


def require_kind(value: Any, kind: Any, key: str) -> Any:
    """The value, where it is of a kind; numbers are not made of texts, nor integers of truth values.

    Args:
        value: from a file.
        kind: an annotation, which pydantic understands.
        key: of the value, for the message.

    Raises:
        UnfitStateError: with the entry, what was expected and the value.
    """
    try:
        # A dictionary that is built as a class has its own configuration, and can be given none.
        own = hasattr(kind, "__pydantic_config__")
        TypeAdapter(kind, config=None if own else ConfigDict(strict=True)).validate_python(value)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        at = ".".join([key, *map(str, first["loc"])])
        given = "nothing" if first["type"] == "missing" else shown(first["input"])
        raise UnfitStateError(f"{at}: {first['msg'].lower()}, got {given}") from None
    return value


def require_weights(found: Any, expected: Mapping[str, Tensor], key: str) -> None:
    """Refuses weights that are not those of a network: other names, shapes or number types, or not finite.

    Args:
        found: from a file.
        expected: those of the network, by name.
        key: of the weights, for the message.

    Raises:
        UnfitStateError: naming the first that differs.
    """
    require_kind(found, dict[str, Any], key)
    for name in expected:
        if name not in found:
            raise UnfitStateError(f"{key}: expected {name}, got nothing by this name")
        require_like(found[name], expected[name], f"{key}.{name}")
    if further := [name for name in found if name not in expected]:
        raise UnfitStateError(f"{key}: expected the weights of this run's network alone, got {further[0]!r} as well")


def require_like(value: Any, expected: Tensor, key: str) -> None:
    """Refuses what is no tensor of the shape and the number type of another, with finite numbers.

    Args:
        value: from a file.
        expected: of the right shape and number type.
        key: of the value, for the message.

    Raises:
        UnfitStateError: with both sides.
    """
    there, here = shown(value), shown(expected)
    if there != here or not _is_dense(value):
        raise UnfitStateError(f"{key}: expected {here}, got {there}")
    if _repeats(value):
        raise UnfitStateError(f"{key}: expected {here}, got fewer numbers, some of them named many times over")
    if not bool(torch.isfinite(value).all()):
        raise UnfitStateError(f"{key}: expected finite numbers, got {int((~torch.isfinite(value)).sum())} that are not")


def _is_dense(value: Tensor) -> bool:
    return value.layout is torch.strided and not value.is_quantized


def _repeats(value: Tensor) -> bool:
    """Whether some numbers of a tensor lie in the same place: a view that is expanded or folded."""
    extent = 1
    for stride, size in sorted(zip(value.stride(), value.shape, strict=True)):
        if size > 1 and stride < extent:
            return True
        extent += (size - 1) * stride
    return False


def overlapping(tensors: Mapping[str, Tensor]) -> tuple[str, str] | None:
    """The names of two tensors that share memory, so that to write one is to write the other; None where none do.

    Args:
        tensors: dense ones, by name. Parts of one storage that lie beside each other share nothing.
    """
    places = []
    for name, value in tensors.items():
        if value.numel():
            extent = 1 + sum((size - 1) * stride for size, stride in zip(value.shape, value.stride(), strict=True))
            places.append((value.data_ptr(), value.data_ptr() + extent * value.element_size(), name))
    last, before = 0, ""
    for first, end, name in sorted(places):
        if first < last:
            return before, name
        last, before = end, name
    return None


def shown(value: Any) -> str:
    """A value of a file in a message."""
    if isinstance(value, Tensor):
        what = str(value.dtype).removeprefix("torch.") if _is_dense(value) else f"{value.layout} {value.dtype}"
        return f"a tensor of shape {tuple(value.shape)} of {what}"
    text = repr(value)
    return text if len(text) <= 200 else f"{text[:100]} ... {text[-100:]}"
