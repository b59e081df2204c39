"""Whoever stops a generation gets one line and an exit code, at any moment, and keeps the finished chunks."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tendency.data.generation import generate
from tendency.data.generation_job import GenerationJob
from tendency.data.interruption import TerminatedError

ROOT = Path(__file__).resolve().parents[2]
JOB = """
import pathlib, sys
sys.path.insert(0, sys.argv[1])
import decaying_waves
from tendency.data.generation import generate
from tendency.data.generation_job import GenerationJob
from tendency.errors import guarded
if __name__ == "__main__":
    counts = {"train": 200, "valid": 2, "test": 2}
    job = GenerationJob(decaying_waves.Maker(slowness=0.02), pathlib.Path(sys.argv[2]), chunk_size=2)
    guarded(lambda: generate(job, {}, counts, workers=int(sys.argv[3])))
"""


def workers_of(pid):
    """The worker processes that a process has started, whatever they are doing by now."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(stat.read_text().rsplit(")", 1)[1].split()[1])
            if parent == pid and "spawn_main" in (stat.parent / "cmdline").read_text():
                found.append(stat.parent.name)
        except (OSError, ValueError):
            continue
    return found


def chunks(folder):
    return sorted(folder.rglob("chunk-*.hdf5"))


@pytest.mark.parametrize(
    ("signum", "code", "line"),
    [
        (signal.SIGINT, 130, "error: interrupted; what is finished is kept: the same command goes on from there\n"),
        (
            signal.SIGTERM,
            143,
            "error: stopped by SIGTERM; the finished chunks are kept: the same command goes on from there\n",
        ),
    ],
)
@pytest.mark.parametrize(
    "moment",
    [
        pytest.param("workers start", marks=pytest.mark.slow),
        "workers solve",
        pytest.param("no workers", marks=pytest.mark.slow),
    ],
)
def test_a_generation_that_is_stopped_says_so_in_one_line(tmp_path, signum, code, line, moment):
    script, folder = tmp_path / "job.py", tmp_path / "waves"
    script.write_text(JOB)
    workers = "1" if moment == "no workers" else "2"
    command = [sys.executable, str(script), str(Path(__file__).parent), str(folder), workers]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(command, env=environment, start_new_session=True, stderr=subprocess.PIPE, text=True)
    try:
        deadline = time.monotonic() + 120
        reached = (lambda: workers_of(process.pid)) if moment == "workers start" else (lambda: chunks(folder))
        while not reached() and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.02)
        if moment == "workers start":
            # Into the imports of the workers, which take a second.
            time.sleep(0.3)
        before = chunks(folder)
        os.killpg(process.pid, signum)
        _, error = process.communicate(timeout=60)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
    assert (process.returncode, error) == (code, line)
    assert set(before) <= set(chunks(folder))
    assert len(chunks(folder)) < 102


class Ending:
    """Its destructor runs where a signal arrives."""

    def __init__(self, signum):
        self.signum = signum

    def __del__(self):
        signal.raise_signal(self.signum)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize(("signum", "error"), [(signal.SIGTERM, TerminatedError), (signal.SIGINT, KeyboardInterrupt)])
def test_a_signal_that_python_drops_stops_a_generation_after_its_chunk(waves, tmp_path, signum, error):
    handler = signal.signal(signal.SIGINT, signal.default_int_handler)

    def progress(done, total):
        if done == 2:
            Ending(signum)

    counts = {"train": 8, "valid": 2, "test": 2}
    job = GenerationJob(waves.Maker(), tmp_path, chunk_size=2)
    try:
        with pytest.raises(error):
            generate(job, {}, counts, workers=1, progress=progress)
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGINT, handler)
    assert len(chunks(tmp_path)) == 2
    assert len(generate(job, {}, counts, workers=1).chunks) == 6
