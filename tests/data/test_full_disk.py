"""A disk that is full: the file that has no room is named, what was there before stays, and no interpreter dies."""

import contextlib
import errno
import os
import resource
import shutil
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest

from tendency.data.dataset_layout import stored_chunk_paths
from tendency.data.repair import find_damage
from tendency.data.streamed_file import whole_streamed_file
from tendency.data.whole_file import NoRoomError, whole_file, write_whole

COUNTS = {"train": 4, "valid": 2, "test": 2}


@contextlib.contextmanager
def files_of_at_most(size):
    """Writing beyond so many bytes fails, as on a disk that is full."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_text_that_has_no_room_leaves_the_one_that_was_there(tmp_path):
    path = tmp_path / "notes.json"
    write_whole(path, "before")
    with (
        files_of_at_most(5000),
        pytest.raises(NoRoomError, match=r"cannot write .*notes.json: .*9000 bytes are needed"),
    ):
        write_whole(path, "x" * 9000)
    assert path.read_text() == "before"
    assert [file.name for file in tmp_path.iterdir()] == ["notes.json"]


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EFBIG])
def test_of_a_file_of_unknown_size_the_sentence_says_what_was_written(tmp_path, number):
    def write():
        with whole_file(tmp_path / "long.bin") as path:
            path.write_bytes(bytes(4096))
            raise OSError(number, os.strerror(number))

    with pytest.raises(NoRoomError, match=r", 4096 bytes of it were written before; no part of it is left there$"):
        write()


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_the_sentence_says_what_is_free_and_ends_with_code_five(tmp_path, monkeypatch, capsys, number):
    from tendency.errors import guarded

    def full(self, content):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(SystemExit) as end:
        guarded(lambda: write_whole(tmp_path / "notes.json", "text"))
    assert end.value.code == 5
    error = " ".join(capsys.readouterr().err.split())
    assert "notes.json: No space left," in error
    assert "bytes are free, 4 are needed; no part of it is left there" in error


def test_other_errors_of_the_system_stay_as_they_are(tmp_path):
    with pytest.raises(PermissionError), whole_file(tmp_path / "a"):
        raise PermissionError(errno.EACCES, "no", "b")


def stream(path, values, names, check):
    with whole_streamed_file(path) as raw, h5py.File(raw, "w") as file:
        for name in names:
            file[name] = values
            file.flush()
            check(raw)


def test_hdf5_never_meets_a_full_disk(tmp_path):
    path, values = tmp_path / "rollouts.nc", np.arange(20000.0)
    stream(path, values, "a", lambda raw: None)
    whole, written = path.read_bytes(), []
    for check, number in ((written.append, 3), (lambda raw: (written.append(raw), raw.require_written()), 1)):
        written.clear()
        with files_of_at_most(50_000), pytest.raises(NoRoomError, match=r"cannot write .*rollouts.nc.* there is kept"):
            stream(path, values, "abc", check)
        assert len(written) == number
        assert path.read_bytes() == whole
    with h5py.File(path) as file:
        assert (file["a"][()] == values).all()


def test_a_chunk_that_has_no_room_keeps_the_others(make_dataset, tmp_path):
    folder, done, limits = tmp_path / "waves", [], contextlib.ExitStack()

    def progress(finished, total):
        done.append(finished)
        if finished == 1:
            limits.enter_context(files_of_at_most(5000))

    with (
        limits,
        pytest.raises(NoRoomError, match=r"chunk-00001.hdf5: .*the finished chunks are kept: the same command"),
    ):
        make_dataset(folder, COUNTS, progress=progress)
    assert done == [0, 1]
    assert len(stored_chunk_paths(folder)) == 1
    manifest = make_dataset(folder, COUNTS)
    assert find_damage(folder, manifest) == []


JOB = """
import pathlib, sys
sys.path.insert(0, sys.argv[1])
import decaying_waves
from tendency.data.generation import generate
from tendency.data.generation_job import GenerationJob
from tendency.errors import guarded
if __name__ == "__main__":
    job = GenerationJob(decaying_waves.Maker(), pathlib.Path(sys.argv[2]), chunk_size=2)
    counts = {"train": 40, "valid": 2, "test": 2}
    guarded(lambda: generate(job, {}, counts, workers=int(sys.argv[3])))
"""


@pytest.fixture
def small_disk(tmp_path):
    """``small_disk("100k")``: a folder on a disk of its own."""
    with contextlib.ExitStack() as mounted:

        def make(size):
            folder = tmp_path / "disk"
            folder.mkdir()
            command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
            if os.getuid() or shutil.which("mount") is None or subprocess.run(command, check=False).returncode:
                pytest.skip("no disk can be mounted here")
            mounted.callback(subprocess.run, ["umount", str(folder)], check=True)
            return folder

        yield make


@pytest.mark.slow
@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("size", ["12k", "100k"])
def test_a_generation_on_a_full_disk_ends_with_one_sentence(tmp_path, small_disk, workers, size):
    script, folder = tmp_path / "job.py", small_disk(size) / "waves"
    script.write_text(JOB)
    root = str(Path(__file__).resolve().parents[2])
    command = [sys.executable, str(script), str(Path(__file__).parent), str(folder), str(workers)]
    environment = os.environ | {"PYTHONPATH": root}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 5, done.stderr
    text = " ".join(done.stderr.split())
    assert "cannot write" in text
    assert ".hdf5: No space left" in text
    assert "the finished chunks are kept" in text
    assert len(done.stderr.splitlines()) <= 6
    kept = stored_chunk_paths(folder)
    for path in kept:
        with h5py.File(path) as file:
            assert np.isfinite(file["t0_fields/u"][()]).all()
    assert bool(kept) == (size == "100k")
    assert not list(folder.rglob("*.tmp"))
