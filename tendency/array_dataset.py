"""Arrays of one's own as a dataset: what ``tendency.write_dataset`` does."""

import os
import shutil
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from typing_extensions import TypedDict, Unpack

from tendency.data.array_facts import (
    array_of,
    boundary_of,
    even_step,
    extent_of,
    fields_of,
    given_of,
    params_of,
    split_of,
    times_of_arrays,
)
from tendency.data.array_trajectories import ArrayTrajectories
from tendency.data.dataset_layout import safe_name
from tendency.data.given_arguments import given_path
from tendency.data.metadata import TrajectoryMetadata
from tendency.data.store_trajectories import store_trajectories
from tendency.simulation.geometry import Grid
from tendency.version import provenance

NEEDED = ("extent", "boundary")
"""What arrays do not say, and nothing else is taken for."""


class StatedOfArrays(TypedDict, total=False):
    """What is said of arrays beside their values; see ``write_dataset``."""

    extent: Any
    boundary: Any
    fields: Any
    params: Mapping[str, Any]
    given: Mapping[str, Any]
    split: Mapping[str, Any]


def write_dataset(folder: str | Path, u: Any, times: Any, **stated: Unpack[StatedOfArrays]) -> Path:
    """Writes trajectories in arrays as a dataset, whole or not at all.

    ``python train.py data=files data.path=<folder>`` trains on it, ``tendency.open_dataset(folder)`` opens it. Values
    are stored in float32, those of float64 are rounded; times, side lengths and parameters are stored in float64.

    Example:
        >>> x, t = np.arange(32) / 32, np.linspace(0, 1, 11)
        >>> speed = np.linspace(1, 2, 20)
        >>> u = np.sin(2 * np.pi * (x - speed[:, None, None, None] * t[:, None, None]))
        >>> tendency.write_dataset("waves", u, t, extent=[1.0], boundary="periodic", params={"speed": speed})
        PosixPath('waves')

    Args:
        folder: of the dataset; it must not exist yet.
        u: (n, T, C, *N) states of n trajectories at T times: numpy arrays, tensors, or what gives numpy arrays when
            it is indexed, such as arrays of h5py and zarr, of which one trajectory is read at a time.
        times: (T,) of all trajectories, or (n, T).
        extent: (D,) side lengths of the domain, or (n, D). Needed.
        boundary: ``periodic``, ``dirichlet``, ``neumann`` or ``open``; or for each axis one of them, or a pair of
            them for its lower and its upper side. Needed. Points lie as those of ``tendency.simulation.geometry.Grid``.
        fields: names of the C channels; or for each field its rank, 0 for a scalar, 1 for a vector of D channels, 2
            for a tensor. ``u`` where there is one channel and nothing is said.
        params: for each parameter one number, which is the same in all trajectories and hidden from networks, or (n,).
        given: for each field that is known, constant in time and not predicted its values (*N) or (n, *N).
        split: ``{"valid": 0.1, "test": 0.1, "seed": 0}``, shares that are drawn (as here where nothing is said), or
            the numbers of the trajectories of each split, ``{"train": [...], "valid": [...], "test": [...]}``.

    Returns:
        The folder.

    Raises:
        ValueError: an argument is wrong; it says which, what it got, and what was expected.
        NoRoomError: the disk is full.
    """
    if unknown := sorted(set(stated) - set(StatedOfArrays.__annotations__)):
        raise ValueError(f"{unknown[0]}: expected {', '.join(StatedOfArrays.__annotations__)} beside u and times")
    for name in NEEDED:
        if stated.get(name) is None:
            raise ValueError(f"{name}: expected to be told, since arrays do not say it, got nothing")
    target = given_path(folder, "folder")
    if target.exists() or target.is_symlink():
        raise ValueError(f"folder: expected one that does not exist yet, got {str(folder)!r}, which does")
    source = _source(safe_name(target.absolute().name), u, times, stated)
    description = {"arrays": source.digest(), "splits": source.counts}
    temporary = target.with_name(f".{target.name}.{socket.gethostname()}.{os.getpid()}.tmp")
    try:
        store_trajectories(temporary, source, description, provenance() | {"origin": "written from arrays"})
        os.rename(temporary, target)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return target


def _source(name: str, u: Any, times: Any, stated: StatedOfArrays) -> ArrayTrajectories:
    """The arrays, checked, apart from the values of u."""
    u = array_of(u, "u")
    if not 4 <= len(u.shape) <= 6 or 0 in u.shape or u.shape[1] < 2:
        raise ValueError(
            "u: expected (trajectories, times, channels, *points) with at least two times and one to three axes of "
            f"points, got shape {tuple(u.shape)}"
        )
    count, snapshots, channels, *space = u.shape
    stored_times = times_of_arrays(times, count, snapshots)
    splits = split_of(stated.get("split"), count)
    used = np.concatenate(list(splits.values()))
    params = params_of(_stated(stated, "params"), count)
    told = tuple(each for each, values in params.items() if values[used].min() < values[used].max())
    given = given_of(_stated(stated, "given"), count, tuple(space))
    fields = fields_of(stated.get("fields"), channels, len(space))
    if double := {each.name for each in fields} & set(given):
        raise ValueError(f"given: expected names that no field of the state has, got {sorted(double)}")
    metadata = TrajectoryMetadata(
        name=name,
        equation="",
        equation_version=1,
        fields=fields,
        param_names=told,
        # A network that is told a constant learns nothing from it.
        hidden_names=tuple(each for each in params if each not in told),
        geometry=Grid(space, boundary_of(stated["boundary"], len(space))),
        num_snapshots=snapshots,
        dt=even_step(np.diff(stored_times[used])),
        resolution="unknown",
        given=fields_of(list(given), len(given), len(space)) if given else (),
    )
    return ArrayTrajectories(
        metadata, splits, u, stored_times, extent_of(stated["extent"], count, len(space)), params, given
    )


def _stated(stated: StatedOfArrays, name: str) -> Any:
    """What is said under a name; an empty mapping where nothing is."""
    value = stated.get(name)
    return {} if value is None else value
