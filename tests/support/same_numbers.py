"""Shows that a change moved code and no number: the same short trainings before and after it, compared bit for bit.

    python -m tests.support.same_numbers --against <commit>

Each training is run twice with the same command, once in a clone of the commit and once in this checkout: FNO, U-Net
and message passing, each with the predictions state, increment and derivative, 200 optimizer steps on two-dimensional
Navier-Stokes. Compared are the dataset's arrays, all tensors of the last checkpoint (weights, averages, optimizer
moments), the figures of the metrics log without clock times, and the errors in the report. Exits with 1 where anything
differs.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent.parent
NETWORKS = {
    "fno": ["model=fno", "model.width=12", "model.modes=6"],
    "unet": ["model=unet", "model.width=8"],
    "message_passing": ["model=message_passing", "model.width=16", "model.num_layers=2"],
}
PREDICTIONS = ("state", "increment", "derivative")
COMMON = [
    "pde=navier_stokes",
    "small=true",
    "data.workers=1",
    "data.batch_size=4",
    "data.batches_per_epoch=20",
    "trainer.max_epochs=10",
    "trainer.accelerator=cpu",
    "trainer.log_every_n_steps=10",
    "matmul_precision=highest",
]
CLOCK = ("time", "seconds", "date")
"""Words in the names of figures that depend on the clock."""


def main() -> None:
    """Trains in both checkouts and prints a line for each training."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--against", required=True, help="the commit to compare this checkout with")
    parser.add_argument("--only", default="", help="run the trainings whose name contains this text")
    arguments = parser.parse_args()
    differences = 0
    with tempfile.TemporaryDirectory() as folder:
        before = Path(folder) / "before"
        subprocess.run(["git", "clone", "--quiet", str(ROOT), str(before)], check=True)
        subprocess.run(["git", "-C", str(before), "checkout", "--quiet", arguments.against], check=True)
        for network, settings in NETWORKS.items():
            for prediction in PREDICTIONS:
                name = f"{network}-{prediction}"
                if arguments.only not in name:
                    continue
                overrides = [*COMMON, *settings, f"prediction={prediction}", f"name={name}"]
                outcomes = [
                    _outcome(_train(checkout, Path(folder) / side, overrides), name)
                    for side, checkout in (("old", before), ("new", ROOT))
                ]
                differing = [key for key in outcomes[0] if outcomes[0][key] != outcomes[1].get(key)]
                differing += [key for key in outcomes[1] if key not in outcomes[0]]
                differences += len(differing)
                verdict = f"{len(differing)} differ: {', '.join(differing[:6])}" if differing else "equal bit for bit"
                print(f"{name}: {len(outcomes[0])} values, {verdict}", flush=True)
    sys.exit(1 if differences else 0)


def _train(checkout: Path, homes: Path, overrides: list[str]) -> Path:
    """Runs train.py of a checkout, with datasets and outputs below ``homes``."""
    places = {"TENDENCY_DATASETS": str(homes / "datasets"), "TENDENCY_OUTPUTS": str(homes / "outputs")}
    environment = os.environ | places | {"OMP_NUM_THREADS": "1", "WANDB_MODE": "offline"}
    environment.pop("PYTHONPATH", None)
    done = subprocess.run(
        [sys.executable, "train.py", *overrides],
        cwd=checkout,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise SystemExit(f"{checkout}: train.py {' '.join(overrides)} failed\n{done.stdout}\n{done.stderr}")
    return homes


def _outcome(homes: Path, name: str) -> dict[str, Any]:
    """All that a run computed, by names that do not depend on where it lies."""
    run = homes / "outputs" / name
    return {
        **{f"dataset {key}": value for key, value in _arrays(homes / "datasets")},
        **{f"checkpoint {key}": value for key, value in _tensors(run / "checkpoints" / "last.ckpt")},
        **{f"log {key}": value for key, value in _logged(run / "metrics.jsonl")},
        **{f"report {key}": value for key, value in _reported(run / "report" / "metrics.json", name)},
    }


def _arrays(datasets: Path) -> Iterator[tuple[str, bytes]]:
    import h5py

    for path in sorted(datasets.rglob("*.hdf5")):
        with h5py.File(path) as file:
            found: list[tuple[str, bytes]] = []

            def keep(key: str, item: Any, found: list[tuple[str, bytes]] = found) -> None:
                if isinstance(item, h5py.Dataset):
                    found.append((key, item[()].tobytes() if hasattr(item[()], "tobytes") else repr(item[()]).encode()))

            file.visititems(keep)
        yield from ((f"{path.parent.name}/{path.name}/{key}", value) for key, value in found)


def _tensors(checkpoint: Path) -> Iterator[tuple[str, bytes]]:
    import torch

    content = torch.load(checkpoint, map_location="cpu", weights_only=True)

    def walk(node: Any, key: str) -> Iterator[tuple[str, bytes]]:
        if isinstance(node, torch.Tensor):
            yield key, node.contiguous().numpy().tobytes()
        elif isinstance(node, dict):
            for name, value in node.items():
                yield from walk(value, f"{key}.{name}")
        elif isinstance(node, list | tuple):
            for number, value in enumerate(node):
                yield from walk(value, f"{key}[{number}]")

    return walk({key: value for key, value in content.items() if key != "recipe"}, "")


def _logged(log: Path) -> Iterator[tuple[str, float]]:
    for number, line in enumerate(log.read_text(encoding="utf-8").splitlines()):
        for key, value in json.loads(line).items():
            if not any(word in key for word in CLOCK) and isinstance(value, int | float):
                yield f"{number} {key}", value


def _reported(metrics: Path, name: str) -> Iterator[tuple[str, Any]]:
    for method, figures in json.loads(metrics.read_text(encoding="utf-8"))["summary"].items():
        yield from ((f"{method} {key}", value) for key, value in figures.items())


if __name__ == "__main__":
    main()
