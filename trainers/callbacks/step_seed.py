"""The random state of each step as a pure function of (seed, step, rank)."""

from typing import Any

import torch
from lightning.pytorch import Callback, LightningModule, Trainer

from tendency.simulation.annotations import NonNegativeInt
from tendency.simulation.random import mix


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
        key = mix(mix(torch.tensor(self.seed), step), trainer.global_rank)
        torch.manual_seed(int(key) & (2**63 - 1))
