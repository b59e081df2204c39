"""Averaged weights and growing depths by themselves; test_resume.py stops and resumes runs with both."""

import types

import pytest
import torch
from torch import nn

from tendency.simulation.random import mix
from tendency.trainers.callbacks.growing_depth import GrowingDepth
from tendency.trainers.callbacks.step_seed import StepSeed
from tendency.trainers.callbacks.weight_average import WeightAverage, resume_trained_weights
from tendency.trainers.losses import RelativeL2
from tendency.trainers.objectives.depth import FixedDepth
from tendency.trainers.objectives.one_step import OneStep
from tendency.trainers.objectives.pushforward import Pushforward
from tendency.trainers.run_hooks import RunContext


def walk(callback, module, steps, trainer):
    """Some optimizer steps that change the weights, and the average by its formula."""
    expected = module.weight.detach().clone()
    generator = torch.Generator().manual_seed(0)
    for n in range(steps):
        with torch.no_grad():
            module.weight.add_(torch.randn(module.weight.shape, generator=generator, dtype=torch.float64))
        trainer.global_step += 1
        decay = min(callback.decay, (1 + n) / (10 + n))
        expected = decay * expected + (1 - decay) * module.weight.detach()
        callback.on_train_batch_end(trainer, module, None, None, n)
        # A batch that only adds to the gradients, as under accumulation, is no step.
        callback.on_train_batch_end(trainer, module, None, None, n)
    return expected


def test_the_average_is_its_formula_and_takes_the_weights_place_in_validation():
    module, trainer = nn.Linear(3, 2, bias=False, dtype=torch.float64), types.SimpleNamespace(global_step=7)
    callback = WeightAverage(decay=0.6)
    callback.on_train_start(trainer, module)
    expected = walk(callback, module, 30, trainer)
    trained = module.weight.detach().clone()
    callback.on_validation_start(trainer, module)
    assert torch.allclose(module.weight, expected, rtol=1e-13, atol=0)
    callback.on_validation_end(trainer, module)
    assert torch.equal(module.weight, trained)
    assert (expected - trained).norm() > 0.1


@pytest.mark.parametrize("when", ["before its turn", "after its turn", "during a validation"])
def test_a_checkpoint_shows_the_average_and_goes_on_with_the_trained_weights(when):
    module, trainer = nn.Linear(3, 2, bias=False, dtype=torch.float64), types.SimpleNamespace(global_step=0)
    callback = WeightAverage(decay=0.9)
    callback.on_train_start(trainer, module)
    walk(callback, module, 5, trainer)
    # The last step's checkpoint may be asked for by a callback whose turn is earlier or later.
    with torch.no_grad():
        module.weight.add_(1)
    trainer.global_step += 1
    trained = module.weight.detach().clone()
    if when != "before its turn":
        callback.on_train_batch_end(trainer, module, None, None, 0)
    if when == "during a validation":
        callback.on_validation_start(trainer, module)
    checkpoint = {"state_dict": {name: value.clone() for name, value in module.state_dict().items()}}
    callback.on_save_checkpoint(trainer, module, checkpoint)
    average = checkpoint["state_dict"]["weight"].clone()
    assert callback.updates == 6
    assert (average - trained).norm() > 0.1

    resume_trained_weights(checkpoint)
    assert torch.equal(checkpoint["state_dict"]["weight"], trained)
    again, resumed = WeightAverage(decay=0.9), nn.Linear(3, 2, bias=False, dtype=torch.float64)
    resumed.load_state_dict(checkpoint["state_dict"])
    again.on_load_checkpoint(trainer, resumed, checkpoint)
    again.on_train_start(trainer, resumed)
    again.on_validation_start(trainer, resumed)
    assert torch.equal(resumed.weight, average)
    assert again.updates == 6


def test_depth_grows_from_epoch_to_epoch_and_stays_inside_its_windows():
    objective = Pushforward(RelativeL2(), FixedDepth(4))
    module = types.SimpleNamespace(objective=objective)
    callback = GrowingDepth(first=1, every_n_epochs=2)
    callback.begin_run(RunContext(objective, {}, None))
    depths = []
    for epoch in range(10):
        callback.on_train_batch_start(types.SimpleNamespace(current_epoch=epoch), module, None, 0)
        depths.append(objective.depth(0, 10 * epoch))
    assert depths == [1, 1, 2, 2, 3, 3, 4, 4, 4, 4]


def test_a_curriculum_needs_something_that_grows():
    with pytest.raises(ValueError, match=r"callbacks.curriculum: OneStep rolls nothing out"):
        GrowingDepth().begin_run(RunContext(OneStep(RelativeL2()), {}, None))
    with pytest.raises(
        ValueError, match=r"callbacks.curriculum.first: expected less than objective.depth.steps=2, got 2"
    ):
        GrowingDepth(first=2).begin_run(RunContext(Pushforward(RelativeL2(), FixedDepth(2)), {}, None))


def test_a_seeded_step_draws_what_torch_draws_after_its_own_seeding(monkeypatch):
    """And seeds no accelerator that the machine lacks."""
    trainer = types.SimpleNamespace(
        fit_loop=types.SimpleNamespace(epoch_loop=types.SimpleNamespace(total_batch_idx=11)),
        global_rank=2,
        strategy=types.SimpleNamespace(root_device=torch.device("cpu")),
    )
    asked = []
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(int(mix(mix(torch.tensor(5), 11), 2)) & (2**63 - 1))
        expected = torch.rand(4)
        monkeypatch.setattr(torch.cuda, "manual_seed_all", asked.append)
        StepSeed(5).on_train_batch_start(trainer, None, None, 0)
        assert torch.equal(torch.rand(4), expected)
    assert not asked
