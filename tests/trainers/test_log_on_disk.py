"""What a checkpoint relies on is on the disk before it: a power cut between the two leaves a run that can go on."""

import os
import zipfile

import torch

from tendency.trainers.checkpoint import AtomicCheckpointIO, Checkpoints
from tendency.trainers.logs.metrics_log import MetricsLog


class SavingTrainer:
    """As much of a trainer as saves a checkpoint."""

    is_global_zero = True

    def __init__(self, module):
        self.lightning_module = module

    def save_checkpoint(self, path):
        AtomicCheckpointIO().save_checkpoint({"step": 1}, path)


def test_the_log_is_flushed_to_the_disk_before_each_checkpoint_takes_its_place(tmp_path, monkeypatch):
    events, flush, move = [], os.fsync, os.replace
    log = MetricsLog(str(tmp_path))
    log.log_metrics({"train/loss": 1.0}, 0)

    def flushed(handle):
        events.append(("flushed", os.fstat(handle).st_ino))
        flush(handle)

    def moved(source, target):
        events.append(("moved", str(target)))
        move(source, target)

    monkeypatch.setattr(os, "fsync", flushed)
    monkeypatch.setattr(os, "replace", moved)
    checkpoints = Checkpoints(str(tmp_path / "checkpoints"))
    checkpoints.metrics_log = log
    checkpoints.save(SavingTrainer(torch.nn.Linear(1, 1)), "last.ckpt")
    assert ("flushed", log.path.stat().st_ino) in events
    assert ("flushed", tmp_path.stat().st_ino) in events
    replaced = events.index(("moved", str(tmp_path / "checkpoints" / "last.ckpt")))
    assert events.index(("flushed", log.path.stat().st_ino)) < replaced
    assert [event for event in events if event == ("flushed", log.path.stat().st_ino)] == [events[0]]


def test_a_run_without_a_log_yet_saves_as_well(tmp_path):
    checkpoints = Checkpoints(str(tmp_path / "checkpoints"))
    checkpoints.metrics_log = MetricsLog(str(tmp_path))
    checkpoints.save(SavingTrainer(torch.nn.Linear(1, 1)), "last.ckpt")
    assert not (tmp_path / "metrics.jsonl").exists()


def test_a_checkpoint_says_nothing_of_the_machine_that_wrote_it(tmp_path):
    for name in ("last.ckpt", "best.ckpt"):
        AtomicCheckpointIO().save_checkpoint({"step": 1}, tmp_path / name)
    assert (tmp_path / "last.ckpt").read_bytes() == (tmp_path / "best.ckpt").read_bytes()
    with zipfile.ZipFile(tmp_path / "last.ckpt") as archive:
        assert {name.split("/")[0] for name in archive.namelist()} == {"archive"}
