"""Ranks share the work unevenly, and one that is killed ends the others in one sentence."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
import types
from pathlib import Path

import numpy as np
import pytest
import torch

from tendency.trainers import rank_watch
from tendency.trainers.module import each_once
from tendency.trainers.rank_watch import RankWatch, lost_rank

ROOT = Path(__file__).resolve().parents[2]
SMALL = ["pde=heat", "pde.geometry.shape=[16]", "pde.times.num_snapshots=9", "model.width=8", "model.modes=4"]
SMALL += ["data.num_train=4", "data.num_test=3", "data.chunk_size=2", "data.workers=1", "data.batch_size=4"]
SMALL += ["trainer.accelerator=cpu", "scheduler.warmup_steps=2", "evaluate=false", "trainer.precision=64-true"]
TOGETHER = ["trainer.strategy=ddp", "trainer.devices=2"]
GLOO = "[/__w/third_party/gloo/gloo/transport/tcp/pair.cc:553] Connection closed by peer [127.0.0.1]:4761. This is"


def test_each_trajectory_counts_once_however_often_it_was_measured():
    rows = np.array([[2, 0.2, np.nan], [0, 0.1, 1], [1, np.inf, 1], [0, 0.1, 1]])
    assert np.array_equal(each_once(rows), [[0.1, 1], [np.inf, 1], [0.2, np.nan]], equal_nan=True)
    assert each_once(np.empty((0, 4))).shape == (0, 3)


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (RuntimeError(GLOO), r"\(Connection closed by peer \[127.0.0.1\]:4761\)"),
        (torch.distributed.DistNetworkError("the store is gone"), r"\(the store is gone\)"),
        (RuntimeError("mat1 and mat2 shapes cannot be multiplied"), None),
    ],
)
def test_what_gloo_says_of_a_lost_rank_is_one_sentence(error, reason):
    found = lost_rank(error)
    assert (found is None) == (reason is None)
    if found is not None:
        assert found.exit_code == 5
        with pytest.raises(rank_watch.LostRankError, match=rf"another process of this run is gone {reason}, .*resume"):
            raise found


@pytest.mark.parametrize("code", [0, 4, -9])
def test_a_process_that_waits_for_one_that_is_gone_is_ended(code, monkeypatch, capsys):
    ended = threading.Event()
    monkeypatch.setattr(rank_watch, "LOOKS_EVERY_SECONDS", 0.01)
    monkeypatch.setattr(rank_watch, "WAITS_SECONDS", 0.05)
    monkeypatch.setattr(rank_watch.os, "_exit", lambda _: ended.set())
    process = types.SimpleNamespace(returncode=code, poll=lambda: code, kill=lambda: None)
    watch = RankWatch()
    thread = threading.Thread(target=watch.watch, args=([process],))
    thread.start()
    assert ended.wait(0.2 if code == 0 else 10) == (code != 0)
    error = capsys.readouterr().err
    assert {0: "", 4: "(it ended with code 4)", -9: "(it ended by SIGKILL)"}[code] in error
    assert error.count("\n") == (0 if code == 0 else 1)
    watch.ended = True
    thread.join(10)
    assert not thread.is_alive()


def test_what_the_process_says_itself_is_not_said_twice(monkeypatch, capsys):
    monkeypatch.setattr(rank_watch, "LOOKS_EVERY_SECONDS", 0.01)
    watch = RankWatch()
    watch.on_exception(None, None, lost_rank(RuntimeError(GLOO)))
    watch.watch([types.SimpleNamespace(returncode=-9, poll=lambda: -9)])
    assert capsys.readouterr().err == ""


def validations(homes, name):
    lines = (Path(homes["TENDENCY_OUTPUTS"]) / name / "metrics.jsonl").read_text().splitlines()
    return [record for record in map(json.loads, lines) if "valid/rollout_nrmse" in record]


@pytest.mark.slow
@pytest.mark.parametrize("number", [1, 3])
def test_two_ranks_validate_what_one_validates_however_few_there_are(run_script, homes, number):
    counts = [f"data.num_valid={number}", "trainer.max_epochs=2", "data.eval_batch_size=1"]
    run_script("train.py", *SMALL, *counts, f"name=alone-{number}")
    done = run_script("train.py", *SMALL, *counts, f"name=together-{number}", *TOGETHER)
    assert done.stderr == ""
    alone, together = validations(homes, f"alone-{number}"), validations(homes, f"together-{number}")
    assert len(alone) == len(together) == 2
    for one, two in zip(alone, together, strict=True):
        for name in ("valid/rollout_nrmse", "valid/one_step_nrmse"):
            assert two[name] == pytest.approx(one[name], rel=1e-9)


@pytest.mark.slow
@pytest.mark.parametrize("victim", ["the first", "the second"])
def test_a_killed_rank_ends_the_others_with_one_sentence(homes, killed_later, victim):
    name = f"killed-{victim.removeprefix('the ')}"
    command = [sys.executable, str(ROOT / "train.py"), *SMALL, *TOGETHER, f"name={name}", "trainer.max_epochs=9999"]
    pipe = subprocess.PIPE
    process = subprocess.Popen(
        [*command, "data.num_valid=1"], env=homes, stdout=pipe, stderr=pipe, text=True, start_new_session=True
    )
    log = Path(homes["TENDENCY_OUTPUTS"]) / name / "metrics.jsonl"
    try:
        deadline = time.monotonic() + 400
        while not log.exists() and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.1)
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        (other,) = [int(pid) for pid in children if "train.py" in Path(f"/proc/{pid}/cmdline").read_text()]
        os.kill(process.pid if victim == "the first" else other, signal.SIGKILL)
        # Both hold the pipe: it ends with the last of them.
        _, error = process.communicate(timeout=60)
    finally:
        killed_later(process)
    assert process.returncode == (-9 if victim == "the first" else 5), error
    assert "Traceback" not in error
    assert error.count("error: ") == 1
    assert "another process of this run is gone" in " ".join(error.split())
    assert len(error.splitlines()) <= 5
