"""The arrays that APEBench writes: (trajectory, time, channel, space) for each split."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tendency.data.readers.array_file import ArrayFile, StoredBlock
from tendency.data.readers.block import Block
from tendency.data.readers.named_split import split_of_name
from tendency.data.readers.numpy_file import NumpyFile, numpy_shapes
from tendency.data.readers.reader import OpenedFile, Reader, StatedFacts, unreadable_file
from tendency.data.readers.stored_array import SPACE, StoredArray
from tendency.simulation.fields import Field

AXES = ("trajectory", "time", "channel")


class ApebenchReader(Reader):
    """``<scenario>_train.npy`` and ``<scenario>_test.npy`` (n, T, C, *N), or one .npz; ``<scenario>.json`` beside them.

    The file beside says the domain and the time between snapshots; without it they are not said. All scenarios are
    periodic, on a box of equal sides.

    References:
        Köhler et al., arXiv 2411.00180.
    """

    suffixes = (".npy", ".npz")

    def recognises(self, file: Path) -> bool:
        """As of ``Reader``."""
        shapes = numpy_shapes(file)
        named = {name: shape for name, shape in shapes.items() if split_of_name(Path(name)) or split_of_name(file)}
        # An array (n, T, X, Y) of a scalar has as many axes: its third one has as many entries as its fourth.
        few = all(_fits(shape) and shape[2] <= len(SPACE) for shape in shapes.values())
        return bool(shapes) and named == shapes and few

    def parts(self, file: Path) -> Sequence[Path]:
        """As of ``Reader``."""
        beside = _beside(file)
        return (file, beside) if beside.is_file() else (file,)

    def open(self, file: Path, stated: StatedFacts) -> OpenedFile:
        """As of ``Reader``."""
        opened = NumpyFile(file)
        return ArrayFile(file, lambda: [_stored(opened, name, file) for name in opened.names()], opened.close)


def _fits(shape: tuple[int, ...]) -> bool:
    """Whether an array has axes of trajectories, time and channels, and one to three equal ones of space."""
    space = shape[len(AXES) :]
    return 1 <= len(space) <= len(SPACE) and len(set(space)) == 1 and 0 not in shape


def _beside(file: Path) -> Path:
    """The file of the scenario, whose name is that of the arrays without the split."""
    return file.with_name(file.stem.rpartition("_")[0] + ".json")


def _stored(file: NumpyFile, name: str, path: Path) -> StoredBlock:
    array = file.array(name)
    if not _fits(array.shape):
        wanted = "expected 4 to 6 axes (n, T, C, *N) with equal sides"
        raise unreadable_file(path, f"{name}: {wanted}, got {len(array.shape)}: {array.shape}")
    num_trajectories, num_snapshots, channels, *points = array.shape
    said, sides = _scenario(path), len(points)
    block = Block(
        key=name if path.suffix.lower() == ".npz" else "",
        num_trajectories=num_trajectories,
        num_snapshots=num_snapshots,
        fields=tuple(Field(f"u_{channel}" if channels > 1 else "u") for channel in range(channels)),
        shape=tuple(points),
        times=said["dt"] * np.arange(num_snapshots) if "dt" in said else None,
        extent=np.full(sides, said["domain_extent"]) if "domain_extent" in said else None,
        boundary=(("periodic", "periodic"),) * sides,
        split=split_of_name(Path(name)) or split_of_name(path),
    )
    return StoredBlock(block, [StoredArray(array, (*AXES, *SPACE[:sides]))])


def _scenario(path: Path) -> dict[str, float]:
    """What the file beside says of the time between snapshots and of the domain, as far as it does."""
    beside = _beside(path)
    if not beside.is_file():
        return {}
    try:
        content: Any = json.loads(beside.read_text(encoding="utf-8"))
        info = content["info"]
        found = {name: info[name] for name in ("dt", "domain_extent") if name in info}
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        raise unreadable_file(beside, "is no description of a scenario: expected JSON with an entry info") from None
    for name, value in found.items():
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < np.inf:
            raise unreadable_file(beside, f"info.{name}: expected a number above 0, got {value!r}")
    return {name: float(value) for name, value in found.items()}
