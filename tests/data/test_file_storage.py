"""Trajectories in files of others, through a small reader: what is read, what is refused."""

import json
import pickle

import numpy as np
import pytest
import torch

from tendency.data.dataset import TrajectoryDataset
from tendency.data.file_index import FileIndex, header_of
from tendency.data.manifest import read_manifest
from tendency.data.manifest_schema import content_digest
from tendency.data.metadata import DatasetError
from tendency.data.readers.block import Block
from tendency.data.readers.known_readers import ADMITTED, admit, path_of, reader_named
from tendency.data.streamed_trajectories import StreamedSplit
from tests.support.saved_arrays import SNAPSHOTS, Arrays, states


def test_windows_come_from_the_right_rows_of_the_right_files(saved_arrays):
    data = TrajectoryDataset(saved_arrays, "train", (0, 1))
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


def test_a_worker_process_reads_the_same(saved_arrays):
    data = TrajectoryDataset(saved_arrays, "train", (0, 1))
    first = data[3]
    copy = pickle.loads(pickle.dumps(data))  # noqa: S301  our own bytes: what a worker process receives
    assert torch.equal(copy[3].u, first.u)


def test_whole_trajectories_are_streamed(saved_arrays):
    data = TrajectoryDataset.whole(saved_arrays, "train", stride=2)
    (batch,) = StreamedSplit(data, 3, torch.device("cpu"))
    u = torch.stack(list(batch.snapshots()), 1)
    assert np.allclose(u[:, :, 0].numpy(), [states(1, 2)[1, ::2], states(0, 3)[0, ::2], states(0, 3)[1, ::2]])
    assert batch.t.tolist() == [[0.0, 1.0, 2.0]] * 3


def test_a_manifest_of_files_is_read_as_it_was_written(saved_arrays):
    manifest = read_manifest(saved_arrays)
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
def test_files_that_changed_are_refused(saved_arrays, change, message):
    change(saved_arrays.parent / "source" / "part0.npy")
    with pytest.raises(DatasetError, match=message):
        TrajectoryDataset(saved_arrays, "valid", (0, 1)).windows([0])


def test_values_that_are_not_finite_are_refused_with_their_place(saved_arrays):
    path = saved_arrays.parent / "source" / "part0.npy"
    u = states(0, 3)
    u[1, 4, 2] = np.nan
    np.save(path, u)
    with pytest.raises(
        DatasetError, match=r"part0.npy holds values of u that are not finite: trajectory 1, snapshot 4; lea"
    ):
        TrajectoryDataset(saved_arrays, "train", (0, 1)).windows([10])


@pytest.mark.parametrize(
    "path",
    [
        "os.system",
        "tendency.data.readers.reader.Reader.open",
        "tendency.data.readers.nothing.Reader",
        "tendency.data.readers.reader.Reader",
        "x",
        "",
    ],
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
        (lambda files: files["splits"].update(train=[4, 0, 3]), "splits.test: expected each trajectory once .* got 3"),
        (lambda files: files["splits"].update(train=[4, 4, 4]), "splits.train: expected each trajectory once .* got 4"),
        (lambda files: files.update(files=[files["files"][0]] * 2), "each file once, got 'part0.npy'"),
        (lambda files: files.update(dt=3.0), "metadata.dt: expected what the index makes, 3.0, got 0.5"),
        (lambda files: files.update(extent=[9.0, 9.0]), "data.extent: expected 1 side lengths"),
        (lambda files: files.update(extent=[]), "data.extent: expected 1 side lengths"),
        (lambda files: files["files"][0].update(header="0" * 64), "its blocks are not what its header was made of"),
        (lambda files: blocks_of(files, shape=[16]), "metadata.geometry: expected what the index makes"),
        (lambda files: blocks_of(files, fields=[U, V]), "metadata.fields: expected what the index makes"),
        (lambda files: blocks_of(files, given=[]), "metadata.given: expected what the index makes"),
        (lambda files: blocks_of(files, times=[[0, 1, 2, 3, 4, 5]]), "times: expected one for all or each of"),
        (lambda files: files["files"][1]["blocks"][0].update(shape=[16]), "part1.npy.*not what its header"),
    ],
)
def test_an_index_that_was_edited_is_refused(saved_arrays, edit, message):
    sign(saved_arrays, lambda content: edit(content["files"]))
    with pytest.raises(DatasetError, match=f"{message}.*the files are indexed anew"):
        read_manifest(saved_arrays)


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda content: content["metadata"].update(has_time_derivative=True), "metadata.has_time_derivative: expec"),
        (lambda content: content["metadata"].update(dt=7.0), "metadata.dt: expected what the index makes, 0.5, got 7"),
        (lambda content: content["metadata"]["fields"].append(V), "metadata.fields"),
        (lambda content: content["metadata"].update(given=[]), "metadata.given"),
        (lambda content: content["metadata"]["geometry"].update(shape=[16]), "metadata.geometry"),
        (
            lambda content: content["metadata"].update(param_names=["depth", "viscosity"], hidden_names=["speed"]),
            "metadata.hidden_names: expected what the index makes, .'depth', 'viscosity'., got .'speed'.",
        ),
        (lambda content: content["metadata"].update(resolution="resolved"), "metadata.resolution"),
        (lambda content: content["description"]["values"].update(dt=3), "description.values.dt: expected .* None, got"),
        (lambda content: content["description"]["values"].update(boundary="open"), "metadata.geometry"),
        (lambda content: content["description"]["values"].update(boundary=3), "damaged"),
        (lambda content: content["description"].update(values=3), "description.values"),
        (lambda content: content["description"].update(files=[[1]]), "description.files: expected name, size"),
        (lambda content: content["description"].update(files=3), "description.files: expected name, size"),
        (lambda content: content["description"].update(reader="x"), "description.reader"),
        (lambda content: content["description"].update(leave_out=[4]), "splits.train: expected no trajectory that is"),
        (lambda content: content["description"].update(leave_out=3), "description.leave_out: expected numbers"),
        (lambda content: content["statistics"].update(u={"mean": [0.0], "std": [-1.0]}), "statistics.u.std.0"),
        (lambda content: content["statistics"].update(u={"mean": [0.0], "std": []}), "statistics.u.std: expected one"),
    ],
)
def test_a_manifest_that_contradicts_its_index_is_refused(saved_arrays, edit, message):
    sign(saved_arrays, edit)
    with pytest.raises(DatasetError, match=f"{message}.*the files are indexed anew"):
        read_manifest(saved_arrays)


U, V = ({"name": name, "rank": 0, "unit": ""} for name in "uv")


def sign(folder, edit):
    """Edits a manifest, and signs it as this program does."""
    path = folder / "manifest.json"
    content = json.loads(path.read_text())
    edit(content)
    content["sha256"] = content_digest(content)
    path.write_text(json.dumps(content))


def blocks_of(files, **changes):
    """Edits all blocks, and the headers with them."""
    for file in files["files"]:
        file["blocks"][0].update(changes)
        file["header"] = header_of([Block.from_dict(block) for block in file["blocks"]])
