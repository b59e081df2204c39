"""Small training runs in this process."""

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def small_run(homes):
    """``small_run("heat", ["model=fno"])``: trains for two epochs on a tiny dataset; returns the run's folder."""
    from hydra import compose, initialize_config_dir

    from tendency.compose import conf_folder
    from tendency.small_form import settle
    from tendency.training import train

    tiny = [
        "data.num_train=4",
        "data.num_valid=2",
        "data.num_test=2",
        "data.chunk_size=2",
        "data.workers=1",
        "data.batch_size=4",
        "pde.times.num_snapshots=8",
        "trainer.max_epochs=2",
        "trainer.accelerator=cpu",
        "scheduler.warmup_steps=2",
        "matmul_precision=highest",
    ]

    def run(pde, overrides=(), evaluate=False):
        os.environ["TENDENCY_DATASETS"], os.environ["TENDENCY_OUTPUTS"] = (
            homes["TENDENCY_DATASETS"],
            homes["TENDENCY_OUTPUTS"],
        )
        overrides = [f"pde={pde}", *tiny, f"evaluate={str(evaluate).lower()}", *overrides]
        with initialize_config_dir(str(conf_folder()), version_base="1.3"):
            config = compose("train", overrides, return_hydra_config=True)
        choices = dict(config.hydra.runtime.choices)
        with initialize_config_dir(str(conf_folder()), version_base="1.3"):
            config = compose("train", overrides)
        settle(config, overrides)
        train(config, choices)
        return Path(config.paths.run)

    return run
