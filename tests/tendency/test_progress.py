"""How long work shows how far it is: a bar on a terminal that leaves nothing behind, lines in a log."""

import os
import pty
import re
import signal
import subprocess
import sys
import types

import pytest
import torch

from tendency.app.progress import progress_line
from tendency.trainers.callbacks.epoch_lines import EpochLines

GENERATION = """
import threading, time
from tendency.app.progress import progress_line
report = progress_line("generating <b>[red]heat", every_seconds=1000)
for done in range({last} + 1):
    report(done, 5)
    time.sleep(0.15)
print("threads", threading.active_count())
{then}
"""
TRAINING = """
import time, types, torch
from tendency.trainers.callbacks.epoch_lines import EpochLines
figures = {"valid/one_step_nrmse": 0.5, "valid/rollout_nrmse": 0.75}
trainer = types.SimpleNamespace(is_global_zero=True, global_step=0, estimated_stepping_batches=4, current_epoch=0,
                                max_epochs=2, sanity_checking=False, callback_metrics=figures)
lines = EpochLines()
lines.on_train_start(trainer, None)
for step in range(4):
    time.sleep(0.6)
    trainer.global_step += 1
    lines.on_train_batch_end(trainer, None, {"loss": torch.tensor(0.25)}, None, step)
    if step % 2:
        lines.on_validation_end(trainer, None)
        trainer.current_epoch += 1
lines.on_train_end(trainer, None)
"""


def on_terminal(code, kill_at=None, columns=100):
    """What a program writes to a terminal, and its exit code; it is sent SIGTERM once the text ``kill_at`` is there."""
    ours, theirs = pty.openpty()
    environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": str(columns)}
    process = subprocess.Popen([sys.executable, "-c", code], stdout=theirs, stderr=theirs, env=environment)
    os.close(theirs)
    shown = b""
    while True:
        try:
            part = os.read(ours, 65536)
        except OSError:  # Nobody writes to the terminal any more.
            break
        if not part:
            break
        shown += part
        if kill_at is not None and kill_at in shown.decode(errors="ignore"):
            process.send_signal(signal.SIGTERM)
            kill_at = None
    os.close(ours)
    return re.sub(r"\x1b\[[\d;]*m", "", shown.decode()), process.wait(timeout=60)


def test_a_log_gets_a_line_now_and_then(capsys):
    report = progress_line("solving", every_seconds=1000)
    for done in range(2, 6):
        report(done, 5)
    assert capsys.readouterr().out.splitlines() == ["solving  2/5  0 s", "solving  5/5  0 s"]
    report = progress_line("solving", every_seconds=0)
    for done in range(3):
        report(done, 2)
    assert capsys.readouterr().out.splitlines() == [
        "solving  0/2  0 s",
        "solving  1/2  0 s  ETA 0 s",
        "solving  2/2  0 s",
    ]


def test_hours_are_announced_after_the_first_part(capsys, monkeypatch):
    clock = iter([0.0, 1.0, 61.0, 121.0])
    monkeypatch.setattr("tendency.app.progress.time.monotonic", lambda: next(clock))
    report = progress_line("solving", every_seconds=0)
    for done in range(3):
        report(done, 1000)
    lines = capsys.readouterr().out.splitlines()
    assert [line for line in lines if "about" in line] == ["solving: about 16.9 hours for 999 more, by the first 1"]


def test_a_terminal_gets_a_bar_that_moves_in_its_line():
    shown, code = on_terminal(GENERATION.format(last=5, then=""))
    assert code == 0
    assert re.search(r"\rgenerating <b>\[red\]heat ━+ 2/5 \d s  ETA \d s\r", re.sub(r"\x1b\[2K|[╸╺]", "", shown))
    assert shown.count("\n") == 2
    assert re.search(r"heat ━{30} 5/5 \d s", shown)
    # Nothing draws by itself: a thread would keep a process alive, or be copied into its workers.
    assert shown.endswith("threads 1\r\n")


@pytest.mark.parametrize("end", ["killed", "an exception"])
def test_what_ends_in_the_middle_leaves_the_terminal_in_order(end):
    if end == "killed":
        shown, code = on_terminal(GENERATION.format(last=3, then="time.sleep(60)"), kill_at="2/5")
        assert code == -signal.SIGTERM
    else:
        shown, code = on_terminal(GENERATION.format(last=3, then="raise SystemExit('no space left')"))
        assert code == 1
        # From the beginning of a line on, with a line of its own.
        assert re.search(r"[\r\n]no space left\r\n$", shown)
    assert re.findall(r"\x1b\[\?25[lh]", shown)[-1] == "\x1b[?25h"


def test_a_run_prints_its_epochs_above_the_bar():
    # Narrower than a line of an epoch, which is not cut.
    shown, code = on_terminal(TRAINING, columns=60)
    assert code == 0
    lines = re.findall(
        r"epoch (\d)/2  step (\d)/4  valid one-step nRMSE 0.5000  rollout nRMSE 0.7500  \d+ s  ETA", shown
    )
    assert lines == [("1", "2"), ("2", "4")]
    assert re.search(r"epoch 1/2 \S+ 1/4 loss 0.2500", shown)
    # The bar is taken away at the end: its line is erased.
    assert shown.endswith("\x1b[2K")


def test_a_log_gets_lines_of_steps_and_epochs(capsys):
    figures = {"valid/one_step_nrmse": 0.5, "valid/rollout_nrmse": 0.75}
    trainer = types.SimpleNamespace(
        is_global_zero=True,
        global_step=0,
        estimated_stepping_batches=4,
        current_epoch=0,
        max_epochs=2,
        sanity_checking=False,
        callback_metrics=figures,
    )
    lines = EpochLines(every_seconds=1e-9)
    lines.on_train_start(trainer, None)
    trainer.global_step = 1
    lines.on_train_batch_end(trainer, None, {"loss": torch.tensor(0.25)}, None, 0)
    lines.on_validation_end(trainer, None)
    lines.on_train_end(trainer, None)
    shown = capsys.readouterr().out.splitlines()
    assert [re.sub(r"\d+ s", "- s", line) for line in shown] == [
        "epoch 1/2  step 1/4  loss 0.2500  - s  ETA - s",
        "epoch 1/2  step 1/4  valid one-step nRMSE 0.5000  rollout nRMSE 0.7500  - s  ETA - s",
    ]
