"""Mirrors of the local log: a real offline wandb run and real TensorBoard event files."""

import json
import os
from pathlib import Path

import pytest

SMALL = [
    "pde=heat",
    "pde.geometry.shape=[16]",
    "pde.times.num_snapshots=9",
    "model=unet",
    "model.width=8",
    "data.num_train=4",
    "data.num_valid=2",
    "data.num_test=2",
    "data.chunk_size=2",
    "data.workers=1",
    "data.batch_size=4",
    "trainer.accelerator=cpu",
    "trainer.max_epochs=1",
    "trainer.log_every_n_steps=2",
    "scheduler.warmup_steps=2",
    "evaluate=false",
]


def test_wandb_offline(run_script, homes):
    environment = {name: value for name, value in os.environ.items() if name != "WANDB_MODE"}
    nowhere = {"WANDB_API_KEY": "", "NETRC": "/nonexistent", "WANDB_SILENT": "true"}
    done = run_script("train.py", *SMALL, "logger=wandb", "name=mirrored", env=environment | homes | nowhere)
    folder = Path(homes["TENDENCY_OUTPUTS"]) / "mirrored"
    assert "no key found, so this run is logged offline" in done.stdout
    (run,) = (folder / "wandb").glob("offline-run-*")
    (record,) = run.glob("run-*.wandb")
    content = record.read_bytes()
    for name in (b"valid/rollout_nrmse", b"train/loss", b"learning_rate"):
        assert name in content
    assert (folder / "metrics.jsonl").stat().st_size > 0


def test_tensorboard(run_script, homes):
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    run_script("train.py", *SMALL, "logger=tensorboard", "name=curves")
    folder = Path(homes["TENDENCY_OUTPUTS"]) / "curves"
    events = accumulator.EventAccumulator(str(folder / "tensorboard"))
    events.Reload()
    records = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    local = [record["train/loss"] for record in records if "train/loss" in record]
    assert [scalar.value for scalar in events.Scalars("train/loss")] == pytest.approx(local, rel=1e-6)
    assert len(local) >= 3
    assert len(events.Scalars("valid/rollout_nrmse")) == 1
