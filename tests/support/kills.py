"""Kills trainings again and again, and compares what they leave with what uninterrupted ones leave.

    python -m tests.support.kills --runs 100 --seed 0 --records docs/kills

Each run trains through ``train.py``'s own function in a process of its own, is killed (SIGKILL) two to four times, goes
on with ``resume=auto`` each time, and ends. Its checkpoints and its log must equal, bit for bit, those of the same
training without a kill. This process has imported everything and forks the trainings, since imports take longer than
they do. Runs that have a record are not done again.
"""

import argparse
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

os.environ["OMP_NUM_THREADS"] = "1"

from tendency.app.commands.entry import train
from tendency.app.training import lightning_fit
from tests.support.kill_points import KillPoint, count_places, draw_kill_point
from tests.support.same_run import contents

TRAINING = (
    "pde=heat",
    "pde.geometry.shape=[16]",
    "pde.times.num_snapshots=9",
    "model.width=8",
    "model.modes=4",
    "data.num_train=4",
    "data.num_valid=2",
    "data.num_test=2",
    "data.chunk_size=2",
    "data.workers=1",
    "data.batch_size=4",
    "trainer.accelerator=cpu",
    "trainer.max_epochs=4",
    "trainer.log_every_n_steps=1",
    "scheduler.warmup_steps=2",
    "evaluate=false",
    "resume=auto",
)
VARIANTS: tuple[tuple[str, ...], ...] = (
    (),
    ("callbacks.checkpoints.every_n_steps=3",),
    ("callbacks.checkpoints.every_n_steps=3", "trainer.val_check_interval=3"),
    ("callbacks.checkpoints.every_n_steps=3", "trainer.check_val_every_n_epoch=2"),
    ("callbacks.checkpoints.every_n_steps=1", "trainer.accumulate_grad_batches=3"),
    ("callbacks.checkpoints.every_n_steps=5", "callbacks/average=ema"),
    ("callbacks.checkpoints.every_n_steps=3", "objective=pushforward", "callbacks/curriculum=growing_depth"),
    ("callbacks.checkpoints.every_n_steps=3", "trainer.val_check_interval=4", "+trainer.options.max_steps=26"),
)
LEAST_KILLS, MOST_KILLS = 2, 4
PATIENCE = 300.0


class Trainings:
    """Trainings in forked processes, below one folder.

    Args:
        folder: of datasets, outputs and what the processes print.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.whole: dict[tuple[str, ...], tuple[dict[str, str], dict[str, int], int]] = {}

    def uninterrupted(self, variant: Sequence[str]) -> tuple[dict[str, str], dict[str, int], int]:
        """What a training leaves that is not killed, how often it gets to each place, and its milliseconds."""
        key = tuple(variant)
        if key not in self.whole:
            name = f"whole-{VARIANTS.index(key)}"
            # The first makes the dataset, whose seconds do not count.
            self.run(f"{name}-before", variant)
            counted, began = self.folder / f"{name}.json", time.monotonic()
            code = self.run(name, variant, counted=counted)
            if code != 0:
                raise RuntimeError(f"a training that was not killed ended with code {code}: {self.said(name)}")
            spent = round(1000 * (time.monotonic() - began))
            self.whole[key] = contents(self.outputs / name), json.loads(counted.read_text()), spent
        return self.whole[key]

    @property
    def outputs(self) -> Path:
        """Of all trainings."""
        return self.folder / "outputs"

    def said(self, name: str) -> str:
        """The last of what a training printed."""
        return (self.folder / f"{name}.txt").read_text(encoding="utf-8")[-800:]

    def run(
        self, name: str, variant: Sequence[str], kill: KillPoint | None = None, counted: Path | None = None
    ) -> int | None:
        """Begins a training or goes on with it.

        Args:
            name: of its folder.
            variant: overrides.
            kill: where it is killed.
            counted: file for how often it got to each place.

        Returns:
            Its exit code, or None where it was killed.
        """
        places = (f"paths.outputs={self.outputs}", f"paths.datasets={self.folder / 'datasets'}")
        overrides = [*TRAINING, *variant, f"name={name}", *places]
        child = os.fork()
        if child == 0:
            _in_child(overrides, self.folder / f"{name}.txt", kill, counted)
        if kill is not None and kill.place == "time":
            time.sleep(kill.number / 1000)
            os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        return None if os.WIFSIGNALED(status) else os.waitstatus_to_exitcode(status)


def _in_child(overrides: list[str], output: Path, kill: KillPoint | None, counted: Path | None) -> None:
    """Trains, and ends the process whatever happens."""
    code = 70
    try:
        signal.alarm(round(PATIENCE))
        with output.open("a", encoding="utf-8") as file:
            for stream in (1, 2):
                os.dup2(file.fileno(), stream)
        sys.argv = ["train.py", *overrides]
        counts = count_places() if counted is not None else {}
        if kill is not None:
            kill.arm()
        try:
            train()
            code = 0
        except SystemExit as ended:
            code = ended.code if isinstance(ended.code, int) else 1
        if counted is not None:
            counted.write_text(json.dumps(counts))
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        os._exit(code)


def kill_run(trainings: Trainings, number: int, seed: int) -> dict[str, Any]:
    """Kills one training several times and compares what it leaves.

    Args:
        trainings: where it trains.
        number: of the run.
        seed: of all runs.

    Returns:
        A record.
    """
    drawn = random.Random(f"{seed} {number}")
    variant = VARIANTS[number % len(VARIANTS)]
    whole, counts, milliseconds = trainings.uninterrupted(variant)
    name, wanted, kills = f"run-{number}", drawn.randint(LEAST_KILLS, MOST_KILLS), []
    for _ in range(wanted):
        point = draw_kill_point(drawn, counts, milliseconds, 1.3 / wanted)
        code = trainings.run(name, variant, point)
        if code is not None:
            break
        kills.append({"place": point.place, "number": point.number})
    else:
        code = trainings.run(name, variant)
    found = contents(trainings.outputs / name)
    differing = sorted(file for file in {*whole, *found} if whole.get(file) != found.get(file))
    record = {"run": number, "seed": seed, "variant": list(variant), "kills": kills, "exit_code": code}
    if code != 0:
        record["said"] = trainings.said(name).replace(str(trainings.folder), "")
    return record | {"identical": code == 0 and not differing, "differing": differing}


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; its exit code is 0 where all runs are identical."""
    parser = argparse.ArgumentParser(description="Kills trainings and compares what they leave.")
    parser.add_argument("--runs", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--records", type=Path, required=True, help="folder of one JSON file for each run")
    chosen = parser.parse_args(arguments)
    chosen.records.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="kills-") as folder:
        trainings = Trainings(Path(folder))
        return _run_all(chosen, lambda number: kill_run(trainings, number, chosen.seed), Path(folder))


def _run_all(chosen: argparse.Namespace, kill: Callable[[int], dict[str, Any]], folder: Path) -> int:
    records = []
    for number in range(chosen.runs):
        path = chosen.records / f"seed{chosen.seed}-run{number:03d}.json"
        if path.exists():
            records.append(json.loads(path.read_text(encoding="utf-8")))
            continue
        record = kill(number)
        path.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
        records.append(record)
        shutil.rmtree(folder / "outputs" / f"run-{number}", ignore_errors=True)
        places = ", ".join(f"{point['place']} {point['number']}" for point in record["kills"])
        said = "identical"
        if not record["identical"]:
            said = f"DIFFERS: {record['differing']}, exit code {record['exit_code']}"
        print(f"run {number + 1}/{chosen.runs}  killed {len(record['kills'])} times ({places})  {said}", flush=True)
    kills = sum(len(record["kills"]) for record in records)
    same = sum(record["identical"] for record in records)
    print(f"{same} of {len(records)} runs identical after {kills} kills")
    return 0 if same == len(records) else 1


if __name__ == "__main__":
    assert lightning_fit is not None  # imported before the first fork
    sys.exit(main())
