"""Networks against the peers': forward, a training step, a rollout.

    python benchmarks/models.py                                   # whatever is installed
    pip install neuraloperator                                    # then this as well
    git clone https://github.com/anthonyzhou-1/temporal_pdes PEERS_DIR/temporal_pdes        # and these
    git clone https://github.com/pdearena/pdearena PEERS_DIR/pdearena
    PEERS_DIR=... python benchmarks/models.py --cases fno2d --precision medium --repeats 9

All sides take the same inputs in one process, in turns, after two runs each that do not count. A time is the median of
the repeats; on one thread each is the smaller of wall and CPU time, so that others on the machine count little. A
training step is forward, mean squared error, backward and Adam; a rollout feeds the output back ``STEPS`` times without
gradients. With ``--compiled`` everybody runs once more through ``torch.compile``; who cannot is named.

The last column is a time of ours over the fastest peer's in rows of ours, and ours over theirs in the others: below 1
ours is faster. As written, the rows as written are compared; compiled, ours over the fastest peer in either form.
"""

import argparse
import contextlib
import dataclasses
import importlib
import io
import os
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

# This script's own folder would hide the package of its name.
sys.path[0] = str(Path(__file__).resolve().parents[1])

import torch
from torch import Tensor, nn
from torch.nn import functional

from benchmarks.machine import Others, machine, seconds
from benchmarks.model_case import ModelCase, Side
from benchmarks.peer_code import recalled
from tendency.app.hardware import keep_freed_memory

FAMILIES = Path(__file__).resolve().parent.glob("model_cases_*.py")
STEPS = 10
"""Of a rollout."""
Work = Callable[[nn.Module, tuple[Tensor, ...]], Callable[[], object] | None]
"""A run of a network on its inputs; None where it cannot do that."""


def forward(network: nn.Module, inputs: tuple[Tensor, ...]) -> Callable[[], object]:
    """One evaluation, without gradients."""

    def run() -> Tensor:
        with torch.inference_mode():
            return network(*inputs)

    return run


def training_step(network: nn.Module, inputs: tuple[Tensor, ...]) -> Callable[[], object]:
    """Forward, loss, backward and the step of an optimizer."""
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-3)
    with torch.no_grad():
        target = torch.randn_like(network(*inputs))

    def run() -> None:
        optimizer.zero_grad()
        functional.mse_loss(network(*inputs), target).backward()
        optimizer.step()

    return run


def rollout(network: nn.Module, inputs: tuple[Tensor, ...]) -> Callable[[], object] | None:
    """The output is the next input; nothing to measure where their shapes differ."""
    with torch.inference_mode():
        if network(*inputs).shape != inputs[0].shape:
            return None

    def run() -> Tensor:
        state = inputs[0]
        with torch.inference_mode():
            for _ in range(STEPS):
                state = network(state, *inputs[1:])
        return state

    return run


WORK: dict[str, Work] = {"forward": forward, "train": training_step, "rollout": rollout}


def medians(runs: dict[str, Callable[[], object]], repeats: int) -> dict[str, float]:
    """Seconds of each, in turns."""
    times: dict[str, list[float]] = {name: [] for name in runs}
    for count in range(repeats + 2):
        for name, run in runs.items():
            began = time.perf_counter()
            took = seconds(run) if torch.get_num_threads() == 1 else (run(), time.perf_counter() - began)[1]
            times[name] += [took] if count >= 2 else []
    return {name: statistics.median(found) for name, found in times.items()}


def prepared(sides: list[Side], work: Work) -> tuple[dict[str, Callable[[], object]], dict[str, int], dict[str, str]]:
    """Runs by side, the parameters of each, and who cannot do it and why."""
    # What is compiled is kept by the code of a class, and only a few times.
    torch.compiler.reset()
    runs, sizes, unable = {}, {}, {}
    for side in sides:
        torch.manual_seed(0)
        with contextlib.redirect_stdout(io.StringIO()):  # some say a line when they are made
            network, inputs = side.make()
        try:
            with recalled(network):
                run = work(network, inputs)
                if side.compiles and run is not None:
                    run()
        except Exception as error:
            if not side.compiles:
                raise
            unable[side.name] = f"does not compile: {type(error).__name__}: {' '.join(str(error).split())[:80]}"
            continue
        if run is None:
            unable[side.name] = "its output is no input"
            continue
        runs[side.name] = run
        sizes[side.name] = sum(p.numel() * (2 if p.is_complex() else 1) for p in network.parameters())
    return runs, sizes, unable


def ratio(side: Side, sides: list[Side], times: dict[str, float]) -> str:
    """Ours over theirs, from the row of ``side``; empty where there is nothing to compare it with."""
    ours = [times[s.name] for s in sides if s.ours and s.compiles == side.compiles]
    theirs = [times[s.name] for s in sides if not s.ours and s.compiles <= side.compiles]
    if side.ours:
        return f"{times[side.name] / min(theirs):.2f}" if theirs else ""
    return f"{ours[0] / times[side.name]:.2f}" if ours else ""


def print_rows(case: ModelCase, kind: str, repeats: int) -> None:
    """One table."""
    runs, sizes, unable = prepared(case.sides, WORK[kind])
    times = medians(runs, repeats)
    sides = [side for side in case.sides if side.name in times]
    print(f"\n{f'{case.name} {kind}':42s}{'parameters':>12s}{'ms':>10s}{'time, ours / theirs':>21s}")
    for side in sides:
        print(f"{side.name:42s}{sizes[side.name]:12d}{1e3 * times[side.name]:10.2f}{ratio(side, sides, times):>21s}")
    for name, reason in (unable | case.missing).items():
        print(f"{name}: not measured ({reason})")


def all_cases(peers: Path | None) -> dict[str, ModelCase]:
    """Every case of every family beside this file, by name."""
    found = [importlib.import_module(f"benchmarks.{path.stem}").cases(peers) for path in sorted(FAMILIES)]
    return {case.name: case for family in found for case in family}


def main() -> None:
    """Prints a table for each case and kind of work."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", default="", help="names with commas between them; all when left out")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--precision", choices=["highest", "medium"], default="highest", help="of matrix products")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--peers", type=Path, default=os.environ.get("PEERS_DIR"), help="clones; or $PEERS_DIR")
    parser.add_argument("--compiled", action="store_true", help="everybody through torch.compile as well: minutes")
    for kind in WORK:
        parser.add_argument(f"--{kind}", action="store_true", help="this alone, or with others so named")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    torch.set_float32_matmul_precision(arguments.precision)
    keep_freed_memory()
    known = all_cases(Path(arguments.peers).resolve() if arguments.peers else None)
    wanted = [name for name in arguments.cases.split(",") if name] or list(known)
    for name in wanted:
        if name not in known:
            parser.error(f"--cases: expected some of {', '.join(known)}, got {name}")
    kinds = [kind for kind in WORK if getattr(arguments, kind)] or list(WORK)
    print(machine(("torch", "neuraloperator")))
    print(
        f"{arguments.threads} threads, matrix products {arguments.precision}, median of {arguments.repeats}", flush=True
    )
    others = Others()
    for name in wanted:
        for kind in kinds:
            case = known[name]
            if arguments.compiled:
                case = dataclasses.replace(case, sides=[form for s in case.sides for form in (s, s.compiled())])
            print_rows(case, kind, arguments.repeats)
            sys.stdout.flush()
    print(f"\n{others.line()}")


if __name__ == "__main__":
    main()
