"""Windows are the same to the bit however a split is held, and each way is taken where there is room for it."""

import json
import pickle
import re
import shutil
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from tendency.data import machine, mapped_copy, split_holder
from tendency.data.chunk_storage import ChunkStorage
from tendency.data.datamodule import TrajectoryDataModule
from tendency.data.dataset import TrajectoryDataset
from tendency.data.manifest_schema import content_digest
from tendency.data.mapped_copy import MappedWindows
from tendency.data.metadata import DatasetError
from tendency.data.resident_windows import ResidentWindows
from tendency.data.row_reads import read_windows
from tendency.data.split_holder import SplitHolder

WAYS = ("memory", "mapped", "rows")


@pytest.fixture
def copy(dataset, tmp_path):
    """A copy of the dataset that a test may write into."""
    return shutil.copytree(dataset, tmp_path / "waves")


def tensors(window):
    c = window.conditions
    found = [window.u, window.u_t, window.t, window.index, window.present, c.params, c.hidden, c.extent, c.given]
    return [x for x in found if x is not None]


def same(one, other):
    a, b = tensors(one), tensors(other)
    return len(a) == len(b) and all(torch.equal(x, y) for x, y in zip(a, b, strict=True))


def held(folder, way, *arguments, split="train", **changes):
    return TrajectoryDataset(folder, split, *arguments, holder=SplitHolder(way, copies=True), **changes)


@pytest.fixture(params=["chunks", "files"])
def anything(request):
    """A generated dataset with u_t and a vector field, or one that lies in files of others with a constant field."""
    return request.getfixturevalue("copy" if request.param == "chunks" else "saved_arrays")


@pytest.mark.parametrize(
    "changes",
    [
        {"required": (0, 1)},
        {"required": (0,), "wanted": (-1, 0, 1), "stride": 2},
        {"required": (-1, 0, 1), "num_trajectories": 3},
        {"required": (0, 1), "stride": 3},
    ],
)
def test_windows_are_the_same_however_a_split_is_held(anything, changes):
    datasets = [held(anything, way, **changes) for way in WAYS]
    total = len(datasets[0])
    random = np.random.default_rng(0).integers(0, total, 17).tolist()
    for indices in (random, list(range(total)), [total - 1], [2, 2, 1]):
        memory, mapped, rows = (data.windows(indices) for data in datasets)
        assert same(memory, mapped)
        assert same(memory, rows)
        assert memory.u.is_contiguous() == rows.u.is_contiguous() == mapped.u.is_contiguous()


def test_whole_trajectories_are_the_same_and_a_pickled_copy_reads_for_itself(anything):
    memory, mapped, rows = (TrajectoryDataset.whole(anything, "train", holder=SplitHolder(way)) for way in WAYS)
    expected = memory.windows(range(len(memory)))
    for data in (mapped, rows, pickle.loads(pickle.dumps(mapped)), pickle.loads(pickle.dumps(rows))):  # noqa: S301
        assert same(data.windows(range(len(memory))), expected)


def test_a_split_is_held_where_there_is_room(copy, monkeypatch):
    size = SplitHolder("rows").hold(copy, TrajectoryDataset(copy, "train", (0,)).manifest, "train", 5).bytes
    assert size == 5 * 2 * 11 * 2 * 16 * 4

    def source(split="train", processes=1, **settings):
        holder = SplitHolder(**settings)
        holder.share(processes)
        return TrajectoryDataset(copy, split, (0, 1), holder=holder).held.source

    assert isinstance(source(), ResidentWindows)
    assert isinstance(source(memory=size), ResidentWindows)
    assert isinstance(source(memory=size, processes=2), ChunkStorage)
    assert isinstance(source(memory=size - 1), ChunkStorage)
    assert not (copy / "mapped").exists()
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=size))
    assert isinstance(source(memory=size - 1, copies=True), ChunkStorage)
    with pytest.raises(DatasetError, match=r"data.hold=mapped: of the train split no copy .*mapped: its disk has"):
        source(hold="mapped", copies=True)
    monkeypatch.undo()
    assert isinstance(source(memory=size - 1, copies=True), MappedWindows)
    # One that is there is used by those who would make none.
    assert isinstance(source(memory=size - 1), MappedWindows)
    with pytest.raises(DatasetError, match=r"data.hold=memory: expected .* \(data.memory=1\), got 1.41e-05 GB"):
        source(hold="memory", memory=1)
    monkeypatch.setattr(split_holder, "available_memory", lambda: 2 * size - 1)
    assert isinstance(source(), MappedWindows)
    assert isinstance(source(hold="memory"), ResidentWindows)


def test_splits_share_the_memory_and_are_held_once(copy):
    holder = SplitHolder(memory=5 * 2 * 11 * 2 * 16 * 4)
    train, again = (TrajectoryDataset(copy, "train", required, holder=holder) for required in ((0, 1), (-1, 0)))
    assert train.held is again.held
    assert isinstance(TrajectoryDataset.whole(copy, "valid", holder=holder).held.source, ChunkStorage)
    assert str(train.held) == "0.0141 MB in memory"


def test_a_copy_is_made_once_and_made_anew_for_another_dataset(copy, make_dataset, monkeypatch):
    first = held(copy, "mapped", (0, 1)).windows([3])
    made = []
    monkeypatch.setattr(mapped_copy.MappedCopy, "_make", lambda self, progress: made.append(self.split))
    assert same(held(copy, "mapped", (0, 1)).windows([3]), first)
    record = copy / "mapped" / "train.json"
    text = record.read_text()
    for change in (
        lambda content: content["made_of"].update({"train/chunk-00000.hdf5": "0" * 64}),
        lambda content: content.update(shape=[5, 2, 11, 2, 17]),
        lambda content: content.update(schema=99),
        lambda content: content.pop("crc32"),
    ):
        content = json.loads(text)
        change(content)
        content["sha256"] = content_digest(content)
        record.write_text(json.dumps(content))
        held(copy, "mapped", (0, 1))
    record.write_text(text[:50])
    held(copy, "mapped", (0, 1))
    record.write_text(text.replace('"schema": 1', '"schema": 1 '))
    (copy / "mapped" / "train.f32").unlink()
    held(copy, "mapped", (0, 1))
    assert made == ["train"] * 6


def test_a_copy_of_files_is_made_anew_when_a_file_was_changed(saved_arrays):
    before = held(saved_arrays, "mapped", (0, 1)).windows([0])
    path = saved_arrays.parent / "source" / "part1.npy"
    np.save(path, np.load(path) + 1)
    after = held(saved_arrays, "mapped", (0, 1)).windows([0])
    assert torch.equal(after.u, before.u + 1)


def test_a_damaged_copy_is_named_and_never_read(copy):
    held(copy, "mapped", (0, 1))
    path = copy / "mapped" / "train.f32"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    data = held(copy, "mapped", (0, 1))
    data.windows([0])
    with pytest.raises(DatasetError, match=r"train.f32 is damaged: trajectory 4; delete .*mapped, and it is made anew"):
        data.windows([45])


def test_an_interrupted_copy_is_no_copy(copy, monkeypatch):
    def stop(done, total):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        TrajectoryDataset(copy, "train", (0, 1), holder=SplitHolder("mapped", copies=True, progress=lambda title: stop))
    assert not list((copy / "mapped").iterdir())
    assert not (copy / ".copying.lock").exists()


def test_nothing_is_written_where_it_may_not_be(copy, monkeypatch, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (copy / "mapped").symlink_to(elsewhere)
    with pytest.raises(DatasetError, match="mapped: it is a symbolic link"):
        held(copy, "mapped", (0, 1))
    assert not list(elsewhere.iterdir())
    (copy / "mapped").unlink()

    def refused(*arguments):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(mapped_copy, "only_one", refused)
    there = TrajectoryDataset(copy, "train", (0, 1), holder=SplitHolder(memory=1, copies=True)).held
    assert isinstance(there.source, ChunkStorage)
    assert re.search(r"MB read from their files \(no copy can be made in .*mapped: Permission denied\)", str(there))
    with pytest.raises(DatasetError, match="mapped: Permission denied; data.hold=rows needs none"):
        held(copy, "mapped", (0, 1))


def test_memory_that_a_process_may_have_is_the_least_that_anyone_allows(tmp_path, monkeypatch):
    resource = pytest.importorskip("resource")
    monkeypatch.setattr(machine, "_control_groups", lambda: [tmp_path])
    free = machine.available_memory()
    if free is None or free < 10**6:
        pytest.skip("this system does not say")
    for most, used, pages in (
        ("memory.max", "memory.current", "inactive_file"),
        ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
    ):
        for name, text in ((most, "900000\n"), (used, "500000\n"), ("memory.stat", f"{pages} 30000\nother 9\n")):
            (tmp_path / name).write_text(text)
        assert machine.available_memory() == 430_000
        (tmp_path / most).write_text("max\n")
        assert machine.available_memory() > 10**6
    now = machine.memory_in_use("VmData")
    monkeypatch.setattr(resource, "getrlimit", lambda kind: (now + 10**6 if kind == resource.RLIMIT_DATA else -1, -1))
    assert machine.available_memory() <= 10**6


@pytest.mark.parametrize("way", WAYS)
def test_damaged_chunks_are_refused_in_every_way(copy, way):
    path = copy / "train" / "chunk-00001.hdf5"
    content = bytearray(path.read_bytes())
    place = content.index(TrajectoryDataset(copy, "train", (0, 1))[20].u[0, 0, 0].numpy().tobytes())
    content[place] ^= 1
    path.write_bytes(content)
    with pytest.raises(DatasetError, match=r"chunk-00001.hdf5 is damaged"):
        held(copy, way, (0, 1)).windows([20])


def test_rows_are_read_where_they_lie_once_hdf5_has_read_them(copy, monkeypatch):
    data = held(copy, "rows", (0, 1))
    every = data.windows(range(len(data)))
    storage = data.held.source

    def refused(*arguments):
        raise AssertionError("HDF5 was asked again")

    monkeypatch.setattr(storage, "states", refused)
    monkeypatch.setattr(storage, "slopes", refused)
    assert same(data.windows(range(len(data))), every)
    storage.close()
    assert same(data.windows(range(len(data))), every)
    storage.close()
    (copy / "train" / "chunk-00000.hdf5").touch()
    with pytest.raises(AssertionError, match="HDF5 was asked again"):
        data.windows([0])


def test_a_storage_reads_neighbouring_windows_together():
    values = torch.arange(4 * 30.0).reshape(4, 30)
    calls = []

    def read(rows, snapshots):
        calls.append((rows.start, rows.stop, snapshots.start, snapshots.stop, snapshots.step))
        return values[rows.start : rows.stop, snapshots]

    def windows(trajectory, first, width, stride):
        calls.clear()
        found = read_windows(read, np.array(trajectory), np.array(first), width, stride)
        at = torch.tensor(first)[:, None] + stride * torch.arange(width)
        assert torch.equal(found, values[torch.tensor(trajectory)[:, None], at])
        return calls

    assert windows([2, 0, 2], [5, 0, 6], 2, 1) == [(0, 1, 0, 2, 1), (2, 3, 5, 8, 1)]
    assert windows([1, 2, 3, 0], [0, 0, 0, 0], 10, 3) == [(0, 4, 0, 28, 3)]
    assert windows([1, 1], [4, 7], 3, 3) == [(1, 2, 4, 14, 3)]
    assert windows([1, 1], [4, 6], 3, 3) == [(1, 2, 4, 13, 1)]


@pytest.mark.parametrize(
    ("name", "way"),
    [
        ("copy", "rows"),
        ("saved_arrays", "rows"),
        *[
            pytest.param(name, way, marks=pytest.mark.slow)
            for name in ("copy", "saved_arrays")
            for way in ("memory", "mapped")
        ],
    ],
)
def test_processes_that_cut_windows_give_the_same_batches(request, name, way):
    anything = request.getfixturevalue(name)

    def batches(workers):
        holder = SplitHolder(way, copies=True)
        train = TrajectoryDataset(anything, "train", (0, 1), holder=holder)
        valid = TrajectoryDataset.whole(anything, "valid", holder=holder)
        # Files that are open in this process are opened anew in the others.
        train.windows([0, len(train) - 1])
        module = TrajectoryDataModule(
            train, valid, valid, batch_size=4, eval_batch_size=2, seed=3, loader_workers=workers
        )
        assert "train" in module.held()
        loader = module.train_dataloader()
        return [window for _ in range(2) for window in loader]

    alone, others = batches(0), batches(2)
    assert len(alone) == len(others)
    assert all(same(one, other) for one, other in zip(alone, others, strict=True))


def test_no_process_cuts_windows_beside_a_training_on_cpus(copy):
    splits = [TrajectoryDataset.whole(copy, split) for split in ("train", "valid", "test")]
    loader = TrajectoryDataModule(*splits, batch_size=2, eval_batch_size=2, seed=0).train_dataloader()
    assert (loader.num_workers, loader.pin_memory) == (0, False)
