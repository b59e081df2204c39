"""A run that was stopped and resumed ends exactly like the one that was not: weights, optimizer, log."""

import functools
import math
import shutil
import signal

import pytest
import torch
from lightning.pytorch.callbacks import Checkpoint
from torch import nn

from tendency.data.datamodule import TrajectoryDataModule
from tendency.data.dataset import TrajectoryDataset
from tendency.evaluation.rollouts.trajectory_errors import measure_trajectories
from tendency.surrogates.interface import Interface
from tendency.surrogates.predictions.increment import IncrementPrediction
from tendency.surrogates.stepper import SurrogateStepper, fit_normalizer
from tendency.surrogates.surrogate import Surrogate
from tendency.trainers.callbacks.divergence import DivergedError, StopOnDivergence
from tendency.trainers.callbacks.growing_depth import GrowingDepth
from tendency.trainers.callbacks.signals import StopOnSignal, StoppedError
from tendency.trainers.callbacks.step_seed import StepSeed
from tendency.trainers.callbacks.weight_average import TRAINED, WeightAverage
from tendency.trainers.checkpoint import Checkpoints
from tendency.trainers.logs.metrics_log import MetricsLog
from tendency.trainers.logs.metrics_reader import read_metrics
from tendency.trainers.losses import RelativeL2
from tendency.trainers.module import SurrogateModule
from tendency.trainers.objectives.depth import RandomDepth
from tendency.trainers.objectives.one_step import OneStep
from tendency.trainers.objectives.pushforward import Pushforward
from tendency.trainers.optimizers import adamw
from tendency.trainers.run_hooks import BeginsWithRun, RunContext
from tendency.trainers.schedules import WarmupCosine
from tendency.trainers.trainer import make_trainer

SEED = 3


class Dropping(Surrogate):
    """A small network with dropout, whose random state a resumed run has to find again."""

    def __init__(self, interface):
        super().__init__(interface)
        self.first = nn.Conv1d(interface.in_channels, 8, 3, padding=1, padding_mode="circular")
        self.drop = nn.Dropout(0.3)
        self.last = nn.Conv1d(8, interface.out_channels, 1)

    def forward(self, u, c, x):
        return self.last(self.drop(torch.tanh(self.first(u))))


class StopAt(StopOnSignal):
    """The signal arrives during one step."""

    def __init__(self, step):
        super().__init__()
        self.step = step

    def on_train_batch_start(self, trainer, pl_module, batch, batch_idx):
        if trainer.global_step == self.step:
            signal.raise_signal(signal.SIGTERM)


class Killed(BaseException):
    """Nothing gets a chance to save or to say anything."""


class KillAt(Checkpoint):
    """Kills the run in one hook of its n-th validation, after the other callbacks have had their turn there."""

    def __init__(self, hook, number):
        setattr(self, hook, self.reach)
        self.left = number

    def reach(self, *args, **kwargs):
        self.left -= 1
        if self.left == 0:
            raise Killed


def one_step():
    """The plainest objective, and callbacks of its own."""
    return OneStep(RelativeL2()), []


def growing_pushforward():
    """Random depths that grow by epoch, averaged weights."""
    return Pushforward(RelativeL2(), RandomDepth(3)), [GrowingDepth(1, 1), WeightAverage(0.9)]


def fit(
    dataset,
    folder,
    stop_at=None,
    resume=False,
    epochs=3,
    network=Dropping,
    accumulate=1,
    validate_every=7,
    further=(),
    objective=one_step,
    average=True,
    options=None,
):
    prediction = IncrementPrediction()
    objective, more = objective()
    more = [callback for callback in more if average or not isinstance(callback, WeightAverage)]
    windows = TrajectoryDataset(dataset, "train", prediction.offsets, prediction.stencil)
    with torch.random.fork_rng():
        torch.manual_seed(SEED)
        surrogate = network(Interface(1, 1, 0, windows.metadata.geometry.boundary))
    normalizer = fit_normalizer(prediction, [windows.windows(list(range(len(windows))))])
    module = SurrogateModule(
        SurrogateStepper(surrogate, prediction, normalizer),
        objective,
        functools.partial(adamw, lr=1e-2),
        WarmupCosine(5),
        SEED,
        {},
    )
    log = MetricsLog(str(folder))
    checkpoints = Checkpoints(str(folder / "checkpoints"), every_n_steps=4)
    # Rank-independent noise from elsewhere must not matter.
    torch.manual_seed(12345 if resume else 54321)
    callbacks = [
        StepSeed(SEED),
        StopOnDivergence(),
        StopOnSignal() if stop_at is None else StopAt(stop_at),
        checkpoints,
        *further,
        *more,
    ]
    for callback in callbacks:
        if isinstance(callback, BeginsWithRun):
            callback.begin_run(RunContext(objective, {}, log))
    trainer = make_trainer(
        epochs,
        "cpu",
        val_check_interval=validate_every,
        log_every_n_steps=1,
        accumulate_grad_batches=accumulate,
        options=options,
        callbacks=callbacks,
        loggers=[log],
    )
    required, wanted = objective.offsets(prediction)
    training = TrajectoryDataset(dataset, "train", required, wanted)
    if objective.change is not None:
        objective.change.measure([training.windows(list(range(len(training))))], normalizer.fields, max(required))
    data = TrajectoryDataModule(
        training,
        *(TrajectoryDataset.whole(dataset, split) for split in ("valid", "test")),
        batch_size=4,
        eval_batch_size=4,
        seed=SEED,
    )
    checkpoint = folder / "checkpoints" / "last.ckpt" if resume else None
    trainer.fit(module, datamodule=data, ckpt_path=checkpoint, weights_only=True)
    return module, trainer


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
