"""The Lightning trainer with what this platform's promises need switched on."""

import logging
import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

import torch

from tendency.simulation.annotations import PositiveFloat, PositiveInt

if TYPE_CHECKING:
    from lightning.pytorch import Callback, Trainer
    from lightning.pytorch.loggers import Logger

Precision = Literal["32-true", "64-true", "bf16-mixed", "16-mixed"]


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
    *,
    callbacks: "Sequence[Callback]",
    loggers: "Sequence[Logger]",
) -> "Trainer":
    """Builds the trainer.

    The data module cuts each global batch by rank itself, so Lightning's sampler is off; checkpoints and the screen are
    the callbacks' business.

    Args:
        max_epochs: passes over the training windows.
        accelerator: ``auto`` takes a GPU where there is one.
        devices: how many; the global batch is divided among them.
        num_nodes: machines.
        strategy: ``ddp`` for several devices (gloo on CPUs, NCCL on GPUs).
        precision: of the network's arithmetic; times and statistics stay float64.
        gradient_clip_val: largest norm of the gradient.
        accumulate_grad_batches: batches per optimizer step.
        check_val_every_n_epoch: epochs between rollout validations.
        val_check_interval: batches between validations inside an epoch; None validates at its end.
        log_every_n_steps: steps between lines of the metrics log.
        deterministic: refuse kernels whose results vary between runs (GPU).
        callbacks: what happens beside the optimisation.
        loggers: where metrics go.

    Raises:
        ValueError: devices that this machine lacks.
    """
    # Imported here: a configuration is checked against this signature without waiting for Lightning.
    from lightning.pytorch import Trainer

    from tendency.trainers.checkpoint import AtomicCheckpointIO
    from tendency.trainers.double_windows import DoubleWindows

    _check_devices(accelerator, devices)
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
    logging.getLogger("lightning.fabric").setLevel(logging.WARNING)
    # Windows come ready-made from memory: loader workers would only add process hand-overs.
    warnings.filterwarnings("ignore", message=".*does not have many workers.*")
    warnings.filterwarnings("ignore", message=".*The number of training batches.*")
    # A resumed run goes on inside an epoch on purpose: the batch is a function of (seed, step).
    warnings.filterwarnings("ignore", message=".*resuming from a checkpoint that ended before the epoch ended.*")
    warnings.filterwarnings("ignore", message=".*mid-epoch checkpoint.*")
    # The module reduces its figures over the ranks itself.
    warnings.filterwarnings("ignore", message=".*sync_dist=True.*")
    # Lightning calls a part of torch that is to be renamed.
    warnings.filterwarnings("ignore", message=".*isinstance.treespec, LeafSpec.*")
    double = precision == "64-true"
    return Trainer(
        max_epochs=max_epochs,
        accelerator=accelerator,
        devices=devices,
        num_nodes=num_nodes,
        strategy=strategy,
        precision=None if double else precision,
        gradient_clip_val=gradient_clip_val,
        accumulate_grad_batches=accumulate_grad_batches,
        check_val_every_n_epoch=check_val_every_n_epoch,
        val_check_interval=val_check_interval,
        log_every_n_steps=log_every_n_steps,
        deterministic=deterministic,
        callbacks=list(callbacks),
        logger=list(loggers),
        plugins=[AtomicCheckpointIO(), *([DoubleWindows()] if double else [])],
        use_distributed_sampler=False,
        num_sanity_val_steps=0,
        enable_progress_bar=False,
        enable_model_summary=False,
        enable_checkpointing=True,
    )


def _check_devices(accelerator: str, devices: int | str) -> None:
    gpus = torch.cuda.device_count()
    if accelerator == "gpu" and gpus == 0:
        raise ValueError("trainer.accelerator: gpu was asked for, this machine shows none; use trainer=cpu")
    on_gpu = accelerator == "gpu" or (accelerator == "auto" and gpus > 0)
    if on_gpu and isinstance(devices, int) and devices > gpus:
        raise ValueError(f"trainer.devices: expected at most {gpus}, the GPUs of this machine, got {devices}")
