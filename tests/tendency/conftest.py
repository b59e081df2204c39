"""Small training runs in this process."""

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def run_training(homes):
    """``run_training(["pde=heat", "seed=1"])``: trains in this process; returns the composed configuration."""
    from hydra import compose, initialize_config_dir

    from tendency.app.configuration.conf_files import conf_folder
    from tendency.app.configuration.small_form import merge_small_form
    from tendency.app.training.train_surrogate import train

    def run(overrides):
        os.environ["TENDENCY_DATASETS"], os.environ["TENDENCY_OUTPUTS"] = (
            homes["TENDENCY_DATASETS"],
            homes["TENDENCY_OUTPUTS"],
        )
        with initialize_config_dir(str(conf_folder()), version_base="1.3"):
            config = compose("train", overrides, return_hydra_config=True)
        choices = dict(config.hydra.runtime.choices)
        with initialize_config_dir(str(conf_folder()), version_base="1.3"):
            config = compose("train", overrides)
        merge_small_form(config, overrides)
        train(config, choices)
        return config

    return run


@pytest.fixture(scope="session")
def small_run(run_training):
    """``small_run("heat", ["model=fno"])``: trains for two epochs on a tiny dataset; returns the run's folder."""
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
        config = run_training([f"pde={pde}", *tiny, f"evaluate={str(evaluate).lower()}", *overrides])
        return Path(config.paths.run)

    return run


@pytest.fixture(scope="session")
def run_evaluation():
    """``run_evaluation(outputs, "runs=[a]", ...)``: evaluates in this process."""
    from hydra import compose, initialize_config_dir

    from tendency.app.configuration.conf_files import conf_folder
    from tendency.app.reports.judge_runs import evaluate

    def run(outputs, *overrides):
        with initialize_config_dir(str(conf_folder()), version_base="1.3"):
            config = compose("evaluate", [f"paths.outputs={outputs}", "matmul_precision=highest", *overrides])
        evaluate(config)

    return run
