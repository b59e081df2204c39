"""Reading chunk files: whole, or some snapshots of some trajectories; damaged and hostile files are refused.

The layout is that of ``tendency.data.trajectory_file``. Whatever HDF5 says of a damaged file is put in words here.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import h5py
import numpy as np
import torch

from tendency.data.chunk_header import field_arrays, header_digest, require_plain
from tendency.data.file_kind import in_place_of_file
from tendency.data.metadata import DatasetError, TrajectoryMetadata, damaged_chunk
from tendency.data.trajectory_file import Trajectories
from tendency.simulation.conditions import Conditions
from tendency.simulation.fields import Field

HDF5_ERRORS = (OSError, KeyError, RuntimeError, ValueError, TypeError, IndexError, ArithmeticError)
"""What h5py raises where a file is damaged."""
SIGNATURE = b"\x89HDF\r\n\x1a\n"


@contextmanager
def open_chunk(path: Path) -> Iterator[h5py.File]:
    """Opens a chunk file for reading; raises as of ``opened_chunk``."""
    with opened_chunk(path) as file:
        yield file


def opened_chunk(path: Path) -> h5py.File:
    """A chunk file, open for reading.

    Raises:
        DatasetError: it is missing, cut, or no HDF5 file.
        OSError: it may not be read.
    """
    if (found := in_place_of_file(path)) is not None:
        raise damaged_chunk(path, f"is {found}, which is to be moved away first")
    try:
        with path.open("rb") as plain:
            start = plain.read(64)
    except FileNotFoundError:
        raise damaged_chunk(path, "is missing") from None
    if not start.startswith(SIGNATURE):
        kind = "a git-lfs pointer" if b"git-lfs" in start else "empty" if not start else "no HDF5 file"
        raise damaged_chunk(path, f"is {kind}")
    with _errors_put_in_words(path, "HDF5 cannot read its structure"):
        return h5py.File(path, "r")


@contextmanager
def _errors_put_in_words(path: Path, what: str) -> Iterator[None]:
    """Whatever h5py raises becomes one sentence on the chunk."""
    try:
        yield
    except DatasetError:
        raise
    except HDF5_ERRORS:
        raise damaged_chunk(path, f"is damaged: {what}") from None


def digest_of_header(file: h5py.File, path: Path, metadata: TrajectoryMetadata) -> str:
    """The checksum of a chunk's header; see ``tendency.data.chunk_header``.

    Args:
        file: from ``open_chunk``.
        path: of the chunk.
        metadata: of the dataset.

    Raises:
        DatasetError: it is damaged.
    """
    with path.open("rb") as plain, _errors_put_in_words(path, "HDF5 cannot read its structure"):
        return header_digest([plain_array(file, name, path) for name in field_arrays(metadata)], plain)


def require_header(file: h5py.File, path: Path, metadata: TrajectoryMetadata, expected: str) -> None:
    """Refuses a chunk whose header is not the one that its manifest names.

    Args:
        file: from ``open_chunk``.
        path: of the chunk.
        metadata: of the dataset.
        expected: the checksum in the manifest.

    Raises:
        DatasetError: it is damaged, or another chunk.
    """
    if digest_of_header(file, path, metadata) == expected:
        return
    place, written = f"{path.parent.name}/{path.name}", None
    with _errors_put_in_words(path, "HDF5 cannot read its structure"):
        written = file["tendency"].attrs.get("chunk")
    if written is not None and written != place:
        raise damaged_chunk(path, f"lies in the place of another: it was written as {written!r}")
    raise damaged_chunk(path, "is damaged, or another than the one that the manifest names")


def stated_problem(path: Path) -> str | None:
    """The digest of what the dataset of a chunk is made of, as the chunk says; None of one that older versions wrote.

    Raises:
        DatasetError: it is missing or damaged.
    """
    problem: object = None
    with open_chunk(path) as file, _errors_put_in_words(path, "HDF5 cannot read its structure"):
        problem = file["tendency"].attrs.get("problem")
    return problem if isinstance(problem, str) else None


def stated_rests(file: h5py.File, path: Path) -> list[int]:
    """The snapshot of each row of a chunk from which on nothing changes; none of a chunk that older versions wrote.

    Args:
        file: from ``open_chunk``.
        path: of the chunk, for messages.

    Raises:
        DatasetError: it is damaged.
    """
    rests: list[int] = []
    with _errors_put_in_words(path, "what it says of trajectories that come to rest is no list of snapshots"):
        rests = [int(snapshot) for snapshot in file["tendency"].attrs.get("settled_from", ())]
    return rests


def read_trajectories(path: Path, metadata: TrajectoryMetadata) -> Trajectories:
    """Reads a whole chunk file.

    Raises:
        DatasetError: it is damaged, links elsewhere, disagrees with the metadata, or holds values that are not finite.
    """
    with open_chunk(path) as file:
        return read_opened(file, path, metadata)


def read_opened(file: h5py.File, path: Path, metadata: TrajectoryMetadata) -> Trajectories:
    """Reads all of a chunk file from ``open_chunk``; raises as of ``read_trajectories``."""
    u = read_states(file, path, metadata, slice(None), slice(None))
    times, conditions = read_times_and_conditions(file, path, metadata)
    if len(times) != len(u):
        raise damaged_chunk(path, f"has {len(u)} trajectories and the times of {len(times)}")
    u_t = None
    if metadata.has_time_derivative:
        u_t = read_slopes(file, path, metadata, slice(None), slice(None))
        if len(u_t) != len(u):
            raise damaged_chunk(path, f"has {len(u)} trajectories and the u_t of {len(u_t)}")
    return Trajectories(u, times, conditions, u_t)


def read_slopes(
    file: h5py.File, path: Path, metadata: TrajectoryMetadata, rows: slice, snapshots: slice
) -> torch.Tensor:
    """Reads u_t (B, T, C, *N) float32; see ``read_states``."""
    inner = (metadata.num_snapshots, metadata.num_channels, *metadata.geometry.shape)
    u_t = torch.from_numpy(_read(file, "tendency/u_t", path, inner, (rows, snapshots)))
    _require_finite(u_t, path, "u_t", rows.start or 0, snapshots.start or 0, snapshots.step or 1)
    return u_t


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
    parts = [
        _read_field(file, field, path, metadata, (metadata.num_snapshots,), (rows, snapshots))
        for field in metadata.fields
    ]
    u = torch.cat(parts, 2)
    _require_finite(u, path, "u", rows.start or 0, snapshots.start or 0, snapshots.step or 1)
    return u


def _read_given(file: h5py.File, path: Path, metadata: TrajectoryMetadata) -> torch.Tensor:
    """Reads the constant fields (B, C_g, *N) float32 of all of a chunk's trajectories; see ``read_states``."""
    given = torch.cat([_read_field(file, field, path, metadata) for field in metadata.given], 1)
    if not bool(torch.isfinite(given).all()):
        raise damaged_chunk(path, "is damaged: its constant fields are not all finite")
    return given


def _read_field(
    file: h5py.File,
    field: Field,
    path: Path,
    metadata: TrajectoryMetadata,
    leading: tuple[int, ...] = (),
    part: tuple[slice, ...] = (),
) -> torch.Tensor:
    """The channels (B, *leading, D**rank, *N) of a field; ``leading`` is (T,) for one that changes in time."""
    inner = (*leading, *metadata.geometry.shape, *[metadata.spatial_dims] * field.rank)
    values = torch.from_numpy(_read(file, f"t{field.rank}_fields/{field.name}", path, inner, part))
    flat = values.flatten(values.ndim - field.rank) if field.rank else values[..., None]
    return flat.movedim(-1, 1 + len(leading))


def _require_finite(u: torch.Tensor, path: Path, name: str, row: int = 0, snapshot: int = 0, step: int = 1) -> None:
    """Refuses values (B, T, ...) that are not finite; row and snapshot are where they begin, for messages."""
    if not bool(torch.isfinite(u).all()):
        i, j = torch.nonzero(~torch.isfinite(u).flatten(2).all(2))[0].tolist()
        raise damaged_chunk(
            path, f"is damaged: {name} of trajectory {row + i}, snapshot {snapshot + j * step} is not finite"
        )


def read_times_and_conditions(
    file: h5py.File, path: Path, metadata: TrajectoryMetadata
) -> tuple[torch.Tensor, Conditions]:
    """Reads the times (B, T) float64 and the conditions of all of a chunk's trajectories; as ``read_states``."""
    widths = {
        "times": metadata.num_snapshots,
        "extent": metadata.spatial_dims,
        "params": len(metadata.param_names),
        "hidden": len(metadata.hidden_names),
        "boundary_values": None,
    }
    own = {
        name: torch.from_numpy(_read(file, f"tendency/{name}", path, (width,))).double()
        for name, width in widths.items()
    }
    rows = len(own["times"])
    for name, values in own.items():
        if len(values) != rows:
            raise damaged_chunk(path, f"has the times of {rows} trajectories and the {name} of {len(values)}")
        if not bool(torch.isfinite(values).all()):
            raise damaged_chunk(path, f"is damaged: {name} are not all finite")
    if not bool((own["times"].diff(dim=1) > 0).all()):
        raise damaged_chunk(path, "is damaged: the times of its snapshots do not increase")
    if not bool((own["extent"] > 0).all()):
        raise damaged_chunk(path, "is damaged: a side length is not positive")
    conditions = Conditions(
        params=own["params"],
        hidden=own["hidden"],
        extent=own["extent"],
        boundary_values=own["boundary_values"],
        geometry=metadata.geometry,
        param_names=metadata.param_names,
        hidden_names=metadata.hidden_names,
    )
    if not metadata.given:
        return own["times"], conditions
    given = _read_given(file, path, metadata)
    if len(given) != rows:
        raise damaged_chunk(path, f"has the times of {rows} trajectories and the constant fields of {len(given)}")
    return own["times"], conditions.with_given(given, metadata.given_names)


def _read(
    file: h5py.File, name: str, path: Path, inner: tuple[int | None, ...], part: tuple[slice, ...] = ()
) -> np.ndarray:
    """An array of numbers (B, *inner), or a part of it, whose bytes lie in this very file.

    Links and external storage could read any file of the user's. None in ``inner`` fits every length.
    """
    with _errors_put_in_words(path, f"HDF5 cannot read {name}"):
        dataset = plain_array(file, name, path)
        shape = tuple(dataset.shape)
        if len(shape) != len(inner) + 1 or any(n is not None and n != m for n, m in zip(inner, shape[1:], strict=True)):
            expected = ", ".join("any" if n is None else str(n) for n in inner)
            raise damaged_chunk(
                path, f"does not fit its manifest: expected {name} of shape (B, {expected}), got {shape}"
            )
    with _errors_put_in_words(path, f"the values of {name} are not those that were written"):
        return dataset[part]


def plain_array(file: h5py.File, name: str, path: Path) -> h5py.Dataset:
    """An array of a chunk by its name, without following links.

    Args:
        file: from ``open_chunk``.
        name: of the array.
        path: of the chunk, for messages.

    Raises:
        DatasetError: there is none, or it is no plain array of this very file.
    """
    item: h5py.HLObject = file
    for key in name.split("/"):
        link = item.get(key, getlink=True) if isinstance(item, h5py.Group) else None
        if link is None:
            raise damaged_chunk(path, f"holds no {name}")
        if not isinstance(link, h5py.HardLink):
            raise damaged_chunk(path, f"is refused: {name} is a link to elsewhere")
        item = item[key]
    require_plain(item, name, path)
    return item
