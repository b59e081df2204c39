"""Reading chunk files: whole, or some snapshots of some trajectories; damaged and hostile files are refused.

The layout is that of ``tendency.data.trajectory_file``.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import h5py
import numpy as np
import torch

from tendency.data.metadata import CHUNK_REMEDY, DatasetError, TrajectoryMetadata
from tendency.data.trajectory_file import Trajectories
from tendency.simulation.conditions import Conditions


@contextmanager
def open_chunk(path: Path) -> Iterator[h5py.File]:
    """Opens a chunk file for reading.

    Raises:
        DatasetError: it is missing, truncated, or no HDF5 file.
    """
    try:
        file = h5py.File(path, "r")
    except FileNotFoundError:
        raise DatasetError(f"chunk {path} is missing; run generate.py again: it alone is made anew") from None
    except OSError as error:
        start = path.read_bytes()[:64] if path.is_file() else b""
        kind = "a git-lfs pointer" if b"git-lfs" in start else "empty" if not start else "damaged, or no HDF5 file"
        raise DatasetError(f"chunk {path} is {kind} ({_first_line(error)}); {CHUNK_REMEDY}") from None
    try:
        yield file
    finally:
        file.close()


def _first_line(error: BaseException) -> str:
    return str(error).splitlines()[0][:120] if str(error) else type(error).__name__


def read_trajectories(path: Path, metadata: TrajectoryMetadata) -> Trajectories:
    """Reads a whole chunk file.

    Raises:
        DatasetError: it is damaged, links elsewhere, disagrees with the metadata, or holds values that are not finite.
    """
    with open_chunk(path) as file:
        u = read_states(file, path, metadata, slice(None), slice(None))
        times, conditions = read_times_and_conditions(file, path, metadata)
        u_t = None
        if metadata.has_time_derivative:
            u_t = torch.from_numpy(_read(_safe_dataset(file, "tendency/u_t", path), path))
    return Trajectories(u, times, conditions, u_t)


def read_states(
    file: h5py.File, path: Path, metadata: TrajectoryMetadata, rows: slice, snapshots: slice
) -> torch.Tensor:
    """Reads u (B, T, C, *N) float32 of some of a chunk's trajectories and snapshots.

    Args:
        file: from ``open_chunk``.
        path: of the chunk, for messages.
        metadata: of the dataset.
        rows: which trajectories.
        snapshots: which snapshots.

    Raises:
        DatasetError: as of ``read_trajectories``.
    """
    parts = []
    for field in metadata.fields:
        dataset = _safe_dataset(file, f"t{field.rank}_fields/{field.name}", path)
        inner = (*metadata.geometry.shape, *[metadata.spatial_dims] * field.rank)
        if tuple(dataset.shape[1:]) != (metadata.num_snapshots, *inner):
            expected = ("B", metadata.num_snapshots, *inner)
            raise DatasetError(
                f"chunk {path}: expected {field.name} of shape {expected}, got {dataset.shape}; {CHUNK_REMEDY}"
            )
        values = torch.from_numpy(_read(dataset, path, (rows, snapshots)))
        flat = values.flatten(values.ndim - field.rank) if field.rank else values[..., None]
        parts.append(flat.movedim(-1, 2))
    u = torch.cat(parts, 2)
    if not bool(torch.isfinite(u).all()):
        row, snapshot = torch.nonzero(~torch.isfinite(u).flatten(2).all(2))[0].tolist()
        row, snapshot = row + (rows.start or 0), snapshot * (snapshots.step or 1) + (snapshots.start or 0)
        raise DatasetError(f"chunk {path}: trajectory {row}, snapshot {snapshot} is not finite; {CHUNK_REMEDY}")
    return u


def read_times_and_conditions(
    file: h5py.File, path: Path, metadata: TrajectoryMetadata
) -> tuple[torch.Tensor, Conditions]:
    """Reads the times (B, T) float64 and the conditions of all of a chunk's trajectories; as ``read_states``."""
    own = {
        name: torch.from_numpy(_read(_safe_dataset(file, f"tendency/{name}", path), path))
        for name in ("extent", "times", "params", "hidden", "boundary_values")
    }
    conditions = Conditions(
        params=own["params"],
        hidden=own["hidden"],
        extent=own["extent"],
        boundary_values=own["boundary_values"],
        geometry=metadata.geometry,
        param_names=metadata.param_names,
        hidden_names=metadata.hidden_names,
    )
    return own["times"], conditions


def _safe_dataset(file: h5py.File, name: str, path: Path) -> h5py.Dataset:
    """A dataset whose bytes lie in this very file: links and external storage could read any file of the user's."""
    group: h5py.Group = file
    for part in name.split("/"):
        link = group.get(part, getlink=True)
        if link is None:
            keys: list[str] = []
            file.visit(keys.append)
            raise DatasetError(f"chunk {path}: no {name}; it has {', '.join(keys[:12])}")
        if not isinstance(link, h5py.HardLink):
            raise DatasetError(f"chunk {path}: {name} is a link to elsewhere, which is refused")
        group = group[part]
    dataset = group
    if not isinstance(dataset, h5py.Dataset) or dataset.external or dataset.is_virtual or dataset.dtype.kind != "f":
        raise DatasetError(f"chunk {path}: {name} is no plain floating-point dataset, which is refused")
    if dataset.size * dataset.dtype.itemsize > 64 * max(path.stat().st_size, 1 << 20):
        raise DatasetError(f"chunk {path}: {name} declares {dataset.shape}, far more than the file can hold")
    return dataset


def _read(dataset: h5py.Dataset, path: Path, part: tuple[slice, ...] = ()) -> np.ndarray:
    try:
        return dataset[part]
    except OSError as error:
        raise DatasetError(f"chunk {path}: {dataset.name} is damaged ({_first_line(error)}); {CHUNK_REMEDY}") from None
