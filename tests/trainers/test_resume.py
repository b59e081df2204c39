"""A run that was stopped and resumed ends exactly like the one that was not: weights, optimizer, log."""

import functools
import math
import shutil

import pytest
import torch
from small_fit import Dropping, KillAt, Killed, fit, growing_pushforward

from tendency.data.dataset import TrajectoryDataset
from tendency.evaluation.rollouts.trajectory_errors import measure_trajectories
from tendency.trainers.callbacks.divergence import DivergedError
from tendency.trainers.callbacks.signals import StoppedError
from tendency.trainers.callbacks.weight_average import TRAINED
from tendency.trainers.logs.metrics_reader import read_metrics


@pytest.fixture(scope="module")
def uninterrupted(heat_dataset, tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole")
    module, trainer = fit(heat_dataset, folder)
    assert trainer.global_step > 30
    return (
        module,
        trainer.optimizers[0].state_dict(),
        read_metrics(folder / "metrics.jsonl"),
        trainer.num_training_batches,
    )


@pytest.mark.parametrize("position", ["inside an epoch", "at an epoch's end", "beside a validation", "first step"])
def test_a_stopped_run_ends_like_the_uninterrupted_one(heat_dataset, tmp_path, uninterrupted, position):
    whole, optimizer, log, epoch = uninterrupted
    step = {"inside an epoch": epoch + 3, "at an epoch's end": epoch - 1, "beside a validation": 6, "first step": 0}
    with pytest.raises(StoppedError) as stopped:
        fit(heat_dataset, tmp_path, stop_at=step[position])
    assert stopped.value.exit_code == 143
    resumed, trainer = fit(heat_dataset, tmp_path, resume=True)
    for (name, expected), (_, found) in zip(whole.state_dict().items(), resumed.state_dict().items(), strict=True):
        assert torch.equal(expected, found), name
    found = trainer.optimizers[0].state_dict()
    assert found["param_groups"] == optimizer["param_groups"]
    for index, state in optimizer["state"].items():
        for name, expected in state.items():
            assert torch.equal(torch.as_tensor(expected), torch.as_tensor(found["state"][index][name])), name
    assert read_metrics(tmp_path / "metrics.jsonl") == log


@pytest.mark.parametrize(
    ("first", "then", "position"),
    [
        (("memory", 2), ("mapped", 0), "inside an epoch"),
        pytest.param(("mapped", 0), ("rows", 2), "at an epoch's end", marks=pytest.mark.slow),
        pytest.param(("rows", 2), ("memory", 2), "beside a validation", marks=pytest.mark.slow),
        pytest.param(("rows", 0), ("mapped", 2), "first step", marks=pytest.mark.slow),
    ],
)
def test_a_run_goes_on_with_its_trajectories_held_otherwise(
    heat_dataset, tmp_path, uninterrupted, first, then, position
):
    """Loader processes draw batches ahead, and a resumed run begins with the batch that comes next all the same."""
    whole, _, log, epoch = uninterrupted
    step = {"inside an epoch": epoch + 3, "at an epoch's end": epoch - 1, "beside a validation": 6, "first step": 0}
    dataset = shutil.copytree(heat_dataset, tmp_path / "heat")
    with pytest.raises(StoppedError):
        fit(dataset, tmp_path, stop_at=step[position], hold=first[0], workers=first[1])
    resumed, _ = fit(dataset, tmp_path, resume=True, hold=then[0], workers=then[1])
    assert (dataset / "mapped").exists() == ("mapped" in (first[0], then[0]))
    for (name, expected), (_, found) in zip(whole.state_dict().items(), resumed.state_dict().items(), strict=True):
        assert torch.equal(expected, found), name
    assert read_metrics(tmp_path / "metrics.jsonl") == log


@pytest.fixture(scope="module")
def validated_at_the_end(heat_dataset, tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole")
    module, _ = fit(heat_dataset, folder, validate_every=None)
    return module, folder


@pytest.mark.parametrize("number", [1, 2, 3])
@pytest.mark.parametrize("hook", ["on_validation_start", "on_validation_batch_end", "on_validation_end"])
def test_no_kill_around_a_validation_loses_it(heat_dataset, tmp_path, validated_at_the_end, hook, number):
    whole, folder = validated_at_the_end
    with pytest.raises(Killed):
        fit(heat_dataset, tmp_path, validate_every=None, further=[KillAt(hook, number)])
    resumed, _ = fit(heat_dataset, tmp_path, validate_every=None, resume=True)
    log = read_metrics(folder / "metrics.jsonl")
    assert len([record for record in log if "valid/rollout_nrmse" in record]) == 3
    assert read_metrics(tmp_path / "metrics.jsonl") == log
    assert all(
        torch.equal(a, b) for a, b in zip(whole.state_dict().values(), resumed.state_dict().values(), strict=True)
    )
    expected, found = (torch.load(f / "checkpoints" / "best.ckpt", weights_only=True) for f in (folder, tmp_path))
    assert found["global_step"] == expected["global_step"]
    assert all(torch.equal(expected["state_dict"][name], value) for name, value in found["state_dict"].items())


@pytest.mark.parametrize("hook", ["on_validation_start", "on_validation_end"])
def test_no_kill_around_a_validation_inside_an_epoch_loses_it(heat_dataset, tmp_path, uninterrupted, hook):
    # Every fourth step is saved, so that the validation after the eighth follows right after a checkpoint.
    fit(heat_dataset, tmp_path / "whole", validate_every=8)
    with pytest.raises(Killed):
        fit(heat_dataset, tmp_path, validate_every=8, further=[KillAt(hook, 3)])
    fit(heat_dataset, tmp_path, validate_every=8, resume=True)
    assert read_metrics(tmp_path / "metrics.jsonl") == read_metrics(tmp_path / "whole" / "metrics.jsonl")


def test_a_run_goes_on_from_its_best_checkpoint_too(heat_dataset, tmp_path, validated_at_the_end):
    whole, _ = validated_at_the_end
    with pytest.raises(Killed):
        fit(heat_dataset, tmp_path, validate_every=None, further=[KillAt("on_validation_start", 2)])
    # The resumed run does the validation before its first step, writes best.ckpt, and is killed again.
    with pytest.raises(Killed):
        fit(heat_dataset, tmp_path, validate_every=None, resume=True, further=[KillAt("on_validation_end", 1)])
    (tmp_path / "checkpoints" / "best.ckpt").replace(tmp_path / "checkpoints" / "last.ckpt")
    resumed, trainer = fit(heat_dataset, tmp_path, validate_every=None, resume=True)
    assert trainer.global_step == 3 * trainer.num_training_batches
    assert all(
        torch.equal(a, b) for a, b in zip(whole.state_dict().values(), resumed.state_dict().values(), strict=True)
    )


def test_drawn_depths_a_curriculum_and_averaged_weights_resume(heat_dataset, tmp_path):
    whole, trainer = fit(heat_dataset, tmp_path / "whole", objective=growing_pushforward)
    log, last = read_metrics(tmp_path / "whole" / "metrics.jsonl"), torch.load(tmp_path / "whole/checkpoints/last.ckpt")
    epoch = trainer.num_training_batches
    # Inside the second epoch, and at its end, whose validation the resumed run makes first.
    for number, step in enumerate((epoch + 3, 2 * epoch - 1)):
        folder = tmp_path / str(number)
        with pytest.raises(StoppedError):
            fit(heat_dataset, folder, stop_at=step, objective=growing_pushforward)
        resumed, _ = fit(heat_dataset, folder, resume=True, objective=growing_pushforward)
        for (name, expected), (_, found) in zip(whole.state_dict().items(), resumed.state_dict().items(), strict=True):
            assert torch.equal(expected, found), name
        assert read_metrics(folder / "metrics.jsonl") == log
        again = torch.load(folder / "checkpoints/last.ckpt")
        for part in ("state_dict", TRAINED):
            assert all(torch.equal(value, again[part][name]) for name, value in last[part].items())
    # The averaged weights are what was validated, and what a reader of the checkpoint finds.
    assert not torch.equal(last["state_dict"]["stepper.surrogate.last.weight"], whole.stepper.surrogate.last.weight)
    assert torch.equal(last[TRAINED]["stepper.surrogate.last.weight"], whole.stepper.surrogate.last.weight)
    whole.load_state_dict(torch.load(tmp_path / "whole/checkpoints/best.ckpt")["state_dict"])
    window = TrajectoryDataset(heat_dataset, "valid", (0, 11)).windows([0, 1])
    figure = measure_trajectories(whole.stepper.eval(), window).rollout_nrmse.mean()  # the median of two
    validated = [record["valid/rollout_nrmse"] for record in log if "valid/rollout_nrmse" in record]
    assert float(figure) == pytest.approx(min(validated), rel=1e-6)


def test_a_run_that_stops_averaging_goes_on_with_the_trained_weights(heat_dataset, tmp_path):
    fit_once = functools.partial(fit, heat_dataset, epochs=1, objective=growing_pushforward)
    whole, _ = fit_once(tmp_path / "whole", average=False)
    with pytest.raises(StoppedError):
        fit_once(tmp_path / "stopped", stop_at=9)
    resumed, _ = fit_once(tmp_path / "stopped", resume=True, average=False)
    for (name, expected), (_, found) in zip(whole.state_dict().items(), resumed.state_dict().items(), strict=True):
        assert torch.equal(expected, found), name


def test_a_run_that_adds_up_gradients_is_stopped_between_its_steps(heat_dataset, tmp_path):
    whole, _ = fit(heat_dataset, tmp_path / "whole", accumulate=3)
    with pytest.raises(StoppedError):
        fit(heat_dataset, tmp_path / "stopped", stop_at=3, accumulate=3)
    resumed, trainer = fit(heat_dataset, tmp_path / "stopped", resume=True, accumulate=3)
    assert trainer.global_step == 3 * math.ceil(trainer.num_training_batches / 3)
    for (name, expected), (_, found) in zip(whole.state_dict().items(), resumed.state_dict().items(), strict=True):
        assert torch.equal(expected, found), name
    assert read_metrics(tmp_path / "stopped" / "metrics.jsonl") == read_metrics(tmp_path / "whole" / "metrics.jsonl")


def test_a_limit_of_steps_ends_a_run_with_the_weights_of_its_last_step(heat_dataset, tmp_path):
    limited, trainer = fit(heat_dataset, tmp_path / "limited", validate_every=None, options={"max_steps": 5})
    content = torch.load(tmp_path / "limited" / "checkpoints" / "last.ckpt", weights_only=True)
    assert trainer.global_step == content["global_step"] == 5
    assert all(torch.equal(value, content["state_dict"][name]) for name, value in limited.state_dict().items())
    # A run that goes on from there under a later limit takes the steps that it would have taken: the first five are
    # those of the warmup, whose learning rates do not depend on the limit.
    shutil.copytree(tmp_path / "limited", tmp_path / "resumed")
    resumed, _ = fit(heat_dataset, tmp_path / "resumed", resume=True, validate_every=None, options={"max_steps": 8})
    whole, _ = fit(heat_dataset, tmp_path / "whole", validate_every=None, options={"max_steps": 8})
    for name, expected in whole.state_dict().items():
        assert torch.equal(expected, resumed.state_dict()[name]), name


def test_a_run_that_a_limit_ended_inside_an_epoch_finishes_that_epoch_and_the_next(heat_dataset, tmp_path):
    fit(heat_dataset, tmp_path / "limited", epochs=2, options={"max_steps": 5})
    shutil.copytree(tmp_path / "limited", tmp_path / "resumed")
    resumed, trainer = fit(heat_dataset, tmp_path / "resumed", epochs=2, resume=True)
    whole, expected = fit(heat_dataset, tmp_path / "whole", epochs=2)
    assert trainer.global_step == expected.global_step
    for name, value in whole.state_dict().items():
        assert torch.equal(value, resumed.state_dict()[name]), name
    assert read_metrics(tmp_path / "resumed" / "metrics.jsonl") == read_metrics(tmp_path / "whole" / "metrics.jsonl")


def test_checkpoints_hold_plain_data_and_no_leftovers(heat_dataset, tmp_path):
    fit(heat_dataset, tmp_path, epochs=1)
    folder = tmp_path / "checkpoints"
    assert sorted(path.name for path in folder.iterdir()) == ["best.ckpt", "last.ckpt"]
    content = torch.load(folder / "last.ckpt", weights_only=True)
    assert content["recipe"] == {}


class Exploding(Dropping):
    """Fine for some steps, then infinite."""

    def forward(self, u, c, x):
        self.calls = getattr(self, "calls", 0) + 1
        return super().forward(u, c, x) * (torch.inf if self.calls > 6 and self.training else 1.0)


def test_a_diverging_run_stops_at_once_and_keeps_finite_weights(heat_dataset, tmp_path):
    with pytest.raises(DivergedError, match=r"not finite at step \d+ \(learning rate .*Lower optimizer.lr"):
        fit(heat_dataset, tmp_path, network=Exploding)
    weights = torch.load(tmp_path / "checkpoints" / "last.ckpt", weights_only=True)["state_dict"]
    assert all(torch.isfinite(value).all() for value in weights.values())
