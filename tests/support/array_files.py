"""Data files that tests write, and a reader of them that is no part of the project."""

from pathlib import Path

import numpy as np

from tendency.data.readers.block import Block
from tendency.data.readers.reader import OpenedFile, Reader, StatedFacts, unreadable_file
from tendency.simulation.fields import Field


class OpenedArrays(OpenedFile):
    """One npz file: ``u`` (R, T, C, *N), and what is known beside it, e.g. ``times``; all else is a parameter (R,)."""

    def __init__(self, path: Path) -> None:
        with np.load(path) as content:
            self.arrays = dict(content)
        if "u" not in self.arrays:
            raise unreadable_file(path, f"holds no array 'u': it has {sorted(self.arrays)}")

    def blocks(self) -> list[Block]:
        """One."""
        u = self.arrays["u"]
        known = ("u", "times", "extent", "boundary", "split", "equation", "mask")
        boundary = self.arrays.get("boundary")
        names = ["u"] if u.shape[2] == 1 else [f"u{i}" for i in range(u.shape[2])]
        block = Block(
            key="",
            num_trajectories=len(u),
            num_snapshots=u.shape[1],
            fields=tuple(Field(name) for name in names),
            shape=u.shape[3:],
            times=self.arrays.get("times"),
            extent=self.arrays.get("extent"),
            boundary=None if boundary is None else tuple((str(low), str(high)) for low, high in boundary),
            params={name: array for name, array in self.arrays.items() if name not in known},
            given=(Field("mask"),) if "mask" in self.arrays else (),
            split=str(self.arrays["split"]) if "split" in self.arrays else None,
            equation=str(self.arrays.get("equation", "")),
        )
        return [block]

    def read(self, block: Block, rows: slice, snapshots: slice) -> np.ndarray:
        """As of ``OpenedFile``."""
        return self.arrays["u"][rows, snapshots]

    def read_given(self, block: Block, rows: slice) -> np.ndarray:
        """As of ``OpenedFile``."""
        return self.arrays["mask"][rows] if "mask" in self.arrays else super().read_given(block, rows)


class ArrayReader(Reader):
    """Npz files."""

    suffixes = (".npz",)
    opened = 0
    """How many files were opened, in this process."""

    def recognises(self, file: Path) -> bool:
        """By its ending."""
        return file.suffix == ".npz"

    def open(self, file: Path, stated: StatedFacts) -> OpenedFile:
        """As of ``Reader``."""
        type(self).opened += 1
        return OpenedArrays(file)


def write_waves(path: Path, count: int = 10, seed: int = 0, **changes: object) -> Path:
    """Waves u = sin(x - c t + phase) on a circle of length 2 pi with 16 points, 9 snapshots 0.1 apart.

    Args:
        path: of the npz file.
        count: trajectories.
        seed: of phases and speeds.
        changes: arrays that stand in place of the usual ones; None leaves one out.
    """
    generator = np.random.default_rng(seed)
    speed, phase = generator.uniform(0.5, 1.5, count), generator.uniform(0, 2 * np.pi, count)
    x, t = 2 * np.pi * np.arange(16) / 16, 0.1 * np.arange(9)
    u = np.sin(x - speed[:, None, None] * t[:, None] + phase[:, None, None])[:, :, None].astype(np.float32)
    content = {
        "u": u,
        "times": t,
        "extent": np.array([2 * np.pi]),
        "boundary": np.array([["periodic", "periodic"]]),
        "speed": speed,
    }
    content = {name: value for name, value in (content | changes).items() if value is not None}
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez(path, **content)
    return path
