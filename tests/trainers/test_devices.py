"""Several processes learn what one learns: two gloo ranks against one, through the command that users type."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from tendency.trainers.callbacks.weight_average import TRAINED
from tests.support.same_run import contents

ROOT = Path(__file__).resolve().parents[2]

ARGUMENTS = [
    "pde=heat",
    "pde.geometry.shape=[16]",
    "pde.times.num_snapshots=9",
    "model=unet",
    "objective=all_to_all",  # every sample draws its own pair of snapshots
    "callbacks/average=ema",
    "data.num_train=4",
    "data.num_valid=3",
    "data.num_test=2",
    "data.chunk_size=2",
    "data.batch_size=4",
    "data.workers=1",
    "trainer.max_epochs=2",
    "trainer.accelerator=cpu",
    "trainer.precision=64-true",
    "scheduler.warmup_steps=2",
    "evaluate=false",
]


def weights(homes, name):
    path = Path(homes["TENDENCY_OUTPUTS"]) / name / "checkpoints" / "last.ckpt"
    return torch.load(path, weights_only=True)


def validations(homes, name):
    lines = (Path(homes["TENDENCY_OUTPUTS"]) / name / "metrics.jsonl").read_text().splitlines()
    return [record for record in map(json.loads, lines) if "valid/rollout_nrmse" in record]


def test_two_ranks_learn_what_one_learns(run_script, homes):
    run_script("train.py", *ARGUMENTS, "name=alone")
    run_script("train.py", *ARGUMENTS, "name=together", "trainer.strategy=ddp", "trainer.devices=2")
    alone, together = weights(homes, "alone"), weights(homes, "together")
    assert alone["global_step"] == together["global_step"] >= 6
    for part in ("state_dict", TRAINED):
        for name, expected in alone[part].items():
            scale = expected.abs().max().clamp(min=1e-3)
            assert ((together[part][name] - expected).abs().max() / scale) < 1e-12, name
    # Three validation trajectories on two ranks: each is judged once.
    for one, two in zip(validations(homes, "alone"), validations(homes, "together"), strict=True):
        assert two["valid/rollout_nrmse"] == pytest.approx(one["valid/rollout_nrmse"], rel=1e-10)


def test_a_batch_that_cannot_be_cut_is_refused_before_any_work(run_script):
    done = run_script("train.py", *ARGUMENTS, "name=odd", "trainer.strategy=ddp", "trainer.devices=3", code=2)
    assert "data.batch_size: expected a multiple of trainer.devices=3, got 4" in done.stderr


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_two_ranks_that_are_killed_twice_end_like_those_that_are_not(run_script, homes):
    outputs = Path(homes["TENDENCY_OUTPUTS"])
    ranks = ["trainer.strategy=ddp", "trainer.devices=2", "trainer.max_epochs=8", "trainer.log_every_n_steps=1"]
    command = [*ARGUMENTS, *ranks, "callbacks.checkpoints.every_n_steps=3", "resume=auto"]
    run_script("train.py", *command, "name=unharmed")
    log = outputs / "killed" / "metrics.jsonl"
    for lines in (8, 22):
        process = subprocess.Popen(
            [sys.executable, str(ROOT / "train.py"), *command, "name=killed"], env=homes, start_new_session=True
        )
        try:
            deadline = time.monotonic() + 300
            while process.poll() is None and time.monotonic() < deadline:
                if log.exists() and log.read_text().count("train/loss") >= lines:
                    break
                time.sleep(0.01)
            assert process.poll() is None
        finally:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    run_script("train.py", *command, "name=killed")
    assert log.read_text() == (outputs / "unharmed" / "metrics.jsonl").read_text()
    assert contents(outputs / "killed") == contents(outputs / "unharmed")
