"""PDEBench's files with a group for each trajectory: diffusion-sorption, diffusion-reaction, shallow water."""

import re
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from tendency.data.readers.array_file import ArrayFile, StoredBlock
from tendency.data.readers.axis_lengths import axis_lengths, named
from tendency.data.readers.block import Block
from tendency.data.readers.file_coordinates import increasing_times, joined_sides, numbers_of, side_length
from tendency.data.readers.hdf5_file import Hdf5File
from tendency.data.readers.hdf5_structure import has_structure, number, numbered, text
from tendency.data.readers.reader import OpenedFile, Reader, StatedFacts, unreadable_file
from tendency.data.readers.stored_array import StoredArray
from tendency.data.readers.trajectory_groups import joined_neighbours
from tendency.simulation.fields import Field

GRID = ("seed", "n", "t", "T_end", "tdim", "n_time_steps", "xdim", "ydim", "x_left", "x_right", "y_bottom", "y_top")
"""Entries of a configuration that say the grid, the times and the random seed: they are no parameters."""


class PDEBenchGrouped(Reader):
    """PDEBench's ``.h5`` files: in groups ``0000``, ``0001``, ... each ``data (T, nx, ny, c)`` and ``grid/x, y, t``.

    The group's attribute ``config`` (YAML) has the parameters. Diffusion-reaction, whose ``config`` has ``Du`` and
    ``Dv``, is stored as (T, ny, nx, c); it is turned. The boundary is not said.

    PDEBench itself tests on the last tenth of the trajectories. Its files do not say so: the split is that of
    ``data.split``.
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
    groups = numbered(file.names(), r"(\d+)")
    return bool(groups) and file.has(f"{groups[0]}/data") and file.has(f"{groups[0]}/grid")


def _stored(file: Hdf5File) -> list[StoredBlock]:
    """A block for each run of neighbouring groups of one shape."""
    groups = numbered(file.names(), r"(\d+)")
    if not groups:
        raise unreadable_file(file.path, f"holds no groups 0000, 0001, ...: it has {', '.join(file.names()[:12])}")
    return joined_neighbours([_described(file, group) for group in groups])


def _described(file: Hdf5File, group: str) -> StoredBlock:
    """What one group says of its trajectory."""
    name, settings = f"{group}/data", _simulation(text(file.attribute("config", group)))
    shape = tuple(file.array(name).shape)
    space = "xy" if file.has(f"{group}/grid/y") or len(shape) == 4 else "x"
    grid = {axis: numbers_of(file, f"{group}/grid/{axis}") for axis in "t" + space if file.has(f"{group}/grid/{axis}")}
    along = space[::-1] if _is_turned(file.path, settings) else space
    axes = "t" + along + ("c" if len(shape) == len(space) + 2 else "")
    stored = {name: (shape, axes)} | {f"{group}/grid/{axis}": (x.shape, axis) for axis, x in grid.items()}
    lengths = axis_lengths(file.path, stored)
    lines = [
        side_length(file.path, f"{group}/grid/{axis}", grid[axis], lengths[axis]) for axis in space if axis in grid
    ]
    extent, notes = joined_sides(lines)
    components = lengths.get("c", 1)
    block = Block(
        key=group,
        num_trajectories=1,
        num_snapshots=lengths["t"],
        fields=(Field("data"),) if components == 1 else tuple(Field(f"data_{i}") for i in range(components)),
        shape=tuple(lengths[axis] for axis in space),
        times=increasing_times(file.path, f"{group}/grid/t", grid["t"], lengths["t"]) if "t" in grid else None,
        extent=extent if len(lines) == len(space) else None,
        params={name: np.array([value]) for name, value in settings.items() if name not in GRID},
        notes=notes,
    )
    return StoredBlock(block, [StoredArray(file.unopened(name), named(axes))])


def _is_turned(path: Path, settings: dict[str, float]) -> bool:
    """Whether arrays have y before x, as those of diffusion-reaction have."""
    return {"Du", "Dv"} <= set(settings) or re.search(r"diff[-_]react", path.stem) is not None


def _simulation(config: str) -> dict[str, float]:
    """The numbers in the node ``sim`` of a configuration; none where it is no YAML."""
    # Configurations of neighbours differ in their seeds alone, and are long.
    return _numbers(re.sub(r"(?m)^ *seed:.*$", "", config))


@cache
def _numbers(config: str) -> dict[str, float]:
    try:
        content = yaml.safe_load(config)
    except yaml.YAMLError:
        return {}
    node = content.get("sim", content) if isinstance(content, dict) else {}
    values = {str(name): _value(value) for name, value in node.items()} if isinstance(node, dict) else {}
    return {name: value for name, value in values.items() if value is not None}


def _value(entry: Any) -> float | None:
    """A number of a YAML; such as 1E-3, which YAML takes for a text."""
    if isinstance(entry, str):
        try:
            entry = float(entry)
        except ValueError:
            return None
    return None if isinstance(entry, bool) else number(entry)
