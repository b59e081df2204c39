"""A dataset that is solved here: made where it is missing, extended where more is asked for."""

import functools
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tendency.app.configuration.build import build_problem
from tendency.app.configuration.identity import identity
from tendency.app.configuration.small_form import solved_part
from tendency.app.machine_limits import bounded
from tendency.app.problems.data_on_disk import data_on_disk
from tendency.app.problems.data_source import DataSource
from tendency.app.problems.dataset_problem import problem_node_of
from tendency.app.problems.dataset_size import DatasetSize, check_first_trajectory
from tendency.app.problems.inspection import Inspection, inspected
from tendency.app.problems.stored_dataset import repair_folder, verify_folder
from tendency.app.progress import progress_line
from tendency.app.runs.run_folder import differences
from tendency.data.certificate import Certificate, certify
from tendency.data.dataset_layout import dataset_folder, description_digest, manifest_path
from tendency.data.generation import generate
from tendency.data.generation_job import GenerationJob
from tendency.data.manifest import Manifest, read_manifest
from tendency.data.metadata import DatasetError, TrajectoryMetadata, metadata_of
from tendency.data.settled import Settled
from tendency.data.split_holder import Hold, LoaderWorkers, Memory
from tendency.errors import ArtefactError, ConfigError
from tendency.simulation.annotations import NonNegativeInt, PositiveInt
from tendency.simulation.problem import Problem
from tendency.version import provenance


def bounded_problem(pde: Mapping[str, Any]) -> Problem:
    """The problem of a pde node, built within bounds of memory and CPU time.

    Raises:
        ConfigError: a number in it is too large for that.
        ValueError: what a constructor or the solver refuses.
    """
    with bounded("pde", pde, "building the problem"):
        return build_problem(pde)


class SolvedData(DataSource):
    """How many trajectories of a problem, how they are solved, and how they are cut into batches.

    Args:
        root: folder of all datasets.
        pde: node of the problem, plain data.
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

    snapshots_key = "pde.times.num_snapshots"

    def __init__(
        self,
        root: Path,
        pde: Mapping[str, Any] | None,
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
        super().__init__(batch_size, eval_batch_size, stride, batches_per_epoch, hold, memory, loader_workers)
        if pde is None:
            raise ConfigError(["pde: expected an option of this group (pde=...), got none"])
        self.root, self.pde = root, pde
        self.numbers = {"train": num_train, "valid": num_valid, "test": num_test}
        self.chunk_size, self.workers = chunk_size, workers
        self.store_u_t, self.generate, self.settled = store_u_t, generate, settled

    @property
    def counts(self) -> Mapping[str, int]:
        """As of ``DataSource``."""
        return self.numbers

    @functools.cached_property
    def problem(self) -> Problem:
        """As of ``DataSource``."""
        return bounded_problem(self.pde)

    @functools.cached_property
    def metadata(self) -> TrajectoryMetadata:
        """As of ``DataSource``."""
        return metadata_of(self.problem, self.store_u_t)

    @property
    def steps(self) -> tuple[float, float]:
        """As of ``DataSource``."""
        return self.problem.times.dt.lowest, self.problem.times.dt.highest

    @property
    def description(self) -> dict[str, Any]:
        """What the dataset is made of; its name is a hash of the ``identity`` of this."""
        description = {
            "problem": solved_part(self.pde),
            "equation_version": self.problem.simulator.version,
            "chunk_size": self.chunk_size,
            "store_u_t": self.store_u_t,
        }
        # Datasets that were named before there was a choice keep their names.
        return description if self.settled == "keep" else description | {"settled": self.settled}

    @property
    def folder(self) -> Path:
        """As of ``DataSource``."""
        return dataset_folder(self.root, self.problem.name, identity(self.description))

    @property
    def extent(self) -> tuple[tuple[float, float], ...]:
        """As of ``DataSource``."""
        return tuple((side.lowest, side.highest) for side in self.problem.extent)

    def identity(self, config: Mapping[str, Any]) -> dict[str, Any]:
        """As of ``DataSource``."""
        # Runs that were named before there was a choice keep their names.
        data = {key: value for key, value in config["data"].items() if (key, value) != ("settled", "keep")}
        return {"data": data, "pde": solved_part(self.pde)}

    def subject(self, problem: str | None) -> str:
        """As of ``DataSource``."""
        return str(problem)

    @functools.cached_property
    def size(self) -> DatasetSize:
        """How large the dataset is."""
        return DatasetSize.of(self.problem, self)

    def check(self) -> None:
        """As of ``DataSource``; raises ValueError as well, for what the solver refuses."""
        _ = self.seen
        lacks = self.lacks()
        self.size.check(self.root if lacks else None)
        if lacks:
            check_first_trajectory(self.problem, self.pde)

    def look(self) -> None:
        """As of ``DataSource``."""
        if not self.generate:
            self._existing()

    def lines(self) -> list[str]:
        """As of ``DataSource``."""
        return [f"to solve {self.size.line()}"] if self.lacks() else []

    def prepare(self) -> Manifest:
        """As of ``DataSource``; raises DatasetError for a dataset that holds another problem as well."""
        if not self.generate:
            return self._existing()
        if manifest_path(self.folder).exists():
            self.read()
        make_problem = functools.partial(build_problem, dict(self.pde))
        return generate(
            GenerationJob(
                make_problem,
                self.folder,
                self.chunk_size,
                self.store_u_t,
                self.settled,
                description_digest(identity(self.description)),
            ),
            self.description,
            self.counts,
            workers=self.workers,
            provenance=provenance(),
            progress=progress_line(f"generating {self.folder.name}"),
            notice=print,
        )

    def certify(self) -> Certificate:
        """As of ``DataSource``."""
        check_first_trajectory(self.problem, self.pde)
        self.problem.simulator.check(self.problem.draws("train", [0, 1]).conditions)
        return certify(self.problem)

    def verify(self) -> None:
        """As of ``DataSource``."""
        verify_folder(self.folder, self.read())

    def inspect(self) -> Inspection:
        """As of ``DataSource``."""
        return inspected(data_on_disk(self.folder))

    def repair(self) -> None:
        """As of ``DataSource``."""
        repair_folder(self.folder, dict(self.pde), self.read(), self.workers)

    def lacks(self) -> bool:
        """Whether something of the dataset is still to be made."""
        if not manifest_path(self.folder).exists():
            return True
        manifest = self.read()
        return any(manifest.counts.get(split, 0) < count for split, count in self.counts.items())

    def read(self) -> Manifest:
        """The manifest of the dataset, if it is the one asked for; one that names no problem is believed.

        A folder that was copied or renamed has the name of one dataset and the trajectories of another.

        Raises:
            DatasetError: it is damaged, its certificate fails, or its manifest describes another dataset.
        """
        manifest = read_manifest(self.folder)
        if manifest.certificate.certified:
            manifest.certificate.require()
        if not (node := problem_node_of(manifest)):
            return manifest
        asked = json.loads(json.dumps(self.description))
        lines = differences(identity(solved_part(node)), identity(asked.pop("problem")), "pde")
        there = {"settled": "keep"} | manifest.description
        rest = {key: value for key, value in ({"settled": "keep"} | asked).items() if key in there}
        if lines := lines + differences({key: there[key] for key in rest}, rest):
            reason = f"dataset {self.folder} is not the one that this name stands for: it was copied or moved there. "
            remedy = "Move it elsewhere, and run the same command again. Its manifest says:"
            raise DatasetError("\n".join([reason + remedy, *lines]))
        return manifest

    def _existing(self) -> Manifest:
        folder = self.folder
        if not folder.exists():
            raise ArtefactError(f"no dataset at {folder.resolve()}, and data.generate=false forbids making it")
        manifest = self.read()
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
