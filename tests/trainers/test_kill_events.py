"""A run that is killed again and again, at any events, is the run that was not killed: every file, bit for bit.

What a kill leaves is the run's folder as it is at that moment. So each run here has its folder copied at every event,
and goes on from each copy that is new, until there is no new one: all that any number of kills can lead to.
"""

import itertools
import shutil

import pytest
from lightning.pytorch.callbacks import Checkpoint
from small_fit import fit, growing_pushforward

from tests.support.same_run import contents

EPOCHS, BATCHES = 3, 4
VARIANTS = {
    "plain": {"validate_every": None, "save_every": 100},
    "saved inside epochs": {"validate_every": None, "save_every": 3},
    "validated inside epochs": {"validate_every": 2, "save_every": 3},
    "validated at every second epoch": {"validate_every": None, "save_every": 3, "validate_epochs": 2},
    "short accumulation": {"validate_every": None, "save_every": 1, "accumulate": 3},
    "validated between two steps": {"validate_every": 2, "save_every": 1, "accumulate": 3},
    "averaged, growing deeper": {"validate_every": 3, "save_every": 3, "objective": growing_pushforward},
    "limited steps": {"validate_every": 2, "save_every": 3, "options": {"max_steps": 10}},
}
HOOKS = (
    "on_fit_start",
    "on_train_start",
    "on_train_epoch_start",
    "on_train_batch_start",
    "on_train_batch_end",
    "on_validation_start",
    "on_validation_batch_end",
    "on_validation_epoch_end",
    "on_validation_end",
    "on_save_checkpoint",
    "on_train_epoch_end",
    "on_train_end",
)


class CopyAtEvents(Checkpoint):
    """Copies the run's folder at each event that has changed it, after the other callbacks' turn there."""

    def __init__(self, folder, place):
        self.folder, self.place = folder, place
        self.copies, self.latest = [], None
        for hook in HOOKS:
            setattr(self, hook, self.reach)

    def reach(self, *args, **kwargs):
        state = {path: path.stat().st_mtime_ns for path in self.folder.rglob("*") if path.is_file()}
        if state != self.latest:
            self.latest = state
            self.copies.append(shutil.copytree(self.folder, self.place / f"copy{len(self.copies)}"))


def train(dataset, folder, place, variant):
    """Begins or goes on, as ``train.py`` with ``resume=auto`` does; returns the folder's copies."""
    copying = CopyAtEvents(folder, place)
    resume = (folder / "checkpoints" / "last.ckpt").exists()
    fit(dataset, folder, epochs=EPOCHS, batches=BATCHES, resume=resume, further=[copying], **VARIANTS[variant])
    return copying.copies


def log_of(folder):
    path = folder / "metrics.jsonl"
    return path.read_text() if path.exists() else ""


def test_two_kills_in_different_epochs_leave_no_trace(heat_dataset, tmp_path):
    folders = [tmp_path / name for name in ("whole", "first", "second")]
    for folder in folders:
        folder.mkdir()
    run, whole = folders[0], None
    for folder, stopped_after in zip(folders[1:], (1, 2), strict=True):
        copies = train(heat_dataset, run, folder, "saved inside epochs")
        whole = whole or contents(run)
        # The last copy of that epoch: its checkpoint is written, its validation is not.
        ended = [copy for copy in copies if f'"epoch": {stopped_after}' not in log_of(copy)]
        run = ended[-1]
    train(heat_dataset, run, tmp_path, "saved inside epochs")
    assert contents(run) == whole


@pytest.mark.slow
@pytest.mark.parametrize("variant", VARIANTS)
def test_no_number_of_kills_leaves_a_trace(heat_dataset, tmp_path, variant):
    whole, seen, waiting = None, set(), [tmp_path / "run"]
    for number in itertools.count():
        if not waiting:
            break
        run, place = waiting.pop(), tmp_path / f"from{number}"
        run.mkdir(exist_ok=True)
        place.mkdir()
        for copy in train(heat_dataset, run, place, variant):
            key = tuple(sorted(contents(copy).items()))
            if key in seen:
                shutil.rmtree(copy)
            else:
                seen.add(key)
                waiting.append(copy)
        whole = whole or contents(run)
        assert contents(run) == whole, run
        shutil.rmtree(run)
    print(f"{variant}: {len(seen)} folders")
    assert len(seen) > 10
