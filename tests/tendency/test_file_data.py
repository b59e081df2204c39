"""Trainings on data files: what they say is believed, what they do not say is asked for, and no problem is needed."""

import json
from pathlib import Path

import pytest

from tendency.data.manifest import read_manifest
from tests.support.array_files import write_waves

READER = "+data.reader={_target_: tests.support.array_files.ArrayReader}"
TINY = ["model.width=8", "model.modes=4", "trainer.max_epochs=2", "trainer.accelerator=cpu", "scheduler.warmup_steps=2"]
TINY += ["data.batch_size=4", "matmul_precision=highest"]


@pytest.fixture
def waves(tmp_path):
    """A file of ten waves."""
    return write_waves(tmp_path / "there" / "Waves 1D.npz")


@pytest.fixture
def train_on(run_training, tmp_path):
    """``train_on(path, "seed=1")``: trains on data files in folders of this test; returns the run's folder."""

    def train(path, *overrides):
        places = [f"paths.datasets={tmp_path / 'datasets'}", f"paths.outputs={tmp_path / 'outputs'}"]
        config = run_training(["data=files", f"data.path='{path}'", READER, *TINY, *places, *overrides])
        return Path(config.paths.run)

    return train


def test_a_training_on_files_needs_no_problem_and_is_reported(train_on, waves, tmp_path, capsys):
    run = train_on(waves)
    shown = capsys.readouterr().out
    assert run.name.startswith("waves_1d-fno-increment-seed0-")
    (folder,) = (tmp_path / "datasets").iterdir()
    assert folder.name.startswith("waves_1d-")
    manifest = read_manifest(folder)
    assert manifest.counts == {"train": 8, "valid": 1, "test": 1}
    assert "split    drawn from all 10 trajectories, data.split.valid=0.1" in shown
    assert (run / "report" / "report.html").is_file()
    numbers = json.loads((run / "report" / "metrics.json").read_text())
    assert numbers["summary"][run.name]["one_step_nrmse"] > 0
