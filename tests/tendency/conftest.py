"""Small training runs in this process."""

import os
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
if str(HERE) not in sys.path:
    sys.path.insert(0, str(HERE))  # for bad_command_lines.py


@pytest.fixture(scope="session")
def run_training(homes):
    """``run_training(["pde=heat", "seed=1"])``: trains in this process; returns the composed configuration."""
    from tendency.app.configuration.composed import compose_command
    from tendency.app.training.train_surrogate import train

    def run(overrides):
        os.environ["TENDENCY_DATASETS"], os.environ["TENDENCY_OUTPUTS"] = (
            homes["TENDENCY_DATASETS"],
            homes["TENDENCY_OUTPUTS"],
        )
        config, choices = compose_command("train", overrides)
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
    from tendency.app.configuration.composed import compose_command
    from tendency.app.reports.judge_runs import evaluate

    def run(outputs, *overrides):
        config, _ = compose_command("evaluate", [f"paths.outputs={outputs}", "matmul_precision=highest", *overrides])
        evaluate(config)

    return run
