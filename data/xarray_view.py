"""Trajectories as an xarray.Dataset, whose values are read when they are asked for."""

from collections.abc import Mapping
from importlib.util import find_spec
from typing import Any

import numpy as np
import torch
import xarray as xr
from torch import Tensor
from xarray.backends.locks import SerializableLock
from xarray.core import indexing

from tendency.data.lazy_field import (
    LazyField,
    Part,
    Read,
    read_stored_given,
    read_stored_slopes,
    read_stored_states,
)
from tendency.data.metadata import TrajectoryMetadata
from tendency.simulation.conditions import Conditions
from tendency.simulation.fields import Field
from tendency.simulation.geometry import Grid

BLOCK_BYTES = 2**27
"""Of a block of a dask array, unless a snapshot has more."""

COMPONENTS = {1: "component", 2: "tensor_component"}
"""The dimension of the components of a field, by its rank."""


def xarray_view(metadata: TrajectoryMetadata, splits: Mapping[str, Part]) -> xr.Dataset:
    """All trajectories of some splits, one after the other.

    Args:
        metadata: of the dataset.
        splits: each with its storage and its number of trajectories; those without trajectories are left out.

    Returns:
        A variable for each field, dimensions ``trajectory``, ``time``, ``component`` where it has several, and those
        of space. Blocks of dask where that is installed.
    """
    there = {name: part for name, part in splits.items() if part[1]}
    parts, lock = list(there.values()), SerializableLock()
    variables: dict[str, xr.Variable] = {}

    def add(fields: tuple[Field, ...], read: Read, snapshots: int, suffix: str = "") -> None:
        channel = 0
        for field in fields:
            count = field.channels(metadata.spatial_dims)
            lazy = LazyField(parts, read, slice(channel, channel + count), snapshots, metadata, lock)
            variables[field.name + suffix] = _variable(field, lazy, metadata, parts, read is read_stored_given)
            channel += count

    add(metadata.fields, read_stored_states, metadata.num_snapshots)
    if metadata.has_time_derivative:
        add(metadata.fields, read_stored_slopes, metadata.num_snapshots, "_t")
    add(metadata.given, read_stored_given, 1)
    heads = [storage.heads_without_fields(range(count)) for storage, count in parts]
    times, conditions = torch.cat([t for t, _ in heads]), Conditions.joined([c for _, c in heads])
    coordinates: dict[str, Any] = {"trajectory": np.arange(len(times))}
    if list(there) != [""]:
        coordinates["split"] = "trajectory", np.repeat(list(there), [count for _, count in parts])
    coordinates |= _times(times) | _space(metadata, conditions.extent) | _components(metadata)
    for names, columns in ((metadata.param_names, conditions.params), (metadata.hidden_names, conditions.hidden)):
        coordinates |= {name: ("trajectory", values.numpy()) for name, values in zip(names, columns.T, strict=True)}
    attributes: dict[str, Any] = {"name": metadata.name, "equation": metadata.equation, "boundary": _boundary(metadata)}
    if metadata.dt is not None:
        attributes["dt"] = metadata.dt
    return xr.Dataset(variables, coordinates, attributes)


def space_dimensions(metadata: TrajectoryMetadata) -> tuple[str, ...]:
    """Names of the dimensions of points: x, y, z of a grid, ``node`` of scattered ones."""
    return tuple("xyz"[: metadata.spatial_dims]) if isinstance(metadata.geometry, Grid) else ("node",)


def _variable(
    field: Field, lazy: LazyField, metadata: TrajectoryMetadata, parts: list[Part], constant: bool
) -> xr.Variable:
    """A field with its dimensions, not read."""
    component = COMPONENTS.get(field.rank, "component")
    dims = ("trajectory", "time", component, *space_dimensions(metadata))
    variable = xr.Variable(dims, indexing.LazilyIndexedArray(lazy), {"units": field.unit})
    if constant:
        variable = variable.isel(time=0)
    if field.rank == 0:
        variable = variable.isel({component: 0})
    if find_spec("dask") is None:
        return variable
    return variable.chunk(_blocks(lazy.shape, parts, constant))


def _blocks(shape: tuple[int, ...], parts: list[Part], constant: bool) -> dict[str, Any]:
    """What lies together on the disk, as far as it is not too large."""
    snapshot = 4 * int(np.prod(shape[2:]))
    together = max(BLOCK_BYTES // (snapshot * shape[1]), 1)
    blocks: list[int] = []
    for storage, count in parts:
        size = max(min(storage.batch, together), 1)
        blocks += [min(size, count - first) for first in range(0, count, size)]
    time = {} if constant else {"time": max(min(BLOCK_BYTES // snapshot, shape[1]), 1)}
    return {"trajectory": tuple(blocks)} | time


def _times(times: Tensor) -> dict[str, Any]:
    """The times (T,) where all trajectories have the same, else those of each."""
    if bool((times == times[:1]).all()):
        return {"time": times[0].numpy()}
    return {"time_of_trajectory": (("trajectory", "time"), times.numpy())}


def _space(metadata: TrajectoryMetadata, extent: Tensor) -> dict[str, Any]:
    """Positions of the points; side lengths and shares of them where trajectories differ."""
    names = "xyz"[: metadata.spatial_dims]
    same = bool((extent == extent[:1]).all())
    sides = extent[0] if same else torch.ones_like(extent[0])
    found: dict[str, Any] = {}
    if isinstance(metadata.geometry, Grid):
        for name, along, side in zip(names, metadata.geometry.axes(), sides, strict=True):
            found[name if same else f"{name}_share"] = name, (along * side).numpy()
    else:
        x = metadata.geometry.coordinates(sides[None])[0]
        found |= {name if same else f"{name}_share": ("node", x[axis].numpy()) for axis, name in enumerate(names)}
    return found | {f"extent_{name}": ("trajectory", extent[:, axis].numpy()) for axis, name in enumerate(names)}


def _components(metadata: TrajectoryMetadata) -> dict[str, Any]:
    """Names of the components of vectors and tensors."""
    axes = "xyz"[: metadata.spatial_dims]
    ranks = {field.rank for field in (*metadata.fields, *metadata.given)} - {0}
    names = {1: list(axes), 2: [one + other for one in axes for other in axes]}
    return {COMPONENTS[rank]: names[rank] for rank in ranks}


def _boundary(metadata: TrajectoryMetadata) -> str:
    return repr(metadata.geometry.boundary).removeprefix("Boundary(").removesuffix(")")
