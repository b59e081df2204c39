"""Trajectories in files of others, through a small reader: what is read, what is refused."""

import json
import pickle

import numpy as np
import pytest
import torch

from tendency.data.dataset import TrajectoryDataset
from tendency.data.file_index import FileIndex
from tendency.data.manifest import read_manifest
from tendency.data.metadata import DatasetError
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
def test_an_index_that_was_edited_is_refused(saved_arrays, edit, message):
    from tendency.data.manifest_schema import content_digest

    path = saved_arrays / "manifest.json"
    content = json.loads(path.read_text())
    edit(content["files"])
    content["sha256"] = content_digest(content)
    path.write_text(json.dumps(content))
    with pytest.raises(DatasetError, match=message):
        read_manifest(saved_arrays)
