"""What every reader in conf/data/reader must do, whatever is added there later."""

import importlib
import inspect
import json
import math
import pickle

import h5py
import numpy as np
import pytest
import yaml

from tendency.app.configuration.conf_files import conf_folder
from tendency.data.metadata import DatasetError
from tendency.data.readers.block import Block
from tendency.data.readers.known_readers import path_of, reader_named
from tendency.data.readers.reader import Reader, StatedFacts
from tendency.data.readers.recognise import recognise
from tests.support.published.published import all_writers
from tests.support.read_files import ALL
from tests.support.sample_files import SAMPLES


def built(path):
    """The reader that a yaml names."""
    module, _, name = yaml.safe_load(path.read_text())["_target_"].rpartition(".")
    return getattr(importlib.import_module(module), name)()


READERS = {path.stem: built(path) for path in sorted((conf_folder() / "data" / "reader").glob("*.yaml"))}


DPOT_AXES = {
    "write_dpot_scattered": ("x", "y", "time", "channel"),
    "write_dpot_together": ("trajectory", "x", "y", "time", "channel"),
}
"""What a user says of DPOT's files, which are arrays without names of their axes."""
WRITERS = SAMPLES | all_writers()


class Sample:
    """Files of a format, what they are read by, and all that is read of them.

    Args:
        path: of the files.
        stated: of them.
        truth: what somebody knows of them who has not seen the readers.
    """

    def __init__(self, path, stated, truth=None):
        self.path, self.stated, self.truth = path, stated, truth
        self.name = recognise(path, READERS)
        self.reader = READERS[self.name]
        self.files = self.reader.files(path)

    def opened(self):
        """Each file, open."""
        for file in self.files:
            with self.reader.open(file, self.stated) as opened:
                yield opened

    def some_parts(self):
        """What lies on the disk, up to six files of it."""
        parts = [part for file in self.files for part in self.reader.parts(file)]
        return parts[:: math.ceil(len(parts) / 6)]

    def content(self):
        """For each block its description, states and constant fields."""
        return [
            (json.dumps(block.to_dict()), opened.read(block, ALL, ALL), opened.read_given(block, ALL))
            for opened in self.opened()
            for block in opened.blocks()
        ]

    def content_or_refusal(self):
        """As ``content``, and what a reader says that refuses the files."""
        try:
            return self.content(), ""
        except DatasetError as error:
            return [], str(error)


def sample_of(name, folder):
    """Writes files of a format into a folder."""
    written = WRITERS[name](folder)
    if name in SAMPLES:
        return Sample(written, StatedFacts())
    said = written.options
    stated = StatedFacts(
        axes=said.get("dims", DPOT_AXES.get(name)), arrays=said.get("keys"), given=tuple(written.given)
    )
    return Sample(written.path, stated, written)


@pytest.fixture(params=[*SAMPLES, *(pytest.param(name, marks=pytest.mark.slow) for name in all_writers())])
def sample(request, tmp_path):
    """Files of each format."""
    return sample_of(request.param, tmp_path)


def states_of(folder):
    """Name, size, time and content of every file below a folder."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return [(path, path.stat().st_mtime_ns, path.read_bytes()) for path in files]


@pytest.mark.parametrize("name", READERS)
def test_a_reader_is_a_final_class_that_says_what_it_reads(name):
    kind = type(READERS[name])
    assert issubclass(kind, Reader)
    assert not inspect.isabstract(kind)
    assert kind.__subclasses__() == []
    assert len(kind.__doc__) > 40
    assert READERS[name].suffixes
    assert all(suffix == suffix.lower() and suffix.startswith(".") for suffix in kind.suffixes)
    assert isinstance(reader_named(path_of(kind)), kind)
    assert isinstance(pickle.loads(pickle.dumps(READERS[name])), kind)  # noqa: S301  our own bytes


def test_samples_are_recognised_by_the_reader_they_are_for(tmp_path):
    for name in SAMPLES:
        (tmp_path / name).mkdir()
        assert sample_of(name, tmp_path / name).name == name
    assert {*SAMPLES} <= {*READERS}


def test_blocks_are_the_same_each_time_and_from_the_index(sample):
    for first, second in zip(sample.opened(), sample.opened(), strict=True):
        plain = [block.to_dict() for block in first.blocks()]
        assert plain
        assert plain == [block.to_dict() for block in second.blocks()]
        stored = [Block.from_dict(each) for each in json.loads(json.dumps(plain))]
        assert [block.to_dict() for block in stored] == plain
        assert len({block.key for block in stored}) == len(stored)
        for block in stored:
            assert np.array_equal(second.read(block, ALL, ALL), first.read(block, ALL, ALL))


def test_what_is_read_is_what_blocks_promise_and_parts_are_parts_of_it(sample):
    for opened in sample.opened():
        for block in opened.blocks():
            whole, given = opened.read(block, ALL, ALL), opened.read_given(block, ALL)
            rows, snapshots = block.num_trajectories, block.num_snapshots
            assert whole.shape == (rows, snapshots, block.num_channels, *block.shape)
            assert given.shape == (rows, block.num_given, *block.shape)
            assert whole.dtype in (np.float32, np.float64)
            assert given.dtype in (np.float32, np.float64)
            parts = [slice(0, 1), slice(rows - 1, rows), slice(rows // 2, rows)]
            times = [slice(0, 1), slice(snapshots - 1, snapshots), slice(0, snapshots, 2), slice(1, snapshots, 3)]
            for part in parts:
                assert np.array_equal(opened.read_given(block, part), given[part])
                for some in times[: 2 if snapshots < 2 else None]:
                    values = opened.read(block, part, some)
                    assert np.array_equal(values, whole[part, some])
                    assert values.dtype == whole.dtype


def test_blocks_say_what_fits_together(sample):
    for opened in sample.opened():
        for block in opened.blocks():
            rows, snapshots, axes = block.num_trajectories, block.num_snapshots, block.spatial_dims
            if block.times is not None:
                assert block.times.shape in ((snapshots,), (rows, snapshots))
                assert block.times.dtype == np.float64
                assert (np.diff(block.times) > 0).all()
            if block.extent is not None:
                assert block.extent.shape in ((axes,), (rows, axes))
                assert (block.extent > 0).all()
            assert block.boundary is None or len(block.boundary) == axes
            assert all(values.shape == (rows,) for values in block.params.values())
            assert block.split in (None, "train", "valid", "test")
            names = [field.name for field in (*block.fields, *block.given)]
            assert len({*names}) == len(names)


def test_blocks_read_no_values_of_fields(sample, monkeypatch):
    touched = []
    read = h5py.Dataset.__getitem__
    monkeypatch.setattr(
        h5py.Dataset, "__getitem__", lambda array, part: touched.append(array.name) or read(array, part)
    )
    for opened in sample.opened():
        blocks = opened.blocks()
        described = {*touched}
        touched.clear()
        for block in blocks:
            opened.read(block, ALL, ALL)
            opened.read_given(block, ALL)
        assert not described & {*touched}
        touched.clear()


def test_reading_writes_nothing(sample, tmp_path):
    before = states_of(tmp_path)
    sample.content()
    assert states_of(tmp_path) == before


@pytest.mark.parametrize("lost", [1, 64])
def test_a_cut_file_is_refused_or_reads_the_same(sample, tmp_path, lost):
    whole = sample.content()
    for part in sample.some_parts():
        content = part.read_bytes()
        part.write_bytes(content[: -min(lost, len(content))])
        read, refusal = sample.content_or_refusal()
        if refusal:
            assert str(tmp_path) in refusal
            assert len(refusal.splitlines()) == 1
        else:
            assert [described for described, *_ in read] == [described for described, *_ in whole]
            for (_, *now), (_, *before) in zip(read, whole, strict=True):
                assert all(np.array_equal(*both) for both in zip(now, before, strict=True))
        part.write_bytes(content)


def test_a_file_with_changed_bytes_is_refused_in_one_line_or_read(sample):
    random = np.random.default_rng(7)
    for part in sample.some_parts():
        content = part.read_bytes()
        for _ in range(12):
            changed = bytearray(content)
            for place in random.integers(len(content), size=random.integers(1, 12)):
                changed[place] = random.integers(256)
            part.write_bytes(changed)
            _, refusal = sample.content_or_refusal()
            assert len(refusal.splitlines()) <= 1
        part.write_bytes(content)


@pytest.mark.parametrize("name", READERS)
def test_a_reader_looks_at_anything_without_raising(name, tmp_path):
    reader = READERS[name]
    noise = np.random.default_rng(5).bytes(2000)
    contents = {"empty": b"", "random": noise, "text": b"a,b\n1,2\n" * 50, "head": b"\x89HDF\r\n\x1a\n" + noise}
    contents |= {
        "numpy": b"\x93NUMPY" + noise,
        "zip": b"PK\x03\x04" + noise,
        "matlab": b"MATLAB 5.0" + noise,
        "cdf": b"CDF\x01" + noise,
    }
    for suffix in (*reader.suffixes, ".txt"):
        (tmp_path / f"folder{suffix}").mkdir()
        assert not reader.recognises(tmp_path / f"folder{suffix}")
        reader.recognises(tmp_path / f"absent{suffix}")
        for word, content in contents.items():
            path = tmp_path / f"{word}{suffix}"
            path.write_bytes(content)
            reader.recognises(path)
            with pytest.raises(DatasetError) as error, reader.open(path, StatedFacts()) as opened:
                opened.blocks()
            assert len(str(error.value).splitlines()) == 1


def test_a_reader_of_one_format_does_not_take_files_of_another(sample, tmp_path_factory):
    for name, reader in READERS.items():
        if name != sample.name and not reader.general:
            assert not [file for file in sample.files if reader.recognises(file)], name


def channel_names_of(truth):
    """One name for each channel of what was published."""
    return [(name, number) for name, count in zip(truth.fields, truth.channels, strict=True) for number in range(count)]


def channels_of(block, truth):
    """One name for each channel that is read, as the publisher names it: components of a vector by their own names."""
    names = []
    for field in block.fields:
        own = truth.vectors.get(field.name)
        base, _, number = field.name.rpartition("_")
        if own:
            names += [(name, 0) for name in own]
        elif base in truth.fields and number.isdigit():
            names.append((base, int(number)))
        else:
            names += [(field.name, number) for number in range(field.channels(block.spatial_dims))]
    return names


@pytest.mark.slow
@pytest.mark.parametrize("name", all_writers())
def test_published_files_are_read_to_equality(name, tmp_path):
    sample = sample_of(name, tmp_path)
    truth = sample.truth
    found = {}
    for opened in sample.opened():
        for block in opened.blocks():
            if truth.options.get("key", "") in block.key:
                names = channels_of(block, truth)
                states = opened.read(block, ALL, ALL)
                # A reader may leave a field out that follows from others, or has a name of its own for it.
                common = [name for name in channel_names_of(truth) if name in names]
                if len(common) == len(names):
                    states = states[:, :, [names.index(name) for name in common]]
                # What a format is known to hold from last to first is read in its direction.
                ordered = states[:, ::-1] if truth.options.get("reversed_in_time") else states
                found.setdefault(block.split, []).append(ordered)
    for split, u in truth.u.items():
        expected = u.swapaxes(-1, -2) if truth.axes in (("y", "x"), ("lat", "lon")) else u
        read = np.concatenate(found[None if split == "all" else split])
        if read.shape[2] < expected.shape[2]:
            expected = expected[:, :, [channel_names_of(truth).index(name) for name in common]]
        assert np.array_equal(read, expected), split
