"""Where the trajectories of a run come from, and how they are cut into batches."""

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from tendency.app.configuration.build import build
from tendency.app.problems.inspection import Inspection
from tendency.app.progress import progress_line
from tendency.data.certificate import Certificate
from tendency.data.dataset import TrajectoryDataset
from tendency.data.manifest import Manifest
from tendency.data.metadata import TrajectoryMetadata
from tendency.data.split_holder import Hold, LoaderWorkers, Memory, SplitHolder
from tendency.errors import ConfigError
from tendency.simulation.problem import Problem

if TYPE_CHECKING:
    from tendency.data.datamodule import TrajectoryDataModule


class DataSource(ABC):
    """The dataset of a run, whether it is solved here or lies in data files.

    What a yaml of ``conf/data`` builds. The folder of all datasets and the node of the problem, which is None where no
    problem was chosen, are handed in. Building one reads and solves nothing.

    Args:
        batch_size: windows in one global batch.
        eval_batch_size: trajectories that a validation rolls out together.
        stride: every so many stored snapshots make a step of the surrogate, in training and in every rollout.
        batches_per_epoch: at most; None takes all.
        hold: how trajectories are held for training; it changes nothing that is learned.
        memory: bytes that they may take in memory.
        loader_workers: processes that cut windows beside the training.
    """

    snapshots_key: ClassVar[str]
    """The key that says how many snapshots a trajectory has."""

    def __init__(
        self,
        batch_size: int,
        eval_batch_size: int,
        stride: int,
        batches_per_epoch: int | None,
        hold: Hold,
        memory: Memory,
        loader_workers: LoaderWorkers,
    ) -> None:
        self.batch_size, self.eval_batch_size = batch_size, eval_batch_size
        self.stride, self.batches_per_epoch, self.loader_workers = stride, batches_per_epoch, loader_workers
        self.holder = SplitHolder(hold, memory, copies=True, notice=print, progress=progress_line)

    @property
    @abstractmethod
    def counts(self) -> Mapping[str, int]:
        """Trajectories of each split that the run uses."""

    @property
    @abstractmethod
    def problem(self) -> Problem | None:
        """The problem that the trajectories solve; None where none is known.

        Raises:
            ConfigError: it cannot be built within bounds of memory and time.
            ValueError: what a constructor or the solver refuses.
        """

    @property
    @abstractmethod
    def metadata(self) -> TrajectoryMetadata:
        """What the stored trajectories share."""

    @property
    @abstractmethod
    def steps(self) -> tuple[float, float]:
        """The shortest and the longest time between stored snapshots."""

    @property
    @abstractmethod
    def folder(self) -> Path:
        """Where the dataset is, or will be."""

    @property
    @abstractmethod
    def extent(self) -> tuple[tuple[float, float], ...]:
        """Shortest and longest side of the domain on each axis."""

    @abstractmethod
    def identity(self, config: Mapping[str, Any]) -> dict[str, Any]:
        """What the name of a run is a hash of in place of ``data`` and ``pde``, by these keys.

        Args:
            config: of the run, plain data.
        """

    @abstractmethod
    def subject(self, problem: str | None) -> str:
        """What the name of a run begins with.

        Args:
            problem: the chosen option of ``pde``.
        """

    @abstractmethod
    def check(self) -> None:
        """Refuses what this machine has no room for, or the solver cannot solve, before anything is made.

        Raises:
            ConfigError: with both sides.
        """

    @abstractmethod
    def look(self) -> None:
        """Raises what ``prepare`` would raise about a dataset that may not be made, before anything is begun."""

    @abstractmethod
    def lines(self) -> list[str]:
        """What is said of the dataset before a run: what is still to be made, which trajectories are used."""

    @abstractmethod
    def prepare(self) -> Manifest:
        """Makes sure that the dataset is there.

        Raises:
            ArtefactError: it is missing, and may not be made.
            DatasetError: it is damaged, or its certificate fails.
        """

    @abstractmethod
    def certify(self) -> Certificate:
        """Measures what can be measured of the data before they are used."""

    @abstractmethod
    def verify(self) -> None:
        """Reads all of the dataset, and says whether it is what its manifest says.

        Raises:
            DatasetError: something is missing or damaged.
        """

    @abstractmethod
    def inspect(self) -> Inspection:
        """What the dataset is, in a few lines; nothing is made.

        Raises:
            DatasetError: it is not there, or cannot be read.
        """

    @abstractmethod
    def repair(self) -> None:
        """Makes anew what is damaged or missing.

        Raises:
            ArtefactError: it cannot be made here.
        """

    @property
    def seen(self) -> TrajectoryMetadata:
        """The metadata of the trajectories as the surrogate sees them.

        Raises:
            ConfigError: a trajectory holds no step of the surrogate.
        """
        metadata = self.metadata
        if self.stride >= metadata.num_snapshots:
            raise ConfigError(
                [
                    f"data.stride: expected at most {metadata.num_snapshots - 1}, the steps between the "
                    f"{metadata.num_snapshots} snapshots of a trajectory ({self.snapshots_key}), got {self.stride}"
                ]
            )
        return dataclasses.replace(metadata, num_snapshots=(metadata.num_snapshots - 1) // self.stride + 1)

    @property
    def trained_params(self) -> Mapping[str, Sequence[float]]:
        """Lowest and highest training value of each parameter that a surrogate is told; {} where a problem says it."""
        return {}

    def num_windows(self, span: int) -> int:
        """Training windows that span so many steps."""
        return self.counts["train"] * max(self.metadata.num_snapshots - span * self.stride, 0)

    def training_windows(self, required: tuple[int, ...], wanted: tuple[int, ...]) -> TrajectoryDataset:
        """The windows that a run is trained on, in order."""
        return TrajectoryDataset(
            self.folder, "train", required, wanted, self.counts["train"], stride=self.stride, holder=self.holder
        )

    def module(self, seed: int, required: tuple[int, ...], wanted: tuple[int, ...]) -> "TrajectoryDataModule":
        """The batches of a run."""
        # Imported here: only training waits for Lightning.
        from tendency.data.datamodule import TrajectoryDataModule

        return TrajectoryDataModule(
            train=self.training_windows(required, wanted),
            valid=TrajectoryDataset.whole(self.folder, "valid", self.counts["valid"], self.stride, self.holder),
            # Gone through once.
            test=TrajectoryDataset.whole(self.folder, "test", self.counts["test"], self.stride, SplitHolder("rows")),
            batch_size=self.batch_size,
            eval_batch_size=self.eval_batch_size,
            seed=seed,
            batches_per_epoch=self.batches_per_epoch,
            loader_workers=self.loader_workers,
        )


def build_data(node: Mapping[str, Any], root: Path, pde: Mapping[str, Any] | None) -> DataSource:
    """What a node of ``data`` describes.

    Args:
        node: plain data, checked.
        root: folder of all datasets.
        pde: node of the problem, plain data; None where none was chosen.
    """
    source: DataSource = build({**node, "_partial_": True}, "data")(root=root, pde=pde)
    return source


def data_of(config: Mapping[str, Any]) -> DataSource:
    """The data of a command's configuration, plain and checked."""
    return build_data(config["data"], Path(config["paths"]["datasets"]), config.get("pde"))
