"""Which dataset a run learns from: made where it is missing, extended where more is asked for."""

import functools
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from data.dataset import TrajectoryDataset
from data.generation import dataset_folder, generate
from data.manifest import Manifest, read_manifest
from simulation.annotations import NonNegativeInt, PositiveInt
from simulation.problem import Problem
from tendency.build import build_problem
from tendency.errors import ArtefactError
from tendency.small_form import solved_part

if TYPE_CHECKING:
    from data.datamodule import TrajectoryDataModule


class DataPlan:
    """How many trajectories, how they are solved, and how they are cut into batches.

    Args:
        num_train: trajectories to train on.
        num_valid: trajectories for choosing the best checkpoint.
        num_test: trajectories for the report alone.
        batch_size: windows in one global batch.
        eval_batch_size: trajectories that a validation rolls out together.
        chunk_size: trajectories solved and stored together; part of the dataset's identity.
        workers: processes that generate; 0 for one per core.
        store_u_t: store the solver's own time derivative beside u.
        generate: make what is missing; otherwise stop.
        stride: every so many stored snapshots make a step of the surrogate, in training and in every rollout.
        batches_per_epoch: at most, so that methods that need other windows take equally many steps; None takes all.
    """

    def __init__(
        self,
        num_train: PositiveInt,
        num_valid: PositiveInt,
        num_test: PositiveInt,
        batch_size: PositiveInt,
        eval_batch_size: PositiveInt = 16,
        chunk_size: PositiveInt = 16,
        workers: NonNegativeInt = 0,
        store_u_t: bool = False,
        generate: bool = True,
        stride: PositiveInt = 1,
        batches_per_epoch: PositiveInt | None = None,
    ) -> None:
        self.counts = {"train": num_train, "valid": num_valid, "test": num_test}
        self.batch_size, self.eval_batch_size = batch_size, eval_batch_size
        self.chunk_size, self.workers = chunk_size, workers
        self.store_u_t, self.generate, self.stride = store_u_t, generate, stride
        self.batches_per_epoch = batches_per_epoch

    def description(self, pde: Mapping[str, Any], problem: Problem) -> dict[str, Any]:
        """What the dataset's name is a hash of."""
        return {
            "problem": solved_part(pde),
            "equation_version": problem.simulator.version,
            "chunk_size": self.chunk_size,
            "store_u_t": self.store_u_t,
        }

    def folder(self, root: Path, pde: Mapping[str, Any], problem: Problem) -> Path:
        """Where the dataset is, or will be."""
        return dataset_folder(root, problem.name, self.description(pde, problem))

    def look(self, root: Path, pde: Mapping[str, Any], problem: Problem) -> None:
        """Raises what ``prepare`` would raise about a dataset that may not be made, before anything is begun."""
        if not self.generate:
            self._existing(self.folder(root, pde, problem))

    def prepare(self, root: Path, pde: Mapping[str, Any], problem: Problem) -> tuple[Path, Manifest]:
        """Makes sure that the dataset is there.

        Raises:
            ArtefactError: it is missing and ``data.generate`` is off.
            DatasetError: it is damaged, or its certificate fails.
        """
        folder = self.folder(root, pde, problem)
        if not self.generate:
            return folder, self._existing(folder)
        manifest = generate(
            functools.partial(build_problem, dict(pde)),
            folder,
            self.description(pde, problem),
            self.counts,
            chunk_size=self.chunk_size,
            workers=self.workers,
            store_time_derivative=self.store_u_t,
            provenance=provenance(),
            progress=progress_line(f"generating {folder.name}"),
        )
        return folder, manifest

    def _existing(self, folder: Path) -> Manifest:
        if not folder.exists():
            raise ArtefactError(f"no dataset at {folder.resolve()}, and data.generate=false forbids making it")
        manifest = read_manifest(folder)
        short = {split: n for split, n in self.counts.items() if manifest.counts.get(split, 0) < n}
        if short:
            raise ArtefactError(
                f"dataset {folder} has {manifest.counts} trajectories, {self.counts} are asked for, and "
                "data.generate=false forbids adding to it"
            )
        if missing := [name for name in manifest.checksums(self.counts) if not (folder / name).exists()]:
            raise ArtefactError(
                f"dataset {folder} lacks {len(missing)} of its chunks, the first of them {missing[0]}, and "
                "data.generate=false forbids making them"
            )
        return manifest

    def num_windows(self, snapshots: int, span: int) -> int:
        """Training windows that span so many steps, in trajectories of so many stored snapshots."""
        return self.counts["train"] * max(snapshots - span * self.stride, 0)

    def training_windows(self, folder: Path, required: tuple[int, ...], wanted: tuple[int, ...]) -> TrajectoryDataset:
        """The windows that a run is trained on, in order."""
        return TrajectoryDataset(folder, "train", required, wanted, self.counts["train"], stride=self.stride)

    def module(
        self, folder: Path, seed: int, required: tuple[int, ...], wanted: tuple[int, ...]
    ) -> "TrajectoryDataModule":
        """The batches of a run."""
        # Imported here: only training waits for Lightning.
        from data.datamodule import TrajectoryDataModule

        return TrajectoryDataModule(
            folder,
            batch_size=self.batch_size,
            eval_batch_size=self.eval_batch_size,
            seed=seed,
            required=required,
            wanted=wanted,
            num_train=self.counts["train"],
            num_valid=self.counts["valid"],
            num_test=self.counts["test"],
            stride=self.stride,
            batches_per_epoch=self.batches_per_epoch,
        )


def provenance() -> dict[str, Any]:
    """Recorded beside a dataset, never hashed: versions, the commit, the command."""
    from tendency import __version__

    commit = subprocess.run(
        ["git", "-C", str(Path(__file__).parent), "rev-parse", "HEAD"], capture_output=True, text=True, check=False
    ).stdout.strip()
    return {
        "tendency": __version__,
        "torch": torch.__version__,
        "python": sys.version.split()[0],
        "commit": commit or None,
    }


def progress_line(title: str, every_seconds: float = 5.0) -> Callable[[int, int], None]:
    """A reporter (done, total) that keeps one moving line on a terminal, and prints a line now and then elsewhere."""
    began = time.monotonic()
    state = {"shown": 0.0, "first": -1}

    def report(done: int, total: int) -> None:
        now = time.monotonic()
        terminal = sys.stdout.isatty()
        if state["first"] < 0:
            state["first"] = done
        if done < total and now - state["shown"] < (0.1 if terminal else every_seconds):
            return
        state["shown"] = now
        spent, made = now - began, done - state["first"]
        left = f"  ETA {spent / made * (total - done):.0f} s" if made and done < total else ""
        bar = "#" * (30 * done // max(total, 1))
        text = f"{title} [{bar:<30}] {done}/{total}  {spent:.0f} s{left}"
        print(f"\033[2K{text}" if terminal else text, end="\r" if terminal and done < total else "\n", flush=True)

    return report
