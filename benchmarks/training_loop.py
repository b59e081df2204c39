"""Whole training steps through our Trainer loop, of another commit and of the files here, in turns.

    python benchmarks/training_loop.py --before 9772895 --rounds 3

The commit is cloned to a temporary folder. Each run is ``train.py`` in a process of its own on one thread, with a
callback that measures (``step_times.py``); both sides take turns, in another order each round, on datasets of the same
kind. A time is CPU time, so that others on the machine count little; the median over all steps of a side but the first
of each run. The parts of a step are explained in ``StepTimes``; ``loop`` is what remains: fetching of batches,
callbacks, logs, Lightning. Below 1 in the last row, the files here are faster.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
# This script's own folder would hide the packages of the project.
sys.path[0] = str(ROOT)

import torch

from benchmarks.machine import Others
from benchmarks.step_times import PARTS
from tendency.data.machine import processor_name

SMALL_SPLITS = ["data.num_valid=2", "data.num_test=2"]
CASES = {
    "ks": (
        "Kuramoto-Sivashinsky, 200 points, FNO of width 32",
        ["pde=predicting_change_kuramoto_sivashinsky", "model=fno", "model.width=32", *SMALL_SPLITS],
        150,
        1,
    ),
    "ns": ("Navier-Stokes, small=true, the default network", ["pde=navier_stokes", "small=true"], 20, 6),
}
"""By name: title, arguments of train.py, batches in an epoch, epochs."""
PLAIN = ["evaluate=false", "trainer.accelerator=cpu", "data.workers=1"]
FIRST = 10
"""Steps of each run that do not count."""
COLUMNS = (*PARTS[:-1], "loop", PARTS[-1])


def clone(commit: str, folder: Path) -> Path:
    """The project at a commit, in a folder of its own."""
    subprocess.run(["git", "clone", "--quiet", "--no-checkout", str(ROOT), str(folder)], check=True)
    subprocess.run(["git", "-C", str(folder), "checkout", "--quiet", "--detach", commit], check=True)
    return folder


def prepare_callback(scratch: Path) -> None:
    """Lays the callback that measures where runs import it from."""
    (scratch / "callback").mkdir()
    shutil.copy(Path(__file__).with_name("step_times.py"), scratch / "callback")


def run(source: Path, case: str, scratch: Path, number: int, further: Sequence[str] = ()) -> dict[str, list[float]]:
    """Trains once and gives the seconds of each step, by part.

    Args:
        source: folder of the project.
        case: name of what is trained.
        scratch: folder for datasets and runs.
        number: of the run.
        further: arguments of train.py.
    """
    times = scratch / f"{number}.json"
    environment = os.environ | {
        "OMP_NUM_THREADS": "1",
        "MKL_NUM_THREADS": "1",
        "PYTHONPATH": f"{source}{os.pathsep}{scratch / 'callback'}",
        "TENDENCY_DATASETS": str(scratch / "datasets"),
        "TENDENCY_OUTPUTS": str(scratch / "outputs"),
    }
    callback = f"+callbacks.step_times={{_target_: step_times.StepTimes, path: {times}}}"
    _, arguments, batches, epochs = CASES[case]
    length = [f"data.batches_per_epoch={batches}", f"trainer.max_epochs={epochs}"]
    command = [sys.executable, "train.py", *arguments, *length, *PLAIN, *further, f"name=run{number}", callback]
    done = subprocess.run(command, cwd=source, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{case}, {source}: exit code {done.returncode}\n{done.stdout[-1000:]}{done.stderr[-2000:]}")
    found: dict[str, list[float]] = json.loads(times.read_text(encoding="utf-8"))
    inside = zip(*(found[part] for part in PARTS), strict=True)
    found["loop"] = [step - sum(parts) for *parts, step in inside]
    return {column: found[column][FIRST:] for column in COLUMNS}


def print_table(title: str, seconds: dict[str, dict[str, list[float]]]) -> None:
    """Medians of each side, and their ratios."""
    print(f"\n{title:51s}" + "".join(f"{column:>11s}" for column in COLUMNS) + f"{'loop':>9s}{'loop, loss':>12s}")
    medians = {side: {name: statistics.median(values) for name, values in of.items()} for side, of in seconds.items()}
    for side, of in medians.items():
        loop = share(seconds[side], ["loop"])
        more = share(seconds[side], ["loop", "loss"])
        print(f"{side + ', ms':51s}" + "".join(f"{1e3 * of[c]:11.2f}" for c in COLUMNS) + f"{loop:9.1%}{more:12.1%}")
    before, after = medians.values()
    print(f"{'time, after / before':51s}" + "".join(f"{after[c] / before[c]:11.2f}" for c in COLUMNS), flush=True)


def share(seconds: dict[str, list[float]], parts: Sequence[str]) -> float:
    """The median share of some parts in a step."""
    rows = zip(*(seconds[part] for part in parts), seconds["step"], strict=True)
    return statistics.median(sum(some) / step for *some, step in rows)


def main() -> None:
    """Prints a table for each case."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--before", required=True, help="the commit to compare with")
    parser.add_argument("--cases", default=",".join(CASES), help="names with commas between them")
    parser.add_argument("--rounds", type=int, default=3, help="runs of each side")
    arguments = parser.parse_args()
    wanted = arguments.cases.split(",")
    if unknown := [case for case in wanted if case not in CASES]:
        parser.error(f"--cases: expected some of {', '.join(CASES)}, got {', '.join(unknown)}")
    print(f"{processor_name()}; torch {torch.__version__}")
    print(f"one thread, CPU time, {arguments.rounds} runs of each side, before: {arguments.before}", flush=True)
    others, number = Others(), 0
    with tempfile.TemporaryDirectory() as name:
        scratch = Path(name)
        prepare_callback(scratch)
        sides = {"before": clone(arguments.before, scratch / "before"), "after": ROOT}
        for case in wanted:
            seconds = {side: {column: list[float]() for column in COLUMNS} for side in sides}
            for count in range(arguments.rounds):
                for side in list(sides)[:: 1 if count % 2 == 0 else -1]:
                    number += 1
                    for column, values in run(sides[side], case, scratch, number).items():
                        seconds[side][column] += values
            print_table(CASES[case][0], seconds)
    print(f"\n{others.line()}")


if __name__ == "__main__":
    main()
