"""Data files that were changed after they were indexed: refused with the trajectory by all who read them."""

import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from tendency.app.problems.file_data import FileData
from tendency.app.problems.stored_dataset import verify_folder
from tendency.data import trajectory_digests
from tendency.data.dataset import TrajectoryDataset
from tendency.data.metadata import DatasetError
from tendency.data.readers.arrays import ArrayReader as GeneralReader
from tests.support.array_files import ArrayReader, write_waves

SAID = {"axes": ["trajectory", "time", "x"], "dt": 0.1, "extent": [6.28], "boundary": "periodic"}


@pytest.fixture
def data_of(tmp_path):
    """``data_of(path)``: the data of a run on these files, which are indexed."""

    def make(path, **settings):
        data = FileData(tmp_path / "datasets", None, str(path), **{"batch_size": 2, "reader": ArrayReader()} | settings)
        assert data.manifest.files
        return data

    return make


@pytest.fixture
def waves(tmp_path):
    """A file of ten waves."""
    return write_waves(tmp_path / "waves.npz")


def change(path, number, keep_time=False):
    """Other values of one trajectory, which is neither the first nor the last, in a file of the same size."""
    before, content = path.stat(), dict(np.load(path))
    content["u"][number] *= -3
    np.savez(path, **content)
    assert path.stat().st_size == before.st_size
    os.utime(path, ns=(before.st_mtime_ns,) * 2 if keep_time else (before.st_mtime_ns + 10**9,) * 2)


def everything(folder, counts):
    """Reads all trajectories of all splits."""
    for split, count in counts.items():
        TrajectoryDataset.whole(folder, split).windows(range(count))


@pytest.mark.parametrize("number", [1, 5, 8])
def test_changed_values_are_refused_with_their_trajectory_by_all_who_read_them(data_of, waves, number, capsys):
    data = data_of(waves)
    everything(data.folder, data.counts)
    change(waves, number)
    refused = rf"waves.npz was changed since it was indexed: trajectory {number} has other values than .* another name"
    with pytest.raises(DatasetError, match=refused):
        everything(data.folder, data.counts)
    with pytest.raises(DatasetError, match=refused):
        # What a training and a resumed one do.
        _ = data_of(waves).folder
    with pytest.raises(DatasetError, match="1 of its data files are not what was indexed"):
        verify_folder(data.folder, data.manifest)
    assert f"trajectory {number} has other values" in capsys.readouterr().out


def test_a_refused_file_stays_refused(data_of, waves):
    data = data_of(waves)
    (split,) = (split for split, numbers in data.index.splits.items() if 5 in numbers)
    change(waves, 5)
    windows = TrajectoryDataset.whole(data.folder, split)
    for _ in range(2):
        with pytest.raises(DatasetError, match="trajectory 5 has other values"):
            windows.windows([0])


def test_a_verification_reads_what_kept_its_time_of_change(data_of, waves, capsys):
    data = data_of(waves)
    change(waves, 3, keep_time=True)
    with pytest.raises(DatasetError, match="are not what was indexed"):
        verify_folder(data.folder, data.manifest)
    assert "trajectory 3 has other values" in capsys.readouterr().out


def test_a_copy_and_a_changed_file_of_another_name_are_used(data_of, waves, tmp_path):
    data = data_of(waves)
    copy = shutil.copy(waves, tmp_path / "copy.npz")
    os.replace(copy, waves)
    os.utime(waves, (1, 1))
    everything(data.folder, data.counts)
    assert data_of(waves).folder == data.folder
    change(waves, 5)
    assert data_of(waves.rename(tmp_path / "other.npz")).folder != data.folder


def test_constant_fields_are_values(data_of, tmp_path):
    path = write_waves(tmp_path / "masked.npz", mask=np.ones((10, 1, 16), np.float32))
    data = data_of(path)
    content, before = dict(np.load(path)), path.stat()
    content["mask"][4, 0, 3] = 0
    np.savez(path, **content)
    os.utime(path, ns=(before.st_mtime_ns + 10**9,) * 2)
    with pytest.raises(DatasetError, match="trajectory 4 has other values"):
        everything(data.folder, data.counts)


def test_of_large_data_what_was_compared_is_said(data_of, waves, monkeypatch, capsys):
    monkeypatch.setattr(trajectory_digests, "DIGESTED_VALUES", 4 * 9 * 16)
    data_of(waves)
    os.utime(waves, (1, 1))
    data = data_of(waves)
    assert "the values of 4 of 10 trajectories, and some of" in capsys.readouterr().out
    data.verify()
    assert "compared: all values of 4 trajectories, and those of the first and the last" in capsys.readouterr().out
    data.verify()
    assert "compared" not in capsys.readouterr().out
    change(waves, 5)
    with pytest.raises(DatasetError, match="are not what was indexed"):
        data.verify()


@pytest.mark.parametrize("damage", [b"", b"[]", b'{"schema": 1, "digests": {"5": "0"}, "sha256": "0"}'])
def test_digests_that_were_damaged_are_none(data_of, waves, damage, capsys):
    data = data_of(waves)
    (data.folder / "digests.json").write_bytes(damage)
    os.utime(waves, (1, 1))
    everything(data.folder, data.counts)
    data.verify()
    assert "compared: all values of 0 trajectories" in capsys.readouterr().out


def test_times_of_change_that_were_damaged_are_none(data_of, waves):
    data = data_of(waves)
    path = data.folder / "location.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"stamps": 3}))
    everything(data.folder, data.counts)
    change(waves, 5, keep_time=True)
    with pytest.raises(DatasetError, match="trajectory 5 has other values"):
        everything(data.folder, data.counts)


def test_a_format_whose_file_is_a_folder_is_a_dataset_of_one_file(data_of, tmp_path):
    zarr = pytest.importorskip("zarr")
    u = np.load(write_waves(tmp_path / "waves.npz"))["u"][:, :, 0]
    path = tmp_path / "store.zarr"
    group = zarr.open_group(str(path), mode="w", zarr_format=2)
    group.create_array("u", data=u)
    data = data_of(path, reader=GeneralReader(), **SAID)
    everything(data.folder, data.counts)
    data.verify()
    gone = path.rename(tmp_path / "elsewhere.zarr")
    with pytest.raises(DatasetError, match=rf"^{path} is missing"):
        everything(data.folder, data.counts)
    assert gone.is_dir()


def test_a_missing_file_is_named_by_the_path_it_had(data_of, waves):
    data = data_of(waves)
    waves.unlink()
    with pytest.raises(DatasetError, match=rf"^{waves} is missing"):
        everything(data.folder, data.counts)


@pytest.mark.parametrize("link", [os.symlink, os.link, shutil.copy])
@pytest.mark.parametrize(
    "names",
    [
        ("a.npz", "b.npz"),
        ("train/a.npz", "test/a.npz"),
    ],
)
def test_one_file_in_two_splits_is_refused(data_of, waves, tmp_path, names, link):
    first, second = (tmp_path / "files" / name for name in names)
    for path in (first, second):
        path.parent.mkdir(parents=True, exist_ok=True)
    u = np.load(waves)["u"][:, :, 0]
    np.save(first.with_suffix(".npy"), u)
    link(first.with_suffix(".npy"), second.with_suffix(".npy"))
    said = [str(Path(name).with_suffix(".npy")) for name in sorted(names)]
    with pytest.raises(
        ValueError, match=rf"{said[0]} and {said[1]} hold the same .* in train and valid and test: .*data.only="
    ):
        data_of(tmp_path / "files", reader=GeneralReader(), **SAID)


def test_one_file_twice_in_one_split_is_noted(data_of, tmp_path):
    for number, split in enumerate(("train", "valid", "test")):
        write_waves(tmp_path / "files" / f"{split}.npz", seed=number, split=split)
    shutil.copy(tmp_path / "files" / "train.npz", tmp_path / "files" / "train2.npz")
    notes = [line for line in data_of(tmp_path / "files").lines() if line.startswith("note")]
    assert notes == ["note     train.npz and train2.npz hold the same trajectories, which count twice"]


def test_a_file_without_a_split_beside_others_is_refused(data_of, tmp_path):
    u = np.load(write_waves(tmp_path / "waves.npz"))["u"][:, :, 0]
    for number, name in enumerate(("train/a.npy", "test/b.npy", "c.npy")):
        (tmp_path / "files" / name).parent.mkdir(parents=True, exist_ok=True)
        np.save(tmp_path / "files" / name, u + number)
    with pytest.raises(ValueError, match=r"data.path: .* got c.npy without one beside .*data.only='\*/\?\*'"):
        data_of(tmp_path / "files", reader=GeneralReader(), **SAID)
    data = data_of(tmp_path / "files", reader=GeneralReader(), only="*/?*", **SAID)
    assert data.counts == {"train": 9, "valid": 1, "test": 10}


@pytest.mark.parametrize(("name", "array"), [("u", "values of u"), ("mask", "constant fields")])
def test_what_single_precision_cannot_hold_is_not_called_infinite(data_of, tmp_path, name, array, recwarn):
    content = dict(np.load(write_waves(tmp_path / "waves.npz")))
    content["mask"] = np.ones((10, 1, 16))
    content[name] = content[name].astype(np.float64)
    content[name][4, 0] = 1e300
    path = write_waves(tmp_path / "large.npz", **content)
    with pytest.raises(DatasetError, match=rf"{array} beyond the range of float32 \(3.4e38\): trajectory 4.*; rescale"):
        _ = data_of(path).folder
    assert not [each for each in recwarn if "overflow" in str(each.message)]
