"""A sample of what ``make test-kills`` does a hundred times."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import kills
from tests.support.kill_points import KillPoint
from tests.support.same_run import contents

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_trainings_that_are_killed_and_gone_on_with_end_like_those_that_are_not(tmp_path):
    command = [sys.executable, "-m", "tests.support.kills", "--runs", "12", "--seed", "1", "--records", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    records = [json.loads(path.read_text()) for path in tmp_path.iterdir()]
    assert len(records) == 12
    assert sum(len(record["kills"]) for record in records) > 12


@pytest.fixture(scope="module")
def trainings(tmp_path_factory):
    """With two epochs of a training that others go on from."""
    trainings = kills.Trainings(tmp_path_factory.mktemp("further"))
    assert trainings.run("base", ["trainer.max_epochs=2"]) == 0, trainings.said("base")
    return trainings


BEFORE_ITS_CHECKPOINT = {
    "in its first epoch": ("last", (), KillPoint("on_train_batch_end", 3)),
    "from the best": ("best", (), KillPoint("on_train_batch_end", 3)),
    "in the validation of the epoch before": ("last", (), KillPoint("on_validation_batch_end", 1)),
    "after the figures of that validation": ("last", (), KillPoint("on_validation_epoch_end", 1)),
    "with validations inside epochs": ("best", ("trainer.val_check_interval=3",), KillPoint("on_validation_start", 1)),
    "while it saves its first": ("last", ("callbacks/average=ema",), KillPoint("half written", 1)),
    "after its first": ("last", (), KillPoint("on_train_epoch_end", 1)),
}


@pytest.mark.slow
@pytest.mark.parametrize("case", BEFORE_ITS_CHECKPOINT)
def test_a_training_from_anothers_checkpoint_that_is_killed_ends_like_one_that_is_not(trainings, case):
    start, further, kill = BEFORE_ITS_CHECKPOINT[case]
    chosen = [f"ckpt_path={trainings.outputs}/base/checkpoints/{start}.ckpt", *further]
    whole, name = f"whole-{start}-{len(''.join(further))}", case.replace(" ", "-")
    if not (trainings.outputs / whole).exists():
        assert trainings.run(whole, chosen) == 0, trainings.said(whole)
    assert trainings.run(name, chosen, kill) is None
    assert trainings.run(name, chosen) == 0, trainings.said(name)
    assert contents(trainings.outputs / name) == contents(trainings.outputs / whole)
