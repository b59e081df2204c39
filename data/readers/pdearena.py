"""PDEArena's HDF5 files: smoke in a Navier-Stokes flow, Maxwell's equations."""

from functools import partial
from pathlib import Path

import numpy as np

from tendency.data.readers.array_file import ArrayFile, StoredBlock
from tendency.data.readers.axis_lengths import axis_lengths, named, require_components
from tendency.data.readers.block import Block
from tendency.data.readers.file_coordinates import Side, increasing_times, joined_sides, numbers_of, side_length
from tendency.data.readers.hdf5_file import Hdf5File
from tendency.data.readers.hdf5_structure import has_structure
from tendency.data.readers.named_split import require_named_split
from tendency.data.readers.reader import OpenedFile, Reader, StatedFacts, unreadable_file
from tendency.data.readers.stored_array import StoredArray
from tendency.simulation.fields import Field

SPLITS = ("train", "valid", "test")
STEPS = ("dt", "dx", "dy", "dz")


class PDEArena(Reader):
    """PDEArena's ``.h5`` files: one group, named ``train``, ``valid`` or ``test``.

    Navier-Stokes has ``u``, ``vx``, ``vy (n, T, nx, ny)``, Maxwell's equations ``d_field``, ``h_field (n, T, nx, ny,
    nz, 3)``; besides ``t (n, T)``, ``x (n, nx)``, ..., the steps ``dt``, ``dx``, ... ``(n,)`` and parameters ``(n,)``
    such as ``buo_y``.

    Its coordinates and times run from the first to the last end of the domain, so that their distance is n / (n - 1)
    times too long: the steps are believed where they are there. The boundary is not said.

    References:
        Gupta & Brandstetter: Towards Multi-spatiotemporal-scale Generalized PDE Modeling. TMLR 2023,
        arXiv:2209.15616.
    """

    suffixes = (".h5", ".hdf5")

    def recognises(self, file: Path) -> bool:
        """As of ``Reader``."""
        return has_structure(file, _fits)

    def open(self, file: Path, stated: StatedFacts) -> OpenedFile:
        """As of ``Reader``."""
        source = Hdf5File(file)
        return ArrayFile(file, partial(_stored, source), source.close)


def _fits(file: Hdf5File) -> bool:
    kinds = ("u", "vx", "vy"), ("d_field", "h_field")
    return any(all(file.has(f"{split}/{name}") for name in names) for split in SPLITS for names in kinds)


def _stored(file: Hdf5File) -> list[StoredBlock]:
    """A block for each split that the file has."""
    splits = [split for split in SPLITS if file.has(split)]
    if not splits:
        raise unreadable_file(
            file.path, f"expected a group train, valid or test, got {', '.join(file.names()[:12]) or 'none'}"
        )
    require_named_split(file.path, splits)
    return [_stored_split(file, split) for split in splits]


def _stored_split(file: Hdf5File, split: str) -> StoredBlock:
    electric = file.has(f"{split}/d_field")
    space = "xyz" if electric else "xy"
    names = ("d_field", "h_field") if electric else ("u", "vx", "vy")
    axes = "nt" + space + ("c" if electric else "")
    arrays = {f"{split}/{name}": file.array(f"{split}/{name}") for name in names}
    lengths = axis_lengths(file.path, {name: (array.shape, axes) for name, array in arrays.items()})
    if electric:
        require_components(file.path, f"{split}/{names[0]}", lengths["c"], 3)
    rows = lengths["n"]
    alone = {name: _each(file, split, name, rows) for name in _names_alone(file, split, rows)}
    times, time_notes = _times(file, split, lengths["t"], alone.get("dt"))
    extent, notes = _extent(file, split, lengths, space, alone)
    block = Block(
        key=split,
        num_trajectories=rows,
        num_snapshots=lengths["t"],
        fields=(Field("d_field", 1), Field("h_field", 1)) if electric else (Field("u"), Field("v", 1)),
        shape=tuple(lengths[axis] for axis in space),
        times=times,
        extent=extent,
        params={name: values for name, values in alone.items() if name not in STEPS},
        split=split,
        notes=time_notes + notes,
    )
    return StoredBlock(block, [StoredArray(array, named(axes)) for array in arrays.values()])


def _names_alone(file: Hdf5File, split: str, rows: int) -> list[str]:
    """Arrays with one number for each trajectory."""
    names = [name for name in file.names(split) if name not in ("t", "x", "y", "z")]
    return [name for name in names if tuple(file.array(f"{split}/{name}").shape) == (rows,)]


def _each(file: Hdf5File, split: str, name: str, rows: int) -> np.ndarray:
    values = numbers_of(file, f"{split}/{name}").astype(np.float64)
    if name in STEPS and not (values > 0).all():
        raise unreadable_file(file.path, f"{split}/{name}: expected steps above 0, got {values.min():g}")
    return values


def _times(
    file: Hdf5File, split: str, num_snapshots: int, dt: np.ndarray | None
) -> tuple[np.ndarray | None, tuple[str, ...]]:
    """Times of the snapshots, from t and dt; and a note where these disagree."""
    if not file.has(f"{split}/t"):
        return (None if dt is None else _shared(dt[:, None] * np.arange(num_snapshots))), ()
    times = increasing_times(file.path, f"{split}/t", numbers_of(file, f"{split}/t"), num_snapshots)
    if dt is None or num_snapshots < 2:
        return times, ()
    step = (times[..., -1] - times[..., 0]) / (num_snapshots - 1)
    if np.allclose(step, dt, rtol=1e-5):
        return times, ()
    if np.allclose(step * (num_snapshots - 1) / num_snapshots, dt, rtol=1e-5):
        first = np.broadcast_to(times[..., 0], dt.shape)
        note = (
            f"{split}/t counts the end of the last step as a snapshot; the times are the first one and multiples of dt"
        )
        return _shared(first[:, None] + dt[:, None] * np.arange(num_snapshots)), (note,)
    return times, (f"{split}/dt is not the distance of the times in {split}/t, which are believed",)


def _extent(
    file: Hdf5File, split: str, lengths: dict[str, int], space: str, alone: dict[str, np.ndarray]
) -> tuple[np.ndarray | None, tuple[str, ...]]:
    """Side lengths from steps, or from coordinates where there are no steps; and notes on them."""
    sides: list[Side] = []
    for axis in space:
        name, count = f"{split}/{axis}", lengths[axis]
        side: Side = None, ()
        if file.has(name):
            side = side_length(file.path, name, numbers_of(file, name), count)
        if f"d{axis}" in alone:
            believed, stored = alone[f"d{axis}"] * count, side[0]
            # Coordinates may reach both ends of the domain.
            ratio = 1 if stored is None else stored / believed
            if np.allclose(ratio, 1, rtol=1e-5) or np.allclose(ratio, count / max(count - 1, 1), rtol=1e-5):
                side = believed, side[1]
            else:
                note = f"{split}/d{axis} is not the distance of the points in {name}; d{axis} is believed"
                side = believed, (*side[1], note)
        sides.append(side)
    extent, notes = joined_sides(sides)
    return (extent if extent is None or extent.ndim == 1 else _shared(extent)), notes


def _shared(rows: np.ndarray) -> np.ndarray:
    """One row where all are equal."""
    return rows[0] if (rows == rows[:1]).all() else rows
