"""The .pt files of neuraloperator: inputs and outputs as tensors."""

import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from tendency.data.readers.array_file import DAMAGE, ArrayFile, StoredBlock
from tendency.data.readers.block import Block
from tendency.data.readers.named_split import split_of_name
from tendency.data.readers.reader import OpenedFile, Reader, StatedFacts, require_data, unreadable_file
from tendency.data.readers.stored_array import SPACE, ConsecutiveStates, StoredArray
from tendency.simulation.fields import Field

NAMES = (("x", "y"), ("input", "output"))
"""Names of the inputs and of the outputs; the second pair is that of version 0.3."""
VISCOSITY = "visc"
REMEDY = 'where you trust it, convert it: torch.save({"x": inputs, "y": outputs}, "data.pt"), both of them tensors'
NUMBERS = (
    *(torch.float16, torch.float32, torch.float64),
    *(torch.int8, torch.int16, torch.int32, torch.int64, torch.uint8, torch.bool),
)
"""Types of values that numpy has as well."""
DAMAGED = "is damaged, or no file of torch.save"


class NeuralOperatorReader(Reader):
    """``x``, ``y`` (n, *N) of equal shape are two snapshots; ``y`` (n, T, *N) holds trajectories that begin with ``x``.

    Truth values in ``x``, an ``x`` that ``data.given`` names, and a file called darcy make a steady dataset: ``x`` is
    its coefficient and ``y`` its solution. Tensors alone are read: objects of a class are refused, none of their code
    runs. Times, side lengths and boundary are not said.
    """

    suffixes = (".pt",)

    def recognises(self, file: Path) -> bool:
        """As of ``Reader``."""
        if file.suffix.lower() not in self.suffixes:
            return False
        try:
            content = _loaded(file)
        except pickle.UnpicklingError as error:
            return _names_a_class(error)  # it is refused with the remedy
        except DAMAGE:
            return False
        return isinstance(content, Mapping) and any({*names} <= {*content} for names in NAMES)

    def open(self, file: Path, stated: StatedFacts) -> OpenedFile:
        """As of ``Reader``."""
        return ArrayFile(file, lambda: [_stored(file, _tensors(file), stated)])


def _loaded(path: Path) -> Any:
    """What a file holds; tensors stay on the disk until values of them are asked for, where the format can."""
    try:
        return torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    except RuntimeError:  # the format before version 1.6 cannot be mapped
        return torch.load(path, map_location="cpu", weights_only=True)


def _names_a_class(error: pickle.UnpicklingError) -> bool:
    """Whether a file was not read because reading it would run code of a class or a function."""
    return any(word in str(error) for word in ("GLOBAL", "instantiate", "call reduce"))


def _tensors(path: Path) -> Mapping[str, Any]:
    require_data(path)
    try:
        content = _loaded(path)
    except pickle.UnpicklingError as error:
        if _names_a_class(error):
            raise unreadable_file(path, f"is refused, it holds objects that are no tensors: {REMEDY}") from None
        raise unreadable_file(path, DAMAGED) from None
    except DAMAGE:
        raise unreadable_file(path, DAMAGED) from None
    if not isinstance(content, Mapping) or not all(isinstance(name, str) for name in content):
        raise unreadable_file(path, f"expected tensors by their names, got {type(content).__name__}")
    return content


def _stored(path: Path, content: Mapping[str, Any], stated: StatedFacts) -> StoredBlock:
    found = [names for names in NAMES if {*names} <= {*content}]
    if not found:
        raise unreadable_file(path, f"expected the tensors x and y, got {', '.join(sorted(content)) or 'none'}")
    x, y = found[0]
    inputs, outputs = _array(path, x, content[x]), _array(path, y, content[y])
    count, points = inputs.shape[0], inputs.shape[1:]
    if not 1 <= len(points) <= len(SPACE) or 0 in inputs.shape:
        raise unreadable_file(path, f"{x}: expected one axis of samples and 1 to 3 of space, got {inputs.shape}")
    space = SPACE[: len(points)]
    start, end = StoredArray(inputs, ("trajectory", *space)), StoredArray(outputs, ("trajectory", *space))
    split, params = split_of_name(path), _viscosity(path, content, count)
    if outputs.shape == inputs.shape:
        if inputs.dtype == bool or x in stated.given or "darcy" in path.name.lower():
            block = Block("", count, 1, (Field(y),), points, given=(Field(x),), params=params, split=split)
            return StoredBlock(block, [end], [start])
        notes = (f"{x} and {y} are read as two snapshots of one state; data.given=[{x}] makes {x} a constant field",)
        block = Block("", count, 2, (Field(y),), points, params=params, split=split, notes=notes)
        return StoredBlock(block, [ConsecutiveStates((start, end))])
    if outputs.ndim == inputs.ndim + 1 and outputs.shape[:1] + outputs.shape[2:] == inputs.shape and outputs.shape[1]:
        odd = () if np.array_equal(inputs[:1], outputs[:1, 0]) else (f"{y} does not begin with {x}, which is not read",)
        block = Block("", count, outputs.shape[1], (Field(y),), points, params=params, split=split, notes=odd)
        return StoredBlock(block, [StoredArray(outputs, ("trajectory", "time", *space))])
    text = ", ".join(str(length) for length in points)
    raise unreadable_file(
        path, f"{y}: expected shape {inputs.shape}, that of {x}, or ({count}, T, {text}), got {outputs.shape}"
    )


def _array(path: Path, name: str, value: Any) -> np.ndarray:
    """The values of a tensor, which numpy then slices."""
    if not isinstance(value, Tensor):
        raise unreadable_file(path, f"{name}: expected a tensor, got {type(value).__name__}")
    if value.layout is not torch.strided or value.is_quantized or value.is_complex() or value.dtype == torch.bfloat16:
        raise unreadable_file(path, f"{name}: expected a tensor of real numbers, got {value.dtype} {value.layout}")
    if value.dtype not in NUMBERS or value.is_meta:
        found = "a tensor without any (meta)" if value.is_meta else str(value.dtype)
        raise unreadable_file(
            path, f"{name}: expected values of 16, 32 or 64 bits, whole numbers or truths, got {found}"
        )
    kept = 1 + sum((length - 1) * stride for length, stride in zip(value.shape, value.stride(), strict=True))
    if kept < value.numel():
        raise unreadable_file(
            path,
            f"{name}: expected {value.numel()} values, those of shape {tuple(value.shape)}, got a view of {kept} "
            "that repeats them; where that is meant, store tensor.contiguous()",
        )
    return value.detach().resolve_neg().numpy()


def _viscosity(path: Path, content: Mapping[str, Any], count: int) -> dict[str, np.ndarray]:
    if VISCOSITY not in content:
        return {}
    values = _array(path, VISCOSITY, content[VISCOSITY]).astype(np.float64).reshape(-1)
    if values.size not in (1, count) or not np.isfinite(values).all():
        raise unreadable_file(path, f"{VISCOSITY}: expected 1 or {count} finite numbers, got shape {values.shape}")
    return {VISCOSITY: np.array(np.broadcast_to(values, (count,)))}
