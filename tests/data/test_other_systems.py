"""Systems that lack what Linux has: everything is imported, and data are generated."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

COUNTS = {"train": 2, "valid": 2, "test": 2}
LACKING = {
    os: ("sched_getaffinity", "getloadavg", "uname", "pread", "getuid", "fork", "posix_fallocate"),
    signal: ("pthread_sigmask", "SIGUSR1", "SIGUSR2", "SIGHUP", "SIGXCPU", "SIGXFSZ", "setitimer", "alarm"),
}
MODULES = ("fcntl", "resource", "pwd", "grp", "termios")
ELSEWHERE = f"""
import os, pkgutil, signal, sys
import h5py, h5netcdf, hydra, lightning, matplotlib.pyplot, pandas, plotly.graph_objects, pydantic, rich.progress
import safetensors.torch, scipy.signal, tabulate, torch, torch.export, torch.utils.tensorboard, wandb, xarray
import lightning.pytorch, lightning.pytorch.loggers, torch.distributed, torch.multiprocessing, PIL.Image
for module in {MODULES!r}:
    sys.modules[module] = None
for module, names in (("os", {LACKING[os]!r}), ("signal", {LACKING[signal]!r})):
    for name in names:
        if hasattr(sys.modules[module], name):
            delattr(sys.modules[module], name)
import tendency
for package in pkgutil.walk_packages(tendency.__path__, "tendency."):
    __import__(package.name)
sys.path.insert(0, sys.argv[1])
import pathlib
import decaying_waves
from tendency.data.generation import generate
from tendency.data.generation_job import GenerationJob
job = GenerationJob(decaying_waves.Maker(), pathlib.Path(sys.argv[2]), 2)
print(len(generate(job, {{}}, {COUNTS!r}, workers=1).chunks), "chunks")
"""


def test_data_are_generated_without_what_linux_alone_has(make_dataset, tmp_path, monkeypatch):
    expected = make_dataset(tmp_path / "here", COUNTS).chunks
    for module, names in LACKING.items():
        for name in names:
            monkeypatch.delattr(module, name, raising=False)
    for name in MODULES:
        monkeypatch.setitem(sys.modules, name, None)
    assert make_dataset(tmp_path / "there", COUNTS, workers=1).chunks == expected


@pytest.mark.slow
def test_everything_is_imported_without_what_linux_alone_has(tmp_path):
    here = Path(__file__).resolve()
    command = [sys.executable, "-c", ELSEWHERE, str(here.parent), str(tmp_path / "waves")]
    environment = os.environ | {"PYTHONPATH": str(here.parents[2])}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "3 chunks"
