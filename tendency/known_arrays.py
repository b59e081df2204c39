"""Constant fields and forcing as people hold them, read into the conditions of a rollout."""

import sys
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from tendency.data.metadata import TrajectoryMetadata
from tendency.given_arrays import AXES, read_numbers, read_times, require_finite
from tendency.simulation.conditions import Conditions
from tendency.simulation.fields import Field


def with_known(conditions: Conditions, given: Mapping[str, Any] | None, metadata: TrajectoryMetadata) -> Conditions:
    """The conditions of a rollout with the constant fields and the forcing that the training data have.

    Args:
        conditions: of B trajectories.
        given: as for ``TrainedSurrogate.rollout``.
        metadata: of the training data.

    Raises:
        ValueError: a field that is missing, unknown, of another shape, or not finite.
    """
    told = {} if given is None else given
    names = [field.name for field in metadata.known]
    example = "given={" + ", ".join(f"{name!r}: ..." for name in names) + "}"
    if not isinstance(told, Mapping):
        raise ValueError(f"given: expected fields by name{', ' + example if names else ''}, got a {_kind(told)}")
    if unknown := [name for name in told if name not in names]:
        there = names or f"no fields, since {metadata.name} has neither constant fields nor forcing"
        raise ValueError(f"given: expected {there}, got {unknown}")
    if missing := [name for name in names if name not in told]:
        raise ValueError(f"given: expected {', '.join(missing)}, got none; pass {example}")
    if metadata.given:
        fields = [_read_field(told[field.name], field, conditions) for field in metadata.given]
        conditions = conditions.with_given(torch.cat(fields, 1), metadata.given_names)
    if metadata.forcing:
        conditions = _with_forcing(conditions, told, metadata.forcing)
    return conditions


def _with_forcing(conditions: Conditions, told: Mapping[str, Any], forcing: Sequence[Field]) -> Conditions:
    all_times, fields = [], []
    for field in forcing:
        pair = told[field.name]
        if not isinstance(pair, tuple | list) or len(pair) != 2:
            raise ValueError(f"given[{field.name!r}]: expected a pair (times, values), got a {_kind(pair)}")
        times = read_times(pair[0])
        require_finite(times, f"given[{field.name!r}][0]")
        all_times.append(times)
        if not torch.equal(times, all_times[0]):
            raise ValueError(f"given[{field.name!r}]: expected the times of {forcing[0].name}, got others")
        fields.append(_read_field(pair[1], field, conditions, len(times)))
    return conditions.with_forcing(torch.cat(fields, 2), all_times[0].expand(len(conditions.params), -1))


def _read_field(values: Any, field: Field, conditions: Conditions, moments: int | None = None) -> Tensor:
    """(B, channels, *N), or (B, K, channels, *N) where K ``moments`` are expected; float32 or wider."""
    name, rows = f"given[{field.name!r}]", len(conditions.params)
    space, dims = tuple(conditions.geometry.shape), conditions.geometry.spatial_dims
    read = _read_values(values, name, len(space)).cpu()
    own = () if moments is None else (moments,)
    components = [(field.channels(dims),)] + ([()] if field.rank == 0 else [])
    allowed = [(*trajectories, *own, *inner) for inner in components for trajectories in ((rows,), ())]
    leading = tuple(read.shape[: max(read.ndim - len(space), 0)])
    if leading not in allowed or tuple(read.shape) != (*leading, *space):
        shapes = " or ".join(str((*one, *space)) for one in reversed(allowed))
        raise ValueError(f"{name}: expected shape {shapes}, got {tuple(read.shape)}")
    require_finite(read, name)
    if field.rank == 0 and leading in ((rows, *own), own):
        read = read.unsqueeze(len(leading))
    read = read.reshape(-1, *own, field.channels(dims), *space)
    return read.to(torch.promote_types(read.dtype, torch.float32)).expand(rows, *read.shape[1:])


def _read_values(values: Any, name: str, num_axes: int) -> Tensor:
    """The numbers of a field; truth values, as masks are held, become 0 and 1."""
    xarray = sys.modules.get("xarray")
    if xarray is not None and isinstance(values, xarray.DataArray):
        order = [axis for axis in ("trajectory", "snapshot", "channel", *AXES[:num_axes]) if axis in values.dims]
        if len(order) != len(values.dims):
            raise ValueError(
                f"{name}: expected the dimensions {', '.join(AXES[:num_axes])} of space, beside trajectory, snapshot "
                f"and channel, got {list(values.dims)}"
            )
        values = values.transpose(*order).values
    if isinstance(values, Tensor):
        return read_numbers(values.float() if values.dtype == torch.bool else values, name)
    holds_truths = isinstance(values, np.ndarray) and values.dtype == bool
    return read_numbers(values.astype(np.float32) if holds_truths else values, name)


def _kind(value: Any) -> str:
    return type(value).__name__
