"""Ways of training through the command: what a run needs from its problem and its callbacks, and what it reports."""

import json

import pytest
import torch

from tendency.load import load_surrogate
from trainers.callbacks.weight_average import TRAINED

STRATEGIES = {
    "drifted": ["prediction=derivative", "objective=pushforward_derivative", "objective.depth.steps=3"],
    "curriculum": ["objective=unrolled", "objective.cut_every=1", "callbacks/curriculum=growing_depth"],
    "any step": ["objective=all_to_all", "objective/loss=sobolev"],
}


@pytest.mark.parametrize("name", STRATEGIES)
def test_it_trains(name, small_run):
    folder = small_run("heat", ["pde.geometry.shape=[16]", "model=unet", "model.width=8", *STRATEGIES[name]])
    records = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    assert all(record["train/loss"] < float("inf") for record in records if "train/loss" in record)
    assert (folder / "finished.json").exists()


def test_a_report_is_of_the_averaged_weights(small_run):
    overrides = ["pde.geometry.shape=[16]", "model=unet", "model.width=8", "callbacks/average=ema"]
    folder = small_run("heat", overrides, evaluate=True)
    best = torch.load(folder / "checkpoints" / "best.ckpt", weights_only=True)
    loaded = dict(load_surrogate(folder).named_parameters())
    assert len(best[TRAINED]) == len(loaded)
    for name, weight in loaded.items():
        assert torch.equal(weight, best["state_dict"][f"stepper.{name}"])
    assert any(not torch.equal(weight, best[TRAINED][f"stepper.{name}"]) for name, weight in loaded.items())
    assert "report" in json.loads((folder / "finished.json").read_text())


def test_a_solver_of_other_points_and_a_depth_that_cannot_grow_are_refused_before_any_work(small_run, homes):
    drifted = ["model=message_passing", "prediction=derivative", "objective=pushforward_derivative"]
    with pytest.raises(ValueError, match="there is none that solves wave_we1 on the points where it is stored"):
        small_run("wave_we1", [*drifted, "name=refused"])
    with pytest.raises(ValueError, match=r"callbacks.curriculum: OneStep rolls nothing out"):
        small_run("heat", ["callbacks/curriculum=growing_depth", "name=refused"])
