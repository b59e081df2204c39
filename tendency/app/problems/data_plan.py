"""Which dataset a run learns from: made where it is missing, extended where more is asked for."""

import functools
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tendency.app.configuration.build import build_problem
from tendency.app.configuration.identity import identity
from tendency.app.configuration.small_form import solved_part
from tendency.app.machine_limits import bounded
from tendency.app.problems.dataset_problem import problem_node_of
from tendency.app.progress import progress_line
from tendency.app.runs.run_folder import differences
from tendency.data.dataset import TrajectoryDataset
from tendency.data.dataset_layout import dataset_folder, manifest_path
from tendency.data.generation import generate
from tendency.data.generation_job import GenerationJob
from tendency.data.manifest import Manifest, read_manifest
from tendency.data.metadata import DatasetError
from tendency.data.settled import Settled
from tendency.data.split_holder import Hold, LoaderWorkers, Memory, SplitHolder
from tendency.errors import ArtefactError
from tendency.simulation.annotations import NonNegativeInt, PositiveInt
from tendency.simulation.problem import Problem
from tendency.version import provenance

if TYPE_CHECKING:
    from tendency.data.datamodule import TrajectoryDataModule


def bounded_problem(pde: Mapping[str, Any]) -> Problem:
    """The problem of a pde node, built within bounds of memory and CPU time.

    Raises:
        ConfigError: a number in it is too large for that.
        ValueError: what a constructor or the solver refuses.
    """
    with bounded("pde", pde, "building the problem"):
        return build_problem(pde)


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
        settled: what is done with a trajectory that comes to rest: ``keep`` it and say so, ``refuse`` the dataset, or
            ``redraw`` it; part of the dataset's identity where it is not kept.
        hold: how trajectories are held for training; it changes nothing that is learned.
        memory: bytes that they may take in memory.
        loader_workers: processes that cut windows beside the training.
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
        settled: Settled = "keep",
        hold: Hold = "auto",
        memory: Memory = "auto",
        loader_workers: LoaderWorkers = "auto",
    ) -> None:
        self.counts = {"train": num_train, "valid": num_valid, "test": num_test}
        self.batch_size, self.eval_batch_size = batch_size, eval_batch_size
        self.chunk_size, self.workers = chunk_size, workers
        self.store_u_t, self.generate, self.stride = store_u_t, generate, stride
        self.batches_per_epoch, self.settled = batches_per_epoch, settled
        self.loader_workers = loader_workers
        self.holder = SplitHolder(hold, memory, copies=True, notice=print, progress=progress_line)

    def description(self, pde: Mapping[str, Any], problem: Problem) -> dict[str, Any]:
        """What the dataset is made of; its name is a hash of the ``identity`` of this."""
        description = {
            "problem": solved_part(pde),
            "equation_version": problem.simulator.version,
            "chunk_size": self.chunk_size,
            "store_u_t": self.store_u_t,
        }
        # Datasets that were named before there was a choice keep their names.
        return description if self.settled == "keep" else description | {"settled": self.settled}

    def folder(self, root: Path, pde: Mapping[str, Any], problem: Problem) -> Path:
        """Where the dataset is, or will be."""
        return dataset_folder(root, problem.name, identity(self.description(pde, problem)))

    def look(self, root: Path, pde: Mapping[str, Any], problem: Problem) -> None:
        """Raises what ``prepare`` would raise about a dataset that may not be made, before anything is begun."""
        if not self.generate:
            self._existing(self.folder(root, pde, problem), pde, problem)

    def prepare(self, root: Path, pde: Mapping[str, Any], problem: Problem) -> tuple[Path, Manifest]:
        """Makes sure that the dataset is there.

        Raises:
            ArtefactError: it is missing and ``data.generate`` is off.
            DatasetError: it is damaged, holds another problem, or its certificate fails.
        """
        folder = self.folder(root, pde, problem)
        if not self.generate:
            return folder, self._existing(folder, pde, problem)
        if manifest_path(folder).exists():
            self.read(folder, pde, problem)
        make_problem = functools.partial(build_problem, dict(pde))
        manifest = generate(
            GenerationJob(make_problem, folder, self.chunk_size, self.store_u_t, self.settled),
            self.description(pde, problem),
            self.counts,
            workers=self.workers,
            provenance=provenance(),
            progress=progress_line(f"generating {folder.name}"),
            notice=print,
        )
        return folder, manifest

    def lacks(self, root: Path, pde: Mapping[str, Any], problem: Problem) -> bool:
        """Whether something of the dataset is still to be made."""
        folder = self.folder(root, pde, problem)
        if not manifest_path(folder).exists():
            return True
        manifest = self.read(folder, pde, problem)
        return any(manifest.counts.get(split, 0) < count for split, count in self.counts.items())

    def read(self, folder: Path, pde: Mapping[str, Any], problem: Problem) -> Manifest:
        """The manifest of the dataset in ``folder``, if it is the one asked for; one that names no problem is believed.

        A folder that was copied or renamed has the name of one dataset and the trajectories of another.

        Raises:
            DatasetError: it is damaged, its certificate fails, or its manifest describes another dataset.
        """
        manifest = read_manifest(folder)
        if manifest.certificate.certified:
            manifest.certificate.require()
        if not (node := problem_node_of(manifest)):
            return manifest
        asked = json.loads(json.dumps(self.description(pde, problem)))
        lines = differences(identity(solved_part(node)), identity(asked.pop("problem")), "pde")
        there = {"settled": "keep"} | manifest.description
        rest = {key: value for key, value in ({"settled": "keep"} | asked).items() if key in there}
        if lines := lines + differences({key: there[key] for key in rest}, rest):
            reason = f"dataset {folder} is not the one that this name stands for: it was copied or moved there. "
            remedy = "Move it elsewhere, and run the same command again. Its manifest says:"
            raise DatasetError("\n".join([reason + remedy, *lines]))
        return manifest

    def _existing(self, folder: Path, pde: Mapping[str, Any], problem: Problem) -> Manifest:
        if not folder.exists():
            raise ArtefactError(f"no dataset at {folder.resolve()}, and data.generate=false forbids making it")
        manifest = self.read(folder, pde, problem)
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
        return TrajectoryDataset(
            folder, "train", required, wanted, self.counts["train"], stride=self.stride, holder=self.holder
        )

    def module(
        self, folder: Path, seed: int, required: tuple[int, ...], wanted: tuple[int, ...]
    ) -> "TrajectoryDataModule":
        """The batches of a run."""
        # Imported here: only training waits for Lightning.
        from tendency.data.datamodule import TrajectoryDataModule

        return TrajectoryDataModule(
            train=self.training_windows(folder, required, wanted),
            valid=TrajectoryDataset.whole(folder, "valid", self.counts["valid"], self.stride, self.holder),
            # Gone through once.
            test=TrajectoryDataset.whole(folder, "test", self.counts["test"], self.stride, SplitHolder("rows")),
            batch_size=self.batch_size,
            eval_batch_size=self.eval_batch_size,
            seed=seed,
            batches_per_epoch=self.batches_per_epoch,
            loader_workers=self.loader_workers,
        )
