"""The Lightning trainer with what this platform's promises need switched on."""

import difflib
import inspect
import logging
import math
import os
import warnings
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

import torch

from tendency.simulation.annotations import PositiveFloat, PositiveInt
from tendency.trainers.precisions import Precision

if TYPE_CHECKING:
    from lightning.pytorch import Callback, Trainer
    from lightning.pytorch.loggers import Logger
    from lightning.pytorch.plugins.environments import ClusterEnvironment

REFUSED_OPTIONS = {
    "callbacks": "callbacks are chosen by the config group callbacks",
    "logger": "loggers are chosen by the config group logger",
    "plugins": "checkpoints that exist whole or not at all are a plugin of this program",
    "use_distributed_sampler": "each batch is cut by rank already",
    "num_sanity_val_steps": "validations happen where a resumed run can repeat them",
    "enable_progress_bar": "callbacks.lines shows the progress",
    "enable_model_summary": "the head of a run shows the size of the network",
    "enable_checkpointing": "a run needs its checkpoints",
    "limit_train_batches": "the position of a run counts whole epochs; set data.batches_per_epoch in its place",
    "overfit_batches": "the position of a run counts whole epochs; set data.num_train in its place",
    "default_root_dir": "Lightning looks there for checkpoints of its own; paths.outputs places the runs",
    "barebones": "it switches off checkpoints and logs, which a run needs",
    "fast_dev_run": "it switches off checkpoints, which a run needs; small=true is a quick run",
}
"""Lightning's options that cannot be handed on, and why; those that are arguments of ``make_trainer`` cannot either."""


def make_trainer(
    max_epochs: PositiveInt,
    accelerator: Literal["auto", "cpu", "gpu"] = "auto",
    devices: PositiveInt | Literal["auto"] = 1,
    num_nodes: PositiveInt = 1,
    strategy: Literal["auto", "ddp"] = "auto",
    precision: Precision = "32-true",
    gradient_clip_val: PositiveFloat | None = None,
    accumulate_grad_batches: PositiveInt = 1,
    check_val_every_n_epoch: PositiveInt = 1,
    val_check_interval: PositiveInt | None = None,
    log_every_n_steps: PositiveInt = 50,
    deterministic: bool = False,
    options: Mapping[str, Any] | None = None,
    *,
    callbacks: "Sequence[Callback]",
    loggers: "Sequence[Logger]",
) -> "Trainer":
    """Builds the trainer.

    The data module cuts each global batch by rank itself, so Lightning's sampler is off; checkpoints and the screen are
    the callbacks' business.

    Args:
        max_epochs: passes over the training windows.
        accelerator: ``auto`` takes a GPU of CUDA where there is one, else the CPU. Metal (MPS) has no float64, which
            solvers and statistics need.
        devices: how many; the global batch is divided among them.
        num_nodes: machines.
        strategy: ``ddp`` for several devices (gloo on CPUs, NCCL on GPUs).
        precision: of the network's arithmetic in training; times and statistics stay float64 (docs/precision.md).
        gradient_clip_val: largest norm of the gradient.
        accumulate_grad_batches: batches per optimizer step.
        check_val_every_n_epoch: epochs between rollout validations.
        val_check_interval: batches between validations inside an epoch; None validates at its end.
        log_every_n_steps: steps between lines of the metrics log.
        deterministic: refuse kernels whose results vary between runs (GPU).
        options: further arguments of ``lightning.pytorch.Trainer``, handed on as they are; the promises of this
            platform are not tested with them.
        callbacks: what happens beside the optimisation.
        loggers: where metrics go.

    Raises:
        ValueError: devices that this machine lacks, or an option that Lightning does not know, that is set elsewhere,
            or that a run cannot do with.
    """
    # Imported here: a configuration is checked against this signature without waiting for Lightning.
    from lightning.pytorch import Trainer

    from tendency.trainers.callbacks.exact_resume import ExactResume
    from tendency.trainers.checkpoint import AtomicCheckpointIO
    from tendency.trainers.double_windows import DoubleWindows
    from tendency.trainers.mixed_network import MixedNetwork
    from tendency.trainers.no_profiler import NoProfiler
    from tendency.trainers.rank_watch import RankWatch

    device = _device(accelerator, devices)
    options = dict(options or {})
    _check_options(options, inspect.signature(Trainer).parameters)
    _check_environment()
    _silence_lightning()
    plugins: list[Any] = [AtomicCheckpointIO(), *_launched_by_slurm()]
    if precision == "64-true":
        plugins.append(DoubleWindows())
    elif precision != "32-true":
        plugins.append(MixedNetwork(precision, device))
    try:
        return Trainer(
            max_epochs=max_epochs,
            accelerator=device,
            devices=devices,
            num_nodes=num_nodes,
            strategy=strategy,
            precision="32-true" if len(plugins) == 1 else None,
            gradient_clip_val=gradient_clip_val,
            accumulate_grad_batches=accumulate_grad_batches,
            check_val_every_n_epoch=check_val_every_n_epoch,
            val_check_interval=val_check_interval,
            log_every_n_steps=log_every_n_steps,
            deterministic=deterministic,
            callbacks=[ExactResume(), *callbacks, *([RankWatch()] if strategy == "ddp" else [])],
            logger=list(loggers),
            plugins=plugins,
            default_root_dir=_folder_of(callbacks),
            use_distributed_sampler=False,
            num_sanity_val_steps=0,
            enable_progress_bar=False,
            enable_model_summary=False,
            enable_checkpointing=True,
            **({"profiler": NoProfiler()} | options),
        )
    except Exception as error:
        # Lightning checks few of its arguments itself: a wrong one fails with any kind of exception.
        if not options:
            raise
        raise ValueError(f"trainer.options: Lightning refuses {options}: {error}") from error


def _launched_by_slurm() -> "list[ClusterEnvironment]":
    """Slurm's ranks without Lightning's own handling of its signals, which saves beside the run's folder."""
    from lightning.pytorch.plugins.environments import SLURMEnvironment, TorchElasticEnvironment

    if TorchElasticEnvironment.detect() or not SLURMEnvironment.detect():
        return []
    return [SLURMEnvironment(auto_requeue=False)]


def _folder_of(callbacks: "Sequence[Callback]") -> str | None:
    """Where Lightning looks for checkpoints that nobody named: where only this run writes, and none of that kind."""
    from tendency.trainers.checkpoint import Checkpoints

    return next((str(callback.folder) for callback in callbacks if isinstance(callback, Checkpoints)), None)


def _check_environment() -> None:
    """Refuses variables by which Lightning would change a run."""
    if names := sorted(name for name in os.environ if name.startswith("PL_TRAINER_")):
        raise ValueError(
            f"environment: expected no {', '.join(names)}, from which Lightning would change the run; "
            "unset them, and use trainer.options"
        )


def _check_options(options: Mapping[str, Any], known: Iterable[str]) -> None:
    """Refuses what cannot be handed on to Lightning.

    Args:
        options: further arguments of Lightning's trainer.
        known: names of its arguments.
    """
    own = set(inspect.signature(make_trainer).parameters)
    free = [name for name in known if name not in own and name not in REFUSED_OPTIONS]
    for name in options:
        if name in REFUSED_OPTIONS:
            raise ValueError(f"trainer.options.{name}: cannot be set, since {REFUSED_OPTIONS[name]}")
        if name in own:
            place = "the config group logger" if name == "loggers" else f"trainer.{name}"
            raise ValueError(f"trainer.options.{name}: set {place} in its place")
        if name not in free:
            like = difflib.get_close_matches(name, free, n=1)
            raise ValueError(
                f"trainer.options.{name}: unknown argument of Lightning's Trainer"
                f"{f'; did you mean {like[0]!r}?' if like else ';'} available: {', '.join(free)}"
            )
    steps = options.get("max_steps", -1)
    if steps is not None and (not isinstance(steps, int) or (steps < 1 and steps != -1)):
        raise ValueError(f"trainer.options.max_steps: expected at least 1, or -1 for no limit, got {steps!r}")
    if options.get("limit_val_batches") == 0:
        raise ValueError("trainer.options.limit_val_batches: expected more than 0, since best.ckpt needs a validation")
    if (longest := options.get("max_time")) is not None and not _seconds(longest) > 0:
        raise ValueError(
            "trainer.options.max_time: expected a positive duration, days:hours:minutes:seconds such as 00:08:00:00, "
            f"or a mapping such as {{hours: 8}}, got {longest!r}"
        )


def _seconds(duration: Any) -> float:
    """A duration as Lightning reads it, in seconds; NaN where it cannot be read."""
    from lightning.pytorch.callbacks import Timer

    try:
        return Timer(duration).time_remaining() or 0.0
    except Exception:
        # Anything may have been written there, and Lightning looks for an attribute of it.
        return math.nan


def _silence_lightning() -> None:
    """Switches off what Lightning says of things that are as they are on purpose."""
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
    logging.getLogger("lightning.fabric").setLevel(logging.WARNING)
    # Windows come ready-made from memory: loader workers would only add process hand-overs.
    warnings.filterwarnings("ignore", message=".*does not have many workers.*")
    warnings.filterwarnings("ignore", message=".*The number of training batches.*")
    # A resumed run goes on inside an epoch on purpose: the batch is a function of (seed, step).
    warnings.filterwarnings("ignore", message=".*resuming from a checkpoint that ended before the epoch ended.*")
    warnings.filterwarnings("ignore", message=".*mid-epoch checkpoint.*")
    # Metal is left alone on purpose: it has no float64.
    warnings.filterwarnings("ignore", message=".*GPU available but not used.*")
    # The module reduces its figures over the ranks itself.
    warnings.filterwarnings("ignore", message=".*sync_dist=True.*")
    # Lightning calls parts of torch that are to be renamed.
    warnings.filterwarnings("ignore", message=".*distributed.nn.functional.all_gather is deprecated.*")
    warnings.filterwarnings("ignore", message=".*isinstance.treespec, LeafSpec.*")


def _device(accelerator: str, devices: int | str) -> str:
    """The kind of device that is trained on, cpu or cuda; devices that this machine lacks are refused."""
    gpus = torch.cuda.device_count()
    if accelerator == "gpu" and gpus == 0:
        raise ValueError("trainer.accelerator: gpu was asked for, this machine shows none; use trainer=cpu")
    on_gpu = accelerator == "gpu" or (accelerator == "auto" and gpus > 0)
    if on_gpu and isinstance(devices, int) and devices > gpus:
        raise ValueError(f"trainer.devices: expected at most {gpus}, the GPUs of this machine, got {devices}")
    return "cuda" if on_gpu else "cpu"
