"""Several processes that train together, and one of them that is gone."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence

import torch
from lightning.pytorch import Callback, LightningModule, Trainer

LOOKS_EVERY_SECONDS = 1.0
WAITS_SECONDS = 15.0
"""For what the first process says itself, before it is ended: an exchange with a process that is gone fails at once."""


class LostRankError(Exception):
    """Another process of the run is gone."""

    exit_code = 5

    def __init__(self, reason: str) -> None:
        super().__init__(
            f"another process of this run is gone ({reason}), so this one stops; what it said itself stands above; the "
            "same command with resume=auto goes on from the last checkpoint"
        )


def lost_rank(error: RuntimeError) -> LostRankError | None:
    """What an error of an exchange between ranks means: that one is gone; None for any other error.

    NCCL and the store have classes of their own for theirs, gloo raises what torch raises for anything.
    """
    text = str(error)
    if not isinstance(error, torch.distributed.DistError) and "/gloo/" not in text:
        return None
    # Gloo begins with the place in its source and ends with advice.
    reason = text.partition("] ")[2] or text
    return LostRankError(reason.splitlines()[0].partition(". ")[0][:160])


class RankWatch(Callback):
    """Ends a run, with one sentence, where a process that it has started was killed.

    Mostly the first exchange with it fails before, and says so. Lightning's own watch kills the first process without
    a word, some seconds later, which may come between an error and what is said of it; it is sent home.
    """

    def __init__(self) -> None:
        self.ended = False

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Begins to look, in the process that has started the others."""
        processes = getattr(trainer.strategy.launcher, "procs", [])
        if processes:
            for thread in threading.enumerate():
                if thread.name == "child-process-observer":
                    thread._child_processes = []  # type: ignore[attr-defined]
            threading.Thread(target=self.watch, args=(processes,), daemon=True).start()

    def teardown(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """The others may end."""
        self.ended = True

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        """This process says itself why it ends."""
        self.ended = True

    def watch(self, processes: Sequence[subprocess.Popen[bytes]]) -> None:
        """Looks after processes until this one has ended its work, or one of them has failed and this one waits on."""
        while not (failed := [process for process in processes if process.poll()]):
            if self.ended:
                return
            time.sleep(LOOKS_EVERY_SECONDS)
        deadline = time.monotonic() + WAITS_SECONDS
        while time.monotonic() < deadline:
            if self.ended:
                return
            time.sleep(LOOKS_EVERY_SECONDS)
        print(f"error: {LostRankError(_end_of(failed[0]))}", file=sys.stderr, flush=True)
        for process in processes:
            process.kill()
        os._exit(LostRankError.exit_code)


def _end_of(process: subprocess.Popen[bytes]) -> str:
    code = process.returncode
    return f"it ended by {signal.Signals(-code).name}" if code < 0 else f"it ended with code {code}"
