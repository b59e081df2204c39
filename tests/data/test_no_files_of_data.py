"""A folder or a pipe in the place of a dataset's file is one sentence, and nothing waits for a pipe."""

import os
import shutil

import pytest

from tendency.data.dataset import TrajectoryDataset
from tendency.data.generation import generate
from tendency.data.manifest import read_manifest
from tendency.data.metadata import DatasetError
from tendency.data.repair import find_damage, repair
from tendency.errors import describe

pytestmark = pytest.mark.usefixtures("bounded_wait")

KINDS = {"a folder": os.mkdir, "a pipe": os.mkfifo}
CHUNK = "train/chunk-00000.hdf5"


def more(job):
    return generate(job, {"chunk_size": 2}, {"train": 7, "valid": 2, "test": 3}, workers=1)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["manifest.json", "seconds.jsonl", ".generation.lock", CHUNK])
def test_what_lies_in_the_place_of_a_file_is_named_and_left_there(copy, job, name, kind):
    (copy / name).unlink(missing_ok=True)
    KINDS[kind](copy / name)
    for work in (more, lambda job: repair(job, workers=1)):
        with pytest.raises(DatasetError, match=f"{name} is {kind}.*move it away") as raised:
            work(job)
        assert len(describe(raised.value).splitlines()) <= 3
    assert not (copy / name).is_file()


@pytest.mark.parametrize("kind", KINDS)
def test_a_chunk_that_is_none_is_found_by_every_reader(copy, kind):
    manifest = read_manifest(copy)
    (copy / CHUNK).unlink()
    KINDS[kind](copy / CHUNK)
    (found,) = find_damage(copy, manifest)
    assert f"chunk {copy / CHUNK} is {kind}, which is to be moved away first" in found.reason
    with pytest.raises(DatasetError, match=CHUNK):
        TrajectoryDataset.whole(copy, "train")[0]


@pytest.mark.parametrize("kind", KINDS)
def test_an_interrupted_generation_reads_no_pipe(copy, job, kind):
    (copy / "manifest.json").unlink()
    (copy / "seconds.jsonl").unlink()
    KINDS[kind](copy / "seconds.jsonl")
    with pytest.raises(DatasetError, match=f"seconds.jsonl is {kind}; expected a file of its own: move it away"):
        more(job)


def test_a_link_to_nothing_is_a_chunk_that_is_missing(copy):
    manifest = read_manifest(copy)
    shutil.move(copy / CHUNK, copy / "elsewhere")
    (copy / CHUNK).symlink_to("gone")
    (found,) = find_damage(copy, manifest)
    assert "chunk-00000.hdf5 is missing" in found.reason
