"""Checkpoints exist whole or not at all, whatever stops their writer."""

import os
import resource
import signal
import subprocess
import sys
import time
from types import SimpleNamespace

import pytest
import torch

from tendency.trainers.checkpoint import AtomicCheckpointIO, Checkpoints

WRITER = """
import sys, torch
from tendency.trainers.checkpoint import AtomicCheckpointIO
io = AtomicCheckpointIO()
number = 0
while True:
    number += 1
    io.save_checkpoint({"number": torch.full((500_000,), number)}, sys.argv[1])
    print(number, flush=True)
"""


def test_a_kill_leaves_a_checkpoint_that_loads(tmp_path):
    path = tmp_path / "last.ckpt"
    for pause in (0.013, 0.029):
        writer = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE, text=True, start_new_session=True
        )
        # At least one is written; the kill then falls into one of the next.
        writer.stdout.readline()
        time.sleep(pause)
        os.killpg(writer.pid, signal.SIGKILL)
        writer.communicate()
        number = AtomicCheckpointIO().load_checkpoint(path)["number"]
        assert len(number) == 500_000
        assert (number == number[0]).all()


def test_a_full_disk_leaves_the_previous_checkpoint(tmp_path, monkeypatch):
    path = tmp_path / "last.ckpt"
    io = AtomicCheckpointIO()
    io.save_checkpoint({"number": torch.tensor(1)}, path)

    def half(checkpoint, target):
        target.write(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(torch, "save", half)
    with pytest.raises(OSError, match="No space left"):
        io.save_checkpoint({"number": torch.tensor(2)}, path)
    assert io.load_checkpoint(path)["number"] == 1
    assert [file.name for file in tmp_path.iterdir()] == ["last.ckpt"]


def test_code_in_a_checkpoint_is_never_run(tmp_path):
    class Evil:
        def __reduce__(self):
            return os.system, (f"touch {tmp_path}/ran",)

    torch.save({"weights": Evil()}, tmp_path / "evil.ckpt")
    with pytest.raises(Exception, match="Weights only load failed"):
        AtomicCheckpointIO().load_checkpoint(tmp_path / "evil.ckpt", weights_only=False)
    assert not (tmp_path / "ran").exists()


def test_a_full_disk_is_an_error_of_the_disk_and_spares_the_old_checkpoint(tmp_path):
    path = tmp_path / "last.ckpt"
    AtomicCheckpointIO().save_checkpoint({"step": 1}, path)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, before[1]))
    try:
        with pytest.raises(OSError, match="cannot write .*last.ckpt: No space left, .* was there is kept"):
            AtomicCheckpointIO().save_checkpoint({"step": 2, "weights": torch.zeros(10_000)}, path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert torch.load(path, weights_only=True) == {"step": 1}
    assert [file.name for file in tmp_path.iterdir()] == ["last.ckpt"]


def resumed_from(state):
    """The callback of a run that goes on from its own checkpoint."""
    callback = Checkpoints("nowhere")
    callback.on_load_checkpoint(SimpleNamespace(ckpt_path="nowhere/last.ckpt"), None, {"global_step": 1})
    callback.load_state_dict(state)
    return callback


INF, NAN = float("inf"), float("nan")


@pytest.mark.parametrize(
    ("validations", "kept"),
    [
        # (monitor, otherwise): the lowest monitor, whatever the other figure says.
        ([(0.5, 0.1), (0.4, 0.3), (0.6, 0.01)], [0, 1]),
        # While every rollout blows up, the first step decides.
        ([(INF, 0.5), (INF, 0.3), (NAN, 0.4), (INF, 0.2)], [0, 1, 3]),
        ([(INF, NAN), (INF, 0.3)], [0, 1]),
        # A rollout that stays finite is better than any that does not.
        ([(INF, 0.1), (2.0, 0.9), (INF, 0.01)], [0, 1]),
    ],
)
@pytest.mark.parametrize("resumed", [False, True])
def test_the_best_is_kept_even_where_every_rollout_blows_up(validations, kept, resumed):
    names = ("valid/rollout_nrmse", "valid/one_step_nrmse")
    callback, saved = Checkpoints("nowhere"), []
    for number, figures in enumerate(validations):
        if resumed:
            state = callback.state_dict()
            callback = resumed_from(state)
        callback.save = lambda trainer, name, number=number: saved.append((number, name))
        metrics = {name: torch.tensor(figure) for name, figure in zip(names, figures, strict=True)}
        callback.on_validation_end(SimpleNamespace(callback_metrics=metrics, sanity_checking=False), None)
    assert saved == [(number, "best.ckpt") for number in kept]
