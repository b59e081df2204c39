"""A dataset of two files of others, with a reader of a few lines."""

import json

import numpy as np

from tendency.data.certificate import Certificate
from tendency.data.dataset_layout import location_path
from tendency.data.file_index import FileIndex, IndexedFile
from tendency.data.manifest import Manifest
from tendency.data.metadata import TrajectoryMetadata
from tendency.data.readers.block import Block
from tendency.data.readers.known_readers import path_of
from tendency.data.readers.reader import OpenedFile, Reader, StatedFacts
from tendency.simulation.fields import Field
from tendency.simulation.geometry import Boundary, Grid

POINTS, SNAPSHOTS = 8, 6


class OpenedArray(OpenedFile):
    def __init__(self, path):
        self.u = np.load(path)

    def blocks(self):
        n, snapshots, points = self.u.shape
        times = 0.5 * np.arange(snapshots)
        rates = {"rate": np.arange(n, dtype=np.float64), "depth": np.full(n, 3.0)}
        return [
            Block("", n, snapshots, (Field("u"),), (points,), times, np.array([2.0]), params=rates, given=(Field("k"),))
        ]

    def read(self, block, rows, snapshots):
        return self.u[rows, snapshots, None]

    def read_given(self, block, rows):
        return self.u[rows, :1] * 2


class Arrays(Reader):
    suffixes = (".npy",)

    def recognises(self, file):
        return file.suffix == ".npy"

    def open(self, file, stated):
        return OpenedArray(file)


def states(number, rows):
    x = np.arange(POINTS) / POINTS
    t = np.arange(SNAPSHOTS)[:, None]
    return np.stack([100 * number + 10 * row + t + np.sin(2 * np.pi * x) for row in range(rows)])


def write_array_files(tmp_path, reader):
    """A dataset of two files of 3 and 2 trajectories, which are not stored in the order of the splits."""
    source = tmp_path / "source"
    source.mkdir()
    for number, rows in enumerate((3, 2)):
        np.save(source / f"part{number}.npy", states(number, rows))
    files = tuple(IndexedFile.of(path, path.name, reader, StatedFacts()) for path in reader.files(source))
    splits = {"train": np.array([4, 0, 1]), "valid": np.array([2]), "test": np.array([3])}
    index = FileIndex(
        path_of(Arrays), StatedFacts(), files, splits, {"speed": "rate", "depth": "depth"}, {"viscosity": 0.25}
    )
    metadata = TrajectoryMetadata(
        name="source",
        equation="",
        equation_version=1,
        fields=(Field("u"),),
        param_names=("speed",),
        hidden_names=("depth", "viscosity"),
        geometry=Grid([POINTS], Boundary.periodic(1)),
        num_snapshots=SNAPSHOTS,
        dt=0.5,
        resolution="unknown",
        given=(Field("k"),),
    )
    home = tmp_path / "source-0123456789"
    home.mkdir()
    counts = {split: len(numbers) for split, numbers in splits.items()}
    Manifest({"values": {"boundary": "periodic"}}, metadata, counts, 16, {}, Certificate((), 0), {}, files=index).write(
        home
    )
    location_path(home).write_text(json.dumps({"path": str(source)}))
    return home
