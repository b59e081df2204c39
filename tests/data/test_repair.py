"""What an interrupted generation left, what was damaged since, and who works in a dataset's folder."""

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from tendency.data.append_file import open_to_append
from tendency.data.dataset_layout import lock_path, manifest_path, seconds_path
from tendency.data.folder_lock import only_one
from tendency.data.generation import generate
from tendency.data.generation_job import GenerationJob
from tendency.data.manifest import read_manifest, solved_anew
from tendency.data.metadata import DatasetError
from tendency.data.repair import find_damage, repair

COUNTS = {"train": 5, "valid": 2, "test": 3}


def chunk_bytes(folder):
    return {path.name: path.read_bytes() for path in folder.glob("*/*.hdf5")} | {
        "manifest": json.loads(manifest_path(folder).read_text())
    }


def flip(path, position=-2000):
    content = bytearray(path.read_bytes())
    content[position] ^= 4
    path.write_bytes(content)


def cut(path):
    os.truncate(path, 5000)


def replace_by_another(path):
    other = {"train": "test", "test": "train", "valid": "train"}[path.parent.name]
    shutil.copy(path.parent.parent / other / "chunk-00000.hdf5", path)


@pytest.mark.parametrize(
    ("damage", "place"),
    [
        (cut, "test/chunk-00000.hdf5"),
        pytest.param(flip, "train/chunk-00001.hdf5", marks=pytest.mark.slow),
        (replace_by_another, "test/chunk-00000.hdf5"),
        pytest.param(Path.unlink, "valid/chunk-00000.hdf5", marks=pytest.mark.slow),
    ],
)
def test_what_an_interrupted_generation_left_is_compared_before_it_is_sealed(copy, job, damage, place):
    before = chunk_bytes(copy)
    manifest_path(copy).unlink()
    damage(copy / place)
    lines, done = [], []
    generate(job, {"chunk_size": 2}, COUNTS, workers=1, progress=lambda *a: done.append(a), notice=lines.append)
    assert chunk_bytes(copy) == before
    expected = [f"{copy / place} is not the file that was written; it is made anew"]
    assert lines == ([] if damage is Path.unlink else expected)
    assert done == [(5, 6), (6, 6)]


def test_chunks_whose_checksum_is_not_on_record_are_made_anew(copy, job):
    before = chunk_bytes(copy)
    manifest_path(copy).unlink()
    record = seconds_path(copy).read_text().splitlines(keepends=True)
    seconds_path(copy).write_text("".join(line for line in record if "valid" not in line) + "{")
    lines = []
    generate(job, {"chunk_size": 2}, COUNTS, workers=1, notice=lines.append)
    assert len(lines) == 1
    assert "valid" in lines[0]
    assert chunk_bytes(copy) == before


def test_damage_is_found_and_repaired_to_the_same_bytes(copy, job):
    before, lines = chunk_bytes(copy), []
    assert find_damage(copy, read_manifest(copy)) == []
    flip(copy / "train" / "chunk-00001.hdf5")
    cut(copy / "valid" / "chunk-00000.hdf5")
    (copy / "test" / "chunk-00001.hdf5").unlink()
    replace_by_another(copy / "test" / "chunk-00000.hdf5")
    found = find_damage(copy, read_manifest(copy))
    assert [each.chunk.name for each in found] == [
        "train/chunk-00001.hdf5",
        "valid/chunk-00000.hdf5",
        "test/chunk-00000.hdf5",
        "test/chunk-00001.hdf5",
    ]
    assert all(each.chunk.name in each.reason and "repair=true" not in each.reason for each in found)
    repair(job, workers=1, notice=lines.append)
    assert chunk_bytes(copy) == before
    assert sum("it has the checksum that the manifest says" in line for line in lines) == 4
    assert find_damage(copy, read_manifest(copy)) == []


@pytest.mark.parametrize(
    ("now", "said"),
    [
        ("2.0", "torch 1.0 then, 2.0 now"),
        ("1.0", "other versions or another processor, or the manifest was changed"),
    ],
)
def test_a_repair_that_comes_out_otherwise_says_what_is_known(copy, job, now, said):
    manifest = read_manifest(copy)
    name = "valid/chunk-00000.hdf5"
    other = manifest.chunks | {name: manifest.chunks[name] | {"sha256": "0" * 64}}
    replace(manifest, chunks=other, provenance={"torch": "1.0", "python": "3"}).write(copy)
    lines = []
    repaired = repair(job, workers=1, provenance={"torch": now, "python": "3"}, notice=lines.append)
    assert lines == [
        f"chunk {copy / name} is whole, but not the one that the manifest names",
        f"{name} was solved anew; its bytes differ from those on record (sha256 {'0' * 64} on record, "
        f"{manifest.chunks[name]['sha256']} now): {said}",
    ]
    assert repaired.chunks == manifest.chunks
    assert find_damage(copy, read_manifest(copy)) == []
    assert solved_anew(read_manifest(copy)) == [name]
    # Also once the dataset grows.
    grown = generate(job, {}, COUNTS | {"test": 5}, workers=1, provenance={"torch": now})
    assert solved_anew(grown) == [name]


def test_a_generation_that_is_refused_leaves_no_folder(waves, tmp_path):
    with pytest.raises(DatasetError, match="certificate fails"):
        generate(GenerationJob(waves.Maker(frozen=True), tmp_path / "new" / "waves", 2), {}, COUNTS, workers=1)
    assert not (tmp_path / "new" / "waves").exists()


def test_another_problem_repairs_nothing(copy, waves):
    (copy / "valid" / "chunk-00000.hdf5").unlink()
    job = GenerationJob(waves.Maker(snapshots=9), copy, 2, store_time_derivative=True)
    with pytest.raises(DatasetError, match="this program solves another problem; num_snapshots 11 there, 9 here"):
        repair(job, workers=1)
    assert not (copy / "valid" / "chunk-00000.hdf5").exists()


@pytest.mark.parametrize("name", [".generation.lock", "seconds.jsonl", "valid"])
@pytest.mark.parametrize("work", [repair, lambda job: generate(job, {}, COUNTS | {"valid": 3})])
def test_nothing_is_written_through_links(copy, job, tmp_path, name, work):
    outside, path = tmp_path / "outside", copy / name
    if name == "valid":
        path.rename(outside)
        (outside / "chunk-00000.hdf5").unlink()
    else:
        outside.write_text("mine")
        path.unlink(missing_ok=True)
    path.symlink_to(outside)
    with pytest.raises(DatasetError, match=rf"{path} (is a symbolic link|leads) to {outside}"):
        work(job)
    assert list(outside.iterdir()) == [] if name == "valid" else outside.read_text() == "mine"
    if name != "valid":
        with pytest.raises(OSError, match="a symbolic link, through which nothing is written"):
            open_to_append(path)


def test_the_folder_of_a_dataset_may_be_a_link(copy, job, tmp_path):
    (tmp_path / "link").symlink_to(copy)
    (copy / "valid" / "chunk-00000.hdf5").unlink()
    repair(replace(job, folder=tmp_path / "link"), workers=1)
    assert find_damage(copy, read_manifest(copy)) == []


def test_a_truncated_chunk_of_a_complete_dataset_is_made_anew_by_the_same_command(copy, job):
    before = chunk_bytes(copy)
    cut(copy / "test" / "chunk-00001.hdf5")
    generate(job, {"chunk_size": 2}, COUNTS, workers=1)
    assert chunk_bytes(copy) == before


def test_the_second_of_two_generations_waits_and_solves_nothing(waves, tmp_path, make_dataset):
    folder, lines, solved = tmp_path / "waves", [], []
    make_dataset(tmp_path / "alone", COUNTS)

    def run(number):
        generate(
            GenerationJob(waves.Maker(slowness=0.005), folder, 2),
            {"chunk_size": 2},
            COUNTS,
            workers=1,
            progress=lambda done, total: solved.append((number, done)),
            notice=lambda line: lines.append((number, line)),
        )

    threads = [threading.Thread(target=run, args=(number,)) for number in range(2)]
    threads[0].start()
    deadline = time.monotonic() + 60
    while not solved and time.monotonic() < deadline:
        time.sleep(0.001)
    threads[1].start()
    for thread in threads:
        thread.join()
    assert solved == [(0, done) for done in range(7)]
    assert lines == [(1, f"waiting for process {os.getpid()} on {os.uname().nodename}, which generates {folder}")]
    assert chunk_bytes(folder) == chunk_bytes(tmp_path / "alone")
    assert not lock_path(folder).exists()


HOLDER = """
import sys, time, pathlib
from tendency.data.folder_lock import only_one
with only_one(pathlib.Path(sys.argv[1]), print, ""):
    print("holds", flush=True)
    time.sleep(600)
"""


def test_a_holder_that_was_killed_blocks_nobody(tmp_path):
    path, lines = tmp_path / "waves" / ".generation.lock", []
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).resolve().parents[2])}
    command = [sys.executable, "-c", HOLDER, str(path)]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "holds\n"

    def told(line):
        lines.append(line)
        process.send_signal(signal.SIGKILL)

    with only_one(path, told, "which works"):
        assert path.exists()
    process.wait()
    process.stdout.close()
    assert lines == [f"waiting for process {process.pid} on {os.uname().nodename}, which works"]
    assert not path.exists()
    # What a killed process leaves is no lock.
    path.parent.mkdir()
    path.write_text("process 1 on elsewhere")
    with only_one(path, told, "which works"):
        pass
    assert len(lines) == 1
