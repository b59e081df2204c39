"""Data generation against the peers: trajectories per second and the error they are bought with.

    python benchmarks/solvers.py                        # ours, the FNO script's scheme, scipy
    pip install exponax "jax[cpu]" torch-cfd            # then these as well
    python benchmarks/solvers.py --repeats 9 --processes 2

Every process runs on one thread and on one core of its own, as data generation does; with two, each side runs two of
them at once and their rates are added. All solve the same states in turns, in each of the case's batch sizes; the table
shows the best one. A time is the median of the repeats, each the smaller of wall and CPU time, so that others on the
machine count little. Errors are relative L2 at the end against a float64 run on a grid twice as fine, so that nobody's
own grid and dealiasing are taken for right; they floor the Navier-Stokes errors at 2e-5 (ours) to 4e-5 (exponax).

The last column is the time of the cheapest of ours that is as accurate (within a tenth) and of the same precision over
theirs: below 1 ours is faster. ``xN`` is the number of steps per frame.
"""

import argparse
import multiprocessing
import os
import statistics
import sys
import time
from pathlib import Path

# This script's own folder would hide the package of its name.
sys.path[0] = str(Path(__file__).resolve().parents[1])

import torch

from benchmarks.machine import Others, machine, seconds
from benchmarks.solver_cases import Case, error, kuramoto_sivashinsky, navier_stokes, truth
from benchmarks.solver_sides import Entry, Run, entries
from tendency.app.hardware import keep_freed_memory

CASES = {
    "ks": (kuramoto_sivashinsky, 16, (1e-3, 1e-4, 1e-5, 1e-6)),
    "ns": (navier_stokes, 10, (1e-3, 1e-4, 5e-5, 3e-5)),
}
"""A case, the steps per frame of its truth, and the accuracies that are asked for."""
Row = tuple[str, str, str, int, float, float]
"""Side, precision, what, batch, error, trajectories per second."""
PACKAGES = ("torch", "exponax", "jax", "torch-cfd", "scipy")


def prepared(case: Case) -> tuple[list[tuple[Entry, int, Run]], list[str]]:
    """Runs of every row in every batch size, and the sides that are not installed."""
    runs, missing = [], []
    for entry in entries(case):
        for batch in entry.batches or case.batches:
            run = entry.prepare(case.of(batch))
            if run is None:
                missing.append(entry.side)
                break
            runs.append((entry, batch, run))
    return runs, sorted(set(missing))


def measure(rank: int, keys: list[str], repeats: int, together: object, results: object) -> None:
    """One process: everything in turns, each run at the same time as in the other processes."""
    if hasattr(os, "sched_setaffinity"):
        cores = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, {cores[rank % len(cores)]})
    torch.set_num_threads(1)
    keep_freed_memory()
    for key in keys:
        make, finest, _ = CASES[key]
        case = make()
        exact = truth(case, finest)
        runs, missing = prepared(case)
        rows: list[tuple[Entry, int, float, list[float]]] = []
        for entry, batch, run in runs:
            together.wait()  # type: ignore[attr-defined]
            began = time.perf_counter(), time.process_time()
            end = run()
            first = min(time.perf_counter() - began[0], time.process_time() - began[1])
            rows.append((entry, batch, error(end, exact), [first] if entry.once else []))
        for _ in range(repeats):
            for (entry, _, _, times), (_, _, run) in zip(rows, runs, strict=True):
                if not entry.once:
                    together.wait()  # type: ignore[attr-defined]
                    times.append(seconds(run))
        found = [(e.side, e.precision, e.what, b, err, b / statistics.median(times)) for e, b, err, times in rows]
        results.put((key, case.name, found, missing))  # type: ignore[attr-defined]


def best(rows: list[Row]) -> list[Row]:
    """The best batch size of each row."""
    chosen: dict[tuple[str, str, str], Row] = {}
    for row in rows:
        if row[:3] not in chosen or row[5] > chosen[row[:3]][5]:
            chosen[row[:3]] = row
    return list(chosen.values())


def rivals(rows: list[Row], precision: str) -> list[Row]:
    """Ours in the precision of a peer."""
    return [row for row in rows if row[0] == "ours" and row[1] == precision]


def print_rows(rows: list[Row]) -> None:
    """Each configuration, and how ours compares."""
    print(f"{'':42s}{'batch':>6s}{'error':>10s}{'trajectories/s':>16s}{'time, ours / theirs':>21s}")
    for side, precision, what, batch, err, rate in rows:
        ratio = ""
        if side != "ours":
            fit = [row[5] for row in rivals(rows, precision) if row[4] <= 1.1 * err]
            ratio = f"{rate / max(fit):.4f}" if fit else "none as accurate"
        print(f"{f'{side} {what} {precision}':42s}{batch:6d}{err:10.1e}{rate:16.2f}{ratio:>21s}")


def print_targets(rows: list[Row], targets: tuple[float, ...], missing: list[str]) -> None:
    """The cheapest configuration of each side that reaches an accuracy."""
    sides = dict.fromkeys((row[0], row[1]) for row in rows)
    for target in targets:
        print(f"{f'to reach {target:g}':26s}{'':32s}{'trajectories/s':>16s}{'time, ours / theirs':>21s}")
        for side, precision in sides:
            mine = [row for row in rows if row[:2] == (side, precision) and row[4] <= target]
            ours = [row[5] for row in rivals(rows, precision) if row[4] <= target]
            if not mine:
                print(f"  {f'{side} {precision}':24s}{'not reached':32s}")
                continue
            row = max(mine, key=lambda row: row[5])
            ratio = f"{row[5] / max(ours):.4f}" if ours and side != "ours" else ""
            print(f"  {f'{side} {precision}':24s}{f'{row[2]}, batch {row[3]}':32s}{row[5]:16.2f}{ratio:>21s}")
    for side in missing:
        print(f"  {side}: not measured (not installed)")


def main() -> None:
    """Measures everybody and prints two tables for each case."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--processes", type=int, default=1, help="processes of one thread that each side runs at once")
    parser.add_argument("--cases", nargs="+", choices=list(CASES), default=list(CASES))
    arguments = parser.parse_args()
    context = multiprocessing.get_context("spawn")
    together, results = context.Barrier(arguments.processes), context.Queue()
    print(
        f"{machine(PACKAGES)}\n{arguments.processes} processes of one thread, median of {arguments.repeats}", flush=True
    )
    others = Others()
    workers = [
        context.Process(target=measure, args=(rank, arguments.cases, arguments.repeats, together, results))
        for rank in range(arguments.processes)
    ]
    for worker in workers:
        worker.start()
    for _ in arguments.cases:
        parts = [results.get() for _ in workers]
        key, name, first, missing = parts[0]
        rates = [sum(rows[i][5] for _, _, rows, _ in parts) for i in range(len(first))]
        rows = best([(*row[:5], rate) for row, rate in zip(first, rates, strict=True)])
        print(f"\n{name}")
        print_rows(rows)
        print_targets(rows, CASES[key][2], missing)
    for worker in workers:
        worker.join()
    print(f"\n{others.line()}")


if __name__ == "__main__":
    main()
