"""Exports and reports on a disk that is full: one sentence and code 5, whichever file has no room."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
EXPORT = """
import sys, tendency
from tendency.errors import guarded
guarded(lambda: tendency.export(sys.argv[1], sys.argv[2]))
"""


@pytest.fixture(scope="module")
def run(small_run):
    return small_run("heat", ["pde.geometry.shape=[16]", "model.width=8", "model.modes=4", "name=for-no-room"])


@pytest.fixture
def disk(tmp_path):
    """``disk("64k")``: a folder on a disk of that size; once more, and the disk has another size."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = False

    def make(size):
        nonlocal mounted
        options = f"{'remount,' * mounted}size={size}"
        command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
        if os.getuid() or shutil.which("mount") is None or subprocess.run(command, check=False).returncode:
            pytest.skip("no disk can be mounted here")
        mounted = True
        return folder

    yield make
    if mounted:
        subprocess.run(["umount", str(folder)], check=True)


def sentence(done):
    assert done.returncode == 5, done.stderr
    text = " ".join(done.stderr.split())
    assert "error: cannot write" in text
    assert "No space left" in text
    assert len(done.stderr.splitlines()) <= 4, done.stderr
    return text


@pytest.mark.slow
@pytest.mark.parametrize(("size", "file"), [("4k", "weights.safetensors"), ("72k", "step.pt2")])
def test_an_export_names_the_file_that_has_no_room(run, disk, size, file):
    folder = disk(size) / "export"
    command = [sys.executable, "-c", EXPORT, str(run), str(folder)]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    text = sentence(subprocess.run(command, capture_output=True, text=True, env=environment, check=False))
    assert file in text
    assert not list(folder.glob(f"*{file}*"))


@pytest.mark.slow
def test_half_a_report_names_its_file_and_does_not_keep_its_name(run, disk, run_script):
    seen = set()
    for size in ("8k", "120k", "1m"):
        outputs = disk(size)
        done = run_script("evaluate.py", f"runs=[{run}]", f"paths.outputs={outputs}", "name=half", code=None)
        text = sentence(done)
        seen.add(text.split("/half/")[1].split(":")[0])
        assert not (outputs / "half" / "report.html").exists()
        assert not list((outputs / "half").rglob("*.tmp"))
    assert len(seen) > 1
    done = run_script("evaluate.py", f"runs=[{run}]", f"paths.outputs={disk('100m')}", "name=half")
    assert "report.html" in done.stdout
    run_script("evaluate.py", f"runs=[{run}]", f"paths.outputs={disk('100m')}", "name=half", code=2)
