"""Damaged data are never read as data: each is named in one sentence, or every array that is read is what it was."""

import json
import random
import shutil
import time
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from tendency.data.dataset import TrajectoryDataset, open_windows
from tendency.data.dataset_layout import manifest_path
from tendency.data.manifest import read_manifest
from tendency.data.manifest_schema import content_digest
from tendency.data.metadata import DatasetError

SPLITS = ("train", "valid", "test")
RAW = ("unable to", "H5", "can't", "(errno", "address of object", "b'", "Traceback")
"""Words of HDF5 and Python that no user should have to read."""


@pytest.fixture(scope="module")
def copy(dataset, tmp_path_factory):
    """A copy of the dataset, for damage; every test mends what it breaks."""
    folder = tmp_path_factory.mktemp("copy") / "waves"
    shutil.copytree(dataset, folder)
    return folder


def everything(folder):
    """All that is read of a dataset: every array of every trajectory, and what the manifest says."""
    manifest = read_manifest(folder)
    found = [json.dumps([manifest.description, manifest.statistics, manifest.counts, manifest.certificate.to_dict()])]
    for split in SPLITS:
        window = TrajectoryDataset.whole(folder, split)
        part = window.windows(range(len(window)))
        c = part.conditions
        for tensor in (part.u, part.t, part.u_t, c.params, c.hidden, c.extent, c.boundary_values):
            found.append(b"" if tensor is None else tensor.numpy().tobytes())
    return found


class Tally:
    """Counts what became of pieces of damage.

    Args:
        folder: of the dataset.
    """

    def __init__(self, folder):
        self.folder, self.expected = folder, everything(folder)
        self.counts = {"named": 0, "harmless": 0}
        self.slowest, self.harmless = 0.0, []

    def look(self, what):
        """Reads everything; what is neither named nor harmless fails."""
        began = time.process_time()
        try:
            assert everything(self.folder) == self.expected, f"{what}: other values were read without a word"
            self.counts["harmless"] += 1
            self.harmless.append(what)
        except DatasetError as error:
            text = str(error)
            assert len(text.splitlines()) == 1, f"{what}: {text}"
            assert "chunk" in text or "manifest.json" in text, f"{what}: {text}"
            assert not [word for word in RAW if word in text], f"{what}: {text}"
            self.counts["named"] += 1
        self.slowest = max(self.slowest, time.process_time() - began)


def with_bytes(path, content, look):
    """Looks while a file has other bytes."""
    before = path.read_bytes()
    try:
        path.write_bytes(content)
        look()
    finally:
        path.write_bytes(before)


def flip(tally, path, position, bit):
    content = bytearray(path.read_bytes())
    content[position] ^= 1 << bit
    with_bytes(path, bytes(content), lambda: tally.look(f"bit {bit} of byte {position} of {path.name}"))


def places(path):
    """Byte ranges of a chunk by what lies in them: blocks of each array, and the rest."""
    found: dict[str, list[range]] = {}
    with h5py.File(path) as file:
        arrays = []
        file.visititems(lambda name, item: arrays.append(item) if isinstance(item, h5py.Dataset) else None)
        for item in arrays:
            if item.chunks:
                blocks = found.setdefault(item.name, [])
                item.id.chunk_iter(lambda b, blocks=blocks: blocks.append(range(b.byte_offset, b.byte_offset + b.size)))
    taken = {position for blocks in found.values() for block in blocks for position in block}
    found["header"] = [[position for position in range(path.stat().st_size) if position not in taken]]
    return found


def flip_bits(tally, folder, number, seed):
    """Flips single bits, as many in each kind of array as in the header."""
    generator = random.Random(seed)
    chunks = sorted(folder.glob("*/*.hdf5"))
    for count in range(number):
        path = generator.choice(chunks)
        spread = places(path)
        name = sorted(spread)[count % len(spread)]
        flip(tally, path, generator.choice(generator.choice(spread[name])), generator.randrange(8))


def cut(tally, path, length):
    with_bytes(path, path.read_bytes()[:length], lambda: tally.look(f"{path.name} cut to {length} bytes"))


def cuts(path, number, seed):
    """Lengths: none, one byte, the first superblock, all but a byte, and others."""
    size, generator = path.stat().st_size, random.Random(seed)
    return sorted({0, 1, 8, 48, 511, size // 2, size - 1, *(generator.randrange(size) for _ in range(number))})


EDITS = {
    "chunk_size": [1, 3, 0, -2, "2", 2.0, True, None, [2], 10**12, 2**70],
    "schema": [0, "2", None, 1, 1.5],
    "counts": [{}, [], {"train": 10**12, "valid": 2, "test": 3}, {"train": 5}, {"train": -1, "valid": 2, "test": 3}],
    "counts.train": [4, 6, 10**12, "5", None, 5.0],
    "counts.elsewhere": [1],
    "metadata.num_snapshots": [10, 12, 10**12, 1, 0, "11", None],
    "metadata.dt": [0.2, -0.1, "0.1", 1e309],
    "metadata.geometry.shape": [[32], [2_000_000_000], [], ["16"], None, [16, 16]],
    "metadata.geometry.kind": ["cloud", None],
    "metadata.fields": [[], [{"name": "u"}], [{"name": "u", "rank": 9, "unit": "1"}], "u"],
    "metadata.param_names": [[], ["other"], "rate", None],
    "metadata.has_time_derivative": [False, "yes"],
    "metadata.resolution": ["as_published", "fine"],
    "metadata": [None, [], {}],
    "statistics.u.mean": [[0.5, 0.0], ["a"], None],
    "certificate.figures": [[], None],
    "certificate": [None, {}],
    "description": [None, {"problem": 1}],
    "chunks": [{}, [], None, {"../../secret.hdf5": {"sha256": "0" * 64, "bytes": 10**6}}],
    "sha256": ["0" * 64, None, 3],
}


def edits(content):
    """The manifest with one entry changed, and what was changed."""
    for key, values in EDITS.items():
        for value in values:
            edited = json.loads(json.dumps(content))
            *path, last = key.split(".")
            node = edited
            for part in path:
                node = node[part]
            node[last] = value
            yield f"{key}={value!r}", edited
    for name in content["chunks"]:
        for key, value in (("sha256", "0" * 64), ("bytes", 1), ("header", "0" * 64)):
            edited = json.loads(json.dumps(content))
            edited["chunks"][name][key] = value
            yield f"{name}.{key}", edited
    renamed = json.loads(json.dumps(content))
    renamed["chunks"]["../" + next(iter(content["chunks"]))] = renamed["chunks"].pop(next(iter(content["chunks"])))
    yield "a name with ../", renamed


def resealed(content):
    """A manifest whose checksum was made to fit, as somebody with bad intentions would."""
    return content | {"sha256": content_digest(content)} if isinstance(content.get("sha256"), str) else content


def test_a_few_flipped_bits_cuts_and_edits_are_named(copy):
    tally, path = Tally(copy), manifest_path(copy)
    flip_bits(tally, copy, 12, seed=1)
    for length in (0, 48, path.stat().st_size - 2):
        cut(tally, path, length)
    for what, edited in list(edits(json.loads(path.read_text())))[::8]:
        with_bytes(path, json.dumps(edited).encode(), lambda what=what: tally.look(what))
    assert tally.counts["named"] >= 24
    assert set(tally.harmless) <= {what for what in tally.harmless if what.startswith("bit")}


@pytest.mark.parametrize(
    "settled", [{"x": 1}, {"-1": 1}, {"٣": 1}, {"2": 1}, {"0": 11}, {"1" * 5000: 1}, {"0": 1.0}, [1]]
)
def test_rows_that_settle_and_are_not_there_are_named(copy, settled):
    path = manifest_path(copy)
    content = json.loads(path.read_text())
    content["chunks"]["train/chunk-00000.hdf5"]["settled"] = settled

    def look():
        with pytest.raises(DatasetError, match=r"is damaged: chunks\.train/chunk-00000\.hdf5\.settled"):
            read_manifest(copy)

    with_bytes(path, json.dumps(resealed(content)).encode(), look)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["flips in chunks", "flips in the manifest", "edits of the manifest", "cuts"])
def test_every_piece_of_damage_is_named_or_harmless(copy, kind, capsys):
    tally, path = Tally(copy), manifest_path(copy)
    if kind == "flips in chunks":
        flip_bits(tally, copy, 240, seed=7)
    elif kind == "flips in the manifest":
        generator = random.Random(3)
        for _ in range(100):
            flip(tally, path, generator.randrange(path.stat().st_size), generator.randrange(8))
    elif kind == "edits of the manifest":
        content = json.loads(path.read_text())
        for what, edited in edits(content):
            with_bytes(path, json.dumps(edited).encode(), lambda what=what: tally.look(what))
        assert tally.harmless == []
        # Spaces and the order of keys are nothing that is read.
        with_bytes(path, json.dumps(dict(reversed(content.items()))).encode(), lambda: tally.look("order"))
    else:
        for file in (*sorted(copy.glob("*/*.hdf5"))[:3], path):
            for length in cuts(file, 13, seed=5):
                cut(tally, file, length)
        assert set(tally.harmless) <= {f"manifest.json cut to {path.stat().st_size - 1} bytes"}
    with capsys.disabled():
        print(f"\n{kind}: {tally.counts}, the slowest took {tally.slowest:.2f} s of a processor")
    assert tally.slowest < 3


@pytest.mark.slow
def test_edits_under_a_right_checksum_are_refused_or_read_and_never_a_traceback(copy):
    """What somebody with bad intentions writes: values that could be right cannot be told from those that are."""
    path = manifest_path(copy)
    content = json.loads(path.read_text())
    cloud = {"kind": "point_cloud", "node_weights": [1], "boundary": {"sides": [["open", "open"]]}}
    clouds = [cloud | {"positions": positions} for positions in ([[0]], [[0], [1, 2]], "a", {}, [[[[]]]])]
    for geometry in (*clouds, {"kind": "grid"}, {"kind": "grid", "shape": [16], "boundary": {"sides": [["open"]]}}):
        edited = json.loads(json.dumps(content))
        edited["metadata"]["geometry"] = geometry
        with pytest.raises(DatasetError, match="is damaged|does not fit its manifest"):
            with_bytes(path, json.dumps(resealed(edited)).encode(), lambda: everything(copy))
    refused = 0
    for _, edited in edits(content):
        try:
            with_bytes(path, json.dumps(resealed(edited)).encode(), lambda: everything(copy))
        except DatasetError:
            refused += 1
    assert refused > 70


@pytest.mark.slow
def test_every_piece_of_damage_to_a_dataset_of_an_older_version_is_named_or_harmless(tmp_path, capsys):
    (old,) = (Path(__file__).parents[1] / "tendency" / "first_layout" / "datasets").iterdir()
    shutil.copytree(old, tmp_path / "old")
    tally = Tally(tmp_path / "old")
    flip_bits(tally, tmp_path / "old", 100, seed=11)
    for length in cuts(tmp_path / "old" / "test" / "chunk-00001.hdf5", 8, seed=5):
        cut(tally, tmp_path / "old" / "test" / "chunk-00001.hdf5", length)
    path = manifest_path(tmp_path / "old")
    content = json.loads(path.read_text())
    # It holds no checksum of its own: values that could be right are believed.
    for key in ("chunk_size", "counts", "metadata.num_snapshots", "metadata.geometry.shape", "chunks"):
        for value in EDITS[key]:
            edited = json.loads(json.dumps(content))
            node = edited
            for part in key.split(".")[:-1]:
                node = node[part]
            node[key.split(".")[-1]] = value
            with_bytes(path, json.dumps(edited).encode(), lambda key=key, value=value: tally.look(f"{key}={value!r}"))
    with capsys.disabled():
        print(f"\ndamage to an older dataset: {tally.counts}, the slowest took {tally.slowest:.2f} s of a processor")
    assert tally.slowest < 3


@pytest.mark.parametrize("key", ["metadata.num_snapshots", "metadata.geometry.shape", "counts.train", "chunk_size"])
def test_sizes_that_no_file_has_are_refused_at_once_even_under_a_right_checksum(copy, key):
    path = manifest_path(copy)
    content = json.loads(path.read_text())
    node, last = content, key.split(".")[-1]
    for part in key.split(".")[:-1]:
        node = node[part]
    node[last] = [2_000_000_000] if last == "shape" else 10**12

    def look():
        began = time.process_time()
        with pytest.raises(DatasetError, match=r"manifest\.json is damaged: .*(bytes|chunks)"):
            TrajectoryDataset(copy, "train", (0, 1))
        assert time.process_time() - began < 1

    with_bytes(path, json.dumps(resealed(content)).encode(), look)


def test_chunks_that_changed_places_are_found_out_without_reading_them(copy, monkeypatch):
    one, other = (copy / "train" / f"chunk-0000{number}.hdf5" for number in (0, 1))
    expected = r"chunk-00000.hdf5 lies in the place of another: it was written as '(train/chunk-00001|test/chunk-00000)"
    for content in (other.read_bytes(), (copy / "test" / "chunk-00000.hdf5").read_bytes()):

        def look():
            with (
                pytest.raises(DatasetError, match=expected),
                TrajectoryDataset(copy, "train", (0, 1)).storage.opened(0),
            ):
                pass

        with_bytes(one, content, look)


def test_a_chunk_of_another_seed_in_the_right_place_is_found_out(copy, make_dataset, tmp_path):
    make_dataset(tmp_path / "other", {"train": 2, "valid": 2, "test": 2}, seed=1, store_time_derivative=True)
    there = copy / "test" / "chunk-00000.hdf5"

    def look():
        with pytest.raises(DatasetError, match="another than the one that the manifest names"):
            open_windows(copy)[0]

    content = (tmp_path / "other" / "test" / "chunk-00000.hdf5").read_bytes()
    assert len(content) == there.stat().st_size
    with_bytes(there, content, look)


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("tendency/params", lambda x: x * np.nan, "params are not all finite"),
        ("tendency/times", lambda x: x[:, ::-1], "times of its snapshots do not increase"),
        ("tendency/times", lambda x: x * 1e309, "times are not all finite"),
        ("tendency/extent", lambda x: -x, "a side length is not positive"),
        ("tendency/extent", lambda x: x[:1], "the times of 2 trajectories and the extent of 1"),
        ("tendency/times", lambda x: x[:, :5], r"expected tendency/times of shape \(B, 11\), got \(2, 5\)"),
        ("tendency/u_t", lambda x: x * np.nan, "u_t of trajectory 0, snapshot 0 is not finite"),
    ],
)
def test_numbers_that_cannot_be_are_refused_whatever_the_checksums_say(copy, name, change, message):
    from tendency.data.trajectory_reader import read_trajectories

    path, before = copy / "train" / "chunk-00002.hdf5", (copy / "train" / "chunk-00002.hdf5").read_bytes()
    try:
        with h5py.File(path, "r+") as file, np.errstate(all="ignore"):
            values = change(file[name][()])
            del file[name]
            file.create_dataset(name, data=values)
        with pytest.raises(DatasetError, match=message):
            read_trajectories(path, read_manifest(copy).metadata)
    finally:
        path.write_bytes(before)


def test_every_array_carries_a_checksum(dataset):
    with h5py.File(dataset / "train" / "chunk-00000.hdf5") as file:
        arrays = []
        file.visititems(lambda name, item: arrays.append(item) if isinstance(item, h5py.Dataset) else None)
        assert [item.name for item in arrays if item.ndim and item.size and not item.fletcher32] == []
        assert len(arrays) > 8


def test_a_dataset_is_a_sequence(dataset):
    data = open_windows(dataset, "train")
    assert torch.equal(data[-1].u, data[len(data) - 1].u)
    assert data[-len(data)].index.item() == 0
    for index in (len(data), -len(data) - 1):
        with pytest.raises(IndexError, match=f"expected one of the {len(data)} windows of train, got {index}"):
            data[index]
    with pytest.raises(IndexError, match="indices: expected 0 to 49, got -1 to 2"):
        data.windows([2, -1])
    with pytest.raises(TypeError, match="index: expected a whole number, got 1.5"):
        data[1.5]
    with pytest.raises(ValueError, match="expected at least one"):
        data.windows([])
    assert [window.index.item() for window in data] == list(range(len(data)))


@pytest.mark.parametrize("workers", [0, pytest.param(2, marks=pytest.mark.slow)])
def test_a_plain_loader_of_torch_makes_batches(dataset, workers):
    data = open_windows(dataset, "train")
    batches = list(DataLoader(data, batch_size=8, num_workers=workers))
    assert [len(batch.u) for batch in batches] == [8] * 6 + [2]
    assert torch.equal(batches[1].u, data.windows(range(8, 16)).u)
    assert torch.equal(batches[1].conditions.params, data.windows(range(8, 16)).conditions.params)
