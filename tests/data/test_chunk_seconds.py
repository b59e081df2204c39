"""A dataset knows what its trajectories took, however many workers, stops and extensions it was made with."""

import pytest

from tendency.data.chunk_seconds import SolvingSeconds, read_seconds
from tendency.data.dataset_layout import seconds_path
from tendency.data.machine import processor_name
from tendency.data.manifest import read_manifest

COUNTS = {"train": 4, "valid": 2, "test": 2}
TRAIN = ("train/chunk-00000.hdf5", "train/chunk-00001.hdf5")
SLOWNESS = 0.02
"""Seconds that the solver waits, idle, at each of a trajectory's ten steps."""


@pytest.mark.parametrize("workers", [1, 2])
def test_waiting_is_wall_clock_time_of_each_chunk_and_no_processor_time(make_dataset, tmp_path, workers):
    make_dataset(tmp_path, COUNTS, workers=workers, slowness=SLOWNESS)
    took = read_seconds(tmp_path, read_manifest(tmp_path).chunks)
    assert took.wall >= 4 * 10 * SLOWNESS
    assert 0 < took.processor < took.wall - 3 * 10 * SLOWNESS
    assert took.machines == (processor_name(),)
    train = read_seconds(tmp_path, TRAIN)
    assert 2 * 10 * SLOWNESS <= train.wall < took.wall


def test_what_an_extension_takes_is_added(make_dataset, tmp_path):
    make_dataset(tmp_path, COUNTS)
    before = read_seconds(tmp_path, TRAIN)
    make_dataset(tmp_path, COUNTS | {"train": 6}, slowness=SLOWNESS)
    assert read_seconds(tmp_path, TRAIN) == before
    third = "train/chunk-00002.hdf5"
    added = read_seconds(tmp_path, [third])
    assert added.wall >= 10 * SLOWNESS
    assert read_seconds(tmp_path, [*TRAIN, third]).wall == pytest.approx(before.wall + added.wall)


def test_a_chunk_that_is_made_anew_took_what_it_took_the_last_time(make_dataset, tmp_path):
    make_dataset(tmp_path, COUNTS, slowness=SLOWNESS)
    (tmp_path / TRAIN[0]).unlink()
    make_dataset(tmp_path, COUNTS)
    assert read_seconds(tmp_path, TRAIN[:1]).wall < 10 * SLOWNESS <= read_seconds(tmp_path, TRAIN[1:]).wall


def test_a_dataset_without_a_record_and_one_with_a_damaged_one_are_read(make_dataset, tmp_path):
    manifest = make_dataset(tmp_path, COUNTS)
    record = seconds_path(tmp_path)
    lines = record.read_text().splitlines(keepends=True)
    # The last line of a machine that lost its power: the chunks before it are still known.
    record.write_text("".join(lines[:-1]) + lines[-1][:20])
    assert read_seconds(tmp_path, TRAIN) is not None
    assert read_seconds(tmp_path, manifest.chunks) is None
    record.unlink()
    assert read_seconds(tmp_path, TRAIN) is None
    assert make_dataset(tmp_path, COUNTS) == manifest


def test_machines_are_named_once_each(tmp_path):
    line = '{{"chunk": "{}", "processor_seconds": {}, "wall_seconds": 2.0, "machine": "{}"}}\n'
    text = "".join(line.format(*entry) for entry in [("a", 1.0, "two"), ("b", 0.5, "one"), ("c", 0.25, "two")])
    seconds_path(tmp_path).write_text(text)
    assert read_seconds(tmp_path, ["a", "b", "c"]) == SolvingSeconds(1.75, 6.0, ("one", "two"))
