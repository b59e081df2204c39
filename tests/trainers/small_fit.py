"""A small training with dropout, and ways to end it early: what the tests of stopping and resuming share."""

import functools
import signal

import torch
from lightning.pytorch.callbacks import Checkpoint
from torch import nn

from tendency.data.datamodule import TrajectoryDataModule
from tendency.data.dataset import TrajectoryDataset
from tendency.data.split_holder import SplitHolder
from tendency.surrogates.interface import Interface
from tendency.surrogates.predictions.increment import IncrementPrediction
from tendency.surrogates.stepper import SurrogateStepper, fit_normalizer
from tendency.surrogates.surrogate import Surrogate
from tendency.trainers.callbacks.divergence import StopOnDivergence
from tendency.trainers.callbacks.growing_depth import GrowingDepth
from tendency.trainers.callbacks.signals import StopOnSignal
from tendency.trainers.callbacks.step_seed import StepSeed
from tendency.trainers.callbacks.weight_average import WeightAverage
from tendency.trainers.checkpoint import Checkpoints
from tendency.trainers.logs.metrics_log import MetricsLog
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

    def __init__(self, step, signum=signal.SIGTERM):
        super().__init__()
        self.step, self.signum = step, signum

    def on_train_batch_start(self, trainer, pl_module, batch, batch_idx):
        if trainer.global_step == self.step:
            signal.raise_signal(self.signum)


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
    save_every=4,
    batches=None,
    validate_epochs=1,
    signum=signal.SIGTERM,
    resumes=False,
    hold="auto",
    workers="auto",
):
    prediction = IncrementPrediction()
    objective, more = objective()
    more = [callback for callback in more if average or not isinstance(callback, WeightAverage)]
    windows = TrajectoryDataset(dataset, "train", prediction.offsets, prediction.stencil)
    with torch.random.fork_rng():
        torch.manual_seed(SEED)
        surrogate = network(Interface(1 + windows.metadata.num_known, 1, 0, windows.metadata.geometry.boundary))
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
    checkpoints = Checkpoints(str(folder / "checkpoints"), every_n_steps=save_every)
    # Rank-independent noise from elsewhere must not matter.
    torch.manual_seed(12345 if resume else 54321)
    callbacks = [
        StepSeed(SEED),
        StopOnDivergence(),
        StopOnSignal() if stop_at is None else StopAt(stop_at, signum),
        checkpoints,
        *further,
        *more,
    ]
    for callback in callbacks:
        if isinstance(callback, BeginsWithRun):
            callback.begin_run(RunContext(objective, {}, log, resumes))
    trainer = make_trainer(
        epochs,
        "cpu",
        val_check_interval=validate_every,
        check_val_every_n_epoch=validate_epochs,
        log_every_n_steps=1,
        accumulate_grad_batches=accumulate,
        options=options,
        callbacks=callbacks,
        loggers=[log],
    )
    required, wanted = objective.offsets(prediction)
    holder = SplitHolder(hold, copies=True)
    training = TrajectoryDataset(dataset, "train", required, wanted, holder=holder)
    if objective.change is not None:
        fields = module.stepper.normalizer.fields
        objective.change.measure([training.windows(list(range(len(training))))], fields, max(required))
    data = TrajectoryDataModule(
        training,
        *(TrajectoryDataset.whole(dataset, split, holder=holder) for split in ("valid", "test")),
        batch_size=4,
        eval_batch_size=4,
        seed=SEED,
        batches_per_epoch=batches,
        loader_workers=workers,
    )
    checkpoint = folder / "checkpoints" / "last.ckpt" if resume else None
    trainer.fit(module, datamodule=data, ckpt_path=checkpoint, weights_only=True)
    return module, trainer
