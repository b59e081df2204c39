"""The random state of each step as a pure function of (seed, step, rank)."""

from typing import Any

import torch
from lightning.pytorch import Callback, LightningModule, Trainer

from tendency.simulation.annotations import NonNegativeInt
from tendency.simulation.random import mix_integers


class StepSeed(Callback):
    """Seeds torch before every training step, so that dropout resumes bit for bit without a stored random state.

    Args:
        seed: of the run.
    """

    def __init__(self, seed: NonNegativeInt) -> None:
        self.seed = seed

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int) -> None:
        """Seeds the step that is about to be taken."""
        step = trainer.fit_loop.epoch_loop.total_batch_idx
        key = mix_integers(mix_integers(self.seed, step), trainer.global_rank)
        seed_generators(key & (2**63 - 1), trainer.strategy.root_device)


def seed_generators(seed: int, device: torch.device) -> None:
    """Seeds the generators that a training step on this device draws from: the CPU's and the device's own.

    ``torch.manual_seed`` gives the same numbers and seeds every kind of accelerator that torch knows. For each one that
    is absent it notes the seed with a printed stack: half a millisecond a step, as much as a layer of a small network.

    Args:
        seed: what ``torch.manual_seed`` would be given.
        device: where the network lies.
    """
    if device.type == "cpu":
        torch.default_generator.manual_seed(seed)
    elif device.type == "cuda":
        torch.default_generator.manual_seed(seed)
        torch.cuda.default_generators[device.index or 0].manual_seed(seed)
    else:
        torch.manual_seed(seed)
