"""Trajectories in files of others, through a small reader: what is read, what is refused."""

import json
import pickle

import numpy as np
import pytest
import torch

from tendency.data.certificate import Certificate
from tendency.data.dataset import TrajectoryDataset
from tendency.data.dataset_layout import location_path
from tendency.data.file_index import FileIndex, IndexedFile
from tendency.data.manifest import Manifest, read_manifest
from tendency.data.metadata import DatasetError, TrajectoryMetadata
from tendency.data.readers.block import Block
from tendency.data.readers.known_readers import ADMITTED, admit, path_of, reader_named
from tendency.data.readers.reader import OpenedFile, Reader, StatedFacts
from tendency.data.streamed_trajectories import StreamedSplit
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


@pytest.fixture
def reader(monkeypatch):
    monkeypatch.setitem(ADMITTED, path_of(Arrays), Arrays)
    return Arrays()


@pytest.fixture
def folder(tmp_path, reader):
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
        given=(Field("k"),),
    )
    home = tmp_path / "source-0123456789"
    home.mkdir()
    counts = {split: len(numbers) for split, numbers in splits.items()}
    Manifest({}, metadata, counts, 16, {}, Certificate((), 0), {}, files=index).write(home)
    location_path(home).write_text(json.dumps({"path": str(source)}))
    return home


def test_windows_come_from_the_right_rows_of_the_right_files(folder):
    data = TrajectoryDataset(folder, "train", (0, 1))
    assert len(data) == 3 * (SNAPSHOTS - 1)
    window = data.windows([0, 6, 14])
    expected = [states(1, 2)[1, :2], states(0, 3)[0, 1:3], states(0, 3)[1, 4:6]]
    assert np.allclose(window.u[:, :, 0].numpy(), expected)
    assert window.u.dtype == torch.float32
    assert window.t.tolist() == [[0.0, 0.5], [0.5, 1.0], [2.0, 2.5]]
    c = window.conditions
    assert (c.param_names, c.hidden_names) == (("speed",), ("depth", "viscosity"))
    assert c.params[:, 0].tolist() == [1.0, 0.0, 1.0]
    assert c.hidden.tolist() == [[3.0, 0.25]] * 3
    assert c.extent.tolist() == [[2.0]] * 3
    assert np.allclose(c.given[:, 0].numpy(), [2 * states(1, 2)[1, 0], 2 * states(0, 3)[0, 0], 2 * states(0, 3)[1, 0]])


def test_a_worker_process_reads_the_same(folder):
    data = TrajectoryDataset(folder, "train", (0, 1))
    first = data[3]
    copy = pickle.loads(pickle.dumps(data))  # noqa: S301  our own bytes: what a worker process receives
    assert torch.equal(copy[3].u, first.u)


def test_whole_trajectories_are_streamed(folder):
    data = TrajectoryDataset.whole(folder, "train", stride=2)
    (batch,) = StreamedSplit(data, 3, torch.device("cpu"))
    u = torch.stack(list(batch.snapshots()), 1)
    assert np.allclose(u[:, :, 0].numpy(), [states(1, 2)[1, ::2], states(0, 3)[0, ::2], states(0, 3)[1, ::2]])
    assert batch.t.tolist() == [[0.0, 1.0, 2.0]] * 3


def test_a_manifest_of_files_is_read_as_it_was_written(folder):
    manifest = read_manifest(folder)
    assert manifest.files.to_dict() == FileIndex.from_dict(manifest.files.to_dict()).to_dict()
    assert set(manifest.checksums({"test": 1})) == {"files/part0.npy", "files/part1.npy"}
    assert "2 files of others" in repr(manifest)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda path: np.save(path, states(0, 4)), "part0.npy was changed since it was indexed: .* bytes then"),
        (lambda path: np.save(path, states(0, 4)[:, :, :6]), "part0.npy was changed since it was indexed: its struct"),
        (lambda path: path.unlink(), "part0.npy is missing: .* data.path="),
    ],
)
def test_files_that_changed_are_refused(folder, change, message):
    change(folder.parent / "source" / "part0.npy")
    with pytest.raises(DatasetError, match=message):
        TrajectoryDataset(folder, "valid", (0, 1)).windows([0])


def test_values_that_are_not_finite_are_refused_with_their_place(folder):
    path = folder.parent / "source" / "part0.npy"
    u = states(0, 3)
    u[1, 4, 2] = np.nan
    np.save(path, u)
    with pytest.raises(
        DatasetError, match=r"part0.npy holds values of u that are not finite: trajectory 1, snapshot 4; lea"
    ):
        TrajectoryDataset(folder, "train", (0, 1)).windows([10])


@pytest.mark.parametrize(
    "path", ["os.system", "tendency.data.readers.reader.Reader.open", "tendency.data.readers.nothing.Reader", "x", ""]
)
def test_an_index_names_no_other_class(path):
    with pytest.raises(DatasetError, match="is not one of this project"):
        reader_named(path)


def test_a_class_outside_the_project_is_admitted_where_the_command_line_named_it(monkeypatch):
    monkeypatch.delitem(ADMITTED, path_of(Arrays), raising=False)
    with pytest.raises(DatasetError, match="is not one of this project"):
        reader_named(path_of(Arrays))
    admit(Arrays)
    assert isinstance(reader_named(path_of(Arrays)), Arrays)


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda files: files["files"][0].update(name="../elsewhere.npy"), "names that stay in the dataset's folder"),
        (lambda files: files["splits"].update(train=[0, 1, 99]), "expected numbers below 5"),
        (lambda files: files.update(params={"speed": "rate"}), "files.params"),
        (lambda files: files.update(params={"speed": "nothing", "depth": "depth"}), "lack the parameters"),
        (lambda files: files["files"][0]["blocks"][0].update(num_snapshots=3), "expected at least 6 snapshots"),
        (lambda files: files.pop("stated"), "files.stated"),
    ],
)
def test_an_index_that_was_edited_is_refused(folder, edit, message):
    from tendency.data.manifest_schema import content_digest

    path = folder / "manifest.json"
    content = json.loads(path.read_text())
    edit(content["files"])
    content["sha256"] = content_digest(content)
    path.write_text(json.dumps(content))
    with pytest.raises(DatasetError, match=message):
        read_manifest(folder)
