"""Runs under what a scheduler or a launcher sets in the environment: nothing of one run gets into another."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from tendency.app.training.training_plan import is_first_rank
from tests.support.slurm import SLURM

ROOT = Path(__file__).resolve().parents[2]
TRAINING = [
    "pde=heat",
    "pde.geometry.shape=[16]",
    "pde.times.num_snapshots=9",
    "model.width=8",
    "model.modes=4",
    "data.num_train=4",
    "data.num_valid=2",
    "data.num_test=2",
    "data.chunk_size=2",
    "data.workers=1",
    "data.batch_size=4",
    "trainer.accelerator=cpu",
    "trainer.log_every_n_steps=1",
    "scheduler.warmup_steps=2",
    "evaluate=false",
]
LAUNCHERS = {
    "slurm": SLURM,
    "torchrun": {
        "TORCHELASTIC_RUN_ID": "17",
        "RANK": "0",
        "LOCAL_RANK": "0",
        "WORLD_SIZE": "1",
        "LOCAL_WORLD_SIZE": "1",
        "GROUP_RANK": "0",
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": "29511",
    },
}


def steps_of(folder):
    path = folder / "metrics.jsonl"
    lines = path.read_text().splitlines() if path.exists() else []
    return [record["step"] for record in map(json.loads, lines) if "train/loss" in record]


@pytest.mark.slow
@pytest.mark.parametrize("launcher", LAUNCHERS)
def test_a_run_that_was_stopped_leaves_nothing_to_the_next(run_script, homes, tmp_path, launcher):
    environment = homes | LAUNCHERS[launcher]
    command = [sys.executable, str(ROOT / "train.py"), *TRAINING, "trainer.max_epochs=900", f"name={launcher}-a"]
    first, second = (Path(homes["TENDENCY_OUTPUTS"]) / f"{launcher}-{name}" for name in "ab")
    process = subprocess.Popen(
        command, env=environment, cwd=tmp_path, start_new_session=True, stderr=subprocess.PIPE, text=True
    )
    try:
        deadline = time.monotonic() + 300
        while not steps_of(first) and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.05)
        process.send_signal(signal.SIGUSR1)
        _, error = process.communicate(timeout=120)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
    assert process.returncode == 128 + signal.SIGUSR1, error
    assert error == "error: stopped by SIGUSR1; the same command with resume=auto goes on\n"
    assert torch.load(first / "checkpoints" / "last.ckpt", weights_only=True)["global_step"] == steps_of(first)[-1] + 1
    further = [*TRAINING, "trainer.max_epochs=1", f"name={launcher}-b", "seed=5", "optimizer.lr=1e-2"]
    run_script("train.py", *further, cwd=tmp_path, env=LAUNCHERS[launcher])
    assert steps_of(second)[0] == 0
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("variables", "first"),
    [
        ({}, True),
        ({"LOCAL_RANK": "1"}, False),
        ({"SLURM_PROCID": "2"}, False),
        ({"SLURM_PROCID": "0", "LOCAL_RANK": "1"}, False),
        ({"NODE_RANK": "1", "LOCAL_RANK": "0"}, False),
        ({"TORCHELASTIC_RUN_ID": "1", "RANK": "2", "LOCAL_RANK": "0"}, False),
        # torchrun numbers its nodes as it likes.
        ({"TORCHELASTIC_RUN_ID": "1", "RANK": "0", "LOCAL_RANK": "0", "SLURM_PROCID": "1"}, True),
    ],
)
def test_the_first_rank_is_one_among_all_machines(monkeypatch, variables, first):
    for name in ("RANK", "LOCAL_RANK", "NODE_RANK", "SLURM_PROCID", "TORCHELASTIC_RUN_ID"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert is_first_rank() is first
