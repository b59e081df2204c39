"""Ways of training through the command: what a run needs from its problem and its callbacks, and what it reports."""

import json

import pytest
import torch

from tendency.app.runs.checkpoint_reader import load_stepper
from tendency.errors import ConfigError
from tendency.trainers.callbacks.weight_average import TRAINED

SMALL = ["pde.geometry.shape=[16]", "model=unet", "model.width=8"]


def test_the_problems_own_solver_labels_drifted_states(small_run):
    drifted = ["prediction=derivative", "objective=pushforward_derivative", "objective.depth.steps=3"]
    folder = small_run("heat", [*SMALL, *drifted, "objective/loss=sobolev"])
    records = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    assert all(record["train/loss"] < float("inf") for record in records if "train/loss" in record)
    assert (folder / "finished.json").exists()


def test_a_report_is_of_the_averaged_weights(small_run):
    growing = ["objective=unrolled", "objective.cut_every=1", "callbacks/curriculum=growing_depth"]
    folder = small_run("heat", [*SMALL, *growing, "callbacks/average=ema"], evaluate=True)
    best = torch.load(folder / "checkpoints" / "best.ckpt", weights_only=True)
    loaded = dict(load_stepper(folder).named_parameters())
    assert len(best[TRAINED]) == len(loaded)
    for name, weight in loaded.items():
        assert torch.equal(weight, best["state_dict"][f"stepper.{name}"])
    assert any(not torch.equal(weight, best[TRAINED][f"stepper.{name}"]) for name, weight in loaded.items())
    assert "report" in json.loads((folder / "finished.json").read_text())


def test_a_solver_of_other_points_and_a_depth_that_cannot_grow_are_refused_before_any_work(small_run):
    drifted = ["model=message_passing", "prediction=derivative", "objective=pushforward_derivative"]
    with pytest.raises(ValueError, match="there is none that solves wave_we1 on the points where it is stored"):
        small_run("wave_we1", [*drifted, "name=refused"])
    with pytest.raises(ValueError, match=r"callbacks.curriculum: OneStep rolls nothing out"):
        small_run("heat", ["callbacks/curriculum=growing_depth", "name=refused"])


def test_an_epoch_of_a_stated_length_is_that_long_or_refused(small_run):
    folder = small_run("heat", [*SMALL, "data.batches_per_epoch=3"])
    records = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    assert [record["step"] + 1 for record in records if "valid/rollout_nrmse" in record] == [3, 6]
    # Four trajectories of eight snapshots: 28 windows of one step, in batches of 4.
    with pytest.raises(ConfigError, match="data.batches_per_epoch: the training windows fill 7 batches, got 8"):
        small_run("heat", [*SMALL, "data.batches_per_epoch=8", "name=refused"])
