"""PDEBench's incompressible Navier-Stokes files."""

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from tendency.data.readers.array_file import ArrayFile, StoredBlock
from tendency.data.readers.axis_lengths import axis_lengths, named, require_components
from tendency.data.readers.block import Block
from tendency.data.readers.file_coordinates import increasing_times, numbers_of
from tendency.data.readers.hdf5_file import Hdf5File
from tendency.data.readers.hdf5_structure import holds, number, text
from tendency.data.readers.reader import OpenedFile, Reader, StatedFacts
from tendency.data.readers.stored_array import StoredArray
from tendency.simulation.fields import Field


class PDEBenchIncompressible(Reader):
    """PDEBench's ``ns_incom_inhom_2d_*.h5``.

    ``velocity (n, T, nx, ny, 2)``, ``particles (n, T, nx, ny, 1)``, the constant ``force (n, nx, ny, 2)`` and ``t (n,
    T)``. The attribute ``config`` (YAML) has the viscosity ``NU``, the side lengths ``domain_size``, and the
    ``velocity_extrapolation``, of which ZERO is a wall. Where ``latestIndex`` says that a simulation ended early, the
    snapshots after it, which are not filled, are left out.
    """

    suffixes = (".h5", ".hdf5")

    def recognises(self, file: Path) -> bool:
        """As of ``Reader``."""
        return holds(file, "velocity", "particles", "t")

    def open(self, file: Path, stated: StatedFacts) -> OpenedFile:
        """As of ``Reader``."""
        source = Hdf5File(file)
        return ArrayFile(file, partial(_stored, source), source.close)


def _stored(file: Hdf5File) -> list[StoredBlock]:
    """The one block of a file."""
    arrays = {"velocity": "ntxyc", "particles": "ntxyd", "t": "nt"}
    arrays |= {"force": "nxyc"} if file.has("force") else {}
    lengths = axis_lengths(file.path, {name: (file.array(name).shape, axes) for name, axes in arrays.items()})
    require_components(file.path, "velocity", lengths["c"], 2)
    require_components(file.path, "particles", lengths["d"], 1)
    num_snapshots = lengths["t"]
    notes: tuple[str, ...] = ()
    latest = number(file.attribute("latestIndex", default=-1))
    if latest is not None and 0 <= latest < num_snapshots - 1:
        notes = (f"latestIndex = {latest:g}: the {num_snapshots - 1 - int(latest)} snapshots after it are left out",)
        num_snapshots = int(latest) + 1
    config = _configuration(text(file.attribute("config")))
    viscosity = number(config.get("NU"))
    block = Block(
        key="",
        num_trajectories=lengths["n"],
        num_snapshots=num_snapshots,
        fields=(Field("velocity", 1), Field("particles")),
        shape=(lengths["x"], lengths["y"]),
        times=increasing_times(file.path, "t", numbers_of(file, "t")[:, :num_snapshots], num_snapshots),
        extent=_sides(config.get("domain_size")),
        boundary=(("dirichlet", "dirichlet"),) * 2 if config.get("velocity_extrapolation") == "ZERO" else None,
        params={} if viscosity is None else {"NU": np.full(lengths["n"], viscosity)},
        given=(Field("force", 1),) if "force" in arrays else (),
        notes=notes,
    )
    given = [StoredArray(file.array("force"), named("nxyc"))] if "force" in arrays else []
    state = [StoredArray(file.array(name), named("ntxyc")) for name in ("velocity", "particles")]
    return [StoredBlock(block, state, given)]


def _configuration(content: str) -> dict[str, Any]:
    """The entries of a YAML; none where it is none."""
    try:
        entries = yaml.safe_load(content)
    except yaml.YAMLError:
        return {}
    return entries if isinstance(entries, dict) else {}


def _sides(entry: Any) -> np.ndarray | None:
    """Side lengths of a configuration; None where it has none."""
    sides = [number(side) for side in entry] if isinstance(entry, list) else []
    known = [side for side in sides if side is not None and side > 0]
    return np.array(known) if len(known) == len(sides) == 2 else None
