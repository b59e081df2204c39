"""CFDBench's folders: flow in a cavity, in a tube, over a dam, around a cylinder."""

import json
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from tendency.data.readers.array_file import ArrayFile, StoredBlock
from tendency.data.readers.axis_lengths import axis_lengths, named
from tendency.data.readers.block import Block
from tendency.data.readers.hdf5_structure import number
from tendency.data.readers.npy_folder import NpyFolder
from tendency.data.readers.reader import OpenedFile, Reader, StatedFacts, unreadable_file
from tendency.data.readers.stored_array import StoredArray
from tendency.simulation.fields import Field

DESCRIPTION, NAMES = "case.json", ("u", "v")
CYLINDER_DT, DT = 0.001, 0.1
"""Seconds between snapshots, which the files do not say."""
BARRIER_LEFT = 0.5
"""Where the barrier of the dam begins, which the files do not say."""
NOT_PARAMETERS = ("case_no", "dx", "dy")


class CFDBench(Reader):
    """CFDBench's folders ``{problem}/{bc|geo|prop}/case0000/``, with ``u.npy``, ``v.npy (T, ny, nx)``, ``case.json``.

    A case is one trajectory; cases differ in their numbers of snapshots. ``case.json`` has the parameters and the side
    lengths. The rest is that of CFDBench's own program: the time between snapshots, walls, an inlet on the left and an
    outlet on the right of all but the cavity, and the obstacle of the cylinder and the dam. This is the constant field
    ``mask``: 1 in the fluid, 0 in the obstacle, at the centres of cells.

    References:
        Luo et al.: CFDBench: A Large-Scale Benchmark for Machine Learning Methods in Fluid Dynamics.
        arXiv:2310.05963.
    """

    suffixes = (".npy", ".json")

    def files(self, path: Path) -> list[Path]:
        """The case folders in a folder, or the one that it is."""
        below = sorted(each.parent for each in path.rglob(DESCRIPTION)) if path.is_dir() else []
        seen = (each for each in below if not any(part.startswith(".") for part in each.relative_to(path).parts))
        return [each for each in seen if self.recognises(each)]

    def parts(self, file: Path) -> Sequence[Path]:
        """As of ``Reader``."""
        parts = [file / DESCRIPTION, *(file / f"{name}.npy" for name in NAMES)]
        missing = [part for part in parts if not part.is_file()]
        if missing:
            raise unreadable_file(missing[0], "is missing: a case of CFDBench has case.json, u.npy and v.npy")
        return parts

    def recognises(self, file: Path) -> bool:
        """As of ``Reader``."""
        described = file.is_dir() and (file / DESCRIPTION).is_file()
        return described and any((file / f"{name}.npy").is_file() for name in NAMES)

    def open(self, file: Path, stated: StatedFacts) -> OpenedFile:
        """As of ``Reader``."""
        self.parts(file)
        source = NpyFolder(file)
        return ArrayFile(file, partial(_stored, source), source.close)


def _stored(folder: NpyFolder) -> list[StoredBlock]:
    """The one block of a case."""
    described = _described(folder.path / DESCRIPTION)
    lengths = axis_lengths(folder.path, {f"{name}.npy": (folder.array(name).shape, "tyx") for name in NAMES})
    shape = lengths["x"], lengths["y"]
    lower, extent = _box(described)
    mask = _mask(described, shape, lower, extent)
    block = Block(
        key="",
        num_trajectories=1,
        num_snapshots=lengths["t"],
        fields=(Field("velocity", 1),),
        shape=shape,
        times=(CYLINDER_DT if "radius" in described else DT) * np.arange(lengths["t"]),
        extent=extent,
        boundary=_boundary(described),
        params={name: np.array([value]) for name, value in described.items() if name not in NOT_PARAMETERS},
        given=() if mask is None else (Field("mask"),),
    )
    given = () if mask is None else (StoredArray(mask, named("xy")),)
    return [StoredBlock(block, [StoredArray(folder.array(name), named("tyx")) for name in NAMES], given)]


def _described(path: Path) -> dict[str, float]:
    """The numbers of case.json."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise unreadable_file(path, f"is no JSON that can be read: {error}") from None
    if not isinstance(content, dict):
        raise unreadable_file(path, f"expected names with numbers, got {type(content).__name__}")
    entries: dict[str, Any] = {name: entry for name, entry in content.items() if type(entry) in (int, float)}
    values = {name: number(entry) for name, entry in entries.items()}
    for name, value in values.items():
        if value is None:
            raise unreadable_file(path, f"{name}: expected a finite number, got {entries[name]}")
    return {name: value for name, value in values.items() if value is not None}


def _box(described: Mapping[str, float]) -> tuple[np.ndarray, np.ndarray | None]:
    """The lower corner of the domain, and its side lengths; None where the case does not say them."""
    if {"x_min", "x_max", "y_min", "y_max"} <= set(described):
        lower = np.array([described["x_min"], described["y_min"]])
        return lower, np.array([described["x_max"], described["y_max"]]) - lower
    if {"width", "height"} <= set(described):
        return np.zeros(2), np.array([described["width"], described["height"]])
    return np.zeros(2), None


def _mask(
    described: Mapping[str, float], shape: tuple[int, int], lower: np.ndarray, extent: np.ndarray | None
) -> np.ndarray | None:
    """1 in the fluid, 0 in the obstacle, (nx, ny); None where there is no obstacle or its place is not known."""
    if extent is None:
        return None
    x, y = (low + (np.arange(n) + 0.5) * side / n for low, n, side in zip(lower, shape, extent, strict=True))
    if "radius" in described:
        centre = described.get("center_x", 0.0), described.get("center_y", 0.0)
        inside = (x[:, None] - centre[0]) ** 2 + (y - centre[1]) ** 2 <= described["radius"] ** 2
    elif {"barrier_height", "barrier_width"} <= set(described):
        along = (x >= BARRIER_LEFT) & (x <= BARRIER_LEFT + described["barrier_width"])
        inside = along[:, None] & (y <= described["barrier_height"])
    else:
        return None
    return np.where(inside, np.float32(0), np.float32(1))


def _boundary(described: Mapping[str, float]) -> tuple[tuple[str, str], ...] | None:
    """Walls around a cavity; an inlet, an outlet and two walls of what a fluid runs through."""
    walls = ("dirichlet", "dirichlet")
    if "vel_top" in described:
        return walls, walls
    return (("dirichlet", "open"), walls) if {"vel_in", "velocity"} & set(described) else None
