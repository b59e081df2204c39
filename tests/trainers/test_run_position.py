"""Where a run stands: counts of batches, epochs and steps, in checkpoints of today and of before."""

import itertools

import pytest
import torch
from lightning.pytorch import Callback
from small_fit import fit

from tendency.trainers.callbacks.signals import StoppedError
from tendency.trainers.logs.metrics_reader import read_metrics
from tendency.trainers.run_position import RunPosition, position_in


def test_steps_are_those_that_a_loop_over_epochs_and_batches_takes():
    for per_epoch, accumulate in itertools.product((1, 2, 5, 7), (1, 2, 3, 5)):
        steps, run = 0, itertools.product(range(3), range(1, per_epoch + 1))
        for batches, (epoch, batch) in enumerate(run, 1):
            stepped = batch % accumulate == 0 or batch == per_epoch
            steps += stepped
            position = RunPosition(batches, per_epoch, accumulate)
            counts = position.epoch, position.batch_in_epoch, position.steps, position.between_steps
            assert counts == (epoch, batch, steps, stepped)


STORED = {"batches": 45, "batches_per_epoch": 30, "accumulate_grad_batches": 1, "global_step": 45}


@pytest.mark.parametrize(
    ("stored", "here", "refused"),
    [
        (STORED, (30, 1), None),
        (STORED, (60, 1), "batches_per_epoch 30 there, 60 here"),
        (STORED, (30, 3), "accumulate_grad_batches 1 there, 3 here, global_step 45 there, 15 here"),
        # Of an older version, whose counters may remember an earlier resume.
        ({"batches": 45, "batch_in_epoch": 15, "global_step": 45}, (30, 1), None),
        ({"batches": 45, "batch_in_epoch": 10, "global_step": 45}, (30, 1), "batch_in_epoch 10 there, 15 here"),
        ({"batches": 47, "batches_per_epoch": 30, "global_step": 23}, (30, 2), "it was written while gradients"),
        (None, (30, 1), "it does not say where its run stood"),
        ({}, (30, 1), "it does not say where its run stood"),
        ({"batches": -1}, (30, 1), "it does not say where its run stood"),
        ({"batches": 3, "surprise": 4}, (30, 1), "it does not say where its run stood"),
    ],
)
def test_a_checkpoint_of_a_run_with_other_epochs_is_refused(stored, here, refused):
    if refused is None:
        assert position_in(stored, *here).batches == stored["batches"]
        return
    with pytest.raises(ValueError, match=refused):
        position_in(stored, *here)


class WriteAsBefore(Callback):
    """Writes the state of Lightning's loops into checkpoints, and no position."""

    def on_save_checkpoint(self, trainer, pl_module, checkpoint):
        del checkpoint["position"]
        checkpoint["loops"] = {"fit_loop": trainer.fit_loop.state_dict()}


@pytest.mark.slow
@pytest.mark.parametrize("step", [5, 7])
def test_a_checkpoint_of_before_there_were_positions_resumes(heat_dataset, tmp_path, step):
    chosen = {"batches": 4, "validate_every": None}
    whole, _ = fit(heat_dataset, tmp_path / "whole", **chosen)
    with pytest.raises(StoppedError):
        fit(heat_dataset, tmp_path / "old", stop_at=step, further=[WriteAsBefore()], **chosen)
    assert "position" not in torch.load(tmp_path / "old" / "checkpoints" / "last.ckpt", weights_only=True)
    resumed, _ = fit(heat_dataset, tmp_path / "old", resume=True, **chosen)
    assert all(torch.equal(a, b) for a, b in zip(whole.parameters(), resumed.parameters(), strict=True))
    logs = [read_metrics(tmp_path / name / "metrics.jsonl") for name in ("whole", "old")]
    assert logs[0] == logs[1]
