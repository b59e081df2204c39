"""One chunk of trajectories on disk, in The Well's HDF5 layout: its content, and how it is written.

The groups ``t0_fields``, ``t1_fields``, ``t2_fields``, ``dimensions``, ``boundary_conditions`` and ``scalars`` and
their attributes are The Well's, so that its tools read our files. What it has no place for lies in the group
``tendency``: extents, times of each trajectory, hidden parameters, u_t, the place of the chunk and its checksums. Every
array carries HDF5's Fletcher-32 checksum; ``tendency.data.chunk_header`` says what guards the rest.

References:
    Ohana et al.: The Well: a Large-Scale Collection of Diverse Physics Simulations for Machine Learning. NeurIPS 2024,
    arXiv:2412.00568 (data format).
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import h5py
import numpy as np
import torch
from torch import Tensor

from tendency.data.chunk_header import field_arrays
from tendency.data.metadata import TrajectoryMetadata
from tendency.data.settled import settled_from
from tendency.simulation.conditions import Conditions
from tendency.simulation.fields import Field
from tendency.simulation.geometry import BoundaryKind

SNAPSHOTS_PER_BLOCK = 4
"""Snapshots in one HDF5 chunk: a window reads few of them, and none of the rest of the trajectory."""
SIDES = "tendency_sides"
"""The attribute of a boundary with the kinds of its lower and its upper side, as ``Boundary`` names them."""
WELL_BOUNDARY = {
    BoundaryKind.PERIODIC: "PERIODIC",
    BoundaryKind.OPEN: "OPEN",
    BoundaryKind.DIRICHLET: "WALL",
    BoundaryKind.NEUMANN: "WALL",
}


@dataclass(frozen=True)
class Trajectories:
    """B trajectories, whole or some snapshots of each.

    Args:
        u: (B, T, C, *N) float32.
        times: (B, T) float64.
        conditions: of the B trajectories.
        u_t: time derivatives like u, or None where they are not stored.
    """

    u: Tensor
    times: Tensor
    conditions: Conditions
    u_t: Tensor | None
    batched = True

    @classmethod
    def joined(cls, pieces: Sequence["Trajectories"]) -> "Trajectories":
        """The trajectories of several batches as one batch, in their order.

        Args:
            pieces: trajectories on one geometry, with equally many snapshots, and all of them with u_t or none.
        """
        slopes = [piece.u_t for piece in pieces if piece.u_t is not None]
        return cls(
            u=torch.cat([piece.u for piece in pieces]),
            times=torch.cat([piece.times for piece in pieces]),
            conditions=Conditions.joined([piece.conditions for piece in pieces]),
            u_t=torch.cat(slopes) if slopes else None,
        )

    def __getitem__(self, key: tuple[Tensor, Tensor]) -> "Trajectories":
        """Some snapshots of some trajectories.

        Args:
            key: ``[rows, snapshots]``: indices (B',) of trajectories, and for each of them (B', W) of snapshots.
        """
        rows, snapshots = key
        at = rows[:, None], snapshots
        u_t = None if self.u_t is None else self.u_t[at]
        return Trajectories(self.u[at], self.times[at], self.conditions[rows], u_t)


def chunk_content(
    place: str, trajectories: Trajectories, metadata: TrajectoryMetadata, problem: str | None = None
) -> bytes:
    """The bytes of a chunk file.

    They are made in memory and written at once: HDF5 ends the process where it cannot write to a disk that is full.

    Args:
        place: name of the chunk, as in the manifest; a file that lies elsewhere is found out by it.
        trajectories: what it holds.
        metadata: of the dataset.
        problem: digest of what the dataset is made of, by which a chunk of another one is found out; None: not said.

    Raises:
        ValueError: constant fields other than those of the metadata, one with the name of a field of the state, or
            forcing, which chunks have no place for.
    """
    _require_known_fields(trajectories.conditions, metadata)
    with h5py.File(place, "w", driver="core", backing_store=False, libver=("v110", "v110")) as file:
        _write_contents(file, trajectories, metadata)
        values = hashlib.sha256()
        for name in field_arrays(metadata):
            values.update(file[name][()].tobytes())
        file["tendency"].attrs["chunk"] = place
        if problem is not None:
            file["tendency"].attrs["problem"] = problem
        file["tendency"].attrs["sha256_of_fields"] = values.hexdigest()
        file["tendency"].attrs["settled_from"] = settled_from(trajectories.u).numpy()
        file.flush()
        return bytes(file.id.get_file_image())


def _require_known_fields(conditions: Conditions, metadata: TrajectoryMetadata) -> None:
    expected, got = metadata.given_names, () if conditions.given is None else conditions.given_names
    if expected != got:
        raise ValueError(f"given: expected the constant fields {list(expected)} of the metadata, got {list(got)}")
    if double := {field.name for field in metadata.fields} & {field.name for field in metadata.given}:
        raise ValueError(f"given: expected names that no field of the state has, got {sorted(double)}")
    if metadata.forcing or conditions.forcing is not None:
        raise ValueError("forcing: a chunk has no place for forcing that changes in time, expected none, got some")


def _write_contents(file: h5py.File, trajectories: Trajectories, metadata: TrajectoryMetadata) -> None:
    """The groups and arrays of a chunk file."""
    _write_attributes(file, trajectories, metadata)
    _write_dimensions(file, trajectories, metadata)
    _write_boundaries(file, metadata)
    _write_scalars(file, trajectories.conditions)
    for rank in range(3):
        group = file.create_group(f"t{rank}_fields")
        group.attrs["field_names"] = [field.name for field in (*metadata.fields, *metadata.given) if field.rank == rank]
    channel = 0
    for field in metadata.fields:
        count = field.channels(metadata.spatial_dims)
        values = trajectories.u[:, :, channel : channel + count]
        # Open until the next one is: what HDF5 writes where depends on which objects are open.
        dataset = _write_field(
            file[f"t{field.rank}_fields"], field.name, _components_last(values, field.rank, metadata)
        )
        _describe_field(dataset, field, metadata, time_varying=True)
        channel += count
    if trajectories.conditions.given is not None:
        _write_given(file, trajectories.conditions.given, metadata)
    own = file.create_group("tendency")
    _write_plain(own, "extent", trajectories.conditions.extent)
    _write_plain(own, "times", trajectories.times)
    _write_plain(own, "params", trajectories.conditions.params)
    _write_plain(own, "hidden", trajectories.conditions.hidden)
    _write_plain(own, "boundary_values", trajectories.conditions.boundary_values)
    own.attrs["param_names"] = list(metadata.param_names)
    own.attrs["hidden_names"] = list(metadata.hidden_names)
    if trajectories.u_t is not None:
        _write_field(own, "u_t", trajectories.u_t.float().numpy())


def _write_given(file: h5py.File, given: Tensor, metadata: TrajectoryMetadata) -> None:
    """The constant fields (B, C_g, *N), as (B, *N) with the components behind."""
    channel = 0
    for field in metadata.given:
        count = field.channels(metadata.spatial_dims)
        values = _components_last(given[:, None, channel : channel + count], field.rank, metadata)[:, 0]
        dataset = _write_field(file[f"t{field.rank}_fields"], field.name, values, together=values.shape[1])
        _describe_field(dataset, field, metadata, time_varying=False)
        channel += count


def _describe_field(dataset: h5py.Dataset, field: Field, metadata: TrajectoryMetadata, time_varying: bool) -> None:
    dataset.attrs["dim_varying"] = [True] * metadata.spatial_dims
    dataset.attrs["sample_varying"] = True
    dataset.attrs["time_varying"] = time_varying
    if field.rank == 2:
        dataset.attrs["symmetric"] = False
        dataset.attrs["antisymmetric"] = False


def _write_attributes(file: h5py.File, trajectories: Trajectories, metadata: TrajectoryMetadata) -> None:
    file.attrs["dataset_name"] = metadata.name
    file.attrs["grid_type"] = "cartesian" if metadata.geometry.to_dict()["kind"] == "grid" else "point_cloud"
    file.attrs["n_spatial_dims"] = metadata.spatial_dims
    file.attrs["n_trajectories"] = len(trajectories.u)
    constant = _constant_parameters(trajectories.conditions)
    file.attrs["simulation_parameters"] = list(constant)
    for name, value in constant.items():
        file.attrs[name] = value


def _constant_parameters(conditions: Conditions) -> dict[str, float]:
    values = {name: conditions.parameter(name) for name in (*conditions.param_names, *conditions.hidden_names)}
    return {name: float(v[0]) for name, v in values.items() if bool((v == v[0]).all())}


def _write_dimensions(file: h5py.File, trajectories: Trajectories, metadata: TrajectoryMetadata) -> None:
    group = file.create_group("dimensions")
    names = list("xyz"[: metadata.spatial_dims])
    group.attrs["spatial_dims"] = names
    same = bool((trajectories.times == trajectories.times[:1]).all())
    time = _write_plain(group, "time", trajectories.times[0] if same else trajectories.times)
    time.attrs["sample_varying"] = not same
    time.attrs["time_varying"] = True
    extent = trajectories.conditions.extent
    x = metadata.geometry.coordinates(extent)
    same = bool((extent == extent[:1]).all())
    for axis, name in enumerate(names):
        along = x[:, axis]
        for other in reversed(range(along.ndim - 1)):
            along = along if other == axis or along.ndim == 2 else along.select(other + 1, 0)
        dataset = _write_plain(group, name, along[0] if same else along)
        dataset.attrs["sample_varying"] = not same
        dataset.attrs["time_varying"] = False


def _write_boundaries(file: h5py.File, metadata: TrajectoryMetadata) -> None:
    group = file.create_group("boundary_conditions")
    names = "xyz"
    for axis in range(metadata.spatial_dims):
        kinds = [WELL_BOUNDARY[metadata.geometry.boundary.kind(axis, side, 0)] for side in (0, 1)]
        for kind in dict.fromkeys(kinds):
            entry = group.create_group(f"{names[axis]}_{kind.lower()}")
            entry.attrs["associated_dims"] = [names[axis]]
            entry.attrs["associated_fields"] = []
            entry.attrs["bc_type"] = kind
            entry.attrs["sample_varying"] = False
            entry.attrs["time_varying"] = False
            if metadata.resolution == "unknown":
                # The Well has one word for all walls; of what was solved here, the manifest's problem says the kinds.
                entry.attrs[SIDES] = [metadata.geometry.boundary.kind(axis, side, 0).value for side in (0, 1)]
            mask = np.zeros(metadata.geometry.shape[min(axis, len(metadata.geometry.shape) - 1)], dtype=bool)
            mask[[0, -1]] = [each == kind for each in kinds]
            entry.create_dataset("mask", data=mask, **_checksum(mask))


def _write_scalars(file: h5py.File, conditions: Conditions) -> None:
    group = file.create_group("scalars")
    group.attrs["field_names"] = list(conditions.param_names)
    for name in conditions.param_names:
        values = conditions.parameter(name)
        same = bool((values == values[0]).all())
        dataset = _write_plain(group, name, values[0] if same else values)
        dataset.attrs["sample_varying"] = not same
        dataset.attrs["time_varying"] = False


def _write_field(group: h5py.Group, name: str, values: np.ndarray, together: int = SNAPSHOTS_PER_BLOCK) -> h5py.Dataset:
    block = (1, min(together, values.shape[1]), *values.shape[2:])
    return group.create_dataset(name, data=values, dtype="f4", chunks=block, fletcher32=True, track_times=False)


def _write_plain(group: h5py.Group, name: str, values: Tensor) -> h5py.Dataset:
    array = values.double().numpy()
    return group.create_dataset(name, data=array, **_checksum(array))


def _checksum(values: np.ndarray) -> dict[str, Any]:
    """How an array is stored in one block with a checksum; single numbers and empty arrays cannot have one."""
    return {"track_times": False} | (
        {"chunks": values.shape, "fletcher32": True} if values.ndim and values.size else {}
    )


def _components_last(values: Tensor, rank: int, metadata: TrajectoryMetadata) -> np.ndarray:
    """(B, T, D**rank, *N) as The Well has it: (B, T, *N) with the components behind."""
    moved = values.float().movedim(2, -1)
    return moved.reshape(*moved.shape[:-1], *[metadata.spatial_dims] * rank).numpy()
